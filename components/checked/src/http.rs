//! Requests of `wasi:http`, which the host makes: where each goes is checked before.
//!
//! The host looks a name up by itself, and nobody can say which of its addresses it
//! takes. So a request to a name passes where each address that the name has now may be
//! connected to. What it has when the host asks is for its name server to say.

use std::net::{IpAddr, SocketAddr};

use capsock_policy::http::{Destination, Host, check_path};
use capsock_policy::operation::Connect;
use capsock_policy::{AddressFamily, Errno, Invalid, Protocol};

pub use crate::bindings::requests::wasi::http::types::{
    ErrorCode, FutureIncomingResponse, OutgoingRequest, RequestOptions,
};

use crate::bindings::requests::wasi::http::types::{DnsErrorPayload, Scheme};
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
        let destination = Destination::of(scheme, &authority).map_err(refused)?;
        if let Some(path) = request.path_with_query() {
            check_path(&path).map_err(refused)?;
        }
        check(&destination)?;
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

fn check(destination: &Destination) -> Result<(), ErrorCode> {
    let port = destination.port();
    match destination.host() {
        Host::Ip(ip) => check_peer(*ip, port),
        Host::Name(name) => check_name(name, port),
    }
}

/// Checks each address that a name has: those too that are not admitted, since the host
/// has them all.
fn check_name(name: &str, port: u16) -> Result<(), ErrorCode> {
    let name = grants::vet_name(name).map_err(code)?;
    let answers = Lookup::all(&name).map_err(|error| match error {
        crate::ErrorCode::AccessDenied => ErrorCode::HttpRequestDenied,
        crate::ErrorCode::Timeout => ErrorCode::DnsTimeout,
        _ => no_address(),
    })?;
    if answers.is_empty() {
        return Err(no_address());
    }
    for ip in answers {
        // Rules for the name are about what it is known to have.
        let admitted = grants::admit_answer(&name, ip);
        if let Err(error) = check_peer(ip, port) {
            if let Err(denial) = admitted {
                grants::deny(&denial);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// As a socket that was never bound is checked when it connects.
fn check_peer(ip: IpAddr, port: u16) -> Result<(), ErrorCode> {
    let peer = SocketAddr::new(ip, port);
    let family = match peer {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    grants::check::<Connect>(Protocol::Tcp, peer).map_err(code)?;
    grants::vet_implicit_bind(Protocol::Tcp, family).map_err(code)?;
    grants::vet::<Connect>(Protocol::Tcp, peer).map_err(code)?;
    Ok(())
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
