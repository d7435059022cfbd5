//! The calls of `capsock:sockets/socket` that carry most data, linked by hand:
//! what bindgen generates copies it on its way.

use std::mem::MaybeUninit;

use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Linker, Lower, Resource, WasmList};
use wasmtime::error::Context;
use wasmtime::{AsContext, StoreContextMut, ValRaw};

use crate::bindings::socket::{ReceiveFlags, SendFlags};
use crate::bindings::types::ErrorCode;
use crate::ctx::{CapsockCtxView, CapsockView};
use crate::error::SocketError;
use crate::socket::{Received, Sending, Socket};

/// Replaces what bindgen has linked.
pub(crate) fn add_to_linker<T: CapsockView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let linked = shadow(linker);
    linker.allow_shadowing(false);
    linked
}

fn shadow<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut socket = linker.instance("capsock:sockets/socket@0.1.0")?;
    socket.func_wrap_async(
        "[method]socket.recv",
        |mut store: StoreContextMut<'_, T>,
         (this, length, flags): (Resource<Socket>, u32, ReceiveFlags)| {
            Box::new(async move {
                let view = &mut store.data_mut().capsock();
                told(receive(view, this, length, flags).await)
            })
        },
    )?;
    socket.func_wrap_async(
        "[method]socket.send",
        |mut store: StoreContextMut<'_, T>,
         (this, data, flags): (Resource<Socket>, WasmList<u8>, SendFlags)| {
            Box::new(async move {
                let sent = async {
                    let sending = sending(&mut store, &this, flags)?;
                    Ok(sending.send(data.as_le_slice(store.as_context())).await?)
                };
                told(sent.await)
            })
        },
    )?;
    socket.func_wrap_async(
        "[method]socket.send-all",
        |mut store: StoreContextMut<'_, T>,
         (this, data, flags): (Resource<Socket>, WasmList<u8>, SendFlags)| {
            Box::new(async move {
                let sent = async {
                    let sending = sending(&mut store, &this, flags)?;
                    Ok(sending
                        .send_all(data.as_le_slice(store.as_context()))
                        .await?)
                };
                told(sent.await)
            })
        },
    )
}

async fn receive(
    view: &mut CapsockCtxView<'_>,
    this: Resource<Socket>,
    length: u32,
    flags: ReceiveFlags,
) -> Result<Received, SocketError> {
    let socket = view.table.get(&this)?;
    let received = socket.receive_direct(view.ctx, length, flags.into());
    Ok(received.await?)
}

fn sending<T: CapsockView>(
    store: &mut StoreContextMut<'_, T>,
    this: &Resource<Socket>,
    flags: SendFlags,
) -> Result<Sending, SocketError> {
    let view = store.data_mut().capsock();
    Ok(view.table.get(this)?.sending(view.ctx, flags.into())?)
}

/// As the guest has it.
fn told<R>(result: Result<R, SocketError>) -> wasmtime::Result<(Result<R, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(SocketError::Code(errno)) => Ok((Err(errno.into()),)),
        Err(SocketError::Trap(error)) => Err(error),
    }
}

/// The same bytes for a guest as a `Vec<u8>`, whose rest goes from the kernel to
/// the guest's memory.
#[allow(
    unsafe_code,
    reason = "it is what is said of a `Vec<u8>`, whose ABI it has"
)]
// SAFETY: everything is that of `Vec<u8>`.
unsafe impl ComponentType for Received {
    type Lower = <Vec<u8> as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <Vec<u8> as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <Vec<u8> as ComponentType>::typecheck(ty, types)
    }
}

#[allow(unsafe_code, reason = "the other half of the above")]
// SAFETY: each writes a pointer and a length, as those of `Vec<u8>` do, of
// memory that the guest has allocated for it.
unsafe impl Lower for Received {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        let (start, length) = place(self, cx)?;
        dst.write([start, length].map(|number| ValRaw::i64(number.into())));
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        let (start, length) = place(self, cx)?;
        *cx.get(offset) = start.to_le_bytes();
        *cx.get(offset + size_of::<u32>()) = length.to_le_bytes();
        Ok(())
    }
}

/// Puts it into the guest's memory, where the guest wants it: the address and
/// the length.
fn place<T>(received: &Received, cx: &mut LowerContext<'_, T>) -> wasmtime::Result<(u32, u32)> {
    const ALIGN: u32 = 1;
    let room = received.room();
    let mut start = cx.realloc(0, 0, ALIGN, room)?;
    // It is inside of the memory: that is checked.
    let memory = &mut cx.as_slice_mut()[start..start + room];
    let written = received.write_to(memory);
    // The kernel had it, and nobody else has the socket.
    let length = written.context("what was to be received is gone")?;
    if length < room {
        // Guests free a list by its length, and not all can make one shorter.
        let old = std::mem::replace(&mut start, cx.realloc(0, 0, ALIGN, length)?);
        cx.as_slice_mut().copy_within(old..old + length, start);
    }
    Ok((u32::try_from(start)?, u32::try_from(length)?))
}
