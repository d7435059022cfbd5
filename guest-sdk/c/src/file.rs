//! What libc opens: files, directories, and standard output.
//!
//! A number within a call to libc is libc's own. So each call is counted, and a
//! function that libc calls by itself is passed on: what it does inside does not
//! matter here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::rc::Rc;

use capsock_guest::{File, unlink_unix};

use crate::embedded::{self, Content, Found};
use crate::errno::{self, Errno, Result};
use crate::memory::{self, Iovec};
use crate::path;
use crate::regular::Regular;
use crate::socket::Direction;
use crate::special::{self, Named, Special};
use crate::table::{
    self, Kind, O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_TMPFILE, O_TRUNC, O_WRONLY,
    Object,
};

/// libc's own functions, by its own numbers.
pub(crate) mod libc {
    use std::cell::Cell;
    use std::ffi::{c_char, c_int, c_void};

    use crate::errno::{self, Result};

    thread_local! {
        static INSIDE: Cell<u32> = const { Cell::new(0) };
    }

    /// Whether libc calls itself.
    pub(crate) fn is_inside() -> bool {
        INSIDE.get() > 0
    }

    /// A call to libc.
    pub(crate) fn inside<T>(act: impl FnOnce() -> T) -> T {
        INSIDE.set(INSIDE.get() + 1);
        let result = act();
        INSIDE.set(INSIDE.get() - 1);
        result
    }

    unsafe extern "C" {
        pub(crate) fn __real_read(fd: c_int, start: *mut c_void, length: usize) -> isize;
        pub(crate) fn __real_write(fd: c_int, start: *const c_void, length: usize) -> isize;
        pub(crate) fn __real_close(fd: c_int) -> c_int;
        fn __capsock_real_fcntl(fd: c_int, command: c_int, argument: c_int) -> c_int;
        fn __capsock_real_rest(fd: c_int) -> i64;
        pub(crate) fn __capsock_real_open(path: *const c_char, flags: c_int, mode: u32) -> c_int;
        pub(crate) fn __capsock_real_openat(
            directory: c_int,
            path: *const c_char,
            flags: c_int,
            mode: u32,
        ) -> c_int;
        pub(crate) fn __capsock_inode(fd: c_int, inode: *mut u64) -> c_int;
        pub(crate) fn __capsock_is_untyped(stat: *const c_void) -> c_int;
        pub(crate) fn __capsock_fill_socket(
            stat: *mut c_void,
            device: u64,
            inode: u64,
            mode: u32,
            owner: u32,
            group: u32,
        );
        pub(crate) fn __capsock_fill_stat(stat: *mut c_void, kind: c_int);
        pub(crate) fn __capsock_fill_file(
            stat: *mut c_void,
            size: u64,
            inode: u64,
            links: u64,
            times: &[i64; 3],
        );
    }

    pub(crate) fn read(number: i32, room: &mut [u8]) -> Result<usize> {
        // SAFETY: read(2) into what is there.
        let read = inside(|| unsafe { __real_read(number, room.as_mut_ptr().cast(), room.len()) });
        errno::of_count(read)
    }

    pub(crate) fn write(number: i32, data: &[u8]) -> Result<usize> {
        // SAFETY: write(2) of what is there.
        let written = inside(|| unsafe { __real_write(number, data.as_ptr().cast(), data.len()) });
        errno::of_count(written)
    }

    pub(crate) fn close(number: i32) -> Result<()> {
        super::forget(number);
        // SAFETY: close(2).
        errno::of_int(inside(|| unsafe { __real_close(number) })).map(drop)
    }

    pub(crate) fn fcntl(number: i32, command: i32, argument: i32) -> Result<i32> {
        // SAFETY: fcntl(2), with a number or nothing.
        errno::of_int(inside(|| unsafe {
            __capsock_real_fcntl(number, command, argument)
        }))
    }

