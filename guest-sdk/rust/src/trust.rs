//! Whom the host trusts to sign certificates, for TLS in this program.

use crate::bindings::trust as wit;

/// The certificates of the authorities that the host trusts, one after the other in
/// PEM. Empty where it trusts nobody, or does not tell; never a reason to trust all.
///
/// ```no_run
/// use capsock_guest::trust;
///
/// let pem = trust::certificates();
/// let count = pem.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"-----BEGIN"));
/// println!("the host trusts {} authorities", count.count());
/// ```
pub fn certificates() -> Vec<u8> {
    wit::certificates()
}
