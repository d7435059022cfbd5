//! What a guest is told of a request that failed.

use std::error::Error as _;
use std::io;

use wasmtime_wasi_http::Error;

use crate::Errno;
use crate::lookup::NameError;

/// Of the check of a request, or of the address that its host has.
pub(super) fn unvetted(errno: Errno) -> Error {
    match errno {
        Errno::AccessDenied => Error::HttpRequestDenied,
        _ => Error::HttpRequestUriInvalid,
    }
}

pub(super) fn unresolved(error: NameError) -> Error {
    match error {
        NameError::AccessDenied => Error::HttpRequestDenied,
        NameError::Again => Error::DnsTimeout,
        NameError::NoName | NameError::NoData => Error::DnsError {
            rcode: Some("NXDOMAIN".to_owned()),
            info_code: None,
        },
        _ => Error::DnsError {
            rcode: None,
            info_code: None,
        },
    }
}

pub(super) fn unconnected(errno: Errno) -> Error {
    match errno {
        Errno::AccessDenied => Error::DestinationIpProhibited,
        Errno::TooManyOpenFiles => Error::ConnectionLimitReached,
        Errno::ConnectionRefused => Error::ConnectionRefused,
        Errno::TimedOut => Error::ConnectionTimeout,
        Errno::HostUnreachable | Errno::NetworkUnreachable => Error::DestinationIpUnroutable,
        _ => Error::DestinationUnavailable,
    }
}

/// Of a handshake of TLS.
pub(super) fn unsecured(error: &io::Error) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}

/// Of what hyper sent or received. An error of the guest's own body is that.
pub(super) fn unsent(error: hyper::Error, headers: u32) -> Error {
    if error.is_parse_too_large() {
        return Error::HttpResponseHeaderSectionSize(Some(headers));
    }
    if error.is_parse() {
        return Error::HttpProtocolError;
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Error::ConnectionTerminated;
    }
    let source = error.source();
    if let Some(Error::HttpRequestBodySize(most)) = source.and_then(|it| it.downcast_ref()) {
        return Error::HttpRequestBodySize(*most);
    }
    if source.is_some_and(|source| source.is::<io::Error>()) {
        return Error::ConnectionTerminated;
    }
    Error::Hyper(error)
}