    /// How much of a regular file is after its position.
    pub(crate) fn rest_of(number: i32) -> Result<usize> {
        // SAFETY: lseek(2) and fstat(2).
        let rest = inside(|| unsafe { __capsock_real_rest(number) });
        usize::try_from(rest).map_err(|_failed| errno::last())
    }
}

pub(crate) const AT_FDCWD: c_int = -2;
const F_GETFL: c_int = 3;

/// Gives what libc opened a number of the program's.
fn adopt(number: c_int, flags: c_int) -> Result<c_int> {
    let number = errno::of_int(number)?;
    table::open(Kind::Libc(number), flags).inspect_err(|_full| {
        let _lost = libc::close(number);
    })
}

/// What libc would open a directory for.
///
/// # Safety
/// As open(2) says.
unsafe fn refuse(path: *const c_char, flags: c_int) -> Result<()> {
    // SAFETY: the same.
    if unsafe { memory::string(path) }.is_some_and(<[u8]>::is_empty) {
        return Err(Errno::ENOENT);
    }
    if flags & (O_TMPFILE | O_ACCMODE) == O_TMPFILE | O_RDONLY {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// open(2), of which C has taken the mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __capsock_open(path: *const c_char, flags: c_int, mode: u32) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { libc::__capsock_real_open(path, flags, mode) };
    }
    // SAFETY: as open(2) says.
    if let Err(refused) = unsafe { refuse(path, flags) } {
        return errno::int(Err(refused));
    }
    // SAFETY: the same.
    let found = unsafe { memory::string(path) }.and_then(embedded::find);
    if let Some(Found::File(file)) = found {
        return errno::int(open_embedded(|| file, flags));
    }
    // SAFETY: the same.
    let opened = libc::inside(|| unsafe { libc::__capsock_real_open(path, flags, mode) });
    if opened < 0 && found.is_some() && flags & (O_ACCMODE | O_CREAT) == O_RDONLY {
        // SAFETY: the same.
        let path = unsafe { memory::string(path) }.unwrap_or_default();
        return errno::int(table::open(Kind::Directory(path.to_vec()), flags));
    }
    if opened < 0 {
        let failed = errno::last();
        // SAFETY: as open(2) says.
        return errno::int(
            match unsafe { memory::string(path) }.and_then(special::find) {
                Some(Named::Device(device)) => {
                    table::open(Kind::Special(Special::new(device, flags)), flags)
                }
                Some(Named::Text(text)) => {
                    open_embedded(|| embedded::File::stored(text.read()), flags)
                }
                None => Err(failed),
            },
        );
    }
    // SAFETY: the same.
    if let Some(path) = unsafe { memory::text(path) } {
        let entry = Opened {
            path: path.to_owned(),
            file: None,
        };
        OPENED.with_borrow_mut(|files| files.insert(opened, entry));
    }
    errno::int(adopt(opened, flags))
}

/// A file of the program itself, which can be read.
fn open_embedded(file: impl FnOnce() -> embedded::File, flags: c_int) -> Result<c_int> {
    if flags & O_CREAT != 0 && flags & O_EXCL != 0 {
        return Err(Errno::EEXIST);
    }
    if flags & O_DIRECTORY != 0 {
        return Err(Errno::ENOTDIR);
    }
    if flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0 {
        return Err(Errno::EROFS);
    }
    table::open(Kind::File(Box::new(Content::new(file())?)), flags)
}

/// libc's number of a directory, for what takes one.
pub(crate) fn directory(fd: c_int) -> Result<c_int> {
    if fd == AT_FDCWD {
        return Ok(fd);
    }
    match table::lookup(fd)?.kind {
        Kind::Libc(number) => Ok(number),
        _ => Err(Errno::ENOTDIR),
    }
}

