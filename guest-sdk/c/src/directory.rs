//! Streams of directories: opendir(3) and its kin. Where the program has a directory of
//! its own, the stream is one of this library; the rest are libc's.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::pin::Pin;
use std::ptr::null_mut;

use crate::embedded::{Names, Stream};
use crate::errno::{self, Errno};
use crate::file::{self, libc};
use crate::memory;
use crate::table::{self, Kind, O_DIRECTORY};

unsafe extern "C" {
    fn __real_opendir(path: *const c_char) -> *mut c_void;
    fn __real_fdopendir(fd: c_int) -> *mut c_void;
    fn __real_dirfd(stream: *mut c_void) -> c_int;
    fn __real_readdir(stream: *mut c_void) -> *mut c_void;
    fn __real_closedir(stream: *mut c_void) -> c_int;
    fn __real_rewinddir(stream: *mut c_void);
    fn __real_telldir(stream: *mut c_void) -> c_long;
    fn __real_seekdir(stream: *mut c_void, position: c_long);
    fn __capsock_read_dirent(entry: *const c_void, is_directory: *mut c_int) -> *const c_char;
}

thread_local! {
    /// Streams of libc's that were made of a number of the program's.
    static OF_LIBC: RefCell<Vec<(*mut c_void, c_int)>> = const { RefCell::new(Vec::new()) };
    static STREAMS: RefCell<Vec<Pin<Box<Stream>>>> = const { RefCell::new(Vec::new()) };
}

/// Does something with a stream of this library; `None` where it is one of libc's.
fn with<T>(stream: *mut c_void, act: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    STREAMS.with_borrow_mut(|streams| {
        let found = streams.iter_mut().find(|own| is(own, stream));
        found.map(|stream| act(stream))
    })
}

fn is(stream: &Stream, pointer: *mut c_void) -> bool {
    std::ptr::from_ref(stream).cast() == pointer.cast_const()
}

fn keep(stream: Stream) -> *mut c_void {
    let mut stream = Box::pin(stream);
    let pointer = std::ptr::from_mut(&mut *stream).cast();
    STREAMS.with_borrow_mut(|streams| streams.push(stream));
    pointer
}

/// All that a stream of libc has, which ends it.
///
/// # Safety
/// It is null or one of libc's.
unsafe fn read_to_end(stream: *mut c_void, names: &mut Names) {
    if stream.is_null() {
        return;
    }
    // SAFETY: by this function's condition.
    unsafe {
        loop {
            let entry = __real_readdir(stream);
            if entry.is_null() {
                break;
            }
            let mut is_directory = 0;
            let name = __capsock_read_dirent(entry, &raw mut is_directory);
            names.insert(CStr::from_ptr(name).to_bytes().to_vec(), is_directory != 0);
        }
        __real_closedir(stream);
    }
}

/// opendir(3): a stream of libc has libc's number, and one of the program's once it asks
/// for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_opendir(path: *const c_char) -> *mut c_void {
    // SAFETY: as opendir(3) says.
    let own = unsafe { memory::string(path) }.and_then(|name| {
        Stream::open(name, |names| {
            // SAFETY: the same.
            libc::inside(|| unsafe { read_to_end(__real_opendir(path), names) });
        })
    });
    match own {
        Some(own) => keep(own),
        // SAFETY: the same.
        None => libc::inside(|| unsafe { __real_opendir(path) }),
    }
}

/// fdopendir(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_fdopendir(fd: c_int) -> *mut c_void {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_fdopendir(fd) };
    }
    if let Ok(object) = table::lookup(fd)
        && let Kind::Directory(path) = &object.kind
        && let Some(mut own) = Stream::open(path, |_names| {})
    {
        own.fd = Some(fd);
        return keep(own);
    }
    let open = || {
        let number = file::number(fd, Errno::ENOTDIR)?;
        // The stream ends what it is made of, and other numbers may lead to that too.
        // SAFETY: openat(2) of the directory itself.
        let own = libc::inside(|| unsafe {
            libc::__capsock_real_openat(number, c".".as_ptr(), O_DIRECTORY, 0)
        });
        let own = errno::of_int(own)?;
        // SAFETY: as fdopendir(3) says.
        let stream = libc::inside(|| unsafe { __real_fdopendir(own) });
        if stream.is_null() {
            let failed = errno::last();
            let _ended = libc::close(own);
            return Err(failed);
        }
        OF_LIBC.with_borrow_mut(|streams| streams.push((stream, fd)));
        Ok(stream)
    };
    open().unwrap_or_else(|failed| {
        errno::set(failed);
        null_mut()
    })
}

