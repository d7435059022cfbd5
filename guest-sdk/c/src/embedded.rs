//! Files that are in the program itself: those that capsock-embed linked into it, and
//! those that it added by `capsock_add_file`. They can be read, and stand before the
//! files of the host.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::mem::{size_of, transmute};
use std::ptr::null_mut;
use std::slice;

use miniz_oxide::inflate::decompress_slice_iter_to_slice;

use crate::errno::{self, Errno, Result};
use crate::file::{S_IFCHR, libc};
use crate::memory;
use crate::regular::{Regular, Status};
use crate::table::O_RDONLY;

unsafe extern "C" {
    fn __capsock_embedded(length: *mut usize) -> *const u8;
    fn __capsock_fill_embedded(stat: *mut c_void, is_directory: c_int, size: usize, inode: usize);
    fn __capsock_size_of_dirent(name: usize) -> usize;
    fn __capsock_fill_dirent(
        entry: *mut c_void,
        is_directory: c_int,
        name: *const u8,
        length: usize,
        inode: usize,
    );
    fn getcwd(room: *mut c_char, size: usize) -> *mut c_char;
}

/// What capsock-embed writes before its index.
const MAGIC: u32 = 0x5041_4301;
const HEADER: usize = 16;
/// PATH_MAX of Linux.
const LONGEST: usize = 4096;

/// What is at a path.
#[derive(Clone, Copy)]
pub(crate) enum Found {
    File(File),
    Directory,
    /// What everybody may read and write. Of `special` alone.
    Device,
}

/// A file as it is stored, and its size.
#[derive(Clone, Copy)]
pub(crate) struct File {
    stored: &'static [u8],
    size: usize,
    /// Where it is deflated.
    inflate: Option<Inflate>,
}

/// Inflates into room of the size of the file, and tells whether it is that.
type Inflate = extern "C" fn(*const u8, usize, *mut u8, usize) -> c_int;

impl File {
    pub(crate) fn stored(content: &'static [u8]) -> Self {
        Self {
            stored: content,
            size: content.len(),
            inflate: None,
        }
    }

    /// What is in it. What is inflated once stays, as the file does.
    pub(crate) fn content(self) -> Result<&'static [u8]> {
        let Some(inflate) = self.inflate else {
            return Ok(self.stored);
        };
        let kept = INFLATED.with_borrow(|kept| kept.get(&self.inode()).copied());
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let mut content = vec![0; self.size].into_boxed_slice();
        let (from, to) = (self.stored, &mut content);
        if inflate(from.as_ptr(), from.len(), to.as_mut_ptr(), to.len()) == 0 {
            return Err(Errno::EIO);
        }
        let content: &'static [u8] = Box::leak(content);
        INFLATED.with_borrow_mut(|kept| kept.insert(self.inode(), content));
        Ok(content)
    }

    /// Where it is in memory: no other file is there.
    fn inode(self) -> usize {
        self.stored.as_ptr().addr()
    }
}

/// For archives that have deflated files, which alone name it.
///
/// # Safety
/// Each is memory of the length that follows.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_inflate(
    from: *const u8,
    length: usize,
    to: *mut u8,
    size: usize,
) -> c_int {
    // SAFETY: as the caller says.
    let (from, to) = unsafe {
        (
            slice::from_raw_parts(from, length),
            slice::from_raw_parts_mut(to, size),
        )
    };
    let told = decompress_slice_iter_to_slice(to, [from].into_iter(), false, true);
    c_int::from(told == Ok(size))
}

/// An index of capsock-embed: lines of a path, an offset and a size, which are sorted by
/// the path; of a file that is deflated the size that it has then too.
#[derive(Clone, Copy)]
struct Archive {
    index: &'static [u8],
    data: &'static [u8],
    inflate: Option<Inflate>,
}

#[derive(Clone, Copy)]
struct Line {
    path: &'static [u8],
    rest: &'static [u8],
}

/// The names of a directory, and whether each is one.
pub(crate) type Names = BTreeMap<Vec<u8>, bool>;

thread_local! {
    static ARCHIVES: Vec<Archive> = archives();
    static ADDED: RefCell<BTreeMap<Vec<u8>, &'static [u8]>> = const { RefCell::new(BTreeMap::new()) };
    static INFLATED: RefCell<BTreeMap<usize, &'static [u8]>> = const { RefCell::new(BTreeMap::new()) };
}

