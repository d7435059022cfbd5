//! What a guest hands over, bounded before anything is copied or grows with it:
//! what bindgen lifts is copied whole, and more than the hostcall fuel traps.

#![allow(
    unsafe_code,
    reason = "each is what is said of a type of wasmtime's, whose ABI it has"
)]

use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};
use wasmtime::component::{ComponentType, Lift, WasmList};
use wasmtime::{AsContextMut, StoreContextMut, ValRaw};

use crate::Errno;
use crate::error::SocketError;

/// How many bytes one call takes of a stream, and how long a message may be. The
/// kernel takes no more: a message has to fit into `SO_SNDBUF`, whose limit it is.
const MOST: u32 = 4 << 20;

/// How many buffers one call takes: `IOV_MAX`, readv(2).
const BUFFERS: u32 = 1024;

/// The longest list of anything else.
const ITEMS: u32 = 1024;

/// The longest text, in bytes or code units: longer than any name.
const TEXT: u32 = 4 << 10;

/// What is set in a length to say that it counts units of UTF-16.
const UTF16: u32 = 1 << 31;

/// Bytes, of which there may be more.
pub(super) struct Bytes {
    pub(super) list: WasmList<u8>,
    pub(super) is_cut: bool,
}

/// Buffers of bytes.
pub(super) enum Buffers {
    Few(WasmList<Bytes>),
    TooMany,
}

/// A list of which nothing is lifted where it is longer than any that makes sense.
pub(super) enum List<T> {
    Few(Vec<T>),
    TooMany,
}

/// Text that is to be a name. What is too long to be any comes as one that no
/// host, machine, service or protocol has, and that is no name of a host either.
pub(super) struct Text(pub(super) String);

const NO_NAME: char = '\u{fffd}';
const NO_NAME_LENGTH: usize = 256;

impl Buffers {
    /// The buffers, as far as one call takes them, and whether there is more.
    ///
    /// # Errors
    /// [`Errno::MessageTooLarge`] for more buffers than a call takes, as in the
    /// kernel.
    pub(super) fn parts<T: 'static>(
        self,
        mut store: StoreContextMut<'_, T>,
    ) -> Result<(Vec<WasmList<u8>>, bool), SocketError> {
        let Self::Few(buffers) = self else {
            return Err(Errno::MessageTooLarge.into());
        };
        let (mut parts, mut length) = (Vec::new(), 0);
        for index in 0..buffers.len() {
            // Each is lifted by itself, so the hostcall fuel is for one.
            let Some(buffer) = buffers.get(store.as_context_mut(), index) else {
                break;
            };
            let Bytes { list, is_cut } = buffer?;
            length += list.len();
            let is_first = parts.is_empty();
            if length > MOST as usize && !is_first {
                return Ok((parts, true));
            }
            parts.push(list);
            if is_cut {
                return Ok((parts, true));
            }
        }
        Ok((parts, false))
    }
}

impl<T> List<T> {
    /// # Errors
    /// That there are too many.
    pub(super) fn few(self, error: Errno) -> Result<Vec<T>, Errno> {
        match self {
            Self::Few(items) => Ok(items),
            Self::TooMany => Err(error),
        }
    }
}

/// An address and a length, of a list or of text.
#[derive(Clone, Copy)]
struct Pair {
    start: u32,
    length: u32,
}

impl Pair {
    fn from_flat(flat: &[ValRaw; 2]) -> Self {
        let [start, length] = flat;
        Self {
            start: start.get_u32(),
            length: length.get_u32(),
        }
    }

    /// `None` where they are not as many bytes as the ABI says.
    fn from_memory(bytes: &[u8]) -> Option<Self> {
        let (start, length) = bytes.split_first_chunk()?;
        Some(Self {
            start: u32::from_le_bytes(*start),
            length: u32::from_le_bytes(length.try_into().ok()?),
        })
    }

    fn to_flat(self) -> [ValRaw; 2] {
        [ValRaw::u32(self.start), ValRaw::u32(self.length)]
    }

    /// What is left out is in the memory too, as is required of all of it.
    fn check(self, cx: &LiftContext<'_>) -> wasmtime::Result<()> {
        let end = u64::from(self.start) + u64::from(self.length);
        wasmtime::ensure!(
            end <= cx.memory().len() as u64,
            "list pointer/length out of bounds of memory"
        );
        Ok(())
    }
}

/// Lifts `$type` from a pair, by `$lift`, as what has the ABI of `$like`.
macro_rules! lifts {
    ($type:ty, like $like:ty, $lift:path $(, of $item:ident)?) => {
        // SAFETY: everything is that of the other type.
        unsafe impl$(<$item: Lift>)? ComponentType for $type {
            type Lower = <$like as ComponentType>::Lower;

            const ABI: CanonicalAbiInfo = <$like as ComponentType>::ABI;

            fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
                <$like as ComponentType>::typecheck(ty, types)
            }
        }

        // SAFETY: it is lifted as the other type is, of fewer elements or none.
        unsafe impl$(<$item: Lift>)? Lift for $type {
            fn linear_lift_from_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                flat: &Self::Lower,
            ) -> wasmtime::Result<Self> {
                $lift(cx, ty, Pair::from_flat(flat))
            }

            fn linear_lift_from_memory(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                bytes: &[u8],
            ) -> wasmtime::Result<Self> {
                match Pair::from_memory(bytes) {
                    Some(pair) => $lift(cx, ty, pair),
                    None => wasmtime::bail!("a list is a pointer and a length"),
                }
            }
        }
    };
}

lifts!(Bytes, like WasmList<u8>, lift_bytes);
lifts!(Buffers, like WasmList<Bytes>, lift_buffers);
lifts!(List<T>, like Vec<T>, lift_list, of T);
lifts!(Text, like String, lift_text);

fn lift_bytes(cx: &mut LiftContext<'_>, ty: InterfaceType, pair: Pair) -> wasmtime::Result<Bytes> {
    let is_cut = pair.length > MOST;
    if is_cut {
        pair.check(cx)?;
    }
    let start = Pair {
        length: pair.length.min(MOST),
        ..pair
    };
    let list = WasmList::linear_lift_from_flat(cx, ty, &start.to_flat())?;
    Ok(Bytes { list, is_cut })
}

fn lift_buffers(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    pair: Pair,
) -> wasmtime::Result<Buffers> {
    if pair.length > BUFFERS {
        return Ok(Buffers::TooMany);
    }
    WasmList::linear_lift_from_flat(cx, ty, &pair.to_flat()).map(Buffers::Few)
}

fn lift_list<T: Lift>(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    pair: Pair,
) -> wasmtime::Result<List<T>> {
    if pair.length > ITEMS {
        return Ok(List::TooMany);
    }
    Vec::linear_lift_from_flat(cx, ty, &pair.to_flat()).map(List::Few)
}

fn lift_text(cx: &mut LiftContext<'_>, ty: InterfaceType, pair: Pair) -> wasmtime::Result<Text> {
    if pair.length & !UTF16 > TEXT {
        return Ok(Text(NO_NAME.to_string().repeat(NO_NAME_LENGTH)));
    }
    String::linear_lift_from_flat(cx, ty, &pair.to_flat()).map(Text)
}
