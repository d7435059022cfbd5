//! `--trace`: each operation of the guest's sockets as strace prints it.
//!
//! The generated bindings make a `tracing` span of every call, with an event of
//! its arguments and one of its result. Only their `Debug` texts come here; they
//! are read while they are written, so that long data costs no memory.

use std::fmt::{self, Debug, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::terminal::show;

/// How many bytes of data are shown.
const SHOWN: usize = 32;

/// How many characters of one argument are shown besides.
const LENGTH: usize = 1000;

/// Prints each call as it ends.
pub(crate) fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let start = Instant::now();
    let of_sockets = |metadata: &Metadata<'_>| {
        let target = metadata.target();
        target.starts_with("capsock_host::bindings") || target == "capsock_host::ctx"
    };
    Trace { start }.with_filter(filter_fn(of_sockets))
}

struct Trace {
    start: Instant,
}

/// One call under way.
struct Call {
    name: String,
    start: Instant,
    arguments: String,
    result: Option<String>,
    denied: Option<String>,
    /// The name that answered to a look-up of another one.
    found: Option<String>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let Some(span) = context.span(id) else { return };
        span.extensions_mut().insert(Call {
            name: fields.function,
            start: Instant::now(),
            arguments: String::new(),
            result: None,
            denied: None,
            found: None,
        });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(span) = context.event_span(event) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let Some(call) = extensions.get_mut::<Call>() else {
            return;
        };
        match fields.message.as_str() {
            "call" => call.arguments = fields.values.join(", "),
            "return" => call.result = fields.values.pop(),
            "denied" => call.denied = Some(fields.reason),
            "answered" if fields.found != fields.asked => call.found = Some(fields.found),
            _ => {}
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let extensions = span.extensions();
        let Some(call) = extensions.get::<Call>() else {
            return;
        };
        let at = call.start.duration_since(self.start).as_secs_f64();
        let taken = call.start.elapsed().as_secs_f64();
        let name = call.name.rsplit(['.', ']']).next().unwrap_or_default();
        let mut line = format!("[{at:10.6}] {name}({}) = ", call.arguments);
        line.push_str(call.result.as_deref().unwrap_or("? <unfinished …>"));
        if let Some(reason) = &call.denied {
            // Writing to a string does not fail.
            _ = write!(line, " (denied: {reason})");
        }
        if let Some(found) = &call.found {
            _ = write!(line, " (answered by {})", found.escape_debug());
        }
        show(format_args!("{line} <{taken:.6}>"));
    }
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields {
    function: String,
    message: String,
    reason: String,
    asked: String,
    found: String,
    values: Vec<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "function" => self.function = value.to_owned(),
            "reason" => self.reason = value.to_owned(),
            "asked" => self.asked = value.to_owned(),
            "found" => self.found = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "denial" => {}
            name => self.values.push(shown(value, name == "result")),
        }
    }
}

/// A value in strace's manner, from its `Debug` text.
fn shown(value: &dyn Debug, is_result: bool) -> String {
    let mut text = Shortened::default();
    // It stops the writer once it has enough.
    _ = write!(text, "{value:?}");
    let mut parser = Parser { rest: &text.out };
    let text = parser.value().to_string();
    match text.split_once(LENGTH_MARK) {
        Some((data, rest)) => {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (count, rest) = rest.split_at(digits);
            let rest = rest.replace(LENGTH_MARK, ", ");
            match is_result {
                true => format!("{count} {data}{rest}"),
                false => format!("{data}, {count}{rest}"),
            }
        }
        None => text,
    }
}

/// Stands between data and its length.
const LENGTH_MARK: char = '\u{1}';

/// A `Debug` text, in which lists of bytes are strings of their beginning.
#[derive(Default)]
struct Shortened {
    out: String,
    list: Option<List>,
    quoted: bool,
    escaped: bool,
}

/// A list that has had nothing but numbers of a byte until now.
#[derive(Default)]
struct List {
    first: Vec<u8>,
    count: usize,
    number: String,
}

impl Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.push(character);
        }
        // A list of bytes is read to its end, for its length.
        match self.out.len() > LENGTH {
            true => Err(fmt::Error),
            false => Ok(()),
        }
    }
}

impl Shortened {
    fn push(&mut self, character: char) {
        if self.quoted {
            self.quoted = self.escaped || character != '"';
            self.escaped = !self.escaped && character == '\\';
            return self.out.push(character);
        }
        let Some(list) = &mut self.list else {
            match character {
                '[' => self.list = Some(List::default()),
                character => {
                    self.quoted = character == '"';
                    self.out.push(character);
                }
            }
            return;
        };
        match character {
            '0'..='9' => list.number.push(character),
            ',' | ']' if list.end_number() => {
                if character == ']' {
                    self.out.push_str(&list.to_string());
                    self.list = None;
                }
            }
            ' ' if list.number.is_empty() => {}
            character => {
                let begun = list.as_written();
                self.list = None;
                self.out.push_str(&begun);
                self.push(character);
            }
        }
    }
}

