//! The checks of requests.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};

use super::{Host, Request};
use crate::denial::{Cause, Denial};
use crate::operation::Connect;
use crate::policy::{Policy, subjects};
use crate::rule::{Effect, HttpTarget, Op, Rule};
use crate::vet::Grants;
use crate::{Address, Invalid, Protocol, Refusal, Vetted, VettedName};

/// A request that the policy may allow, by what is known of it before its host's name is
/// looked up.
///
/// Only [`Policy::vet_request`] makes one.
#[derive(Clone, Debug)]
pub struct VettedRequest {
    request: Request,
    name: Option<VettedName>,
}

impl VettedRequest {
    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The name to be looked up; `None` where the host is an address.
    pub fn name(&self) -> Option<&VettedName> {
        self.name.as_ref()
    }
}

impl Policy {
    /// Checks a request before anything is done for it: what a rule for `http` allows, or
    /// one for connections to its host and port. A look-up of the name is then for the
    /// request alone, and [`vet_destination`](Self::vet_destination) checks each address
    /// that it finds.
    ///
    /// # Errors
    /// [`Refusal::Denied`] where a rule forbids it, or none could allow it whatever address
    /// the host's name has; [`Refusal::Invalid`] for an address that is no peer.
    pub fn vet_request(&self, request: &Request) -> Result<VettedRequest, Refusal> {
        self.requesting(request)?;
        Ok(VettedRequest {
            name: request.name(),
            request: request.clone(),
        })
    }

    /// The rule that may allow it.
    pub(crate) fn requesting(&self, request: &Request) -> Result<Grants<'_>, Refusal> {
        let name = match (request.destination().host(), request.name()) {
            (Host::Ip(ip), _) => return self.sending(request, *ip),
            (Host::Name(_), Some(name)) => name,
            (Host::Name(name), None) => return Err(Refusal::Invalid(Invalid::of_name(name))),
        };
        let grant = self
            .asking(request, &name)
            .map_err(|cause| Refusal::Denied(Denial::of_request(request, cause)))?;
        for limit in &self.limits {
            let verdict = limit.requesting(request);
            verdict.map_err(|refusal| refusal.limited_by(limit.limited_by))?;
        }
        Ok([grant, None])
    }

    /// Checks an address for a request: the one that its host is, or one that its name has
    /// resolved to. It is the address to connect to.
    ///
    /// # Errors
    /// [`Refusal::Denied`] where the rules do not allow the request there, and
    /// [`Refusal::Invalid`] for an address that is no peer.
    pub fn vet_destination(
        &self,
        request: &VettedRequest,
        ip: IpAddr,
    ) -> Result<Vetted<Connect>, Refusal> {
        self.sending(&request.request, ip)?;
        Ok(Vetted {
            address: SocketAddr::new(ip, request.request.destination().port()).into(),
            unix: None,
            operation: PhantomData,
        })
    }

    /// The first of the grants that may allow it, by name.
    fn asking(&self, request: &Request, name: &VettedName) -> Result<Option<&Rule>, Cause> {
        let is_forbidden = |rule: &&Rule| match rule.op {
            Op::Http => rule.covers_named_request(request),
            Op::Resolve => rule.covers_name(name.as_str()),
            _ => false,
        };
        if let Some(rule) = self.rules_of(Effect::Deny).find(is_forbidden) {
            return Err(Cause::Rule(rule.clone()));
        }
        let may = |http: &HttpTarget| {
            http.covers_but_host(Effect::Allow, request) && http.may_be_host(name.as_str())
        };
        let grants = || self.rules_of(Effect::Allow);
        let is_http = |rule: &&Rule| rule.http().is_some_and(may);
        if let Some(rule) = grants().find(is_http) {
            return Ok(Some(rule));
        }
        if self.looking_up(name.as_str()).is_err() {
            return Err(Cause::NoRule);
        }
        let port = request.destination().port();
        let connects =
            |rule: &&Rule| rule.covers_named_request(request) || rule.may_connect_to(port);
        grants().find(connects).map(Some).ok_or(Cause::NoRule)
    }

    pub(crate) fn sending(&self, request: &Request, ip: IpAddr) -> Result<Grants<'_>, Refusal> {
        let endpoint = SocketAddr::new(ip, request.destination().port());
        let address = Address::from(endpoint);
        Invalid::check(Op::Connect, Protocol::Tcp, &address).map_err(Refusal::Invalid)?;
        let mut grants = [None; 2];
        for (grant, subject) in grants.iter_mut().zip(subjects(&address)) {
            *grant = self
                .sending_to(request, &subject)
                .map(Some)
                .map_err(Refusal::Denied)?;
        }
        for limit in &self.limits {
            let verdict = limit.sending(request, ip);
            verdict.map_err(|refusal| refusal.limited_by(limit.limited_by))?;
        }
        Ok(grants)
    }

    /// The rule that allows it.
    fn sending_to(&self, request: &Request, address: &Address) -> Result<&Rule, Denial> {
        let denied = |cause| Denial::of_request(request, cause);
        let Some(ip) = address.canonical().map(|endpoint| endpoint.ip()) else {
            return Err(denied(Cause::NoRule));
        };
        if let Some(rule) = self.denied_by(Op::Connect.denied_by(), Protocol::Tcp, address) {
            return Err(denied(Cause::Rule(rule.clone())));
        }
        let covers = |rule: &&Rule| rule.covers_request(request, ip, &self.facts);
        let mut denials = self.rules_of(Effect::Deny);
        if let Some(rule) = denials.find(|rule| rule.op == Op::Http && covers(rule)) {
            return Err(denied(Cause::Rule(rule.clone())));
        }
        let grants = || self.rules_of(Effect::Allow);
        if let Some(rule) = grants().find(covers) {
            return Ok(rule);
        }
        if let Some(rule) = self.allowed_by(Op::Connect, Protocol::Tcp, address) {
            return Ok(rule);
        }
        // One that would be enough in another class.
        Err(
            match grants().find(|rule| rule.covers_named_request(request)) {
                Some(rule) => Denial::of_request_to(rule, request, ip, self.facts.class_of(ip)),
                None => denied(Cause::NoRule),
            },
        )
    }
}
