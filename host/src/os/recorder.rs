//! Sees each address that goes to the kernel, in the builds that compare them
//! with what was granted; in others it is nothing.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use recording::record;

use rustix::net::SocketAddrAny;

use crate::Errno;

/// The calls that take an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Bind,
    Connect,
    Send,
}

/// Sees an address off to the kernel.
///
/// # Errors
/// While addresses are recorded, [`Errno::NetworkUnreachable`] for one that is
/// not this machine's: the attempt counts, and no packet leaves.
pub(super) fn pass(call: Call, address: &SocketAddrAny) -> Result<(), Errno> {
    #[cfg(any(test, feature = "fuzzing"))]
    recording::pass(call, address)?;
    #[cfg(not(any(test, feature = "fuzzing")))]
    let _ = (call, address);
    Ok(())
}

#[cfg(any(test, feature = "fuzzing"))]
mod recording {
    use std::cell::RefCell;

    use rustix::net::SocketAddrAny;

    use super::Call;
    use crate::os::sockaddr::decode;
    use crate::{Address, Errno};

    thread_local! {
        static SEEN: RefCell<Option<Vec<(Call, Address)>>> = const { RefCell::new(None) };
    }

    /// Does `work`, and returns what it gave to the kernel on this thread.
    pub(crate) async fn record<T>(work: impl Future<Output = T>) -> (T, Vec<(Call, Address)>) {
        SEEN.set(Some(Vec::new()));
        let result = work.await;
        (result, SEEN.take().unwrap_or_default())
    }

    pub(super) fn pass(call: Call, address: &SocketAddrAny) -> Result<(), Errno> {
        SEEN.with_borrow_mut(|seen| {
            let Some(seen) = seen else { return Ok(()) };
            // What the kernel would read, not what it was made of.
            let address = decode(address.clone())?;
            let here = address
                .ip()
                .is_none_or(|ip| ip.to_canonical().is_loopback());
            seen.push((call, address));
            if here || call == Call::Bind {
                Ok(())
            } else {
                Err(Errno::NetworkUnreachable)
            }
        })
    }
}
