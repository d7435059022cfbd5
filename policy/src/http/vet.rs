//! The checks of requests.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};

use super::{Host, Request, canonical};
use crate::denial::{Cause, Denial};
use crate::operation::Connect;
use crate::policy::{Policy, subjects};
use crate::rule::{Effect, Op, Rule};
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

    /// The name to be looked up, for this request alone; `None` where the host is an
    /// address.
    pub fn name(&self) -> Option<&VettedName> {
        self.name.as_ref()
    }
}

impl Policy {
    /// Checks a request before anything is done for it. Of a request to a name it says
    /// whether some address of the name could be one to send it to; then each address
    /// that the name has is for [`vet_destination`](Self::vet_destination).
    ///
    /// A rule for `http` allows it, or one to `connect` to its host and port over TCP. A
    /// rule for addresses, but for `*` and `public`, is one for a name only where the
    /// program may look that name up: to look up any name tells whoever has it.
    ///
    /// ```
    /// use capsock_policy::http::Request;
    /// use capsock_policy::{Op, Policy};
    ///
    /// let policy = Policy::default().allow(Op::Http, "GET https://api.example.com/v1/*")?;
    /// let request = Request::of("GET", "https", "api.example.com", "/v1/status")?;
    /// let vetted = policy.vet_request(&request).expect("the rule allows it");
    /// let name = vetted.name().expect("its host is a name");
    /// assert_eq!(name.as_str(), "api.example.com");
    /// // What the name has resolved to.
    /// assert!(policy.vet_destination(&vetted, "9.9.9.9".parse()?).is_ok());
    /// assert!(policy.vet_destination(&vetted, "127.0.0.1".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Refusal::Denied`] where a rule forbids it, or none could allow it whatever address
    /// the host's name has; [`Refusal::Invalid`] for an address that is no peer.
    pub fn vet_request(&self, request: &Request) -> Result<VettedRequest, Refusal> {
        self.requesting(request, None)?;
        Ok(VettedRequest {
            request: request.clone(),
            name: request.name().map(|name| VettedName(name.to_owned())),
        })
    }

    /// Checks an address for a request: the one that its host is, or one that its name has
    /// resolved to. It is the address to connect to.
    ///
    /// # Errors
    /// [`Refusal::Denied`] where the rules do not allow the request there, and
    /// [`Refusal::Invalid`] for an address that is no peer, and for another one than the
    /// host that is an address.
    pub fn vet_destination(
        &self,
        request: &VettedRequest,
        ip: IpAddr,
    ) -> Result<Vetted<Connect>, Refusal> {
        let request = &request.request;
        self.requesting(request, Some(ip))?;
        Ok(Vetted {
            address: SocketAddr::new(ip, request.destination().port()).into(),
            unix: None,
            operation: PhantomData,
        })
    }

    /// The rules that allow it, or without an address may do so.
    pub(crate) fn requesting(
        &self,
        request: &Request,
        ip: Option<IpAddr>,
    ) -> Result<Grants<'_>, Refusal> {
        let ip = match (request.destination().host(), ip) {
            (Host::Name(_), ip) => ip,
            (Host::Ip(host), Some(ip)) if canonical(*host) != canonical(ip) => {
                let reason = "it goes to the address that its host is, and to no other";
                let invalid = Invalid::of_text(Op::Http, &request.to_string(), reason);
                return Err(Refusal::Invalid(invalid));
            }
            (Host::Ip(host), _) => Some(*host),
        };
        let grants = match ip {
            Some(ip) => self.sending(request, ip)?,
            None => [Some(self.asking(request).map_err(Refusal::Denied)?), None],
        };
        for limit in &self.limits {
            let verdict = limit.requesting(request, ip);
            verdict.map_err(|refusal| refusal.limited_by(limit.limited_by))?;
        }
        Ok(grants)
    }

    /// The first of the grants that may allow it, by what its host is called.
    fn asking(&self, request: &Request) -> Result<&Rule, Denial> {
        self.not_forbidden(request)?;
        let grant = self.grants_by_name(request).next();
        grant.ok_or_else(|| Denial::of_request(request, Cause::NoRule))
    }

    /// Whether no denial is of it wherever its name leads.
    fn not_forbidden(&self, request: &Request) -> Result<(), Denial> {
        let mut denials = self.rules_of(Effect::Deny);
        match denials.find(|rule| rule.forbids_wherever(request)) {
            Some(rule) => Err(Denial::of_request(request, Cause::Rule(rule.clone()))),
            None => Ok(()),
        }
    }

    /// The grants that may allow a request to a name.
    pub(crate) fn grants_by_name(&self, request: &Request) -> impl Iterator<Item = &Rule> {
        let is_told = request.name().is_some_and(|name| self.tells(name));
        self.rules_of(Effect::Allow)
            .filter(move |rule| rule.may_allow(request, is_told))
    }

    /// Whether a grant lets the guest look a name up by itself.
    pub(crate) fn tells(&self, name: &str) -> bool {
        name == "localhost"
            || self
                .rules_of(Effect::Allow)
                .any(|rule| rule.covers_name(name))
    }

    fn sending(&self, request: &Request, ip: IpAddr) -> Result<Grants<'_>, Refusal> {
        let address = Address::from(SocketAddr::new(ip, request.destination().port()));
        Invalid::check(Op::Connect, Protocol::Tcp, &address).map_err(Refusal::Invalid)?;
        self.not_forbidden(request).map_err(Refusal::Denied)?;
        let mut grants = [None; 2];
        for (grant, subject) in grants.iter_mut().zip(subjects(&address)) {
            let rule = self.sending_to(request, &subject);
            *grant = Some(rule.map_err(Refusal::Denied)?);
        }
        Ok(grants)
    }

    /// The rule that allows it at an address, or at the one within another.
    pub(crate) fn sending_to(&self, request: &Request, to: &Address) -> Result<&Rule, Denial> {
        let Some(ip) = to.canonical().map(|endpoint| endpoint.ip()) else {
            return Err(Denial::of_request(request, Cause::NoRule));
        };
        let is_met = |rule: &&Rule| rule.covers_request(request, ip, &self.facts);
        let denial = self
            .denied_by(Op::Connect.denied_by(), Protocol::Tcp, to)
            .or_else(|| self.rules_of(Effect::Deny).find(is_met));
        if let Some(rule) = denial {
            return Err(Denial::of_request(request, Cause::Rule(rule.clone())));
        }
        let grant = self.rules_of(Effect::Allow).find(is_met);
        grant
            .or_else(|| self.allowed_by(Op::Connect, Protocol::Tcp, to))
            .ok_or_else(|| Denial::of_request_to(request, ip, self.facts.class_of(ip)))
    }
}
