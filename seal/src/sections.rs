//! The sections of a component.

use std::ops::Range;

use wasmparser::{Encoding, Parser, Payload};

/// The components that stand in another one, in their order; none in what is no
/// component.
pub(crate) fn components(component: &[u8]) -> Vec<&[u8]> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
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
    for payload in Parser::new(0).parse_all(component) {
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
