//! Sockets as files of text: Python's `makefile` in its text modes.

use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

use crate::error::{Error, Result};
use crate::socket::Socket;

/// How text is read or written: the arguments of Python's `makefile`.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions<'a> {
    /// `utf-8`, `ascii` or `latin-1`, or one of Python's other names for them.
    pub encoding: &'a str,
    /// What to do with what the encoding does not have: `strict` fails,
    /// `replace` puts a U+FFFD, or where text is written a `?`, and `ignore`
    /// leaves it out.
    pub errors: &'a str,
    /// What ends a line. `None`: reading takes `\n`, `\r` and `\r\n` and gives
    /// `\n`; writing leaves `\n` as it is. `Some("")`: the same three, and
    /// nothing is translated. `Some` of one of the three: only that ends a line,
    /// and writing puts it for `\n`.
    pub newline: Option<&'a str>,
}

impl Default for TextOptions<'_> {
    fn default() -> Self {
        Self {
            encoding: "utf-8",
            errors: "strict",
            newline: None,
        }
    }
}

/// What [`Socket::makefile_text_reader`] gives: lines, each with its end, as an
/// iterator too.
#[derive(Debug)]
pub struct TextReader {
    reader: BufReader<Socket>,
    format: Format,
}

/// What [`Socket::makefile_text_writer`] gives. `write!` writes to it; it
/// flushes when it is dropped.
#[derive(Debug)]
pub struct TextWriter {
    writer: BufWriter<Socket>,
    format: Format,
}

impl Socket {
    /// A reader of the socket's text: Python's `makefile("r")`. It keeps the
    /// socket open.
    ///
    /// # Errors
    /// An encoding, a name for errors or a newline that there is not; those of
    /// [`Socket::dup`].
    pub fn makefile_text_reader(&self, options: TextOptions<'_>) -> Result<TextReader> {
        let format = Format::parse(options)?;
        let reader = self.makefile_reader()?;
        Ok(TextReader { reader, format })
    }

    /// A writer of text to the socket: Python's `makefile("w")`. It keeps the
    /// socket open.
    ///
    /// # Errors
    /// Those of [`Socket::makefile_text_reader`].
    pub fn makefile_text_writer(&self, options: TextOptions<'_>) -> Result<TextWriter> {
        let format = Format::parse(options)?;
        let writer = self.makefile_writer()?;
        Ok(TextWriter { writer, format })
    }
}

impl TextReader {
    /// The next line with its end; empty at the end of the stream.
    ///
    /// # Errors
    /// Those of [`Socket::recv`]; [`io::ErrorKind::InvalidData`] for bytes that
    /// the encoding does not have.
    pub fn readline(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        match self.format.newline {
            Newline::Universal | Newline::Untranslated => self.universal(&mut line)?,
            Newline::Lf => _ = self.reader.read_until(b'\n', &mut line)?,
            Newline::Cr => _ = self.reader.read_until(b'\r', &mut line)?,
            Newline::CrLf => {
                while self.reader.read_until(b'\n', &mut line)? > 0 && !line.ends_with(b"\r\n") {}
            }
        }
        self.format.decode(&line)
    }

    /// All that is left of the stream.
    ///
    /// # Errors
    /// Those of [`TextReader::readline`].
    pub fn read(&mut self) -> io::Result<String> {
        self.collect()
    }

    /// A line that ends with `\n`, `\r` or `\r\n`. After `\r` it waits for one
    /// more byte, as Python does.
    fn universal(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let available = self.reader.fill_buf()?;
            let end = available.iter().position(|byte| b"\r\n".contains(byte));
            let count = end.map_or(available.len(), |end| end + 1);
            line.extend_from_slice(&available[..count]);
            self.reader.consume(count);
            if count == 0 || line.ends_with(b"\n") {
                break;
            }
            if line.ends_with(b"\r") {
                if self.reader.fill_buf()?.first() == Some(&b'\n') {
                    self.reader.consume(1);
                    line.push(b'\n');
                }
                break;
            }
        }
        if self.format.newline == Newline::Universal {
            let end = [&b"\r\n"[..], b"\r"]
                .into_iter()
                .find(|end| line.ends_with(end));
            if let Some(end) = end {
                line.truncate(line.len() - end.len());
                line.push(b'\n');
            }
        }
        Ok(())
    }
}

impl Iterator for TextReader {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        match self.readline() {
            Ok(line) if line.is_empty() && self.at_end() => None,
            line => Some(line),
        }
    }
}

impl TextReader {
    /// A line can be empty because all of it was ignored.
    fn at_end(&mut self) -> bool {
        self.reader.fill_buf().is_ok_and(<[u8]>::is_empty)
    }
}