fn archives() -> Vec<Archive> {
    let mut length = 0;
    // SAFETY: C tells where the linker has put them, and how long they are.
    let mut rest = unsafe {
        let start = __capsock_embedded(&raw mut length);
        match length {
            0 => &[],
            _ => slice::from_raw_parts(start, length),
        }
    };
    let mut archives = Vec::new();
    while rest.len() >= HEADER && word(rest, 0) == MAGIC {
        let (index, data) = (word(rest, 4) as usize, word(rest, 8) as usize);
        let size = (HEADER + index + data).next_multiple_of(HEADER);
        let (Some(index), Some(data)) = (
            rest.get(HEADER..HEADER + index),
            rest.get(HEADER + index..HEADER + index + data),
        ) else {
            break;
        };
        // SAFETY: capsock-embed has written null, or the function's pointer.
        let inflate = unsafe { transmute::<usize, Option<Inflate>>(word(rest, 12) as usize) };
        archives.push(Archive {
            index,
            data,
            inflate,
        });
        rest = rest.get(size..).unwrap_or_default();
    }
    archives
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..at + size_of::<u32>()].try_into();
    u32::from_le_bytes(word.unwrap_or_default())
}

impl Archive {
    /// Where the first line begins whose path is not before `path`.
    fn place_of(&self, path: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.index.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = self.index[low..middle]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(low, |end| low + end + 1);
            match self.line(start) {
                Some((line, next)) if line.path < path => low = next,
                _ => high = start,
            }
        }
        low
    }

    /// The line that begins at `start`, and where the next one does.
    fn line(&self, start: usize) -> Option<(Line, usize)> {
        let rest = &self.index[start..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let tab = rest[..end].iter().position(|byte| *byte == b'\t')?;
        let line = Line {
            path: &rest[..tab],
            rest: &rest[tab + 1..end],
        };
        Some((line, start + end + 1))
    }

    fn find(&self, path: &[u8]) -> Option<Found> {
        let (line, _) = self.line(self.place_of(path))?;
        if line.path == path {
            return self.file(line).map(Found::File);
        }
        // Other names can stand between a directory and what is beneath it.
        let beneath = beneath(path);
        let (line, _) = self.line(self.place_of(&beneath))?;
        line.path.starts_with(&beneath).then_some(Found::Directory)
    }

    fn file(&self, line: Line) -> Option<File> {
        let numbers = str::from_utf8(line.rest).ok()?.split('\t');
        let numbers: Vec<usize> = numbers.map_while(|number| number.parse().ok()).collect();
        let (&[at, size], deflated) = numbers.split_first_chunk()?;
        let length = deflated.first().copied();
        let stored = self.data.get(at..at.checked_add(length.unwrap_or(size))?)?;
        let inflate = length.and(self.inflate);
        Some(File {
            stored,
            size,
            inflate,
        })
    }

    fn list(&self, directory: &[u8], names: &mut Names) {
        let beneath = beneath(directory);
        let mut at = self.place_of(&beneath);
        while let Some((line, next)) = self.line(at) {
            let Some(name) = line.path.strip_prefix(beneath.as_slice()) else {
                break;
            };
            at = match name.iter().position(|byte| *byte == b'/') {
                None => {
                    names.insert(name.to_vec(), false);
                    next
                }
                Some(end) => {
                    names.insert(name[..end].to_vec(), true);
                    // Past all that is beneath it.
                    let mut after = [beneath.as_slice(), &name[..end]].concat();
                    after.push(b'/' + 1);
                    self.place_of(&after)
                }
            };
        }
    }
}

fn beneath(directory: &[u8]) -> Vec<u8> {
    let mut beneath = directory.to_vec();
    if beneath != b"/" {
        beneath.push(b'/');
    }
    beneath
}

/// An absolute path without `.`, `..` and empty names.
pub(crate) fn normalised(path: &[u8]) -> Option<Vec<u8>> {
    let mut room = [0; LONGEST];
    let mut whole = Vec::new();
    if !path.starts_with(b"/") {
        // SAFETY: getcwd(3), into what is there.
        let current = unsafe { getcwd(room.as_mut_ptr().cast(), room.len()) };
        // SAFETY: libc has written a string.
        whole.extend_from_slice(unsafe { memory::string(current) }?);
        whole.push(b'/');
    }
    whole.extend_from_slice(path);
    let mut names: Vec<&[u8]> = Vec::new();
    for name in whole.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Some([b"/".as_slice(), &names.join(&b'/')].concat())
}

/// The same, of a path that is UTF-8 and not empty: for the host.
pub(crate) fn normalised_text(path: &[u8]) -> Option<String> {
    String::from_utf8(normalised(path).filter(|_| !path.is_empty())?).ok()
}

fn is_empty() -> bool {
    ARCHIVES.with(Vec::is_empty) && ADDED.with_borrow(BTreeMap::is_empty)
}

