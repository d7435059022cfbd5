//! Every guest program is run by some test.

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

/// A row of docs/parity.md that names a test names one that exists.
#[test]
fn each_test_in_the_parity_table_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(tests.join("../docs/parity.md")).unwrap();
    let mut named = 0;
    for test in table
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`'))
    {
        let Some((file, name)) = test
            .split_once("::")
            .filter(|(file, _)| file.chars().all(|c| c.is_ascii_lowercase()))
        else {
            continue;
        };
        let source = std::fs::read_to_string(tests.join(format!("{file}.rs"))).unwrap();
        assert!(source.contains(&format!("fn {name}(")), "no test `{test}`");
        named += 1;
    }
    assert!(named > 20, "{named} tests are named");
}
