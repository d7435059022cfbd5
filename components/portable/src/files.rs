//! Sending files, a piece after the other.

use capsock_policy::Errno;

use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode,
};
use crate::socket::{Socket, Transport};

/// How much of a file is read at once.
const PIECE: u64 = 64 << 10;

/// What was sent, and why it ended early if it did.
#[derive(Debug)]
pub(crate) struct SentFile {
    pub(crate) length: u64,
    pub(crate) error: Option<Errno>,
}

impl Socket {
    /// `sendfile(2)` until everything is sent, against one deadline.
    pub(crate) fn send_file(
        &self,
        file: &Descriptor,
        offset: u64,
        length: Option<u64>,
    ) -> Result<SentFile, Errno> {
        let inner = self.inner()?;
        if file.get_type().map_err(errno)? != DescriptorType::RegularFile {
            return Err(Errno::InvalidArgument);
        }
        if !file
            .get_flags()
            .map_err(errno)?
            .contains(DescriptorFlags::READ)
        {
            return Err(Errno::BadDescriptor);
        }
        let Transport::Tcp(stream) = &inner.transport else {
            return Err(Errno::InvalidArgument);
        };
        let deadline = self.deadline(false);
        let mut sent = 0;
        let error = loop {
            let rest = length.map_or(u64::MAX, |length| length - sent);
            let position = offset.checked_add(sent).ok_or(Errno::InvalidArgument)?;
            let read = match rest {
                0 => break None,
                rest => file.read(rest.min(PIECE), position).map_err(errno),
            };
            match read.and_then(|(data, ended)| match data.is_empty() {
                true => Ok((0, ended)),
                false => Ok((stream.send(&data, deadline)?, false)),
            }) {
                // The end is told with the last data, or by none.
                Ok((0, _ended)) => break None,
                Ok((count, _)) => sent += count as u64,
                Err(error) => break Some(error),
            }
        };
        match error {
            Some(error) if sent == 0 => Err(error),
            error => Ok(SentFile {
                length: sent,
                error,
            }),
        }
    }
}

fn errno(code: ErrorCode) -> Errno {
    match code {
        ErrorCode::BadDescriptor => Errno::BadDescriptor,
        ErrorCode::Invalid | ErrorCode::IsDirectory | ErrorCode::InvalidSeek => {
            Errno::InvalidArgument
        }
        ErrorCode::Access => Errno::AccessDenied,
        ErrorCode::NotPermitted => Errno::NotPermitted,
        ErrorCode::WouldBlock => Errno::WouldBlock,
        ErrorCode::InsufficientMemory => Errno::OutOfMemory,
        _ => Errno::Io,
    }
}