/// openat(2), of which C has taken the mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __capsock_openat(
    at: c_int,
    path: *const c_char,
    flags: c_int,
    mode: u32,
) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { libc::__capsock_real_openat(at, path, flags, mode) };
    }
    // SAFETY: as openat(2) says.
    let is_absolute = unsafe { memory::string(path) }.is_some_and(|path| path.starts_with(b"/"));
    if at == AT_FDCWD || is_absolute {
        // SAFETY: the same.
        return unsafe { __capsock_open(path, flags, mode) };
    }
    // SAFETY: the same.
    if let Some(path) = unsafe { path::beneath(at, path) } {
        // SAFETY: it is a string.
        return unsafe { __capsock_open(path.as_ptr(), flags, mode) };
    }
    let open = || {
        let at = directory(at)?;
        // SAFETY: as openat(2) says.
        unsafe { refuse(path, flags)? };
        // SAFETY: the same.
        adopt(
            libc::inside(|| unsafe { libc::__capsock_real_openat(at, path, flags, mode) }),
            flags,
        )
    };
    errno::int(open())
}

/// libc's number of a file, for what only files have; the error for the rest.
pub(crate) fn number(fd: c_int, other: Errno) -> Result<c_int> {
    match table::lookup(fd)?.kind {
        Kind::Libc(number) => Ok(number),
        _ => Err(other),
    }
}

/// Functions of one descriptor that go to libc with its number, what they do with a
/// file that libc does not know, and what they fail with where it is neither.
macro_rules! of_files {
    ($($wrap:ident $real:ident($($argument:ident: $type:ty),*) -> $returned:ty, $other:ident $(, |$file:ident| $came:expr)?;)*) => {$(
        unsafe extern "C" {
            fn $real(fd: c_int, $($argument: $type),*) -> $returned;
        }

        #[doc = concat!("`", stringify!($wrap), "`")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $wrap(fd: c_int, $($argument: $type),*) -> $returned {
            if libc::is_inside() {
                // SAFETY: what libc asks itself for.
                return unsafe { $real(fd, $($argument),*) };
            }
            $(if let Ok(object) = table::lookup(fd)
                && let Kind::File($file) = &object.kind
            {
                return $came;
            })?
            match number(fd, Errno::$other) {
                // SAFETY: as the function's manual page says.
                Ok(number) => libc::inside(|| unsafe { $real(number, $($argument),*) }),
                Err(errno) => {
                    errno::set(errno);
                    -1
                }
            }
        }
    )*};
}

of_files! {
    __wrap_pread __real_pread(start: *mut c_void, length: usize, offset: i64) -> isize, ESPIPE,
        // SAFETY: as pread(2) says.
        |file| errno::count(position(offset).and_then(|at| file.read_at(unsafe { memory::room(start, length)? }, at)));
    __wrap_pwrite __real_pwrite(start: *const c_void, length: usize, offset: i64) -> isize, ESPIPE,
        // SAFETY: as pwrite(2) says.
        |file| errno::count(position(offset).and_then(|at| file.write_at(unsafe { memory::bytes(start, length)? }, at)));
    __wrap_preadv __real_preadv(start: *const Iovec, length: c_int, offset: i64) -> isize, ESPIPE,
        // SAFETY: as preadv(2) says.
        |file| errno::count(position(offset).and_then(|at| read_parts(&**file, unsafe { memory::rooms(start, length)? }, at)));
    __wrap_pwritev __real_pwritev(start: *const Iovec, length: c_int, offset: i64) -> isize, ESPIPE,
        // SAFETY: as pwritev(2) says.
        |file| errno::count(position(offset).and_then(|at| file.write_at(&unsafe { memory::buffers(start, length)? }.concat(), at)));
    __wrap_ftruncate __real_ftruncate(length: i64) -> c_int, EINVAL,
        |file| errno::nothing(file.truncate(length));
    __wrap_fsync __real_fsync() -> c_int, EINVAL, |file| errno::nothing(file.sync());
    __wrap_fdatasync __real_fdatasync() -> c_int, EINVAL, |file| errno::nothing(file.sync());
    __wrap_futimens __real_futimens(times: *const c_void) -> c_int, EPERM;
}

