//! A request, as rules are about it.

use std::fmt;
use std::net::IpAddr;

use super::path::{compared, normal};
use super::{Destination, Host, port_of};
use crate::name::canonical_name;
use crate::rule::Op;
use crate::{Invalid, VettedName};

/// The longest method, in bytes.
const METHOD: usize = 32;

/// A request, by what rules tell requests apart by.
///
/// ```
/// use capsock_policy::http::Request;
///
/// let request = Request::of("GET", "https", "api.example.com", "/v1/./status?full")?;
/// assert_eq!(request.path(), "/v1/status");
/// assert_eq!(request.to_string(), "GET https://api.example.com/v1/status");
/// assert!(Request::of("GET", "https", "api.example.com", "/v1/%2e%2e/").is_err());
/// # Ok::<(), capsock_policy::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    method: String,
    is_https: bool,
    destination: Destination,
    path: String,
}

impl Request {
    /// A request with this method, scheme, which is `http` or `https`, authority, as
    /// [`Destination::of`] takes it, and path, with a query or without.
    ///
    /// # Errors
    /// What is wrong with one of them, or could be read in more ways than one.
    pub fn of(
        method: &str,
        scheme: &str,
        authority: &str,
        path_with_query: &str,
    ) -> Result<Self, Invalid> {
        if !is_method(method) {
            let reason = "a method is a word of upper case, such as GET";
            return Err(Invalid::of_text(Op::Http, method, reason));
        }
        let destination = Destination::of(scheme, authority)?;
        // A query may have what nobody is told.
        let (path, query) = path_with_query
            .split_once('?')
            .unwrap_or((path_with_query, ""));
        let invalid = |reason| Invalid::of_text(Op::Http, path, reason);
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#');
        if !query.bytes().all(is_plain) {
            return Err(invalid(
                "what is no visible character of ASCII, a backslash and a # are written in \
                 percent-encoding in a query",
            ));
        }
        let path = normal(path).map_err(invalid)?;
        Ok(Self {
            method: method.to_owned(),
            is_https: scheme == "https",
            destination,
            path,
        })
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether it goes over TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Where it goes.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Its path in its normal form, without the query: what is to be sent.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn compared_path(&self) -> String {
        compared(&self.path)
    }

    /// The name that is looked up for it, in its IDNA form.
    pub(crate) fn name(&self) -> Option<VettedName> {
        match self.destination.host() {
            Host::Ip(_) => None,
            Host::Name(name) => canonical_name(name).map(VettedName),
        }
    }
}

/// Whether it is a method that is compared: they are case-sensitive (RFC 9110, 9.1), and
/// none in use has lower case.
pub(crate) fn is_method(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=METHOD).contains(&text.len()) && text.bytes().all(is_token)
}

/// As a rule has it.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{} {scheme}://", self.method)?;
        match (self.destination.host(), self.name()) {
            (Host::Ip(IpAddr::V6(ip)), _) => write!(f, "[{ip}]")?,
            (Host::Ip(ip), _) => write!(f, "{ip}")?,
            (Host::Name(_), Some(name)) => f.write_str(name.as_str())?,
            (Host::Name(name), None) => f.write_str(name)?,
        }
        match self.destination.port() {
            port if port == port_of(self.is_https) => {}
            port => write!(f, ":{port}")?,
        }
        write_path(f, &self.compared_path())
    }
}

/// A path of a rule, in which a `*` at the end would stand for more.
pub(crate) fn write_path(f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
    f.write_str(&path.replace('*', "%2A"))
}
