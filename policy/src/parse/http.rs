//! Requests in rules: `GET,HEAD https://api.example.com/v1/*`.

use ipnet::Ipv4Net;

use super::{Parsed, Parser};
use crate::http::{compared, is_method, normal, port_of};
use crate::rule::{HttpHost, HttpTarget, PROTO, PortItem, Ports, Target};

impl<'a> Parser<'a> {
    /// The target, and what follows it.
    pub(super) fn http(&self, input: &'a str) -> Parsed<(Target, &'a str)> {
        let (first, after) = self.word(input);
        let (methods, url, rest) = match first.contains("://") {
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
        let (host, ports) = match authority[in_brackets..].find(':') {
            None => (authority, Ports::one(port_of(is_https))),
            Some(colon) => {
                let (host, ports) = authority.split_at(in_brackets + colon);
                (host, self.http_ports(&ports[1..])?)
            }
        };
        let (path, more) = self.path(path)?;
        let http = HttpTarget {
            methods,
            is_https,
            host: self.http_host(host)?,
            ports,
            path,
            more,
        };
        Ok((Target::Http(Box::new(http)), rest))
    }

    fn methods(&self, text: &'a str) -> Parsed<Vec<String>> {
        let mut methods: Vec<String> = Vec::new();
        for method in text.split(',') {
            if !is_method(method) {
                return self.fail(
                    method,
                    "expected methods in upper case, separated by commas, or a URL that begins \
                     with `http://` or `https://`",
                );
            }
            if !methods.iter().any(|known| known == method) {
                methods.push(method.to_owned());
            }
        }
        Ok(methods)
    }

    fn http_host(&self, host: &'a str) -> Parsed<HttpHost> {
        if host.contains('@') {
            return self.fail(host, "a user in the URL is not taken");
        }
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        if let Some(net) = bare.filter(|bare| bare.parse::<Ipv4Net>().is_ok()) {
            return self.host(net).map(HttpHost::Address);
        }
        match self.net(PROTO, host, Ports(Vec::new()))? {
            Target::Named { name, within, .. } => Ok(HttpHost::Named { name, within }),
            _ => self.host(host).map(HttpHost::Address),
        }
    }

    fn http_ports(&self, text: &'a str) -> Parsed<Ports> {
        let ports = self.ports(text)?;
        match ports.0.contains(&PortItem::Ephemeral) {
            true => self.fail(text, "no request goes to a port that the kernel chooses"),
            false => Ok(ports),
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
        // Where it ends in the middle of a segment, that is no `..` yet.
        let form = normal(path).or_else(|why| self.fail(text, why))?;
        let ends_in_dots = matches!(path.rsplit('/').next(), Some("." | ".."));
        if more && ends_in_dots {
            return self.fail(text, "what begins with `.` or `..` is not one path");
        }
        Ok((compared(&form), more))
    }
}
