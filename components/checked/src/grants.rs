//! The rules that are sealed in, and the one place where they are asked.

use std::cell::RefCell;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

#[cfg(feature = "http")]
use capsock_policy::http::{Request, VettedRequest};
use capsock_policy::operation::Operation;
use capsock_policy::{
    Address, AddressFamily, Authority, Denial, Errno, Invalid, LimitedBy, NameRefusal, NarrowError,
    Op, ParseRuleError, Policy, Protocol, Refusal, Rule, Told, VettedName, is_localhost, is_name,
};

use crate::bindings::capsock::firewall::policy::rules as sealed_rules;
use crate::machine::HostsMachine;
use crate::memo::Memo;

/// An address that the host may be handed for the operation `O`: the rules allow
/// it, or none are sealed in and the host alone decides.
#[derive(Debug)]
pub struct Checked<O> {
    address: SocketAddr,
    operation: PhantomData<O>,
}

impl<O> Checked<O> {
    /// The address that was checked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

struct Grants {
    /// The rules that are sealed in, if any are.
    sealed: Option<Vec<Rule>>,
    /// `None` where none are, and the guest has given nothing up.
    authority: RefCell<Option<Rc<Authority>>>,
    told: RefCell<Told>,
    vetted: RefCell<Memo<(Op, Protocol, SocketAddr)>>,
    admitted: RefCell<Memo<(Protocol, Option<SocketAddr>, SocketAddr)>>,
}

thread_local! {
    static GRANTS: Grants = Grants::sealed_in();
}

/// Before the guest has anything of the host's: what is asked of the host then, the
/// guest cannot have used up.
pub(crate) fn begin() {
    GRANTS.with(|_grants| ());
}

impl Grants {
    fn sealed_in() -> Self {
        let sealed = sealed_rules().map(|rules| {
            // One that cannot be read, which `capsock seal` never writes, leaves
            // nothing allowed.
            parsed(&rules).unwrap_or_else(|error| {
                say(&format!(
                    "the rules cannot be read, so nothing is allowed: {error}"
                ));
                Vec::new()
            })
        });
        let authority = sealed
            .clone()
            .map(|rules| Rc::new(Authority::new(policy(rules))));
        Self {
            sealed,
            authority: RefCell::new(authority),
            told: RefCell::default(),
            vetted: RefCell::default(),
            admitted: RefCell::default(),
        }
    }
}

fn parsed(rules: &[String]) -> Result<Vec<Rule>, ParseRuleError> {
    rules.iter().map(|rule| rule.parse()).collect()
}

fn policy(rules: Vec<Rule>) -> Policy {
    let machine = Arc::new(HostsMachine::learn());
    let policy = rules.into_iter().fold(Policy::default(), Policy::with);
    policy.on(machine)
}

/// Checks an address for an operation. `capsock_policy::Policy::vet` says how.
///
/// # Errors
/// [`Errno::InvalidArgument`] for what makes no sense, and
/// [`Errno::AccessDenied`] for what the rules do not allow; both are told.
pub fn vet<O: Operation>(protocol: Protocol, address: SocketAddr) -> Result<Checked<O>, Errno> {
    ask(protocol, address).map_err(|refusal| tell_refusal(&refusal))
}

/// As [`vet`], and tells nobody.
pub(crate) fn ask<O: Operation>(
    protocol: Protocol,
    address: SocketAddr,
) -> Result<Checked<O>, Refusal> {
    permit(O::OP, protocol, address)?;
    Ok(Checked {
        address,
        operation: PhantomData,
    })
}

fn permit(op: Op, protocol: Protocol, address: SocketAddr) -> Result<(), Refusal> {
    let Some(policy) = now() else {
        return Invalid::check(op, protocol, &address.into()).map_err(Refusal::Invalid);
    };
    let question = (op, protocol, address);
    GRANTS.with(|grants| {
        let mut vetted = grants.vetted.borrow_mut();
        if vetted.has(&question, &policy) {
            return Ok(());
        }
        vetted.ask(question, policy, |policy| {
            policy.permit(op, protocol, &address.into())
        })
    })
}

/// Tells of what was asked and not allowed.
pub(crate) fn tell_refusal(refusal: &Refusal) -> Errno {
    match refusal {
        Refusal::Invalid(invalid) => refuse(invalid),
        Refusal::Denied(denial) => deny(denial),
    }
}

/// Checks that an address makes sense for an operation, whatever is granted.
///
/// # Errors
/// [`Errno::InvalidArgument`], which is told.
pub fn check<O: Operation>(protocol: Protocol, address: SocketAddr) -> Result<(), Errno> {
    Invalid::check(O::OP, protocol, &address.into()).map_err(|invalid| refuse(&invalid))
}

/// Checks the bind that the kernel does by itself.
///
/// # Errors
/// [`Errno::AccessDenied`], which is told.
pub fn vet_implicit_bind(protocol: Protocol, family: AddressFamily) -> Result<(), Errno> {
    asked(|policy| policy.vet_implicit_bind(protocol, family))
}

/// Checks the peer of a connection that a listener accepted.
///
/// # Errors
/// [`Errno::AccessDenied`], which is told.
pub fn admit_peer(protocol: Protocol, local: SocketAddr, peer: SocketAddr) -> Result<(), Errno> {
    let (local, peer) = (Address::from(local), Address::from(peer));
    asked(|policy| policy.admit_peer(protocol, &local, &peer))
}

/// Checks the sender of a datagram.
///
/// # Errors
/// [`Errno::AccessDenied`], which is told.
pub fn admit_sender(
    protocol: Protocol,
    local: Option<SocketAddr>,
    sender: SocketAddr,
) -> Result<(), Errno> {
    let Some(policy) = now() else {
        return Ok(());
    };
    let question = (protocol, local, sender);
    let verdict = GRANTS.with(|grants| {
        let mut admitted = grants.admitted.borrow_mut();
        if admitted.has(&question, &policy) {
            return Ok(());
        }
        admitted.ask(question, policy, |policy| {
            let (local, sender) = (local.map(Address::from), Address::from(sender));
            policy.admit_sender(protocol, local.as_ref(), &sender)
        })
    });
    verdict.map_err(|denial| deny(&denial))
}

/// A name that may be looked up.
#[derive(Clone, Debug)]
pub struct CheckedName {
    name: Name,
    /// As the guest has it.
    text: String,
}

#[derive(Clone, Debug)]
enum Name {
    Vetted(VettedName),
    /// Nothing is sealed in. Without a dot at its end.
    Any(String),
}

impl CheckedName {
    /// The name, in its IDNA form where there are rules for it.
    pub fn as_str(&self) -> &str {
        match &self.name {
            Name::Vetted(name) => name.as_str(),
            Name::Any(name) => name,
        }
    }

