//! Each case runs, if but for a moment: the figures are not looked at.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_case_runs_and_every_contestant_takes_part() {
    let directory = tempfile::tempdir().unwrap();
    let (results, document) = (
        directory.path().join("results.json"),
        directory.path().join("performance.md"),
    );
    let written = "# By hand\n\n<!-- measured: begin -->\nold\n<!-- measured: end -->\n\nreasons\n";
    std::fs::write(&document, written).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_capsock-bench"))
        .args(["run", "--tiny", "--results"])
        .arg(&results)
        .arg("--document")
        .arg(&document)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}");

    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    let memcached = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench-memcached");
    let has_memcached = std::path::Path::new(memcached).exists();
    let results: Value = serde_json::from_slice(&std::fs::read(results).unwrap()).unwrap();
    let cases = results["cases"].as_array().unwrap();
    assert!(cases.len() >= 18, "{}", cases.len());
    for case in cases {
        for entry in case["entries"].as_array().unwrap() {
            let (id, contestant) = (&case["id"], entry["contestant"].as_str().unwrap());
            let may_lack = match contestant {
                _ if id == "instructions" => !has_valgrind,
                // Its source may be gone.
                _ if id.as_str().unwrap().starts_with("memcached") => !has_memcached,
                "native, Python" | "capsock, Python" => true,
                "wasi:sockets 0.2" | "wasi:sockets 0.2, sealed" | "wasi:sockets 0.3" => {
                    id == "round-trip-unix"
                }
                _ => false,
            };
            let measured = entry["measured"]["median"].is_number();
            assert!(measured || may_lack, "{id}: {entry}\n{told}");
        }
    }

    let document = std::fs::read_to_string(document).unwrap();
    assert!(document.starts_with("# By hand\n"));
    assert!(document.ends_with("\n\nreasons\n"));
    assert!(!document.contains("old\n") && document.contains("## Goals"));
    for chart in ["latency", "throughput", "servers", "connections"] {
        let chart = directory.path().join(format!("performance/{chart}.svg"));
        assert!(
            std::fs::read_to_string(chart)
                .unwrap()
                .ends_with("</svg>\n")
        );
    }
}
