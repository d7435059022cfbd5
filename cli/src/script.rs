//! `capsock:python/script`: the file that an interpreter is to run.
//!
//! To name it on the command line is the grant, and it is no grant for the
//! directory that it is in. So the guest gets the content of one file, and not a
//! descriptor.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use wasmtime::StoreContextMut;
use wasmtime::component::{Component, ComponentType, Linker, Lower};

/// What a component imports that asks for its script.
pub(crate) const INTERFACE: &str = "capsock:python/script@0.1.0";

/// The most bytes of a script.
const LONGEST: u64 = 16 << 20;

/// Of so many arguments one can be the script: each is opened.
const MOST_ARGUMENTS: usize = 64;

/// The files that the arguments name, until one of them is read.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Vec<Named>);

#[derive(Debug)]
struct Named {
    path: String,
    file: io::Result<File>,
}

/// Why there is no script, as CPython tells it.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Failed {
    message: String,
    #[component(name = "exit-code")]
    exit_code: u8,
}

impl Scripts {
    /// Opens them now: later the kernel may not allow it any more. A component
    /// that does not ask for a script gets none.
    pub(crate) fn open(component: &Component, args: &[String]) -> Self {
        let engine = component.engine();
        let imports = component.component_type();
        let imports = imports.imports(engine);
        if !imports.into_iter().any(|(name, _)| name == INTERFACE) {
            return Self::default();
        }
        let named = args.iter().take(MOST_ARGUMENTS).map(|path| Named {
            path: path.clone(),
            file: open(Path::new(path)),
        });
        Self(named.collect())
    }

    fn read(&mut self, argument: u32) -> Result<Vec<u8>, Failed> {
        let place = usize::try_from(argument).unwrap_or(usize::MAX);
        let named = std::mem::take(&mut self.0).into_iter().nth(place);
        let Some(Named { path, file }) = named else {
            return Err(Failed {
                message: format!(
                    "can't open a second script, nor one after {MOST_ARGUMENTS} arguments"
                ),
                exit_code: 2,
            });
        };
        let mut content = Vec::new();
        let read = file.and_then(|file| file.take(LONGEST + 1).read_to_end(&mut content));
        match read {
            Ok(length) if length as u64 <= LONGEST => Ok(content),
            Ok(_) => Err(Failed {
                message: format!("can't open file '{path}': it is larger than {LONGEST} bytes"),
                exit_code: 2,
            }),
            Err(error) => Err(Failed::of(&path, &error)),
        }
    }
}

impl Failed {
    fn of(path: &str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::IsADirectory {
            return Self {
                message: format!(
                    "can't find '__main__' module in '{path}': to run a directory, give it with --dir {path}"
                ),
                exit_code: 1,
            };
        }
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let number = error.raw_os_error().unwrap_or_default();
        Self {
            message: format!("can't open file '{path}': [Errno {number}] {text}"),
            exit_code: 2,
        }
    }
}

/// Serves `capsock:python/script`.
pub(crate) fn add_to_linker<T: ScriptView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(INTERFACE)?;
    instance.func_wrap(
        "read",
        |mut store: StoreContextMut<'_, T>, (argument,): (u32,)| {
            Ok((store.data_mut().scripts().read(argument),))
        },
    )
}

/// Who has the files.
pub(crate) trait ScriptView {
    fn scripts(&mut self) -> &mut Scripts;
}

/// A regular file: opening others can wait, or do something.
fn open(path: &Path) -> io::Result<File> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::from_raw_os_error(22));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(paths: &[&Path]) -> Scripts {
        Scripts(
            paths
                .iter()
                .map(|path| Named {
                    path: path.display().to_string(),
                    file: open(path),
                })
                .collect(),
        )
    }

    #[test]
    fn one_file_is_read_and_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        std::fs::write(&one, "1").expect("written");
        std::fs::write(&two, "2").expect("written");
        let mut scripts = scripts(&[&one, &two]);
        assert_eq!(scripts.read(1), Ok(b"2".to_vec()));
        assert_eq!(scripts.read(0).expect_err("a second").exit_code, 2);
    }

    #[test]
    fn what_cannot_be_read_is_told_as_cpython_tells_it() {
        let missing = Path::new("/no/such/script.py");
        let failed = scripts(&[missing]).read(0).expect_err("missing");
        let message = "can't open file '/no/such/script.py': [Errno 2] No such file or directory";
        assert_eq!((failed.message.as_str(), failed.exit_code), (message, 2));
        let failed = scripts(&[Path::new("/tmp")])
            .read(0)
            .expect_err("a directory");
        assert_eq!(failed.exit_code, 1);
        let failed = scripts(&[Path::new("/dev/zero")])
            .read(0)
            .expect_err("endless");
        assert_eq!(failed.exit_code, 2);
    }
}
