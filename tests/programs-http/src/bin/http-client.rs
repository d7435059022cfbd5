//! `http-client [--at-once] REQUEST...`: makes requests over wasi:http 0.2, one after the
//! other or all at once, and prints for each the status, how long its body is and how it
//! begins, or the error.
//!
//! A request is `METHOD SCHEME AUTHORITY PATH`, and words `NAME:VALUE` for headers,
//! `body=BYTES`, `show=HEADER`, and `connect=MS`, `first=MS` and `between=MS` for times.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package test:http;
            world client {
                import wasi:http/outgoing-handler@0.2.12;
            }
        ",
        world: "test:http/client",
        generate_all,
    });
}

use bindings::wasi::http0_2_12::outgoing_handler::handle;
use bindings::wasi::http0_2_12::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use bindings::wasi::io::streams::StreamError;

/// How much of a body is printed.
const SHOWN: usize = 60;

/// A request under way, and the header of its response to be shown.
struct Begun {
    future: Result<FutureIncomingResponse, String>,
    show: Option<String>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, requests)) if first == "--at-once" => {
            let begun: Vec<Begun> = requests.iter().map(|request| begin(request)).collect();
            begun.into_iter().for_each(finish);
        }
        _ => args.iter().for_each(|request| finish(begin(request))),
    }
}

fn begin(text: &str) -> Begun {
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, scheme, authority, path) = (word(), word(), word(), word());
    let words: Vec<&str> = words.collect();
    let value = |name: &str| {
        let prefix = format!("{name}=");
        words.iter().find_map(|word| word.strip_prefix(&prefix))
    };
    let time = |name| value(name).map(|ms| 1_000_000 * ms.parse::<u64>().expect("milliseconds"));
    let options = RequestOptions::new();
    _ = options.set_connect_timeout(time("connect"));
    _ = options.set_first_byte_timeout(time("first"));
    _ = options.set_between_bytes_timeout(time("between"));
    let headers = Fields::new();
    for (name, value) in words.iter().filter_map(|word| word.split_once(':')) {
        if let Err(error) = headers.append(name, value.as_bytes()) {
            return Begun {
                future: Err(format!("{name}: {error:?}")),
                show: None,
            };
        }
    }
    let request = OutgoingRequest::new(headers);
    let set = request
        .set_method(&match method {
            "GET" => Method::Get,
            other => Method::Other(other.to_owned()),
        })
        .and_then(|()| {
            request.set_scheme(Some(&match scheme {
                "http" => Scheme::Http,
                _ => Scheme::Https,
            }))
        })
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)));
    let future = match set {
        Err(()) => Err("the host has no such request".to_owned()),
        Ok(()) => {
            let length = value("body").map(|bytes| bytes.parse().expect("bytes"));
            send(request, options, length).map_err(|error| format!("{error:?}"))
        }
    };
    Begun {
        future,
        show: value("show").map(str::to_owned),
    }
}

fn send(
    request: OutgoingRequest,
    options: RequestOptions,
    length: Option<usize>,
) -> Result<FutureIncomingResponse, ErrorCode> {
    let body = request.body().expect("it is taken once");
    let future = handle(request, Some(options))?;
    if let Some(length) = length {
        let stream = body.write().expect("it is taken once");
        let piece = [b'x'; 4096];
        let mut left = length;
        while left > 0 {
            let count = left.min(piece.len());
            if stream.blocking_write_and_flush(&piece[..count]).is_err() {
                break;
            }
            left -= count;
        }
    }
    // Where it fails, the response says why.
    _ = OutgoingBody::finish(body, None);
    Ok(future)
}

fn finish(begun: Begun) {
    match begun.future.and_then(|future| {
        let response = loop {
            match future.get() {
                Some(response) => break response.expect("it is taken once"),
                None => future.subscribe().block(),
            }
        };
        response.map_err(|error| format!("{error:?}"))
    }) {
        Err(error) => println!("{error}"),
        Ok(response) => show(&response, begun.show),
    }
}

fn show(response: &IncomingResponse, header: Option<String>) {
    let header = header.map(|name| {
        let values = response.headers().get(&name);
        let values: Vec<_> = values
            .iter()
            .map(|it| String::from_utf8_lossy(it))
            .collect();
        format!(" {name}={}", values.join(","))
    });
    let body = response.consume().expect("it is taken once");
    let stream = body.stream().expect("it is taken once");
    let (mut length, mut shown) = (0, Vec::new());
    let end = loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => {
                length += piece.len();
                let left = SHOWN - shown.len();
                shown.extend(piece.into_iter().take(left));
            }
            Err(StreamError::Closed) => break String::new(),
            Err(StreamError::LastOperationFailed(error)) => {
                break match bindings::wasi::http0_2_12::types::http_error_code(&error) {
                    Some(code) => format!(" {code:?}"),
                    None => format!(" {}", error.to_debug_string()),
                };
            }
        }
    };
    println!(
        "{}{} {length} {}{end}",
        response.status(),
        header.unwrap_or_default(),
        String::from_utf8_lossy(&shown).trim_end().escape_default(),
    );
}
