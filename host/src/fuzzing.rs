//! What the fuzz targets do with their bytes: not for use by others.
//!
//! The tests do the same with the targets' corpora, so that what was found once
//! stays mended where nobody fuzzes.

use crate::{model, os};

/// An address that the kernel could tell is the same once it was given to the
/// kernel and told again, and can be printed.
pub fn address(bytes: &[u8]) {
    os::round_trip_address(bytes);
}

/// Ancillary data of any shape is taken apart, and what is put together is taken
/// apart to what it was.
pub fn control(bytes: &[u8]) {
    os::message::round_trip_control(bytes);
}

/// A policy and operations under it, beside a naive model: see `model`.
pub fn sequence(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = model::runtime();
    }
    RUNTIME.with(|runtime| model::run(runtime, bytes));
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "the last file is the one that fails")]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    type Target = (&'static str, fn(&[u8]));
    const TARGETS: [Target; 3] = [
        ("address", address),
        ("control", control),
        ("sequence", sequence),
    ];

    #[test]
    fn the_corpora_hold() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for (name, target) in TARGETS {
            let files = std::fs::read_dir(corpora.join(name)).expect(name);
            let mut count = 0;
            for file in files {
                let path = file.expect(name).path();
                println!("{}", path.display());
                target(&std::fs::read(&path).expect("a file"));
                count += 1;
            }
            assert!(count > 0, "{name} has no corpus");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn any_bytes_hold(bytes in proptest::collection::vec(any::<u8>(), 0..128), family in 0u8..45) {
            let mut bytes = bytes;
            address(&bytes);
            control(&bytes);
            // Mostly of a family that there is.
            if let Some(start) = bytes.first_chunk_mut() {
                *start = u16::from(family).to_ne_bytes();
            }
            address(&bytes);
        }
    }
}
