//! A handler of wasi:http 0.3: it answers with the path and the body of the request, or to
//! `/fetch?SCHEME://AUTHORITY/PATH` with the status of what it asked for, or the error.

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
            package test:serve-p3;
            world function {
                import wasi:http/client@0.3.0;
                export wasi:http/handler@0.3.0;
            }
        ",
        world: "test:serve-p3/function",
        generate_all,
    });
}

use bindings::exports::wasi::http0_3_0::handler::Guest;
use bindings::wasi::http0_3_0::client::send;
use bindings::wasi::http0_3_0::types::{ErrorCode, Fields, Request, Response, Scheme};
use bindings::{wit_future, wit_stream};

struct Function;

#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Function, bindings};
    bindings::export!(Function with_types_in bindings);
}

impl Guest for Function {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        if path == "/trap" {
            panic!("as asked");
        }
        if let Some(url) = path.strip_prefix("/fetch?") {
            return Ok(answer(fetch(url).await, Vec::new()));
        }
        let (received, read_received) = wit_future::new(|| Ok(()));
        drop(received);
        let (body, _trailers) = Request::consume_body(request, read_received);
        let body = body.collect().await;
        Ok(answer(format!("{path} "), body))
    }
}

fn answer(first: String, then: Vec<u8>) -> Response {
    let (mut contents, read_contents) = wit_stream::new();
    let (trailers, read_trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        // Where the client has gone, nobody reads it.
        _ = contents.write_all(first.into_bytes()).await;
        _ = contents.write_all(then).await;
        drop(contents);
        _ = trailers.write(Ok(None)).await;
    });
    let (response, _sent) = Response::new(Fields::new(), Some(read_contents), read_trailers);
    response
}

async fn fetch(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (authority, path) = rest.split_once('/').expect("a path");
    let (trailers, read_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (request, _sent) = Request::new(Fields::new(), None, read_trailers, None);
    let scheme = match scheme {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let set = request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
    if set.is_err() {
        return "the host has no such request".to_owned();
    }
    match send(request).await {
        Ok(response) => response.get_status_code().to_string(),
        Err(error) => format!("{error:?}"),
    }
}
