//! Files of text. Each line of standard input is `r` or `w`, an encoding, what to
//! do with errors, a newline or `None`, and bytes in hexadecimal, to be read or,
//! as UTF-8, written; the answer is what came out.

use capsock_guest::*;
use capsock_test_programs::recv_to_end;

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let fields: Vec<&str> = line.split(' ').collect();
        let [direction, encoding, errors, newline, bytes] = fields[..] else {
            panic!("five fields: {line}");
        };
        let newline = match newline {
            "None" => None,
            hex => Some(String::from_utf8(unhex(&hex[1..])).expect("UTF-8")),
        };
        let options = TextOptions {
            encoding,
            errors,
            newline: newline.as_deref(),
        };
        let result = match direction {
            "r" => read(&unhex(bytes), options),
            _ => write(&String::from_utf8(unhex(bytes)).expect("UTF-8"), options),
        };
        println!("{}", result.unwrap_or_else(|_failure| "error".to_owned()));
    }
}

fn read(bytes: &[u8], options: TextOptions<'_>) -> std::io::Result<String> {
    let (one, other) = socketpair(SOCK_STREAM)?;
    let reader = other.makefile_text_reader(options)?;
    one.sendall(bytes)?;
    one.close()?;
    let lines: Vec<String> = reader.collect::<std::io::Result<_>>()?;
    let lines: Vec<String> = lines.iter().map(|line| hex(line.as_bytes())).collect();
    Ok(format!("lines {}", lines.join(" ")))
}

fn write(text: &str, options: TextOptions<'_>) -> std::io::Result<String> {
    let (one, other) = socketpair(SOCK_STREAM)?;
    let mut writer = one.makefile_text_writer(options)?;
    write!(writer, "{text}")?;
    writer.flush()?;
    drop((one, writer));
    Ok(format!("bytes {}", hex(&recv_to_end(&other))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}
