//! Requests of `wasi:http`, which the host makes: where each goes is checked before.
//!
//! The host looks a name up by itself, and nobody can say which of its addresses it
//! takes. So a request to a name passes where each address that the name has now may be
//! connected to. What it has when the host asks is for its name server to say.

use std::borrow::Cow;
use std::net::IpAddr;

use capsock_policy::http::{Host, Request, VettedRequest};
use capsock_policy::{AddressFamily, Errno, Invalid, Protocol};

pub use crate::bindings::requests::wasi::http0_2_12::types::{
    ErrorCode, FutureIncomingResponse, OutgoingRequest, RequestOptions,
};

use crate::bindings::requests::wasi::http0_2_12::types::{DnsErrorPayload, Method, Scheme};
use crate::grants::CheckedName;
use crate::{Lookup, grants, outer};

/// A request that the host may be handed: the rules let the guest connect to where it
/// goes.
#[derive(Debug)]
pub struct CheckedRequest(OutgoingRequest);

impl CheckedRequest {
    /// Checks a request, which its guest cannot change any more.
    ///
    /// # Errors
    /// `HTTP-request-denied` where the rules do not allow it, and
    /// `HTTP-request-URI-invalid` for what can be read in more ways than one; both are
    /// told. `HTTP-protocol-error` for another scheme; `DNS-error` where the name has
    /// no address.
    pub fn of(request: OutgoingRequest) -> Result<Self, ErrorCode> {
        let scheme = match request.scheme() {
            Some(Scheme::Http) => "http",
            Some(Scheme::Https) => "https",
            Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
            None => {
                // Which one is taken is not for the host to choose after the check.
                let set = request.set_scheme(Some(&Scheme::Https));
                set.map_err(|()| ErrorCode::HttpProtocolError)?;
                "https"
            }
        };
        let authority = request.authority().unwrap_or_default();
        let method = method(&request.method());
        // It would be a tunnel, to whomever; and the other one tells what a server was sent.
        if matches!(&*method, "CONNECT" | "TRACE") {
            return Err(ErrorCode::HttpRequestMethodInvalid);
        }
        let path = request.path_with_query().unwrap_or_default();
        let checked = Request::of(&method, scheme, &authority, &path).map_err(refused)?;
        check(&checked)?;
        // What was checked, and not what was written.
        let query = path.find('?').map_or("", |query| &path[query..]);
        let sent = format!("{}{query}", checked.path());
        let set = request.set_path_with_query(Some(&sent));
        set.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        Ok(Self(request))
    }

    pub(crate) fn into_inner(self) -> OutgoingRequest {
        self.0
    }
}

/// Makes a request, where the rules let the guest connect to where it goes.
///
/// # Errors
/// Those of [`CheckedRequest::of`]; the host's.
pub fn handle(
    request: OutgoingRequest,
    options: Option<RequestOptions>,
) -> Result<FutureIncomingResponse, ErrorCode> {
    outer::request(CheckedRequest::of(request)?, options)
}

fn method(method: &Method) -> Cow<'static, str> {
    Cow::Borrowed(match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => return Cow::Owned(other.clone()),
    })
}

fn check(request: &Request) -> Result<(), ErrorCode> {
    let Some(vetted) = grants::vet_request(request).map_err(code)? else {
        return Ok(());
    };
    let addresses = match request.destination().host() {
        Host::Ip(ip) => vec![*ip],
        Host::Name(name) => addresses(&vetted, name)?,
    };
    for ip in addresses {
        let family = match ip {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        grants::vet_implicit_bind(Protocol::Tcp, family).map_err(code)?;
        grants::vet_destination(&vetted, ip).map_err(code)?;
    }
    Ok(())
}

/// Each address that a name has: the host has them all.
fn addresses(request: &VettedRequest, written: &str) -> Result<Vec<IpAddr>, ErrorCode> {
    let name = CheckedName::of_request(request, written).ok_or_else(no_address)?;
    let answers = Lookup::all(&name).map_err(|error| match error {
        crate::ErrorCode::AccessDenied => ErrorCode::HttpRequestDenied,
        crate::ErrorCode::Timeout => ErrorCode::DnsTimeout,
        _ => no_address(),
    })?;
    match answers.is_empty() {
        true => Err(no_address()),
        false => Ok(answers),
    }
}

fn refused(invalid: Invalid) -> ErrorCode {
    code(grants::refuse(&invalid))
}

/// What the checks fail with.
fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::AccessDenied => ErrorCode::HttpRequestDenied,
        _ => ErrorCode::HttpRequestUriInvalid,
    }
}

fn no_address() -> ErrorCode {
    ErrorCode::DnsError(DnsErrorPayload {
        rcode: None,
        info_code: None,
    })
}
