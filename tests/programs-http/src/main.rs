//! `http-get SCHEME AUTHORITY PATH`: prints the status and the body of an answer, or
//! the error. A `-` leaves that part of the request unset, and `other:…` is another
//! scheme. It has no sockets.

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
            world get {
                import wasi:http/outgoing-handler@0.2.12;
            }
        ",
        world: "test:http/get",
        generate_all,
    });
}

use std::process::ExitCode;

use bindings::wasi::http0_2_12::outgoing_handler::handle;
use bindings::wasi::http0_2_12::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, OutgoingRequest, RequestOptions, Scheme,
};
use bindings::wasi::io::streams::StreamError;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let mut part = || args.next().filter(|part| part != "-");
    let (scheme, authority, path) = (part(), part(), part());
    let request = OutgoingRequest::new(Fields::new());
    let scheme = scheme.map(|scheme| match scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.trim_start_matches("other:").to_owned()),
    });
    let set = request
        .set_scheme(scheme.as_ref())
        .and_then(|()| request.set_authority(authority.as_deref()))
        .and_then(|()| request.set_path_with_query(path.as_deref()));
    if set.is_err() {
        println!("the host has no such request");
        return ExitCode::FAILURE;
    }
    match get(request) {
        Ok((status, body)) => {
            println!("{status} {}", body.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

fn get(request: OutgoingRequest) -> Result<(u16, String), ErrorCode> {
    let options = RequestOptions::new();
    _ = options.set_connect_timeout(Some(5_000_000_000));
    let future = handle(request, Some(options))?;
    let response = loop {
        match future.get() {
            Some(response) => break response.expect("it is taken once")?,
            None => future.subscribe().block(),
        }
    };
    Ok((response.status(), body(&response)))
}

fn body(response: &IncomingResponse) -> String {
    let body: IncomingBody = response.consume().expect("it is taken once");
    let stream = body.stream().expect("it is taken once");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(4096) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    drop(stream);
    drop(body);
    String::from_utf8_lossy(&bytes).into_owned()
}