fn position(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_negative| Errno::EINVAL)
}

fn read_parts(file: &dyn Regular, rooms: Vec<&mut [u8]>, at: u64) -> Result<usize> {
    let mut count = 0;
    for room in rooms {
        let part = file.read_at(room, at + count as u64)?;
        count += part;
        if part < room.len() {
            break;
        }
    }
    Ok(count)
}

/// posix_fadvise(2) and posix_fallocate(3) return the error.
macro_rules! of_files_telling {
    ($($wrap:ident $real:ident($($argument:ident: $type:ty),*), $other:ident $(, |$file:ident| $known:expr)?;)*) => {$(
        unsafe extern "C" {
            fn $real(fd: c_int, $($argument: $type),*) -> c_int;
        }

        #[doc = concat!("`", stringify!($wrap), "`")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $wrap(fd: c_int, $($argument: $type),*) -> c_int {
            $(if let Ok(object) = table::lookup(fd)
                && let Kind::File($file) = &object.kind
            {
                return $known.map_or_else(|errno: Errno| errno.0, |()| 0);
            })?
            match number(fd, Errno::$other) {
                // SAFETY: as the function's manual page says.
                Ok(number) => libc::inside(|| unsafe { $real(number, $($argument),*) }),
                Err(errno) => errno.0,
            }
        }
    )*};
}

of_files_telling! {
    __wrap_posix_fadvise __real_posix_fadvise(offset: i64, length: i64, advice: c_int), ESPIPE;
    __wrap_posix_fallocate __real_posix_fallocate(offset: i64, length: i64), ESPIPE,
        |file| range_end(offset, length).and_then(|end| file.allocate(end));
}

fn range_end(offset: i64, length: i64) -> Result<u64> {
    if offset < 0 || length <= 0 {
        return Err(Errno::EINVAL);
    }
    let end = offset.checked_add(length).ok_or(Errno::EFBIG)?;
    Ok(end.cast_unsigned())
}

unsafe extern "C" {
    fn __real_fstat(fd: c_int, stat: *mut c_void) -> c_int;
    fn __real_isatty(fd: c_int) -> c_int;
    fn __real_lseek(fd: c_int, offset: i64, whence: c_int) -> i64;
    fn __real_unlink(path: *const c_char) -> c_int;
    fn __real_renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int;
    fn __real_linkat(
        from: c_int,
        old: *const c_char,
        to: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int;
    fn __real_symlinkat(target: *const c_char, at: c_int, path: *const c_char) -> c_int;
    fn __real_chdir(path: *const c_char) -> c_int;
}

const S_IFIFO: c_int = 0;
pub(crate) const S_IFCHR: c_int = 1;
const S_IFSOCK: c_int = 2;
const S_IFREG: c_int = 3;
const NO_TYPE: c_int = 4;
/// That everybody may read and write: of a file in memory.
const S_IFREG_ALL: c_int = 5;

/// fstat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_fstat(fd: c_int, stat: *mut c_void) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_fstat(fd, stat) };
    }
    let tell = || {
        let object = table::lookup(fd)?;
        let kind = match &object.kind {
            // SAFETY: as fstat(2) says.
            Kind::Libc(number) => {
                let told = libc::inside(|| unsafe { __real_fstat(*number, stat) });
                return errno::of_int(told).map(drop);
            }
            Kind::Stdin(_) => {
                // SAFETY: the same; libc's standard input is the same file.
                let told = libc::inside(|| unsafe { __real_fstat(0, stat) });
                return errno::of_int(told).map(drop);
            }
            Kind::File(file) => {
                let told = file.status()?;
                if stat.is_null() {
                    return Err(Errno::EFAULT);
                }
                let kind = if told.is_memory { S_IFREG_ALL } else { S_IFREG };
                // SAFETY: the same.
                unsafe {
                    libc::__capsock_fill_stat(stat, kind);
                    libc::__capsock_fill_file(stat, told.size, told.inode, told.links, &told.times);
                }
                return Ok(());
            }
            Kind::Pipe(_) | Kind::Reader(_) | Kind::Writer(_) => S_IFIFO,
            Kind::Socket(_) => S_IFSOCK,
            Kind::Special(_) => S_IFCHR,
            // SAFETY: as fstat(2) says.
            Kind::Directory(_) => return unsafe { embedded::fill_stat(Found::Directory, stat) },
            Kind::Event(_) | Kind::Timer(_) | Kind::Epoll(_) => NO_TYPE,
        };
        if stat.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: the same.
        unsafe { libc::__capsock_fill_stat(stat, kind) };
        Ok(())
    };
    errno::nothing(tell())
}

