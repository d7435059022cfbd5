//! A handler of wasi:http 0.2, which does what the path of a request says.

// Its export is none that other linkers have a name for.
#![cfg(target_family = "wasm")]

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
            package test:serve;
            world function {
                import wasi:http/outgoing-handler@0.2.12;
                export wasi:http/incoming-handler@0.2.12;
            }
        ",
        world: "test:serve/function",
        generate_all,
    });
}

use std::cell::Cell;
use std::time::Duration;

use bindings::exports::wasi::http0_2_12::incoming_handler::Guest;
use bindings::wasi::http0_2_12::outgoing_handler::handle;
use bindings::wasi::http0_2_12::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam,
    Scheme,
};

struct Function;

#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Function, bindings};
    bindings::export!(Function with_types_in bindings);
}

thread_local! {
    static REQUESTS: Cell<u32> = const { Cell::new(0) };
}

impl Guest for Function {
    fn handle(request: IncomingRequest, response: ResponseOutparam) {
        REQUESTS.set(REQUESTS.get() + 1);
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            "/trap" => panic!("as asked"),
            "/silent" => {}
            "/compute" => loop {
                std::hint::black_box(0);
            },
            "/memory" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                    std::hint::black_box(&all);
                }
            }
            "/sleep" => {
                let milliseconds = query.parse().expect("milliseconds");
                eprintln!("begun");
                std::thread::sleep(Duration::from_millis(milliseconds));
                answer(response, &[b"slept"]);
            }
            "/stream" => {
                let count = query.parse().expect("a number of pieces");
                answer(response, &vec![&[b'x'; 1 << 16][..]; count]);
            }
            "/half" => {
                answer(response, &[b"half"]);
                panic!("after the response");
            }
            "/count" => answer(response, &[REQUESTS.get().to_string().as_bytes()]),
            "/env" => {
                let value = std::env::var(query).unwrap_or_default();
                answer(response, &[value.as_bytes()]);
            }
            "/read" => {
                let text = match std::fs::read(query) {
                    Ok(bytes) => bytes,
                    Err(error) => error.to_string().into_bytes(),
                };
                answer(response, &[&text]);
            }
            "/fetch" => answer(response, &[fetch(query).as_bytes()]),
            "/connect" => {
                let connected = std::net::TcpStream::connect(query);
                answer(response, &[format!("{connected:?}").as_bytes()]);
            }
            "/echo" => {
                let body = request.consume().expect("it is taken once");
                let stream = body.stream().expect("it is taken once");
                let mut bytes = Vec::new();
                while let Ok(piece) = stream.blocking_read(1 << 16) {
                    bytes.extend(piece);
                }
                answer(response, &[&bytes]);
            }
            _ => {
                let scheme = request.scheme();
                let authority = request.authority().unwrap_or_default();
                let method = request.method();
                let told = format!("{method:?} {scheme:?} {authority} {path}");
                answer(response, &[told.as_bytes()]);
            }
        }
    }
}

fn answer(out: ResponseOutparam, pieces: &[&[u8]]) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("it is taken once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("it is taken once");
    for piece in pieces.iter().flat_map(|piece| piece.chunks(4096)) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
    drop(stream);
    // Where the client has gone, nobody hears of it.
    _ = OutgoingBody::finish(body, None);
}

/// `AUTHORITY/PATH` over plain HTTP: its status, or the error.
fn fetch(url: &str) -> String {
    let (authority, path) = url.split_once('/').unwrap_or((url, ""));
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
    if set.is_err() {
        return "the host has no such request".to_owned();
    }
    let response = handle(request, None).and_then(|future| {
        loop {
            match future.get() {
                Some(response) => break response.expect("it is taken once"),
                None => future.subscribe().block(),
            }
        }
    });
    match response {
        Ok(response) => response.status().to_string(),
        Err(error) => format!("{error:?}"),
    }
}
