//! What comes over a Unix socket: `of=socket,file`.

use std::fmt;

use super::{Effect, Rule};

/// What kind of descriptor is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DescriptorKind {
    /// A socket.
    Socket,
    /// A regular file, for reading.
    File,
    /// A regular file, for all that it is open for.
    WritableFile,
    /// The end of a pipe that is read, or a FIFO.
    Pipe,
    /// Either end of a pipe.
    WritablePipe,
}

/// Some of the kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct DescriptorKinds(u8);

impl DescriptorKinds {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn insert(&mut self, kind: DescriptorKind) {
        self.0 |= 1 << kind as u8;
    }

    /// In the order of [`DescriptorKind::ALL`].
    pub(crate) fn iter(self) -> impl Iterator<Item = DescriptorKind> {
        let has = move |kind: &DescriptorKind| self.0 & 1 << *kind as u8 != 0;
        DescriptorKind::ALL.into_iter().filter(has)
    }
}

impl DescriptorKind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Socket,
        Self::File,
        Self::WritableFile,
        Self::Pipe,
        Self::WritablePipe,
    ];

    /// The word for it in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::File => "file",
            Self::WritableFile => "writable-file",
            Self::Pipe => "pipe",
            Self::WritablePipe => "writable-pipe",
        }
    }

    /// Whether who has this kind has the other one too.
    fn includes(self, other: Self) -> bool {
        self == other
            || matches!(
                (self, other),
                (Self::WritableFile, Self::File) | (Self::WritablePipe, Self::Pipe)
            )
    }

    /// What a target has after the address: nothing for sockets, which need no
    /// word.
    pub(crate) fn qualifier(self) -> String {
        match self {
            Self::Socket => String::new(),
            kind => format!(" of={kind}"),
        }
    }
}

impl fmt::Display for DescriptorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Rule {
    /// Whether it is about descriptors of a kind. To grant writing is to grant
    /// reading, and to deny reading is to deny writing.
    pub(crate) fn covers_kind(&self, kind: DescriptorKind) -> bool {
        match (self.effect, self.of.is_empty()) {
            (Effect::Allow, true) => kind == DescriptorKind::Socket,
            (Effect::Deny, true) => true,
            (Effect::Allow, false) => self.of.iter().any(|granted| granted.includes(kind)),
            (Effect::Deny, false) => self.of.iter().any(|denied| kind.includes(denied)),
        }
    }
}
