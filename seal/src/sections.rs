//! The sections of a component.

use std::ops::Range;

use wasmparser::{BinaryReaderError, Chunk, Encoding, Parser, Payload};

/// What stands in a component, and in the components in it, in their order. Modules are
/// passed over, or else most of the time would go to their functions.
pub fn payloads(component: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, BinaryReaderError>> {
    let mut parsers = vec![Parser::new(0)];
    let mut rest = component;
    std::iter::from_fn(move || {
        let parsed = parsers.last_mut()?.parse(rest, true);
        let (consumed, payload) = match parsed {
            Ok(Chunk::Parsed { consumed, payload }) => (consumed, payload),
            // What is cut off is an error, since there is no more.
            Ok(Chunk::NeedMoreData(_)) => return None,
            Err(error) => {
                parsers.clear();
                return Some(Err(error));
            }
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match &payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => rest = rest.get(unchecked_range.len()..).unwrap_or_default(),
            Payload::ComponentSection { parser, .. } => parsers.push(parser.clone()),
            Payload::End(_) => {
                parsers.pop();
            }
            _ => {}
        }
        Some(Ok(payload))
    })
}

/// The components that stand in another one, in their order; none in what is no
/// component.
pub(crate) fn components(component: &[u8]) -> Vec<&[u8]> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut depth = 0;
    for payload in payloads(component) {
        match payload {
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth -= 1,
            Ok(Payload::ComponentSection {
                unchecked_range, ..
            }) if depth == 1 => ranges.push(unchecked_range),
            Ok(_) => {}
            Err(_) => return Vec::new(),
        }
    }
    let found = ranges.into_iter().map(|range| component.get(range));
    found.collect::<Option<_>>().unwrap_or_default()
}

/// The content of the custom section of this name, of the component itself.
pub(crate) fn custom<'a>(component: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut depth = 0;
    for payload in payloads(component) {
        match payload.ok()? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 1 && section.name() == name => {
                return component.get(section.data_offset()..section.range().end);
            }
            _ => {}
        }
    }
    None
}

/// Whether it begins as a component does.
pub(crate) fn is_component(bytes: &[u8]) -> bool {
    let first = Parser::new(0).parse_all(bytes).next();
    matches!(
        first,
        Some(Ok(Payload::Version {
            encoding: Encoding::Component,
            ..
        }))
    )
}
