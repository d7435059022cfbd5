//! What this program prints, beside what the guest prints itself.
//!
//! Paths, names of a component and what a guest tried are texts of others: none
//! of them acts on a terminal, and none is longer than a line may be.

use std::fmt;
use std::io::{self, Write, stderr, stdout};
use std::process::exit;

use capsock_host::policy::shown;

use crate::Failure;

/// The longest line in bytes.
const LONGEST: usize = 8 << 10;

/// Tells one line on standard error. Where nobody reads it, nobody is told.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    show(format_args!("capsock: {line}"));
}

/// A line on standard error that does not say who tells it.
pub(crate) fn show(line: fmt::Arguments<'_>) {
    _ = writeln!(stderr(), "{}", shown(&line.to_string(), LONGEST));
}

/// Tells several lines on standard error.
pub(crate) fn tell_lines(text: fmt::Arguments<'_>) {
    _ = writeln!(stderr(), "{}", lines(&format!("capsock: {text}")));
}

/// Writes lines to standard output.
///
/// # Errors
/// Where nobody reads it, say.
pub(crate) fn print(text: fmt::Arguments<'_>) -> Result<(), Failure> {
    stdout()
        .write_all(lines(&text.to_string()).as_bytes())
        .map_err(|error| Failure::Usage(format!("standard output: {error}")))
}

/// Writes what is no text to standard output.
///
/// # Errors
/// Where nobody reads it, say.
pub(crate) fn put(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Ends with what clap has to say: help, or what is wrong with the arguments, which
/// it quotes.
pub(crate) fn exit_with(said: &clap::Error) -> ! {
    let mut arguments = std::env::args_os();
    let plain = |argument: &str| shown(argument, LONGEST) == argument;
    if arguments.all(|argument| argument.to_str().is_some_and(plain)) {
        said.exit();
    }
    // Without its colours.
    let text = lines(&said.render().to_string());
    _ = match said.use_stderr() {
        true => stderr().write_all(text.as_bytes()),
        false => stdout().write_all(text.as_bytes()),
    };
    exit(said.exit_code());
}

/// Each line as a terminal may be given it.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| shown(line, LONGEST)).collect();
    lines.join("\n")
}

/// Standard error for logs, which write an event at a time.
#[derive(Debug)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        stderr().write_all(lines(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn lines_stay_lines_and_nothing_else_acts() {
        assert_eq!(
            lines("a\u{1b}[2J\n\tb\u{9b}c\n"),
            "a\\u{1b}[2J\n\\tb\\u{9b}c\n"
        );
        let long = lines(&"x".repeat(LONGEST + 1));
        assert!(long.ends_with("x… (8193 bytes)"), "{long}");
    }

    /// One way to the terminal, or a text of others would be forgotten some day.
    #[test]
    fn nothing_else_prints() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for file in fs::read_dir(source).expect("the sources") {
            let path = file.expect("a file").path();
            if path.ends_with("terminal.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for printing in ["println!", "print!(", "stderr()", "stdout()"] {
                if path.ends_with("compile.rs") && printing == "stdout()" {
                    // Native code, to a file.
                    continue;
                }
                assert!(!code.contains(printing), "{}: {printing}", path.display());
            }
        }
    }
}
