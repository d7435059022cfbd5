//! Every guest program is run by some test.

use std::path::Path;

#[test]
fn each_program_and_example_has_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let harness = files(&tests.join("harness")).map(|name| format!("harness/{name}"));
    let sources: String = files(tests)
        .chain(harness)
        .filter(|name| name.ends_with(".rs"))
        .map(|name| std::fs::read_to_string(tests.join(name)).unwrap())
        .collect();
    let programs = files(&tests.join("programs/src/bin")).map(|name| name.replace(".rs", ""));
    // `sealed` is a script, which does what tests/sealed_jco.rs does; those in C have
    // tests/c.rs, and that in JavaScript tests/serve.rs.
    let examples = files(&tests.join("../examples"))
        .filter(|name| !["c", "edge-js", "python", "sealed"].contains(&name.as_str()));
    let scripts = files(&tests.join("../examples/python"));
    for program in programs.chain(examples).chain(scripts) {
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

/// docs/parity.md has every row of the specification, in its order, and each row
/// a test, or says why there is nothing to test.
#[test]
fn each_row_of_the_specification_is_in_the_parity_table() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(tests.join(path)).unwrap();
    let table = read("../docs/parity.md");
    // A bar in a cell is escaped.
    let table = table.replace("\\|", "\u{1}");
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().replace('\u{1}', "|"))
            .collect()
    };
    let rows: Vec<Vec<String>> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(cells)
        .collect();
    let seeds = read("seed-api.tsv");
    let seeds: Vec<Vec<&str>> = seeds
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(rows.len(), seeds.len());
    for (row, seed) in rows.iter().zip(&seeds) {
        assert_eq!(
            row[..3],
            [seed[0], seed[1], seed[3]],
            "the row of {}",
            seed[0]
        );
        let (test, missing) = (&row[6], &row[7]);
        assert!(
            test.contains("::") || missing.starts_with("nothing: "),
            "`{}` has no test, and no reason for none",
            seed[0]
        );
    }
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