/// isatty(3), and its other name in libc
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_isatty(fd: c_int) -> c_int {
    let number = match table::lookup(fd).map(|object| match object.kind {
        _ if libc::is_inside() => Ok(fd),
        Kind::Libc(number) => Ok(number),
        Kind::Stdin(_) => Ok(0),
        _ => Err(Errno::ENOTTY),
    }) {
        Ok(Ok(number)) => number,
        Ok(Err(errno)) | Err(errno) => {
            errno::set(errno);
            return 0;
        }
    };
    // SAFETY: isatty(3).
    libc::inside(|| unsafe { __real_isatty(number) })
}

/// isatty(3), as libc calls it
#[unsafe(no_mangle)]
pub extern "C" fn __wrap___isatty(fd: c_int) -> c_int {
    __wrap_isatty(fd)
}

/// lseek(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_lseek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_lseek(fd, offset, whence) };
    }
    let seek = || {
        let object = table::lookup(fd)?;
        match &object.kind {
            Kind::Libc(number) => {
                // SAFETY: lseek(2).
                let position = libc::inside(|| unsafe { __real_lseek(*number, offset, whence) });
                if position < 0 {
                    Err(errno::last())
                } else {
                    Ok(position)
                }
            }
            Kind::Special(_device) => Ok(0),
            Kind::File(file) => file.seek(offset, whence),
            _ => Err(Errno::ESPIPE),
        }
    };
    seek().unwrap_or_else(|errno| {
        errno::set(errno);
        -1
    })
}

/// lseek(2), as libc calls it
#[unsafe(no_mangle)]
pub extern "C" fn __wrap___lseek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    __wrap_lseek(fd, offset, whence)
}

/// What wasi-libc's headers make of `lseek(fd, 0, SEEK_CUR)`.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap___wasilibc_tell(fd: c_int) -> i64 {
    __wrap_lseek(fd, 0, 1)
}

/// unlink(2): of a file, or else of a Unix socket, whose directory the guest
/// does not have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_unlink(path: *const c_char) -> c_int {
    // SAFETY: as unlink(2) says.
    if libc::inside(|| unsafe { __real_unlink(path) }) == 0 {
        return 0;
    }
    let failed = errno::last();
    // SAFETY: the same.
    let path = unsafe { memory::string(path) }.and_then(embedded::normalised_text);
    errno::nothing(match path.map(unlink_unix) {
        Some(Ok(())) => Ok(()),
        // Beneath no directory of the guest's: the host knows better, of what it grants.
        Some(Err(error)) => match Errno::from(error) {
            Errno::EACCES if failed != Errno::ENOTCAPABLE => Err(failed),
            error if failed == Errno::ENOTCAPABLE || failed == Errno::ENOENT => Err(error),
            _ => Err(failed),
        },
        None => Err(failed),
    })
}

/// renameat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_renameat(
    from: c_int,
    old: *const c_char,
    to: c_int,
    new: *const c_char,
) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_renameat(from, old, to, new) };
    }
    let rename = || {
        let (from, to) = (directory(from)?, directory(to)?);
        // SAFETY: as renameat(2) says.
        errno::of_int(libc::inside(|| unsafe {
            __real_renameat(from, old, to, new)
        }))
    };
    errno::int(rename())
}