    /// The name of a request that was checked, and how the guest has it.
    #[cfg(feature = "http")]
    pub(crate) fn of_request(request: &VettedRequest, text: &str) -> Option<Self> {
        Some(Self {
            name: Name::Vetted(request.name()?.clone()),
            text: text.to_owned(),
        })
    }

    /// As the host is asked about it: a name with a dot, be it the last one, is
    /// absolute; what a single label means is for the machine to say.
    pub(crate) fn to_question(&self) -> String {
        match self.text.contains('.') {
            true => format!("{}.", self.as_str()),
            false => self.as_str().to_owned(),
        }
    }

    /// As the guest has it, and the host would look it up by itself.
    #[cfg(feature = "http")]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nobody is asked about it, as far as the rules say that.
    pub(crate) fn is_localhost(&self) -> bool {
        matches!(&self.name, Name::Vetted(name) if is_localhost(name))
    }
}

/// Checks a request before anything is done for it; `None` where nothing is sealed in.
///
/// # Errors
/// [`Errno::InvalidArgument`] and [`Errno::AccessDenied`], which are told.
#[cfg(feature = "http")]
pub(crate) fn vet_request(request: &Request) -> Result<Option<VettedRequest>, Errno> {
    let vet = |policy: Arc<Policy>| policy.vet_request(request);
    now().map(vet).transpose().map_err(|it| tell_refusal(&it))
}

/// Checks an address of its host.
///
/// # Errors
/// As [`vet_request`].
#[cfg(feature = "http")]
pub(crate) fn vet_destination(request: &VettedRequest, ip: IpAddr) -> Result<(), Errno> {
    let vet = |policy: Arc<Policy>| policy.vet_destination(request, ip).map(drop);
    now().map_or(Ok(()), vet).map_err(|it| tell_refusal(&it))
}

/// Checks a name before it is looked up.
///
/// # Errors
/// [`Errno::InvalidArgument`] for what is no name, and [`Errno::AccessDenied`];
/// both are told.
pub fn vet_name(text: &str) -> Result<CheckedName, Errno> {
    let name = match now() {
        None if is_name(text) => Name::Any(text.strip_suffix('.').unwrap_or(text).to_owned()),
        None => return Err(Errno::InvalidArgument),
        Some(policy) => match policy.vet_name(text) {
            Ok(name) => Name::Vetted(name),
            Err(NameRefusal::Invalid(invalid)) => return Err(refuse(&invalid)),
            Err(NameRefusal::Denied(denial)) => return Err(deny(&denial)),
        },
    };
    let text = text.to_owned();
    Ok(CheckedName { name, text })
}

/// Checks an answer to a look-up before the guest is told it, and lets rules for
/// the name be about it.
///
/// # Errors
/// The denial. It is for the caller to tell, by [`deny`], where there is no other
/// answer.
pub fn admit_answer(name: &CheckedName, ip: IpAddr) -> Result<(), Denial> {
    let (Name::Vetted(name), Some(authority)) = (&name.name, authority()) else {
        return Ok(());
    };
    let policy = authority.policy();
    policy.admit_answer(name, ip)?;
    if policy.has_rules_for(name) {
        authority.pin(name, std::iter::once(ip));
    }
    Ok(())
}

/// Whether an operation on a target is allowed: `authority.may` of
/// `capsock:sockets`. Where nothing is sealed in, only the host knows.
///
/// # Errors
/// What is wrong with the question, in words.
pub fn may(operation: &str, target: &str) -> Result<bool, String> {
    match authority() {
        Some(authority) => authority.may(operation, target),
        None => Authority::new(Policy::default())
            .may(operation, target)
            .map(|_denied| true),
    }
}

/// The rules that are sealed in.
pub fn rules() -> Vec<String> {
    GRANTS.with(|grants| {
        let rules = grants.sealed.iter().flatten();
        rules.map(ToString::to_string).collect()
    })
}

/// Gives up, for good, what these rules do not allow.
///
/// # Errors
/// A rule that does not follow the grammar, or too many of them.
pub fn limit(rules: &[String]) -> Result<(), NarrowError> {
    let authority = match authority() {
        Some(authority) => authority,
        // All that the host allows, within them.
        None => Rc::new(Authority::new(policy(
            parsed(rules).map_err(NarrowError::Malformed)?,
        ))),
    };
    authority.limit(rules)?;
    GRANTS.with(|grants| grants.authority.replace(Some(authority)));
    Ok(())
}

fn authority() -> Option<Rc<Authority>> {
    GRANTS.with(|grants| grants.authority.borrow().clone())
}

fn now() -> Option<Arc<Policy>> {
    authority().map(|authority| authority.policy())
}

fn asked(vet: impl FnOnce(&Policy) -> Result<(), Denial>) -> Result<(), Errno> {
    match now() {
        Some(policy) => vet(&policy).map_err(|denial| deny(&denial)),
        None => Ok(()),
    }
}

/// Tells of a denial.
pub fn deny(denial: &Denial) -> Errno {
    tell(|grants| {
        let told = &mut grants.told.borrow_mut();
        match grants.sealed {
            Some(_) => told.denial(denial),
            None => told.denial(&denial.clone().limited_by(LimitedBy::Guest)),
        }
    });
    Errno::AccessDenied
}

/// Tells of what no rules could allow.
pub(crate) fn refuse(invalid: &Invalid) -> Errno {
    tell(|grants| grants.told.borrow_mut().invalid(invalid));
    invalid.errno()
}

fn tell(line: impl FnOnce(&Grants) -> Option<String>) {
    if let Some(line) = GRANTS.with(line) {
        say(&line);
    }
}

/// As the command line does. Who runs the component may have closed it, or have
/// none; then nobody is told, and what is denied stays so.
fn say(line: &str) {
    _ = writeln!(io::stderr(), "capsock seal: {line}");
}
