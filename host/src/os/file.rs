//! Files and pipes, which go over Unix sockets beside sockets.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, FileType, Mode, OFlags, SeekFrom};

use crate::Errno;

/// What a descriptor that is no socket is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) kind: OpenedKind,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenedKind {
    /// A regular file.
    File,
    /// An end of a pipe, or a FIFO.
    Pipe,
}

/// File systems whose files are ways to ask the kernel, and not data, whatever
/// stat(2) says that they are (statfs(2), linux/magic.h).
const OF_THE_KERNEL: [u32; 12] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x27_e0eb,   // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0xde5e_81e4, // efivarfs
    0x6265_6570, // configfs
    0x6e73_6673, // nsfs
];

/// Whether a descriptor is a socket's.
pub(crate) fn is_socket(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(file_type(fd)? == FileType::Socket)
}

/// What a descriptor is open for (`fstat(2)`, `fcntl(2)`): a regular file or a
/// pipe.
///
/// # Errors
/// [`Errno::BadDescriptor`] for anything else.
pub(crate) fn opened(fd: BorrowedFd<'_>) -> Result<Opened, Errno> {
    let kind = match file_type(fd)? {
        FileType::RegularFile if !is_of_the_kernel(fd)? => OpenedKind::File,
        FileType::Fifo => OpenedKind::Pipe,
        _ => return Err(Errno::BadDescriptor),
    };
    let flags = fs::fcntl_getfl(fd)?;
    let access = flags & OFlags::ACCMODE;
    if flags.contains(OFlags::PATH) {
        return Err(Errno::BadDescriptor);
    }
    let is_both = access == OFlags::RDWR;
    let opened = Opened {
        kind,
        readable: is_both || access == OFlags::RDONLY,
        writable: is_both || access == OFlags::WRONLY,
    };
    // Linux has a fourth mode, for neither (open(2)).
    match opened.readable || opened.writable {
        true => Ok(opened),
        false => Err(Errno::BadDescriptor),
    }
}

fn file_type(fd: BorrowedFd<'_>) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(fs::fstat(fd)?.st_mode))
}

fn is_of_the_kernel(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    // The type's numbers have 32 bits, in a word of the machine.
    let kind = fs::fstatfs(fd)?.f_type as u32;
    Ok(OF_THE_KERNEL.contains(&kind))
}

/// The device and the number of a file: what tells it from others.
pub(crate) fn file_id(fd: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    let stat = fs::fstat(fd)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// Opens a regular file anew, for what `access` says of it and at a position of
/// its own: by proc(5), whatever its name is, if it has any.
///
/// # Errors
/// Those of open(2): whoever has a descriptor may open the file no better than
/// anybody else.
pub(crate) fn open_anew(fd: BorrowedFd<'_>, access: Opened) -> Result<OwnedFd, Errno> {
    let mode = match (access.readable, access.writable) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    let kept = fs::fcntl_getfl(fd)? & OFlags::APPEND;
    // It does not wait for whoever has a lease on the file.
    let flags = mode | kept | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let anew = fs::open(path, flags, Mode::empty())?;
    fs::fcntl_setfl(&anew, mode | kept)?;
    match file_id(anew.as_fd())? == file_id(fd)? {
        true => Ok(anew),
        false => Err(Errno::Stale),
    }
}

/// `lseek(2)` to a position from the start.
///
/// # Errors
/// [`Errno::InvalidArgument`] for one that no file can have.
pub(crate) fn seek(fd: BorrowedFd<'_>, position: u64) -> Result<(), Errno> {
    if i64::try_from(position).is_err() {
        return Err(Errno::InvalidArgument);
    }
    fs::seek(fd, SeekFrom::Start(position))?;
    Ok(())
}

/// Where a file's position is: `lseek(2)`.
pub(crate) fn position(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    Ok(fs::tell(fd)?)
}

/// `read(2)`
pub(crate) fn read(fd: BorrowedFd<'_>, length: usize) -> Result<Vec<u8>, Errno> {
    let mut data = vec![0; length];
    let count = rustix::io::read(fd, &mut data)?;
    data.truncate(count);
    Ok(data)
}

/// `write(2)`. Rust programs ignore SIGPIPE.
pub(crate) fn write(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize, Errno> {
    Ok(rustix::io::write(fd, data)?)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use super::*;

    fn told(fd: impl AsFd) -> Option<(OpenedKind, bool, bool)> {
        let opened = opened(fd.as_fd()).ok()?;
        Some((opened.kind, opened.readable, opened.writable))
    }

    #[test]
    fn what_is_neither_a_file_nor_a_pipe_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "text").unwrap();
        let file = OpenedKind::File;
        assert_eq!(told(File::open(&path).unwrap()), Some((file, true, false)));
        let writing = OpenOptions::new().append(true).open(&path).unwrap();
        assert_eq!(told(writing), Some((file, false, true)));
        let both = OpenOptions::new().read(true).write(true).open(&path);
        assert_eq!(told(both.unwrap()), Some((file, true, true)));
        let (reader, writer) = std::io::pipe().unwrap();
        assert_eq!(told(reader), Some((OpenedKind::Pipe, true, false)));
        assert_eq!(told(writer), Some((OpenedKind::Pipe, false, true)));
        for (other, flags) in [
            (path.to_str().unwrap(), OFlags::PATH),
            (path.to_str().unwrap(), OFlags::ACCMODE),
            (dir.path().to_str().unwrap(), OFlags::RDONLY),
            ("/dev/null", OFlags::RDWR),
            ("/proc/self/status", OFlags::RDONLY),
        ] {
            let fd = fs::open(other, flags, Mode::empty()).unwrap();
            assert_eq!(told(fd), None, "{other} {flags:?}");
        }
    }

    #[test]
    fn a_file_that_is_opened_anew_is_not_open_for_more_and_has_its_own_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "text").unwrap();
        let both = OpenOptions::new().read(true).write(true).open(&path);
        let both = both.unwrap();
        // Also where it has no name any more.
        std::fs::remove_file(&path).unwrap();
        seek(both.as_fd(), 3).unwrap();
        let access = Opened {
            kind: OpenedKind::File,
            readable: true,
            writable: false,
        };
        let anew = open_anew(both.as_fd(), access).unwrap();
        assert_eq!(told(&anew), Some((OpenedKind::File, true, false)));
        assert_eq!(position(anew.as_fd()), Ok(0));
        assert_eq!(read(anew.as_fd(), 9).unwrap(), b"text");
        assert_eq!(position(both.as_fd()), Ok(3));
        assert!(!fs::fcntl_getfl(&anew).unwrap().contains(OFlags::NONBLOCK));
        assert_eq!(seek(both.as_fd(), u64::MAX), Err(Errno::InvalidArgument));
    }
}