/// linkat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_linkat(
    from: c_int,
    old: *const c_char,
    to: c_int,
    new: *const c_char,
    flags: c_int,
) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_linkat(from, old, to, new, flags) };
    }
    let link = || {
        let (from, to) = (directory(from)?, directory(to)?);
        // SAFETY: as linkat(2) says.
        errno::of_int(libc::inside(|| unsafe {
            __real_linkat(from, old, to, new, flags)
        }))
    };
    errno::int(link())
}

/// symlinkat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_symlinkat(
    target: *const c_char,
    at: c_int,
    path: *const c_char,
) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_symlinkat(target, at, path) };
    }
    let link = || {
        let at = directory(at)?;
        // SAFETY: as symlinkat(2) says.
        errno::of_int(libc::inside(|| unsafe {
            __real_symlinkat(target, at, path)
        }))
    };
    errno::int(link())
}

/// chdir(2), which asks libc for what is there
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_chdir(path: *const c_char) -> c_int {
    // SAFETY: as chdir(2) says.
    libc::inside(|| unsafe { __real_chdir(path) })
}

/// What was opened by a path, for the host: libc's descriptor cannot be handed
/// to it.
struct Opened {
    path: String,
    file: Option<Rc<File>>,
}

thread_local! {
    static OPENED: RefCell<BTreeMap<c_int, Opened>> = const { RefCell::new(BTreeMap::new()) };
}

/// The host's file for libc's number, if what is at its path now is the same.
fn opened(number: c_int) -> Option<Rc<File>> {
    OPENED.with_borrow_mut(|opened| {
        let opened = opened.get_mut(&number)?;
        if opened.file.is_none() {
            let file = File::open(&opened.path).ok()?;
            if !is_same(number, &file) {
                return None;
            }
            opened.file = Some(Rc::new(file));
        }
        opened.file.clone()
    })
}

/// The host's file for libc's number, open for what libc has it open for, at its
/// position: to be sent.
pub(crate) fn to_send(number: c_int) -> Result<File> {
    // Only regular files have a position, and can be sent.
    // SAFETY: lseek(2).
    let position = libc::inside(|| unsafe { __real_lseek(number, 0, 1) });
    let position = u64::try_from(position).map_err(|_none| Errno::EACCES)?;
    let mode = libc::fcntl(number, F_GETFL, 0)?;
    let (reads, writes) = (mode & O_ACCMODE != O_WRONLY, mode & O_ACCMODE != O_RDONLY);
    let path = OPENED.with_borrow(|opened| Some(opened.get(&number)?.path.clone()));
    let path = path.ok_or(Errno::EACCES)?;
    let file = File::open_for(&path, reads, writes).map_err(|_gone| Errno::EACCES)?;
    if !is_same(number, &file) {
        return Err(Errno::EACCES);
    }
    file.set_position(position);
    Ok(file)
}

/// Whether libc's number leads to the same file; wasi-libc makes the inode of the
/// lower half.
fn is_same(number: c_int, file: &File) -> bool {
    let mut identity = 0;
    // SAFETY: fstat(2).
    let told = libc::inside(|| unsafe { libc::__capsock_inode(number, &raw mut identity) });
    told == 0 && file.identity().is_some_and(|(_, lower)| lower == identity)
}

/// Forgets what a number of libc's led to.
pub(crate) fn forget(number: c_int) {
    OPENED.with_borrow_mut(|opened| opened.remove(&number));
}

/// How much sendfile(2) reads where it cannot leave it to the host.
const PIECE: usize = 64 << 10;

