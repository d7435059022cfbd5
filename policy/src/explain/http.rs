//! What is said of requests.

use std::net::{IpAddr, SocketAddr};

use super::name::{other_name, what};
use super::near::floor;
use super::{Explanation, NEAR_MISSES, Policy, each, no_rule, translation};
use crate::address::host_text;
use crate::class::Class;
use crate::http::{self, Request};
use crate::name::note_of_search;
use crate::rule::{Effect, Host, HttpHost, Op, Rule};
use crate::{Address, Invalid, Protocol};

impl Policy {
    pub(crate) fn explain_request(&self, request: &Request) -> Explanation {
        match request.destination().host() {
            http::Host::Ip(ip) => self.explain_request_to(request, *ip),
            http::Host::Name(_) => {
                let name = request.name().unwrap_or_default();
                self.explain_named_request(request, name)
                    .also(note_of_search(name))
            }
        }
    }

    fn explain_request_to(&self, request: &Request, ip: IpAddr) -> Explanation {
        let address = Address::from(SocketAddr::new(ip, request.destination().port()));
        if let Err(invalid) = Invalid::check(Op::Connect, Protocol::Tcp, &address) {
            return Explanation::invalid(&invalid);
        }
        let answer = each(
            &address,
            |subject| self.sending_to(request, subject).map(Some),
            |subject| self.request_misses(request, subject.canonical().map(|it| it.ip())),
        );
        answer.also(translation(&address))
    }

    /// The rules decide, and where they allow it the class of what the name resolves to.
    fn explain_named_request(&self, request: &Request, name: &str) -> Explanation {
        let mut denials = self.rules_of(Effect::Deny);
        if let Some(rule) = denials.find(|rule| rule.forbids_wherever(request)) {
            return Explanation::denied_by(rule);
        }
        let mut grants = self.grants_by_name(request);
        let Some(first) = grants.next() else {
            let grant = Rule::parse(Effect::Allow, Op::Http, &request.to_string());
            return Explanation::missing(
                no_rule(self.request_misses(request, None)),
                grant.into_iter().collect(),
            );
        };
        let is_exception = |rule: &&Rule| match rule.http() {
            Some(http) => http.covers_but_host(Effect::Deny, request) && is_of_addresses(rule),
            None => rule.connects(request),
        };
        let exceptions = self.rules_of(Effect::Deny).filter(is_exception);
        let says = |rule: &Rule, verb: &str| {
            let what = what(rule);
            format!("the rule `{rule}` {verb} it, if {name} resolves to {what}")
        };
        let also = grants
            .take(NEAR_MISSES - 1)
            .map(|rule| says(rule, "allows"));
        let unless = exceptions
            .take(NEAR_MISSES)
            .map(|rule| says(rule, "forbids"));
        Explanation::allow(Some(first), says(first, "allows")).also(also.chain(unless))
    }

    /// The grants of requests that miss it in one thing only; to an address, where one is
    /// known.
    fn request_misses(&self, request: &Request, to: Option<IpAddr>) -> Vec<String> {
        let grants = self.rules_of(Effect::Allow);
        let mut near: Vec<String> = grants.filter_map(|it| self.miss(it, request, to)).collect();
        near.dedup();
        near.truncate(NEAR_MISSES);
        near
    }

    fn miss(&self, rule: &Rule, request: &Request, to: Option<IpAddr>) -> Option<String> {
        let http = rule.http()?;
        let mut misses = Vec::new();
        let mut is_for = |granted: &str, asked: &str| {
            misses.push(format!("the rule `{rule}` is for {granted}, not {asked}"));
        };
        if !http.covers_method(request) {
            is_for(&http.methods.join(" and "), request.method());
        }
        let scheme = |is_https| if is_https { "https" } else { "http" };
        // Each has its own port.
        if http.is_https != request.is_https() {
            is_for(scheme(http.is_https), scheme(request.is_https()));
        } else if !http.ports.covers(request.destination().port()) {
            let asked = request.destination().port().to_string();
            is_for(&format!("port {}", http.ports), &asked);
        }
        if !http.covers_path(Effect::Allow, request.path()) {
            let beneath = if http.more { "what begins with " } else { "" };
            is_for(&format!("{beneath}{}", http.path), request.path());
        }
        misses.extend(self.host_miss(rule, &http.host, request, to));
        match misses.len() {
            1 => misses.pop(),
            _ => None,
        }
    }

    fn host_miss(
        &self,
        rule: &Rule,
        host: &HttpHost,
        request: &Request,
        to: Option<IpAddr>,
    ) -> Option<String> {
        let facts = &self.facts;
        match (host, request.name(), to) {
            (HttpHost::Named { name: granted, .. }, Some(name), _) => {
                (!granted.covers(name)).then(|| other_name(rule, granted, name))
            }
            (HttpHost::Named { name, .. }, None, _) => Some(format!(
                "the rule `{rule}` is for requests that name {name}, not its address"
            )),
            (HttpHost::Address(host), None, Some(ip)) => {
                let is_it = host.covers(Effect::Allow, ip, Some(facts));
                (!is_it).then(|| {
                    floor(rule, *host, ip, Some(facts)).unwrap_or_else(|| {
                        format!("the rule `{rule}` is for {host}, not {}", host_text(ip))
                    })
                })
            }
            (HttpHost::Address(Host::Any | Host::Class(Class::Public)), _, _) => None,
            (HttpHost::Address(_), name, _) => {
                let name = name.unwrap_or_default();
                (!self.tells(name)).then(|| {
                    format!("the rule `{rule}` is for addresses, and none lets {name} be looked up")
                })
            }
        }
    }
}

fn is_of_addresses(rule: &Rule) -> bool {
    matches!(rule.http(), Some(http) if matches!(http.host, HttpHost::Address(_)))
}