/// What the program itself has at this path. A directory that leads to nothing but an
/// added file is none.
pub(crate) fn find(path: &[u8]) -> Option<Found> {
    if is_empty() || path.is_empty() || path.len() > LONGEST {
        return None;
    }
    let path = normalised(path)?;
    let added = ADDED.with_borrow(|added| added.get(&path).copied());
    let added = added.map(|content| Found::File(File::stored(content)));
    added.or_else(|| {
        ARCHIVES.with(|archives| archives.iter().find_map(|archive| archive.find(&path)))
    })
}

/// Fills a `struct stat`.
///
/// # Safety
/// `stat` is null or has one.
pub(crate) unsafe fn fill_stat(found: Found, stat: *mut c_void) -> Result<()> {
    if stat.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: by this function's condition.
    unsafe {
        match found {
            Found::File(file) => {
                __capsock_fill_embedded(stat, 0, file.size, file.inode());
            }
            Found::Directory => __capsock_fill_embedded(stat, 1, 0, 1),
            Found::Device => libc::__capsock_fill_stat(stat, S_IFCHR),
        }
    }
    Ok(())
}

/// One that is open.
pub(crate) struct Content {
    bytes: &'static [u8],
    inode: usize,
    position: Cell<u64>,
}

impl Content {
    pub(crate) fn new(file: File) -> Result<Self> {
        Ok(Self {
            bytes: file.content()?,
            inode: file.inode(),
            position: Cell::new(0),
        })
    }
}

impl Regular for Content {
    fn mode(&self) -> c_int {
        O_RDONLY
    }

    fn read_at(&self, room: &mut [u8], position: u64) -> Result<usize> {
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.len().min(room.len());
        room[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, _data: &[u8], _position: u64) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn size(&self) -> Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn position(&self) -> u64 {
        self.position.get()
    }

    fn set_position(&self, position: u64) {
        self.position.set(position);
    }

    fn set_size(&self, _size: u64) -> Result<()> {
        Err(Errno::EINVAL)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        Ok(Status {
            is_memory: false,
            size: self.bytes.len() as u64,
            inode: self.inode as u64,
            links: 1,
            times: [0; 3],
        })
    }
}

/// A stream of opendir(3), of what the program has and what the host has in a directory of
/// that path.
pub(crate) struct Stream {
    pub(crate) path: Vec<u8>,
    names: Vec<(Vec<u8>, bool)>,
    at: usize,
    /// A `struct dirent`, until readdir(3) is called again.
    entry: Vec<u64>,
    /// The program's number of it, where it has one.
    pub(crate) fd: Option<c_int>,
}

impl Stream {
    /// `None` where the program has no directory there.
    pub(crate) fn open(path: &[u8], of_the_host: impl FnOnce(&mut Names)) -> Option<Self> {
        let Some(Found::Directory) = find(path) else {
            return None;
        };
        let path = normalised(path)?;
        let mut names = BTreeMap::from([(b".".to_vec(), true), (b"..".to_vec(), true)]);
        of_the_host(&mut names);
        ARCHIVES.with(|archives| {
            for archive in archives {
                archive.list(&path, &mut names);
            }
        });
        Some(Self {
            path,
            names: names.into_iter().collect(),
            at: 0,
            entry: Vec::new(),
            fd: None,
        })
    }

    /// The next entry; null after the last.
    pub(crate) fn read(&mut self) -> *mut c_void {
        let Some((name, is_directory)) = self.names.get(self.at) else {
            return null_mut();
        };
        self.at += 1;
        // SAFETY: C tells how much it writes.
        unsafe {
            let size = __capsock_size_of_dirent(name.len());
            self.entry.resize(size.div_ceil(size_of::<u64>()), 0);
            let entry: *mut c_void = self.entry.as_mut_ptr().cast();
            let kind = c_int::from(*is_directory);
            __capsock_fill_dirent(entry, kind, name.as_ptr(), name.len(), self.at);
            entry
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn seek(&mut self, position: usize) {
        self.at = position.min(self.names.len());
    }
}

/// `capsock_add_file`
#[unsafe(no_mangle)]
unsafe extern "C" fn capsock_add_file(
    path: *const c_char,
    data: *const c_void,
    size: usize,
) -> c_int {
    let add = || {
        // SAFETY: as capsock.h says.
        let path = unsafe { memory::string(path) }.ok_or(Errno::EFAULT)?;
        // SAFETY: the same: the bytes stay where they are.
        let content: &'static [u8] = unsafe { memory::bytes(data, size)? };
        if path.len() > LONGEST {
            return Err(Errno::ENAMETOOLONG);
        }
        let path = normalised(path).ok_or_else(errno::last)?;
        ADDED.with_borrow_mut(|added| added.insert(path, content));
        Ok(())
    };
    errno::nothing(add())
}
