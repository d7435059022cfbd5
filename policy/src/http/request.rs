//! A request, as rules are about it.

use std::fmt;
use std::net::IpAddr;

use super::path::{in_rules, is_like_a_prefix, normal};
use super::{Destination, Host, canonical, port_of};
use crate::Invalid;
use crate::address::host_text;
use crate::name::canonical_name;
use crate::rule::Op;

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
    /// In its IDNA form; none where the host is an address.
    name: Option<String>,
    path: String,
}

impl Request {
    /// A request with this method, scheme, which is `http` or `https`, authority, as
    /// [`Destination::of`] takes it, and path, with a query or without.
    ///
    /// The path is made normal by RFC 3986, 6.2.2, so that what is checked is what a
    /// server finds. The query is not compared, and not kept.
    ///
    /// # Errors
    /// What is wrong with one of them, or could be read in more ways than one; the method
    /// `CONNECT`, which has no path and asks for a connection to whomever.
    pub fn of(
        method: &str,
        scheme: &str,
        authority: &str,
        path_with_query: &str,
    ) -> Result<Self, Invalid> {
        let invalid = |text: &str, reason: &str| Invalid::of_text(Op::Http, text, reason);
        method_fault(method).map_or(Ok(()), |fault| Err(invalid(method, fault)))?;
        let destination = Destination::of(scheme, authority)?;
        // A query may have what nobody is told.
        let (path, query) = match path_with_query.split_once('?') {
            Some((path, query)) => (path, query),
            None => (path_with_query, ""),
        };
        if path.is_empty() && path != path_with_query {
            return Err(invalid(path, "a path stands before the query; write `/`"));
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\#".contains(&byte);
        if !query.bytes().all(is_plain) {
            return Err(invalid(
                path,
                "what is no visible character of ASCII, a backslash and a # are written in \
                 percent-encoding in a query",
            ));
        }
        let path = normal(path).map_err(|reason| invalid(path, reason))?;
        let name = match destination.host() {
            Host::Ip(_) => None,
            Host::Name(name) => {
                let name = canonical_name(name).ok_or_else(|| Invalid::of_name(name))?;
                Some(name)
            }
        };
        Ok(Self {
            method: method.to_owned(),
            is_https: scheme == "https",
            destination,
            name,
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

    /// The name that is looked up for it, in its IDNA form.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The same to an address.
    pub(crate) fn at(&self, ip: IpAddr) -> Self {
        let port = self.destination.port;
        let host = Host::Ip(ip);
        Self {
            destination: Destination { host, port },
            name: None,
            ..self.clone()
        }
    }
}

/// What is wrong with a method: they are compared as they are (RFC 9110, 9.1), and none in
/// use has lower case.
pub(crate) fn method_fault(text: &str) -> Option<&'static str> {
    let is_token =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if text == "CONNECT" {
        return Some("CONNECT asks for a connection and not for a path; use a rule for `connect`");
    }
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some("methods are compared as they are written, and in upper case: `GET`");
    }
    let is_method = (1..=METHOD).contains(&text.len()) && text.bytes().all(is_token);
    (!is_method).then_some("a method is a word of letters in upper case, such as `GET`")
}

/// As a rule has it: the port only where it is not the scheme's own, or where the path
/// would be taken for the prefix of a net without one.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{} {scheme}://", self.method)?;
        let is_ipv4 = match (self.destination.host(), self.name()) {
            (Host::Name(written), name) => {
                f.write_str(name.unwrap_or(written))?;
                false
            }
            (Host::Ip(ip), _) => {
                let ip = canonical(*ip);
                f.write_str(&host_text(ip))?;
                ip.is_ipv4()
            }
        };
        let (port, path) = (self.destination.port(), in_rules(&self.path));
        if port != port_of(self.is_https) || (is_ipv4 && is_like_a_prefix(&path)) {
            write!(f, ":{port}")?;
        }
        f.write_str(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Effect, Rule};
    use proptest::prelude::*;

    fn request(method: &str, url: &str) -> Result<Request, Invalid> {
        let (scheme, rest) = url.split_once("://").expect(url);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        Request::of(method, scheme, authority, path)
    }

    #[test]
    fn it_is_shown_as_a_rule_has_it() {
        for (method, url, shown) in [
            ("GET", "https://Example.COM.", "GET https://example.com/"),
            ("GET", "https://a.example:443/x", "GET https://a.example/x"),
            (
                "PUT",
                "http://a.example:443/x",
                "PUT http://a.example:443/x",
            ),
            (
                "GET",
                "https://a.example:80/x",
                "GET https://a.example:80/x",
            ),
            ("GET", "http://[::1]:80/x?y=z", "GET http://[::1]/x"),
            ("GET", "http://[::ffff:10.0.0.1]/", "GET http://10.0.0.1/"),
            ("GET", "http://10.0.0.1/8", "GET http://10.0.0.1:80/8"),
            ("GET", "http://10.0.0.1/33", "GET http://10.0.0.1/33"),
            ("M-SEARCH", "http://h/*", "M-SEARCH http://h/%2A"),
            ("GET", "http://h/a/../%7eb*", "GET http://h/~b%2A"),
        ] {
            let request = request(method, url).expect(url);
            assert_eq!(request.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_request_is_refused_and_told() {
        for (method, url, why) in [
            ("get", "https://h/", "upper case"),
            ("Get", "https://h/", "upper case"),
            ("", "https://h/", "a method is a word"),
            ("GE T", "https://h/", "a method is a word"),
            ("GET,PUT", "https://h/", "a method is a word"),
            ("GET\r\n", "https://h/", "a method is a word"),
            ("CONNECT", "https://h/", "a connection"),
            ("GET", "ftp://h/", "scheme"),
            ("GET", "https://u@h/", "a user"),
            ("GET", "https://h:0/", "a port"),
            ("GET", "https://h/#x", "end a path"),
            ("GET", "https://h/?a b", "percent-encoding"),
            ("GET", "https://h/?\r\n", "percent-encoding"),
            ("GET", "https://h?x", "before the query"),
            ("GET", "https://h/?#", "percent-encoding"),
            ("GET", "https://h/a%2f", "a separator"),
        ] {
            let invalid = request(method, url).expect_err(url);
            assert!(invalid.reason().contains(why), "{url}: {invalid}");
        }
        let secret = request("GET", "https://h/%2f?key=secret").expect_err("a separator");
        assert!(!secret.to_string().contains("secret"), "{secret}");
    }

    proptest! {
        /// What it is shown as is a grant of it.
        #[test]
        fn what_it_is_shown_as_parses_back(
            method in "[A-Z]{1,4}",
            scheme in "https?",
            authority in r"(([a-z_]{1,3}\.){1,2}example|10\.0\.0\.[0-9]|\[(::ffff:|2001:db8::)[1-9]\])(:[1-9]{1,4})?",
            path in "(/([!-~]|%[0-9A-F]{2}|[0-9]|\\*){0,4}){0,3}",
        ) {
            let Ok(request) = Request::of(&method, &scheme, &authority, &path) else {
                return Ok(());
            };
            let rule = Rule::parse(Effect::Allow, Op::Http, &request.to_string());
            let rule = rule.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(rule.target(), request.to_string());
            prop_assert!(rule.http().expect("of requests").covers_but_host(Effect::Allow, &request));
        }
    }
}
