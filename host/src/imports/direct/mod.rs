//! Calls that are linked by hand, in place of what bindgen generates: it copies
//! data on its way, and what a guest hands over before anybody has looked at how
//! much it is.

mod lift;
mod lower;
mod names;

use std::io::IoSlice;

use wasmtime::component::{Linker, Resource, WasmList};
use wasmtime::{AsContext, AsContextMut, StoreContextMut};

use crate::Errno;
use crate::bindings::messages::{PassedDescriptor, SentControl};
use crate::bindings::socket::{ReceiveFlags, SendFlags};
use crate::bindings::types::{Address, ErrorCode};
use crate::ctx::{CapsockCtxView, CapsockView};
use crate::error::SocketError;
use crate::socket::{Data, Passed, Sending, SendingMessage, Socket};

use lift::{Buffers, Bytes, List};
use lower::Outcome;

pub(crate) use names::{add_names_p2, add_names_p3};

/// Replaces what bindgen has linked.
pub(crate) fn add_to_linker<T: CapsockView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let linked = add_socket(linker)
        .and_then(|()| add_messages(linker))
        .and_then(|()| names::add_names(linker))
        .and_then(|()| names::add_texts(linker));
    linker.allow_shadowing(false);
    linked
}

fn add_socket<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut socket = linker.instance("capsock:sockets/socket@0.1.0")?;
    socket.func_wrap_async(
        "[method]socket.recv",
        |mut store: StoreContextMut<'_, T>,
         (this, length, flags): (Resource<Socket>, u32, ReceiveFlags)| {
            Box::new(async move {
                let view = &mut store.data_mut().capsock();
                receive(view, this, length, flags).await
            })
        },
    )?;
    socket.func_wrap_async(
        "[method]socket.send",
        |mut store: StoreContextMut<'_, T>,
         (this, data, flags): (Resource<Socket>, Bytes, SendFlags)| {
            Box::new(async move {
                let sent = async {
                    let sending = sending(&mut store, &this, flags)?;
                    let parts = [IoSlice::new(data.list.as_le_slice(store.as_context()))];
                    Ok(sending.send(Data::new(&parts, data.is_cut)).await?)
                };
                told(sent.await)
            })
        },
    )?;
    socket.func_wrap_async(
        "[method]socket.send-to",
        |mut store: StoreContextMut<'_, T>,
         (this, data, flags, remote): (Resource<Socket>, Bytes, SendFlags, Address)| {
            Box::new(async move {
                let (list, is_cut) = ([data.list], data.is_cut);
                let message = Message {
                    remote: Some(remote),
                    ..Message::new(this, flags)
                };
                told(send(&mut store, message, &list, is_cut).await)
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

fn add_messages<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut messages = linker.instance("capsock:sockets/messages@0.1.0")?;
    messages.func_wrap_async(
        "send",
        |mut store: StoreContextMut<'_, T>,
         (this, data, control, descriptors, flags, remote): SendArguments| {
            Box::new(async move {
                let sent = async {
                    let message = Message {
                        control: control.few(Errno::NoBufferSpace)?,
                        descriptors: descriptors.few(Errno::InvalidArgument)?,
                        remote,
                        ..Message::new(this, flags)
                    };
                    let (parts, is_cut) = data.parts(store.as_context_mut())?;
                    send(&mut store, message, &parts, is_cut).await
                };
                told(sent.await)
            })
        },
    )
}

/// What `messages.send` takes.
type SendArguments = (
    Resource<Socket>,
    Buffers,
    List<SentControl>,
    List<PassedDescriptor>,
    SendFlags,
    Option<Address>,
);

async fn receive(
    view: &mut CapsockCtxView<'_>,
    this: Resource<Socket>,
    length: u32,
    flags: ReceiveFlags,
) -> wasmtime::Result<(Outcome,)> {
    let socket = view.table.get(&this)?;
    let received = socket.receive_direct(view.ctx, length, flags.into());
    Ok((Outcome(received.await),))
}

fn sending<T: CapsockView>(
    store: &mut StoreContextMut<'_, T>,
    this: &Resource<Socket>,
    flags: SendFlags,
) -> Result<Sending, SocketError> {
    let view = store.data_mut().capsock();
    Ok(view.table.get(this)?.sending(view.ctx, flags.into())?)
}

/// What `sendmsg(2)` is told, but for the data.
pub(super) struct Message {
    pub(super) socket: Resource<Socket>,
    pub(super) control: Vec<SentControl>,
    pub(super) descriptors: Vec<PassedDescriptor>,
    pub(super) flags: SendFlags,
    pub(super) remote: Option<Address>,
}

impl Message {
    fn new(socket: Resource<Socket>, flags: SendFlags) -> Self {
        Self {
            socket,
            control: Vec::new(),
            descriptors: Vec::new(),
            flags,
            remote: None,
        }
    }

    /// Whether it may be sent from the guest's memory: not where more goes with it
    /// that the guest has, or a connect.
    fn sends_later(&self, view: &CapsockCtxView<'_>) -> Result<bool, SocketError> {
        let remote = self.remote.clone().map(Into::into);
        let socket = view.table.get(&self.socket)?;
        Ok(socket.sends_later(self.descriptors.len(), self.flags.into(), remote.as_ref()))
    }

    fn sending(self, view: &CapsockCtxView<'_>) -> Result<SendingMessage, SocketError> {
        let socket = view.table.get(&self.socket)?;
        let control = self.control.into_iter().map(Into::into).collect();
        let remote = self.remote.map(Into::into);
        Ok(socket.sending_message(view.ctx, control, self.flags.into(), remote)?)
    }

    pub(super) async fn send(
        self,
        view: &mut CapsockCtxView<'_>,
        data: Data<'_>,
    ) -> Result<u32, SocketError> {
        let socket = view.table.get(&self.socket)?;
        let control = self.control.into_iter().map(Into::into).collect();
        let passed = self.descriptors.iter().map(|passed| {
            Ok(match passed {
                PassedDescriptor::Socket(socket) => Passed::Socket(view.table.get(socket)?),
                PassedDescriptor::File(file) => Passed::File(view.table.get(file)?),
            })
        });
        let passed: Vec<_> = passed.collect::<Result<_, SocketError>>()?;
        let (how, remote) = (self.flags.into(), self.remote.map(Into::into));
        let sent = socket.send_message(view.ctx, data, control, &passed, how, remote);
        Ok(sent.await?)
    }
}

/// `sendmsg(2)` of what is in the guest's memory.
async fn send<T: CapsockView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    message: Message,
    lists: &[WasmList<u8>],
    is_cut: bool,
) -> Result<u32, SocketError> {
    if message.sends_later(&store.data_mut().capsock())? {
        let sending = message.sending(&store.data_mut().capsock())?;
        let parts = in_place(store, lists);
        return Ok(sending.send(Data::new(&parts, is_cut)).await?);
    }
    let copies: Vec<Vec<u8>> = in_place(store, lists)
        .iter()
        .map(|part| part.to_vec())
        .collect();
    let parts: Vec<IoSlice<'_>> = copies.iter().map(|part| IoSlice::new(part)).collect();
    let view = &mut store.data_mut().capsock();
    message.send(view, Data::new(&parts, is_cut)).await
}

fn in_place<'a, T: 'static>(
    store: &'a StoreContextMut<'_, T>,
    lists: &[WasmList<u8>],
) -> Vec<IoSlice<'a>> {
    lists
        .iter()
        .map(|list| IoSlice::new(list.as_le_slice(store.as_context())))
        .collect()
}

/// As the guest has it.
fn told<R>(result: Result<R, SocketError>) -> wasmtime::Result<(Result<R, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(SocketError::Code(errno)) => Ok((Err(errno.into()),)),
        Err(SocketError::Trap(error)) => Err(error),
    }
}
