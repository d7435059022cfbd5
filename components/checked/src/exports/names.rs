//! `wasi:sockets/ip-name-lookup`

use crate::Lookup;

use super::Firewall;
use super::bindings::exports::wasi::sockets0_2_12::ip_name_lookup::{
    ErrorCode, Guest, GuestResolveAddressStream, IpAddress, NetworkBorrow, Pollable,
    ResolveAddressStream,
};

impl Guest for Firewall {
    type ResolveAddressStream = Lookup;

    fn resolve_addresses(
        _network: NetworkBorrow<'_>,
        name: String,
    ) -> Result<ResolveAddressStream, ErrorCode> {
        Ok(ResolveAddressStream::new(Lookup::of(&name)?))
    }
}

impl GuestResolveAddressStream for Lookup {
    fn resolve_next_address(&self) -> Result<Option<IpAddress>, ErrorCode> {
        Ok(self.next_address()?.map(IpAddress::from))
    }

    fn subscribe(&self) -> Pollable {
        Lookup::subscribe(self)
    }
}
