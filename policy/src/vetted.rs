//! What has passed the policy, and why something did not.

use std::marker::PhantomData;
use std::path::PathBuf;

use crate::address::{Address, UnixAddress};
use crate::denial::Denial;
use crate::invalid::Invalid;
use crate::rule::{Rule, Target, UnixPath};

/// An address that the policy allows for the operation `O`.
///
/// Only [`Policy::vet`](crate::Policy::vet) makes one, and every function that hands an address to
/// the kernel takes one: the address that was checked is the one that is used.
#[derive(Debug)]
pub struct Vetted<O> {
    pub(crate) address: Address,
    pub(crate) unix: Option<VettedPath>,
    pub(crate) operation: PhantomData<O>,
}

/// Where a Unix path is opened: the directory that the rule names, with the
/// user's authority, then `name` beneath it, with none.
#[derive(Debug)]
pub struct VettedPath {
    /// The directory.
    pub directory: PathBuf,
    /// What is beneath it.
    pub name: PathBuf,
}

/// A host name that the policy allows to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VettedName(pub(crate) String);

impl VettedName {
    /// The name in its IDNA form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why [`Policy::vet_name`](crate::Policy::vet_name) did not pass a name.
#[derive(Debug)]
pub enum NameRefusal {
    /// It is no host name.
    Invalid(Invalid),
    /// The rules do not allow it.
    Denied(Denial),
}

/// Why [`Policy::vet`](crate::Policy::vet) did not pass an address.
#[derive(Debug)]
pub enum Refusal {
    /// No policy could allow it: the address makes no sense for the operation.
    Invalid(Invalid),
    /// The rules do not allow it.
    Denied(Denial),
}

impl<O> Vetted<O> {
    /// The address that was checked.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where its Unix path is opened.
    pub fn unix_path(&self) -> Option<&VettedPath> {
        self.unix.as_ref()
    }
}

impl Rule {
    pub(crate) fn vetted_path(&self, address: &Address) -> Option<VettedPath> {
        let (
            Target::UnixPath(UnixPath { directory, .. }),
            Address::Unix(UnixAddress::Pathname(path)),
        ) = (&self.target, address)
        else {
            return None;
        };
        let name = path.strip_prefix(directory).ok()?.to_owned();
        Some(VettedPath {
            directory: directory.clone(),
            name,
        })
    }
}