impl List {
    /// Takes the number that has ended, if it is one of a byte.
    fn end_number(&mut self) -> bool {
        let Ok(byte) = self.number.parse() else {
            return false;
        };
        self.number.clear();
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(byte);
        }
        true
    }

    /// What is no list of bytes begins as it was.
    fn as_written(&self) -> String {
        let numbers: String = self.first.iter().map(|byte| format!("{byte}, ")).collect();
        format!("[{numbers}{}", self.number)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.count > SHOWN { "..." } else { "" };
        let data = self.first.escape_ascii();
        write!(f, "\"{data}\"{more}{LENGTH_MARK}{}", self.count)
    }
}

/// A value as `Debug` writes it.
enum Value<'a> {
    Word(&'a str),
    /// With names for fields.
    Struct(&'a str, Vec<(&'a str, Value<'a>)>),
    Tuple(&'a str, Vec<Value<'a>>),
    List(Vec<Value<'a>>),
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Value<'a> {
        self.space();
        if self.rest.starts_with('"') {
            return Value::Word(self.string());
        }
        let word = self.take(|c| !matches!(c, '(' | ')' | '{' | '}' | '[' | ']' | ','));
        let name = word.trim_end().rsplit("::").next().unwrap_or_default();
        match self.rest.chars().next() {
            Some('(') => Value::Tuple(name, self.items(')')),
            Some('[') => Value::List(self.items(']')),
            Some('{') => Value::Struct(name, self.fields()),
            _ => Value::Word(name),
        }
    }

    fn items(&mut self, end: char) -> Vec<Value<'a>> {
        let mut items = Vec::new();
        self.skip();
        while !self.ends(end) {
            items.push(self.value());
            self.comma();
        }
        items
    }

    fn fields(&mut self) -> Vec<(&'a str, Value<'a>)> {
        let mut fields = Vec::new();
        self.skip();
        while !self.ends('}') {
            let name = self.take(|c| c != ':' && c != '}');
            self.skip();
            fields.push((name, self.value()));
            self.comma();
        }
        fields
    }

    /// Whether a group ends here, or the text does because it was too long.
    fn ends(&mut self, end: char) -> bool {
        self.space();
        match self.rest.strip_prefix(end) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => self.rest.is_empty(),
        }
    }

    /// Goes on behind a comma; behind whatever is no beginning of a value too,
    /// so that it always goes on.
    fn comma(&mut self) {
        self.space();
        if !self.rest.starts_with([')', '}', ']']) {
            self.skip();
        }
    }

    fn string(&mut self) -> &'a str {
        // The first one is the quote that begins it.
        let mut escaped = true;
        let end = self.rest.find(|c| {
            let ends = !escaped && c == '"';
            escaped = !escaped && c == '\\';
            ends
        });
        let end = end.map_or(self.rest.len(), |end| end + 1);
        let after = &self.rest[end..];
        let more = after.find([',', ')', '}', ']', ' ']).unwrap_or(after.len());
        let (string, rest) = self.rest.split_at(end + more);
        self.rest = rest;
        string
    }

    fn take(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn skip(&mut self) {
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
    }
}