impl TextWriter {
    /// Writes text.
    ///
    /// # Errors
    /// Those of [`Socket::sendall`], here or later;
    /// [`io::ErrorKind::InvalidData`] for a character that the encoding does not
    /// have, and nothing is written.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        let data = match self.format.newline {
            Newline::Cr => self.format.encode(&text.replace('\n', "\r")),
            Newline::CrLf => self.format.encode(&text.replace('\n', "\r\n")),
            Newline::Universal | Newline::Untranslated | Newline::Lf => self.format.encode(text),
        };
        self.writer.write_all(&data?)
    }

    /// What `write!` calls.
    ///
    /// # Errors
    /// Those of [`TextWriter::write`].
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write(&text.to_string())
    }

    /// Sends what is buffered.
    ///
    /// # Errors
    /// Those of [`Socket::sendall`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[derive(Clone, Copy, Debug)]
struct Format {
    encoding: Encoding,
    errors: Errors,
    newline: Newline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Ascii,
    Latin1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errors {
    Strict,
    Replace,
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newline {
    Universal,
    Untranslated,
    Lf,
    Cr,
    CrLf,
}

impl Format {
    fn parse(options: TextOptions<'_>) -> Result<Self> {
        let TextOptions {
            encoding,
            errors,
            newline,
        } = options;
        let invalid = |message: String| Error::invalid("makefile", message);
        let name = encoding.to_ascii_lowercase().replace(['_', ' '], "-");
        Ok(Self {
            encoding: match name.as_str() {
                "utf-8" | "utf8" | "u8" => Encoding::Utf8,
                "ascii" | "us-ascii" | "646" => Encoding::Ascii,
                "latin-1" | "latin1" | "latin" | "l1" | "iso-8859-1" | "iso8859-1" | "8859" => {
                    Encoding::Latin1
                }
                _ => return Err(invalid(format!("unknown encoding: {encoding}"))),
            },
            errors: match errors {
                "strict" => Errors::Strict,
                "replace" => Errors::Replace,
                "ignore" => Errors::Ignore,
                _ => return Err(invalid(format!("unknown error handler name '{errors}'"))),
            },
            newline: match newline {
                None => Newline::Universal,
                Some("") => Newline::Untranslated,
                Some("\n") => Newline::Lf,
                Some("\r") => Newline::Cr,
                Some("\r\n") => Newline::CrLf,
                Some(other) => return Err(invalid(format!("illegal newline value: {other}"))),
            },
        })
    }

    fn decode(self, bytes: &[u8]) -> io::Result<String> {
        let undecodable = |name: &str, position: usize| {
            let byte = bytes[position];
            invalid_data(format!(
                "'{name}' codec can't decode byte 0x{byte:02x} in position {position}"
            ))
        };
        match (self.encoding, self.errors) {
            (Encoding::Latin1, _) => Ok(bytes.iter().copied().map(char::from).collect()),
            (Encoding::Utf8, Errors::Strict) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(undecodable("utf-8", error.valid_up_to())),
            },
            (Encoding::Utf8, Errors::Replace) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            (Encoding::Utf8, Errors::Ignore) => {
                Ok(bytes.utf8_chunks().map(|chunk| chunk.valid()).collect())
            }
            (Encoding::Ascii, errors) => bytes
                .iter()
                .enumerate()
                .filter_map(|(position, byte)| match errors {
                    _ if byte.is_ascii() => Some(Ok(char::from(*byte))),
                    Errors::Strict => Some(Err(undecodable("ascii", position))),
                    Errors::Replace => Some(Ok(char::REPLACEMENT_CHARACTER)),
                    Errors::Ignore => None,
                })
                .collect(),
        }
    }

    fn encode(self, text: &str) -> io::Result<Vec<u8>> {
        let (name, characters) = match self.encoding {
            Encoding::Utf8 => return Ok(text.as_bytes().to_vec()),
            Encoding::Ascii => ("ascii", 0x80),
            Encoding::Latin1 => ("latin-1", 0x100),
        };
        text.chars()
            .enumerate()
            .filter_map(|(position, character)| {
                match (u8::try_from(u32::from(character)), self.errors) {
                    (Ok(byte), _) if u32::from(byte) < characters => Some(Ok(byte)),
                    (_, Errors::Strict) => Some(Err(invalid_data(format!(
                        "'{name}' codec can't encode character {character:?} in position {position}"
                    )))),
                    (_, Errors::Replace) => Some(Ok(b'?')),
                    (_, Errors::Ignore) => None,
                }
            })
            .collect()
    }
}

fn invalid_data(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
