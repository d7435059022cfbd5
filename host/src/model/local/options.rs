//! Options that need a grant, by their names and by their numbers.

use std::os::fd::AsFd;

use super::rules::allows_option;
use super::{Kind, Sequence, Verdict};
use crate::options::{FlagOption, NumberOption, OptionNumber, TextOption};
use crate::os;
use crate::socket::RawValue;

/// How an option is set.
#[derive(Clone, Copy, Debug)]
enum Setting {
    Flag(FlagOption, bool),
    Number(NumberOption, i32),
    Text(TextOption, &'static str),
    Raw(i32, i32, i32),
}
use Setting::{Flag, Number, Raw, Text};

/// What grants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The name, or the name with the value.
    Either,
    /// The name with the value.
    Value,
    Nothing,
}

/// Options, and the name and the value that rules have for it.
const OPTIONS: [(Setting, &str, &str, By); 11] = [
    (
        Flag(FlagOption::FreeBind, true),
        "ip-freebind",
        "1",
        By::Either,
    ),
    (
        Flag(FlagOption::FreeBind, false),
        "ip-freebind",
        "0",
        By::Either,
    ),
    (
        Raw(libc::IPPROTO_IP, libc::IP_FREEBIND, 1),
        "ip-freebind",
        "1",
        By::Either,
    ),
    (Number(NumberOption::Mark, 7), "so-mark", "7", By::Either),
    (Number(NumberOption::Mark, 8), "so-mark", "8", By::Either),
    (
        Raw(libc::SOL_SOCKET, libc::SO_MARK, 7),
        "so-mark",
        "7",
        By::Either,
    ),
    (
        Text(TextOption::BindToDevice, "lo"),
        "so-bindtodevice",
        "lo",
        By::Either,
    ),
    (
        Text(TextOption::BindToDevice, ""),
        "so-bindtodevice",
        "",
        By::Either,
    ),
    // IP_RETOPTS
    (Raw(libc::IPPROTO_IP, 7, 1), "raw", "0/7", By::Either),
    // What SO_BINDTODEVICE does.
    (
        Raw(libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, 1),
        "raw",
        "1/62",
        By::Value,
    ),
    (
        Raw(libc::IPPROTO_IP, libc::IP_MULTICAST_IF, 0x0100_007f),
        "raw",
        "0/32",
        By::Nothing,
    ),
];

impl Setting {
    fn number(self) -> OptionNumber {
        match self {
            Flag(option, _) => option.number(),
            Number(option, _) => option.number(),
            Text(option, _) => option.number(),
            Raw(level, name, _) => OptionNumber { level, name },
        }
    }
}

impl Sequence<'_> {
    pub(super) fn set_option(&mut self, index: usize) -> Option<()> {
        let (setting, name, value, by) = self.choices.of(&OPTIONS)?;
        let socket = &self.slots[index].socket;
        if self.slots[index].kind != Kind::Udp {
            return Some(());
        }
        let is_allowed = by != By::Nothing
            && (self.rules.iter()).all(|rules| allows_option(rules, name, value, by == By::Value));
        let set_to = || {
            let fd = socket.open().expect("it is open");
            os::get_bytes(fd.as_fd(), setting.number(), 16)
        };
        let before = set_to();
        let result = match setting {
            Flag(option, value) => socket.set_flag(&self.ctx, option, value),
            Number(option, value) => socket.set_number(&self.ctx, option, value),
            Text(option, value) => socket.set_text(&self.ctx, option, value),
            Raw(_, _, value) => {
                let value = RawValue::Bytes(value.to_ne_bytes().to_vec());
                socket.set_raw(&self.ctx, setting.number(), &value)
            }
        };
        let what = format!("{setting:?} by {name}={value}");
        if !is_allowed {
            assert_eq!(set_to(), before, "{:#?}\n{what} is denied", self.rules);
        }
        let verdict = match is_allowed {
            true => Verdict::Allowed,
            false => Verdict::Denied,
        };
        self.compare(&what, (verdict, Some(index)), &result, &[]);
        Some(())
    }
}
