//! Every guest program is run by some test.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::path::Path;

#[test]
fn each_program_and_example_has_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String = files(tests)
        .filter(|name| name.ends_with(".rs"))
        .map(|name| std::fs::read_to_string(tests.join(name)).unwrap())
        .collect();
    let programs = files(&tests.join("programs/src/bin")).map(|name| name.replace(".rs", ""));
    for program in programs.chain(files(&tests.join("../examples"))) {
        assert!(
            sources.contains(&format!("\"{program}\"")),
            "no test runs `{program}`"
        );
    }
}

fn files(dir: &Path) -> impl Iterator<Item = String> + use<> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
}
