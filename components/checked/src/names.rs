//! Look-ups of names.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec;

use capsock_policy::wasi::numeric_host;
use capsock_policy::{Denial, Errno, Limits, is_name};

use crate::bindings::wasi::clocks0_2_12::monotonic_clock;
use crate::bindings::wasi::io::poll::Pollable;
use crate::bindings::wasi::sockets0_2_12::ip_name_lookup::ResolveAddressStream;
use crate::grants::CheckedName;
use crate::{ErrorCode, grants, outer};

/// How many answers are looked at; of those the guest is told what it may be.
const ANSWERS: usize = Limits::DEFAULT.answers as usize;

/// The addresses of `localhost`, in the order of RFC 6724, as the C library has them.
const LOCALHOST: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
];

/// A look-up, and its answers one by one.
#[derive(Debug)]
pub struct Lookup {
    /// `None` for an address as text, about which no rule is.
    name: Option<CheckedName>,
    source: Source,
    /// How many answers there were.
    answers: Cell<usize>,
    /// Whether the guest was told one.
    told: Cell<bool>,
    refused: RefCell<Option<Denial>>,
}

/// A name that somebody looks up.
pub(crate) enum Question {
    /// Nobody is asked.
    Answered(Lookup),
    /// The host is.
    Host(CheckedName),
}

#[derive(Debug)]
enum Source {
    /// All answers are there.
    Known(RefCell<vec::IntoIter<IpAddr>>),
    Host(ResolveAddressStream),
}

impl Lookup {
    /// Looks a name up that the rules let the guest look up; an address as text is
    /// itself, which may stand in brackets as in a URL. `localhost` is 127.0.0.1
    /// and ::1, and nobody is asked about it.
    ///
    /// # Errors
    /// `invalid-argument` for what is neither an address nor a name,
    /// `access-denied` where the rules do not allow it, the host's.
    pub fn of(name: &str) -> Result<Self, ErrorCode> {
        match Question::of(name)? {
            Question::Answered(lookup) => Ok(lookup),
            Question::Host(name) => {
                let source = Source::Host(outer::resolve(&name)?);
                Ok(Self::new(Some(name), source))
            }
        }
    }

    /// A look-up that the host has answered.
    #[cfg(feature = "p3")]
    pub(crate) fn answered(name: CheckedName, answers: Vec<IpAddr>) -> Self {
        let answers = answers.iter().map(IpAddr::to_canonical).collect();
        Self::new(Some(name), Source::known(answers))
    }

    fn new(name: Option<CheckedName>, source: Source) -> Self {
        Self {
            name,
            source,
            answers: Cell::new(0),
            told: Cell::new(false),
            refused: RefCell::new(None),
        }
    }

    /// The next answer that the guest may be told, or none.
    ///
    /// # Errors
    /// `access-denied` where the rules allow none of those that there were; the
    /// host's.
    pub fn next_address(&self) -> Result<Option<IpAddr>, ErrorCode> {
        while self.answers.get() < ANSWERS {
            let Some(answer) = self.source.next_address()? else {
                break;
            };
            self.answers.set(self.answers.get() + 1);
            let admitted = match &self.name {
                Some(name) => grants::admit_answer(name, answer),
                None => Ok(()),
            };
            match admitted {
                Ok(()) => {
                    self.told.set(true);
                    return Ok(Some(answer));
                }
                Err(denial) => *self.refused.borrow_mut() = Some(denial),
            }
        }
        match self.refused.take() {
            Some(denial) if !self.told.get() => {
                grants::deny(&denial);
                Err(ErrorCode::AccessDenied)
            }
            _ => Ok(None),
        }
    }

    /// Every address that the host may take for a name, those too that the guest may not
    /// be told: what it finds by the text that it has.
    ///
    /// # Errors
    /// `name-unresolvable` where there are too many to check; the host's.
    #[cfg(feature = "http")]
    pub(crate) fn all(name: &CheckedName) -> Result<Vec<IpAddr>, ErrorCode> {
        const MOST: usize = 1024;
        let source = Source::Host(outer::resolve_text(name)?);
        let mut answers = match name.is_localhost() {
            true => LOCALHOST.to_vec(),
            false => Vec::new(),
        };
        while answers.len() < MOST {
            match source.next_address() {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => return Ok(answers),
                Err(ErrorCode::WouldBlock) => source.subscribe().block(),
                Err(error) => return Err(error),
            }
        }
        Err(ErrorCode::NameUnresolvable)
    }

    /// Is ready when there is an answer.
    pub fn subscribe(&self) -> Pollable {
        self.source.subscribe()
    }
}

impl Question {
    /// # Errors
    /// As [`Lookup::of`], without the host's.
    pub(crate) fn of(name: &str) -> Result<Self, ErrorCode> {
        let answered = |name, answers| Self::Answered(Lookup::new(name, Source::known(answers)));
        if let Some(ip) = numeric_host(name) {
            return Ok(answered(None, vec![ip.to_canonical()]));
        }
        if !is_name(name) {
            return Err(ErrorCode::InvalidArgument);
        }
        let name = grants::vet_name(name).map_err(|errno| match errno {
            Errno::AccessDenied => ErrorCode::AccessDenied,
            _ => ErrorCode::NameUnresolvable,
        })?;
        if !name.is_localhost() {
            return Ok(Self::Host(name));
        }
        Ok(answered(Some(name), LOCALHOST.to_vec()))
    }
}

impl Source {
    fn known(answers: Vec<IpAddr>) -> Self {
        Self::Known(RefCell::new(answers.into_iter()))
    }

    fn subscribe(&self) -> Pollable {
        match self {
            Self::Known(_) => monotonic_clock::subscribe_duration(0),
            Self::Host(stream) => stream.subscribe(),
        }
    }

    fn next_address(&self) -> Result<Option<IpAddr>, ErrorCode> {
        match self {
            Self::Known(answers) => Ok(answers.borrow_mut().next()),
            Self::Host(stream) => {
                let answer = stream.resolve_next_address()?;
                Ok(answer.map(|answer| IpAddr::from(answer).to_canonical()))
            }
        }
    }
}
