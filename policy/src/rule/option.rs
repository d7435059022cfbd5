//! Options and what they are set to, as rules name them.

use std::fmt;

use crate::PacketAddress;
use crate::facts::Facts;
use crate::text::escape;

/// The grants that options need: what a rule of the operation `option` names.
pub const OPTION_GRANTS: &[&str] = &[
    "ip-freebind",
    "ip-hdrincl",
    "ip-transparent",
    "msg-fastopen",
    "raw",
    "so-bindtodevice",
    "so-mark",
    // No option of a socket, but like one: it has a name and a value.
    "sethostname",
];

/// The longest name of a machine, in bytes: sethostname(2).
const HOST_NAME: usize = 64;

/// What an option is set to: each value has one form, and one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OptionValue {
    Flag(bool),
    Number(i32),
    /// The level and the name of an option by its number.
    Raw(u16, u16),
    /// A network interface by a name of it; none where it is empty.
    Interface(String),
    HostName(String),
}

impl OptionValue {
    /// The value that a text is, for an option.
    ///
    /// # Errors
    /// How it would be written.
    pub(crate) fn of(option: &str, text: &str) -> Result<Self, &'static str> {
        match option {
            "raw" => {
                let number = |text: &str| {
                    let number = text.parse::<u16>().ok();
                    number.filter(|number| number.to_string() == text)
                };
                let parts = text.split_once('/');
                let numbers = parts.and_then(|(level, name)| Some((number(level)?, number(name)?)));
                let (level, name) =
                    numbers.ok_or("expected `raw=LEVEL/NAME` in decimal, such as `raw=6/11`")?;
                Ok(Self::Raw(level, name))
            }
            "so-mark" => {
                let number = text.parse::<i32>().ok();
                let number = number.filter(|number| number.to_string() == text);
                number
                    .map(Self::Number)
                    .ok_or("expected a mark in decimal, such as `so-mark=7`")
            }
            "so-bindtodevice" => (text.len() <= PacketAddress::LONGEST_INTERFACE)
                .then(|| Self::Interface(text.to_owned()))
                .ok_or("the name of an interface has at most 15 bytes"),
            "sethostname" => (text.len() <= HOST_NAME)
                .then(|| Self::HostName(text.to_owned()))
                .ok_or("the name of a machine has at most 64 bytes"),
            _ => match text {
                "0" => Ok(Self::Flag(false)),
                "1" => Ok(Self::Flag(true)),
                _ => Err("expected `1`, to switch it on, or `0`"),
            },
        }
    }

    /// As the guest says it: what [`OptionValue::of`] takes.
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Interface(name) | Self::HostName(name) => name.clone(),
            other => other.to_string(),
        }
    }

    /// Whether two values do the same.
    pub(super) fn is(&self, other: &Self, facts: &Facts) -> bool {
        match (self, other) {
            (Self::Interface(one), Self::Interface(other))
                if !one.is_empty() && !other.is_empty() =>
            {
                facts.is_same_interface(one, other)
            }
            (one, other) => one == other,
        }
    }
}

/// As it stands in a rule.
impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(on) => write!(f, "{}", u8::from(*on)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Raw(level, name) => write!(f, "{level}/{name}"),
            Self::Interface(name) | Self::HostName(name) => f.write_str(&escape(name.as_bytes())),
        }
    }
}