/// sendfile(2). The host sends what is a file of the guest's directories, and
/// what it cannot is read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sendfile(
    to: c_int,
    from: c_int,
    offset: *mut i64,
    count: usize,
) -> isize {
    let send = || {
        let target = table::lookup(to)?;
        let object = table::lookup(from)?;
        let source = match &object.kind {
            Kind::Libc(number) => Source::Libc(*number),
            Kind::File(file) => Source::File(&**file),
            _ => return Err(Errno::EINVAL),
        };
        let start = if offset.is_null() {
            source.position()
        } else {
            // SAFETY: as sendfile(2) says.
            unsafe { memory::get(offset)? }
        };
        let start = u64::try_from(start).map_err(|_negative| Errno::EINVAL)?;
        let by_host = match source {
            Source::Libc(number) => opened(number),
            Source::File(_) => None,
        };
        let sent = match by_host {
            Some(opened) if target.socket().is_ok_and(|socket| socket.is_stream()) => {
                send_by_host(&target, &opened, start, count)?
            }
            _ => copy(to, &source, start, count)?,
        };
        let end = (start + sent as u64).cast_signed();
        if offset.is_null() {
            source.set_position(end);
        } else {
            // SAFETY: as sendfile(2) says.
            unsafe { memory::put(offset, end)? };
        }
        Ok(sent)
    };
    errno::count(send())
}

/// What sendfile(2) sends.
enum Source<'a> {
    Libc(c_int),
    File(&'a dyn Regular),
}

impl Source<'_> {
    fn position(&self) -> i64 {
        match self {
            // SAFETY: lseek(2).
            Self::Libc(number) => libc::inside(|| unsafe { __real_lseek(*number, 0, 1) }),
            Self::File(file) => file.position().cast_signed(),
        }
    }

    fn set_position(&self, position: i64) {
        match self {
            Self::Libc(number) => {
                // SAFETY: the same.
                libc::inside(|| unsafe { __real_lseek(*number, position, 0) });
            }
            Self::File(file) => file.set_position(position.cast_unsigned()),
        }
    }

    fn read_at(&self, room: &mut [u8], at: u64) -> Result<usize> {
        match self {
            Self::Libc(number) => {
                let (start, length) = (room.as_mut_ptr().cast(), room.len());
                // SAFETY: pread(2) into what is there.
                let read = libc::inside(|| unsafe {
                    __real_pread(*number, start, length, at.cast_signed())
                });
                errno::of_count(read)
            }
            Self::File(file) => file.read_at(room, at),
        }
    }
}

fn send_by_host(target: &Object, file: &File, start: u64, count: usize) -> Result<usize> {
    let socket = target.socket()?;
    let nonblocking = target.is_nonblocking();
    let mut sent = 0;
    while sent < count {
        let piece = socket.blocking(nonblocking, Direction::Send, |host| {
            match file.send(host, start + sent as u64, (count - sent) as u64) {
                (0, Some(error)) => Err(error.into()),
                (sent, _later) => Ok(sent as usize),
            }
        });
        match piece {
            Ok(0) => break,
            Ok(piece) => sent += piece,
            Err(errno) if sent == 0 || errno == Errno::CANCEL => return Err(errno),
            Err(_later) => break,
        }
    }
    Ok(sent)
}

fn copy(to: c_int, source: &Source<'_>, start: u64, count: usize) -> Result<usize> {
    let mut piece = vec![0; count.min(PIECE)];
    let mut sent = 0;
    while sent < count {
        let room = piece.len().min(count - sent);
        let read = source.read_at(&mut piece[..room], start + sent as u64)?;
        // SAFETY: write(2) of what is there.
        let written = unsafe { crate::io::__wrap_write(to, piece.as_ptr().cast(), read) };
        match errno::of_count(written) {
            Ok(0) => break,
            Ok(written) => {
                sent += written;
                if written < read {
                    break;
                }
            }
            Err(errno) if sent == 0 => return Err(errno),
            Err(_later) => break,
        }
        if read == 0 {
            break;
        }
    }
    Ok(sent)
}
