//! What is received, on its way from the kernel to the guest's memory.

#![allow(
    unsafe_code,
    reason = "it is what is said of a `result<list<u8>, error-code>`, whose ABI it has"
)]

use std::mem::MaybeUninit;

use wasmtime::ValRaw;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower};

use crate::Errno;
use crate::bindings::types::ErrorCode;
use crate::socket::Received;

/// The result of a receive, for a guest a `result<list<u8>, error-code>`: what is
/// still in the kernel is received when there is memory for it, and an error of
/// that is the guest's.
#[derive(Debug)]
pub(super) struct Outcome(pub(super) Result<Received, Errno>);

/// Bytes that are in the guest's memory.
#[derive(Clone, Copy)]
struct Placed {
    start: u32,
    length: u32,
}

type Bytes = Vec<u8>;
type Plain = Result<Bytes, ErrorCode>;

// SAFETY: everything is that of the plain type.
unsafe impl ComponentType for Outcome {
    type Lower = <Plain as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <Plain as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <Plain as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: it is lowered as the plain type is, once the bytes have their place.
unsafe impl Lower for Outcome {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        self.place(cx)?.linear_lower_to_flat(cx, ty, dst)
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        self.place(cx)?.linear_lower_to_memory(cx, ty, offset)
    }
}

// SAFETY: everything is that of `Vec<u8>`.
unsafe impl ComponentType for Placed {
    type Lower = <Bytes as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <Bytes as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <Bytes as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: each writes a pointer and a length, as those of `Vec<u8>` do, of
// memory that the guest has allocated for it.
unsafe impl Lower for Placed {
    fn linear_lower_to_flat<T>(
        &self,
        _cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        dst.write([self.start, self.length].map(|number| ValRaw::i64(number.into())));
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        *cx.get(offset) = self.start.to_le_bytes();
        *cx.get(offset + size_of::<u32>()) = self.length.to_le_bytes();
        Ok(())
    }
}

impl Outcome {
    fn place<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
    ) -> wasmtime::Result<Result<Placed, ErrorCode>> {
        Ok(match &self.0 {
            Ok(received) => place(received, cx)?.map_err(ErrorCode::from),
            Err(errno) => Err((*errno).into()),
        })
    }
}

/// Puts it into the guest's memory, where the guest wants it. Only the guest can
/// make this trap, by the memory that it gives.
fn place<T>(
    received: &Received,
    cx: &mut LowerContext<'_, T>,
) -> wasmtime::Result<Result<Placed, Errno>> {
    const ALIGN: u32 = 1;
    let room = received.room();
    let mut start = cx.realloc(0, 0, ALIGN, room)?;
    // It is inside of the memory: that is checked.
    let memory = &mut cx.as_slice_mut()[start..start + room];
    let length = match received.write_to(memory) {
        Ok(length) => length,
        Err(errno) => return Ok(Err(errno)),
    };
    if length < room {
        // Guests free a list by its length, and not all can make one shorter.
        let old = std::mem::replace(&mut start, cx.realloc(0, 0, ALIGN, length)?);
        cx.as_slice_mut().copy_within(old..old + length, start);
    }
    Ok(Ok(Placed {
        start: u32::try_from(start)?,
        length: u32::try_from(length)?,
    }))
}
