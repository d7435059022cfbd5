//! What was built by the C SDK.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::PATIENCE;

/// Whether what needs clang is there; in CI it has to be.
pub fn is_built(path: &Path) -> bool {
    let built = path.exists();
    if !built {
        eprintln!("skipped: {} is not built: just c-sdk", path.display());
        assert!(std::env::var_os("CI").is_none(), "the C SDK is not built");
    }
    built
}

/// A file that the recipes make.
pub fn built(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target")
        .join(path)
}

/// Whether the SDK has setjmp: it takes clang 19 and npm, which CI has.
pub fn has_exceptions() -> bool {
    let built_with = std::fs::read_to_string(built("c-sdk/lib/built-with")).unwrap();
    let has_them = built_with.contains("has_exceptions=1");
    if !has_them {
        eprintln!("skipped: the C SDK was built without exceptions");
        assert!(std::env::var_os("CI").is_none(), "no exceptions");
    }
    has_them
}

/// Waits until a guest listens at a port: proc(5) tells, and no connection is taken away by it.
pub fn wait_for_listener(port: &str) {
    let port = format!(":{:04X} ", port.parse::<u16>().unwrap());
    let start = Instant::now();
    loop {
        let listens = ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
            let table = std::fs::read_to_string(table).unwrap_or_default();
            table
                .lines()
                .any(|line| line.contains(&port) && line.contains(" 0A "))
        });
        if listens {
            return;
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
}
