//! Files that this program writes for the user.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::Failure;

/// Opens a file that a flag names, `how` it is to be written, and makes it for the
/// user alone where it is not there. A symbolic link is not followed: whoever could
/// put it there would choose what is written to.
pub(crate) fn open(
    flag: &str,
    path: &Path,
    how: impl FnOnce(&mut OpenOptions) -> &mut OpenOptions,
) -> Result<File, Failure> {
    let mut options = File::options();
    options.create(true).mode(0o600);
    if !is_descriptor(path) {
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    }
    let file = how(&mut options).open(path);
    file.map_err(|error| match path.is_symlink() {
        true if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Failure::Usage(format!(
                "{flag} {}: it is a symbolic link, which is not followed: name the file that it \
                 leads to",
                path.display()
            ))
        }
        _ => failed(flag, path, &error),
    })
}

pub(crate) fn failed(flag: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("{flag} {}: {error}", path.display()))
}

/// A descriptor that this process was given, as a shell's `>(…)` has it. Its name
/// is a link of the kernel's.
pub(crate) fn is_descriptor(path: &Path) -> bool {
    let Some(path) = path.to_str() else {
        return false;
    };
    let of_directory = ["/dev/fd/", "/proc/self/fd/"];
    let mut numbers = of_directory.iter().filter_map(|dir| path.strip_prefix(dir));
    matches!(path, "/dev/stdout" | "/dev/stderr")
        || numbers.any(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_have_names_of_the_kernels() {
        for path in ["/dev/stdout", "/dev/fd/63", "/proc/self/fd/1"] {
            assert!(is_descriptor(Path::new(path)), "{path}");
        }
        for path in [
            "/dev/fd/",
            "/dev/fd/../shm/x",
            "/dev/fd/1/x",
            "dev/fd/1",
            "/tmp/x",
        ] {
            assert!(!is_descriptor(Path::new(path)), "{path}");
        }
    }
}