impl Value<'_> {
    fn number<T: std::str::FromStr>(&self) -> Option<T> {
        match self {
            Self::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// The address and port of an internet address.
    fn endpoint(&self) -> Option<SocketAddr> {
        let Self::Struct(
            "InetAddress" | "Inet6Address" | "Ipv4SocketAddress" | "Ipv6SocketAddress",
            fields,
        ) = self
        else {
            return None;
        };
        let field = |name| Some(&fields.iter().find(|field| field.0 == name)?.1);
        Some(SocketAddr::new(
            field("address")?.ip()?,
            field("port")?.number()?,
        ))
    }

    /// An internet address, from its numbers.
    fn ip(&self) -> Option<IpAddr> {
        let Self::Tuple("", parts) = self else {
            return None;
        };
        let parts: Option<Vec<u16>> = parts.iter().map(Self::number).collect();
        let parts = parts?;
        Some(match <[u16; 8]>::try_from(&parts[..]) {
            Ok(groups) => IpAddr::from(groups),
            Err(_shorter) => {
                let bytes = parts.iter().map(|&part| u8::try_from(part).ok());
                let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
                IpAddr::from(<[u8; 4]>::try_from(&bytes[..]).ok()?)
            }
        })
    }

    /// The name of an enum's case, whose `Debug` has its number and its
    /// documentation too.
    fn case(&self) -> Option<&str> {
        match self {
            Self::Struct(_, fields) => match &fields[..] {
                [("code", _), ("name", Value::Word(name)), ("message", _)] => {
                    Some(name.trim_matches('"'))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = self.endpoint() {
            return write!(f, "{endpoint}");
        }
        if let Some(case) = self.case() {
            return f.write_str(case);
        }
        match self {
            // An address of `wasi:sockets`.
            Self::Tuple("Ipv4" | "Ipv6", items) => match items.first().and_then(Value::ip) {
                Some(ip) => write!(f, "{ip}"),
                None => list(f, items),
            },
            // The end of a stream or a future, by its number.
            Self::Struct("StreamReader" | "FutureReader", fields) => match fields.first() {
                Some((_id, Self::Tuple(_, number))) => list(f, number),
                _ => Ok(()),
            },
            // No result but success, and flags of which none is set.
            Self::Tuple("", items) if items.is_empty() => f.write_str("0"),
            Self::Word(word) => f.write_str(&spelled(word)),
            Self::Struct("Resource", fields) => match fields.first() {
                Some((_rep, number)) => write!(f, "{number}"),
                None => Ok(()),
            },
            // A name is shown without its length.
            Self::Tuple(name @ ("Pathname" | "Abstract"), items) => {
                let text = items.iter().map(ToString::to_string).collect::<String>();
                let text = text.split(LENGTH_MARK).next().unwrap_or_default();
                write!(f, "{}{text}", if *name == "Abstract" { "@" } else { "" })
            }
            // What they hold tells enough.
            Self::Tuple("" | "Ok" | "Err" | "Some" | "Code" | "Inet" | "Inet6" | "Unix", items) => {
                list(f, items)
            }
            Self::Tuple(name, items) => {
                write!(f, "{}(", spelled(name))?;
                list(f, items)?;
                f.write_str(")")
            }
            Self::List(items) => {
                f.write_str("[")?;
                list(f, items)?;
                f.write_str("]")
            }
            Self::Struct(_, fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: &[Value<'_>]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

/// `TooManyNames` as the WIT writes it; what is no such name as it is.
fn spelled(word: &str) -> String {
    let camel = word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric());
    if !camel {
        return word.to_owned();
    }
    let mut kebab = String::new();
    for character in word.chars() {
        if character.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(character.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Raw(&'static str);

    impl Debug for Raw {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    #[test]
    fn values_are_written_as_strace_does() {
        for (debug, text) in [
            ("Resource { rep: 3, state: \"borrow\" }", "3"),
            ("AddressFamily::Inet6", "inet6"),
            ("()", "0"),
            ("(PEEK|DONT_WAIT)", "PEEK|DONT_WAIT"),
            ("None", "none"),
            ("Some(15)", "15"),
            ("[71, 69, 84]", "\"GET\", 3"),
            ("[]", "[]"),
            ("[[71], [10, 0]]", "[\"G\", 1, \"\\n\\x00\", 2]"),
            (
                "Address::Inet(InetAddress { port: 80, address: (127, 0, 0, 1) })",
                "127.0.0.1:80",
            ),
            (
                "Address::Inet6(Inet6Address { port: 80, flow_info: 0, address: (0, 0, 0, 0, 0, 0, 0, 1), scope_id: 0 })",
                "[::1]:80",
            ),
            ("Address::Unix(UnixAddress::Pathname([47, 115]))", "\"/s\""),
            ("Address::Unix(UnixAddress::Unnamed)", "unnamed"),
            (
                "IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 80, address: (127, 0, 0, 1) })",
                "127.0.0.1:80",
            ),
            ("[IpAddress::Ipv4((127, 0, 0, 1))]", "[127.0.0.1]"),
            ("StreamReader { id: TransmitHandle(6) }", "6"),
            (
                "ErrorCode { code: 8, name: \"would-block\", message: \"a, (b\" }",
                "would-block",
            ),
            ("\"a \\\"b\\\", (c\"", "\"a \\\"b\\\", (c\""),
        ] {
            assert_eq!(shown(&Raw(debug), false), text, "{debug}");
        }
        for (debug, text) in [
            ("Ok(())", "0"),
            ("Ok([72, 105])", "2 \"Hi\""),
            ("Err(EACCES)", "EACCES"),
            (
                "Ok((Resource { rep: 4 }, Address::Inet(InetAddress { port: 1, address: (10, 0, 0, 1) })))",
                "4, 10.0.0.1:1",
            ),
        ] {
            assert_eq!(shown(&Raw(debug), true), text, "{debug}");
        }
    }

    #[test]
    fn any_text_ends_and_long_data_is_its_beginning() {
        for text in [
            "",
            "(",
            "[",
            "{",
            "\"",
            "a(b[c{d: \"e",
            ")",
            "}{",
            "[1, 2",
            "x: y, z",
        ] {
            shown(&Raw(text), false);
        }
        let data = vec![b'a'; 1 << 20];
        let beginning = "a".repeat(SHOWN);
        assert_eq!(shown(&data, false), format!("\"{beginning}\"..., 1048576"));
    }
}
