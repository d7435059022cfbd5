//! `capsock:sockets/socket`

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::bindings::socket::{
    Host, HostSocket, Interest, ReceiveFlags, SendFlags, ShutdownType, SocketStatus, Timeout,
};
use crate::bindings::types::{Address, AddressFamily, SocketType};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::os;
use crate::socket::{Readiness, Socket};

type Result<T> = std::result::Result<T, SocketError>;

impl Host for CapsockCtxView<'_> {
    fn unlink(&mut self, local: Address) -> Result<()> {
        Ok(Socket::unlink(self.ctx, local.into())?)
    }

    fn stat(&mut self, local: Address) -> Result<SocketStatus> {
        Ok(Socket::stat(self.ctx, local.into())?.into())
    }
}

impl From<os::SocketStatus> for SocketStatus {
    fn from(status: os::SocketStatus) -> Self {
        Self {
            inode: status.inode,
            device: status.device,
            mode: status.mode,
            owner: status.owner,
            group: status.group,
        }
    }
}

impl HostSocket for CapsockCtxView<'_> {
    fn create(
        &mut self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u32,
    ) -> Result<Resource<Socket>> {
        let socket = Socket::create(self.ctx, family.into(), kind.into(), protocol)?;
        Ok(self.table.push(socket)?)
    }

    fn create_pair(
        &mut self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u32,
    ) -> Result<(Resource<Socket>, Resource<Socket>)> {
        let (one, other) = Socket::create_pair(self.ctx, family.into(), kind.into(), protocol)?;
        let one = self.table.push(one)?;
        match self.table.push(other) {
            Ok(other) => Ok((one, other)),
            Err(full) => {
                self.table.delete(one)?;
                Err(full.into())
            }
        }
    }

    fn duplicate(&mut self, this: Resource<Socket>) -> Result<Resource<Socket>> {
        let socket = self.table.get(&this)?.duplicate(self.ctx)?;
        Ok(self.table.push(socket)?)
    }

    fn bind(&mut self, this: Resource<Socket>, local: Address) -> Result<()> {
        Ok(self.table.get_mut(&this)?.bind(self.ctx, local.into())?)
    }

    fn listen(&mut self, this: Resource<Socket>, backlog: u32) -> Result<()> {
        Ok(self.table.get_mut(&this)?.listen(self.ctx, backlog)?)
    }

    async fn accept(&mut self, this: Resource<Socket>) -> Result<(Resource<Socket>, Address)> {
        let (socket, peer) = self.table.get(&this)?.accept(self.ctx).await?;
        Ok((self.table.push(socket)?, peer.try_into()?))
    }

    async fn connect(&mut self, this: Resource<Socket>, remote: Address) -> Result<()> {
        Ok(self
            .table
            .get_mut(&this)?
            .connect(self.ctx, remote.into())
            .await?)
    }

    async fn recv(
        &mut self,
        this: Resource<Socket>,
        length: u32,
        flags: ReceiveFlags,
    ) -> Result<Vec<u8>> {
        let (data, _sender) = self
            .table
            .get(&this)?
            .receive(self.ctx, length, flags.into())
            .await?;
        Ok(data)
    }

    async fn recv_from(
        &mut self,
        this: Resource<Socket>,
        length: u32,
        flags: ReceiveFlags,
    ) -> Result<(Vec<u8>, Option<Address>)> {
        let (data, sender) = self
            .table
            .get(&this)?
            .receive(self.ctx, length, flags.into())
            .await?;
        Ok((data, sender.map(TryInto::try_into).transpose()?))
    }

    async fn send(
        &mut self,
        this: Resource<Socket>,
        data: Vec<u8>,
        flags: SendFlags,
    ) -> Result<u32> {
        Ok(self
            .table
            .get(&this)?
            .send(self.ctx, &data, flags.into())
            .await?)
    }

    async fn send_to(
        &mut self,
        this: Resource<Socket>,
        data: Vec<u8>,
        flags: SendFlags,
        remote: Address,
    ) -> Result<u32> {
        let socket = self.table.get(&this)?;
        Ok(socket
            .send_to(self.ctx, &data, flags.into(), remote.into())
            .await?)
    }

    async fn send_all(
        &mut self,
        this: Resource<Socket>,
        data: Vec<u8>,
        flags: SendFlags,
    ) -> Result<()> {
        Ok(self
            .table
            .get(&this)?
            .send_all(self.ctx, &data, flags.into())
            .await?)
    }

    fn shutdown(&mut self, this: Resource<Socket>, how: ShutdownType) -> Result<()> {
        Ok(self.table.get(&this)?.shutdown(how.into())?)
    }

    fn close(&mut self, this: Resource<Socket>) -> Result<()> {
        Ok(self.table.get_mut(&this)?.close()?)
    }

    fn local_address(&mut self, this: Resource<Socket>) -> Result<Address> {
        Ok(self.table.get(&this)?.local_address()?.try_into()?)
    }

    fn remote_address(&mut self, this: Resource<Socket>) -> Result<Address> {
        Ok(self.table.get(&this)?.remote_address()?.try_into()?)
    }

    fn timeout(&mut self, this: Resource<Socket>) -> Result<Timeout> {
        Ok(self.table.get(&this)?.timeout()?.into())
    }

    fn set_timeout(&mut self, this: Resource<Socket>, timeout: Timeout) -> Result<()> {
        Ok(self.table.get_mut(&this)?.set_timeout(timeout.into())?)
    }

    fn subscribe(
        &mut self,
        this: Resource<Socket>,
        interest: Interest,
    ) -> Result<Resource<DynPollable>> {
        let readiness = self.table.get(&this)?.readiness(interest.into())?;
        Ok(pollable(self.table, readiness)?)
    }

    fn drop(&mut self, this: Resource<Socket>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

/// Two entries of the table, or none.
pub(super) fn pollable<T: Pollable>(
    table: &mut ResourceTable,
    readiness: T,
) -> wasmtime::Result<Resource<DynPollable>> {
    let readiness = table.push(readiness)?;
    let index = readiness.rep();
    subscribe(table, readiness).or_else(|full| {
        table.delete(Resource::<T>::new_own(index))?;
        Err(full)
    })
}

#[async_trait]
impl Pollable for Readiness {
    async fn ready(&mut self) {
        Readiness::ready(self).await;
    }
}
