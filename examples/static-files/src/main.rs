//! A web server of one directory, whose files the kernel sends by itself.
//!
//! `static-files [HOST [PORT [DIRECTORY]]]`: answers GET and HEAD with the files
//! beneath the directory, one request a connection.

use std::io::{self, ErrorKind};
use std::time::Duration;

use capsock_guest::{AF_INET, AF_INET6, File, ServerOptions, Socket, create_server};
use httparse::{EMPTY_HEADER, Request, Status};
use percent_encoding::percent_decode_str;

/// How long a client may take for its request, or to receive a file.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest request.
const REQUEST: usize = 16 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let host = args.first().map_or("127.0.0.1", String::as_str);
    let port = args.get(1).map_or("8080", String::as_str).parse::<u16>()?;
    let directory = args.get(2).map_or(".", String::as_str);

    let family = if host.contains(':') {
        AF_INET6
    } else {
        AF_INET
    };
    let listener = create_server((host, port), family, ServerOptions::default())?;
    println!("Serving {directory} on http://{}/", listener.getsockname()?);
    loop {
        let (client, address) = listener.accept()?;
        if let Err(error) = serve(&client, directory) {
            eprintln!("{address}: {error}");
        }
    }
}

/// Reads one request, and answers it.
fn serve(client: &Socket, directory: &str) -> io::Result<()> {
    client.settimeout(PATIENCE)?;
    let answer = match read_request(client)? {
        None => Answer::error("400 Bad Request"),
        Some((method, path)) if method == "GET" || method == "HEAD" => {
            match open(directory, &path) {
                Ok(file) => Answer {
                    with_body: method == "GET",
                    ..file
                },
                Err(ErrorKind::PermissionDenied) => Answer::error("403 Forbidden"),
                Err(_) => Answer::error("404 Not Found"),
            }
        }
        Some(_) => Answer {
            more: "Allow: GET, HEAD\r\n",
            ..Answer::error("405 Method Not Allowed")
        },
    };
    answer.send(client)
}

/// The method and the path; `None` for what is not HTTP.
fn read_request(client: &Socket) -> io::Result<Option<(String, String)>> {
    let mut received = Vec::new();
    loop {
        let data = client.recv(4096)?;
        received.extend_from_slice(&data);
        let mut headers = [EMPTY_HEADER; 100];
        let mut request = Request::new(&mut headers);
        match request.parse(&received) {
            Ok(Status::Complete(_)) => {
                let (Some(method), Some(target)) = (request.method, request.path) else {
                    return Ok(None);
                };
                return Ok(Some((method.to_owned(), target.to_owned())));
            }
            Ok(Status::Partial) if !data.is_empty() && received.len() < REQUEST => {}
            Ok(Status::Partial) | Err(_) => return Ok(None),
        }
    }
}

/// The file that a request's target names.
fn open(directory: &str, target: &str) -> Result<Answer, ErrorKind> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8();
    let path = path.map_err(|_not_utf8| ErrorKind::NotFound)?;
    let escapes = path
        .split('/')
        .any(|name| name == ".." || name.contains('\0'));
    if escapes || !path.starts_with('/') {
        return Err(ErrorKind::NotFound);
    }
    let index = if path.ends_with('/') {
        "index.html"
    } else {
        ""
    };
    let path = format!("{directory}{path}{index}");
    let file = File::open(&path).map_err(|error| error.kind())?;
    let size = file.size().map_err(|error| error.kind())?;
    Ok(Answer {
        status: "200 OK",
        content_type: content_type(&path),
        length: size.ok_or(ErrorKind::NotFound)?,
        more: "",
        body: Body::File(file),
        with_body: true,
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

struct Answer {
    status: &'static str,
    content_type: &'static str,
    length: u64,
    more: &'static str,
    body: Body,
    with_body: bool,
}

enum Body {
    File(File),
    Text(String),
}

impl Answer {
    fn error(status: &'static str) -> Self {
        let body = format!("{status}\n");
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            length: body.len() as u64,
            more: "",
            body: Body::Text(body),
            with_body: true,
        }
    }

    fn send(self, client: &Socket) -> io::Result<()> {
        let Self {
            status,
            content_type,
            length,
            more,
            body,
            with_body,
        } = self;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
        );
        client.sendall(head.as_bytes())?;
        match body {
            _ if !with_body => {}
            Body::Text(text) => client.sendall(text.as_bytes())?,
            // A file that grew is cut: the client was told its length.
            Body::File(mut file) if length > 0 => {
                client.sendfile(&mut file, 0, length)?;
            }
            Body::File(_empty) => {}
        }
        Ok(())
    }
}
