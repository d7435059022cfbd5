//! Requests in rules: `GET,HEAD https://api.example.com/v1/*`.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Parsed, Parser};
use crate::http::{in_rules, is_like_a_prefix, method_fault, normal, port_of};
use crate::rule::{HttpHost, HttpTarget, PROTO, Ports, Target};

impl<'a> Parser<'a> {
    /// The target, and what follows it.
    pub(super) fn http(&self, input: &'a str) -> Parsed<(Target, &'a str)> {
        let (first, after) = self.word(input);
        let is_url = first.is_empty() || first.contains([':', '/']);
        let (methods, url, rest) = match is_url {
            true => (Vec::new(), first, after),
            false => {
                let methods = self.methods(first)?;
                let (url, rest) = self.word(after);
                (methods, url, rest)
            }
        };
        let (is_https, url) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => {
                return self.fail(
                    url,
                    "expected `[METHODS] http://HOST/PATH` or `[METHODS] https://HOST/PATH`, \
                     such as `GET,HEAD https://api.example.com/v1/*`",
                );
            }
        };
        // A net stands in brackets, with its slash.
        let in_brackets = url.find(']').map_or(0, |end| end + 1);
        let Some(slash) = url[in_brackets..].find('/') else {
            return self.fail(&url[url.len()..], "expected a path; `/*` is every path");
        };
        let (authority, path) = url.split_at(in_brackets + slash);
        let (host, ports) = self.authority(authority, is_https, path)?;
        let (path, more) = self.path(path)?;
        let http = HttpTarget {
            methods,
            is_https,
            host,
            ports,
            path,
            more,
        };
        Ok((Target::Http(Box::new(http)), rest))
    }

    fn methods(&self, text: &'a str) -> Parsed<Vec<String>> {
        let mut methods: Vec<String> = Vec::new();
        for method in text.split(',') {
            if let Some(fault) = method_fault(method) {
                return self.fail(method, fault);
            }
            if !methods.iter().any(|known| known == method) {
                methods.push(method.to_owned());
            }
        }
        Ok(methods)
    }

    fn authority(&self, text: &'a str, is_https: bool, path: &'a str) -> Parsed<(HttpHost, Ports)> {
        if text.contains('@') {
            return self.fail(text, "a user in the URL is not taken");
        }
        let in_brackets = text.rfind(']').map_or(0, |end| end + 1);
        let Some(colon) = text[in_brackets..].find(':') else {
            if text.parse::<Ipv4Addr>().is_ok() && is_like_a_prefix(path) {
                let port = port_of(is_https);
                return self.fail(
                    path,
                    &format!(
                        "this could be the prefix of a net, which stands in brackets: \
                         `[10.0.0.0/8]`; if it is a path, write the port before it: `{text}:{port}`"
                    ),
                );
            }
            return Ok((self.http_host(text)?, Ports::one(port_of(is_https))));
        };
        let (host, ports) = text.split_at(in_brackets + colon);
        if ports[1..].contains(':') {
            return self.fail(
                text,
                "an IPv6 address, or a net of them, stands in brackets",
            );
        }
        let host = self.http_host(host)?;
        let ports = &ports[1..];
        if let Some(port) = ports.split(',').find(|it| ["0", "ephemeral"].contains(it)) {
            return self.fail(port, "no request goes to a port that the kernel chooses");
        }
        Ok((host, self.ports(ports)?))
    }

    fn http_host(&self, host: &'a str) -> Parsed<HttpHost> {
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        if let Some(net) = bare.filter(|bare| bare.parse::<Ipv4Net>().is_ok()) {
            return self.host(net).map(HttpHost::Address);
        }
        match self.net(PROTO, host, Ports(Vec::new()))? {
            Target::Named { name, within, .. } => Ok(HttpHost::Named { name, within }),
            _ => self.host(host).map(HttpHost::Address),
        }
    }

    fn path(&self, text: &'a str) -> Parsed<(String, bool)> {
        if text.contains(['?', '#']) {
            return self.fail(text, "a query is not compared: write the path alone");
        }
        let (path, more) = match text.strip_suffix('*') {
            Some(path) => (path, true),
            None => (text, false),
        };
        if path.contains('*') {
            return self.fail(
                text,
                "a `*` stands at the end of a path, for all that begins so; as a character \
                 it is `%2A`",
            );
        }
        if more && matches!(path.rsplit('/').next(), Some("." | "..")) {
            return self.fail(
                text,
                "what begins with `.` or `..` may be another directory",
            );
        }
        let form = normal(path).or_else(|why| self.fail(text, why))?;
        Ok((in_rules(&form), more))
    }
}