/// The program's number of a stream of libc that it made of one.
fn number_of(stream: *mut c_void) -> Option<c_int> {
    OF_LIBC.with_borrow(|streams| {
        let found = streams.iter().find(|(made, _)| *made == stream);
        found.map(|(_, fd)| *fd)
    })
}

/// dirfd(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_dirfd(stream: *mut c_void) -> c_int {
    let own = with(stream, |own| match own.fd {
        Some(fd) => Ok(fd),
        None => table::open(Kind::Directory(own.path.clone()), 0).inspect(|fd| own.fd = Some(*fd)),
    });
    if let Some(fd) = own {
        return errno::int(fd);
    }
    if let Some(fd) = number_of(stream) {
        return fd;
    }
    // SAFETY: as dirfd(3) says.
    let libc = libc::inside(|| unsafe { __real_dirfd(stream) });
    if libc::is_inside() || libc < 0 {
        return libc;
    }
    match table::number_of_libc(libc) {
        Some(fd) => fd,
        None => errno::int(table::open(Kind::Libc(libc), 0)),
    }
}

/// readdir(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_readdir(stream: *mut c_void) -> *mut c_void {
    with(stream, Stream::read).unwrap_or_else(|| {
        // SAFETY: as readdir(3) says.
        libc::inside(|| unsafe { __real_readdir(stream) })
    })
}

/// rewinddir(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_rewinddir(stream: *mut c_void) {
    with(stream, |own| own.seek(0)).unwrap_or_else(|| {
        // SAFETY: as rewinddir(3) says.
        libc::inside(|| unsafe { __real_rewinddir(stream) });
    });
}

/// telldir(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_telldir(stream: *mut c_void) -> c_long {
    let own = with(stream, |own| own.position() as c_long);
    own.unwrap_or_else(|| {
        // SAFETY: as telldir(3) says.
        libc::inside(|| unsafe { __real_telldir(stream) })
    })
}

/// seekdir(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_seekdir(stream: *mut c_void, position: c_long) {
    let to = usize::try_from(position).unwrap_or(0);
    with(stream, |own| own.seek(to)).unwrap_or_else(|| {
        // SAFETY: as seekdir(3) says.
        libc::inside(|| unsafe { __real_seekdir(stream, position) });
    });
}

/// closedir(3): the program's number goes with the stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_closedir(stream: *mut c_void) -> c_int {
    let own = STREAMS.with_borrow_mut(|streams| {
        let place = streams.iter().position(|own| is(own, stream))?;
        Some(streams.swap_remove(place))
    });
    if let Some(own) = own {
        if let Some(fd) = own.fd {
            let _object = table::remove(fd);
        }
        return 0;
    }
    if let Some(fd) = number_of(stream) {
        OF_LIBC.with_borrow_mut(|streams| streams.retain(|(made, _)| *made != stream));
        if let Ok(object) = table::remove(fd)
            && let Kind::Libc(number) = object.kind
            && table::is_last(&object)
        {
            let _ended = libc::close(number);
        }
    } else if !libc::is_inside() {
        // SAFETY: as closedir(3) says.
        let libc = libc::inside(|| unsafe { __real_dirfd(stream) });
        if let Some(fd) = table::number_of_libc(libc) {
            // What it led to is closed by the stream.
            let _object = table::remove(fd);
        }
    }
    // SAFETY: as closedir(3) says.
    libc::inside(|| unsafe { __real_closedir(stream) })
}
