//! What components need of wasmtime is there, by what they contain and not by
//! the names that they import: commands of WASI 0.2 in WebAssembly's own text.

use std::process::{Command, Output};

use capsock_tests::{capsock, stderr};
use rstest::rstest;
use tempfile::TempDir;

/// A command whose `run` has this body, with these definitions before it, and
/// the names under which the module imports some of them.
fn command(definitions: &str, imports: &[(&str, &str)], module: &str, body: &str) -> String {
    let imported = imports
        .iter()
        .map(|(name, kind)| format!(r#"(import "" "{name}" (func ${name} {kind}))"#));
    let given = imports
        .iter()
        .map(|(name, _)| format!(r#"(export "{name}" (func ${name}))"#));
    format!(
        r#"(component
            {definitions}
            (core module $m
                {}
                {module}
                (func (export "run") (result i32) {body} (i32.const 0)))
            (core instance $i (instantiate $m (with "" (instance {}))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $exported (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $exported)))"#,
        imported.collect::<String>(),
        given.collect::<String>(),
    )
}

fn run(text: &str) -> Output {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("command.wasm");
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    Command::output(capsock().args(["run", "--no-cache"]).arg(&path)).unwrap()
}

#[track_caller]
fn succeeds(text: &str) {
    let output = run(text);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Each is there, as far as the validator is concerned; those that do something
/// alone are called too.
#[rstest]
#[case::storage(
    "(core func $set (canon context.set i32 0)) (core func $get (canon context.get i32 0))",
    &[("set", "(param i32)"), ("get", "(result i32)")],
    "(call $set (i32.const 7)) (if (i32.ne (call $get) (i32.const 7)) (then unreachable))"
)]
#[case::storage_of_threads(
    "(core func $set (canon context.set i32 1)) (core func $get (canon context.get i32 1))",
    &[("set", "(param i32)"), ("get", "(result i32)")],
    "(call $set (i32.const 7)) (if (i32.ne (call $get) (i32.const 7)) (then unreachable))"
)]
#[case::task_cancel("(core func $cancel (canon task.cancel))", &[("cancel", "")], "")]
#[case::task_return("(core func $return (canon task.return))", &[("return", "")], "")]
#[case::backpressure(
    "(core func $inc (canon backpressure.inc)) (core func $dec (canon backpressure.dec))",
    &[("inc", ""), ("dec", "")],
    "(call $inc) (call $dec)"
)]
#[case::waitable_set(
    "(core func $new (canon waitable-set.new)) (core func $drop (canon waitable-set.drop))",
    &[("new", "(result i32)"), ("drop", "(param i32)")],
    "(call $drop (call $new))"
)]
#[case::yields("(core func $yield (canon thread.yield))", &[("yield", "(result i32)")], "(drop (call $yield))")]
#[case::stream(
    "(type $s (stream u8)) (core func $new (canon stream.new $s))
     (core func $drop (canon stream.drop-readable $s))",
    &[("new", "(result i64)"), ("drop", "(param i32)")],
    "(call $drop (i32.wrap_i64 (call $new)))"
)]
#[case::future(
    "(type $f (future u8)) (core func $new (canon future.new $f))
     (core func $drop (canon future.drop-readable $f))",
    &[("new", "(result i64)"), ("drop", "(param i32)")],
    "(call $drop (i32.wrap_i64 (call $new)))"
)]
#[case::cancel_async(
    "(type $s (stream u8)) (core func $cancel (canon stream.cancel-read $s async))",
    &[("cancel", "(param i32) (result i32)")],
    ""
)]
#[case::subtask_cancel_async(
    "(core func $cancel (canon subtask.cancel async))",
    &[("cancel", "(param i32) (result i32)")],
    ""
)]
#[case::error_context("(core func $drop (canon error-context.drop))", &[("drop", "(param i32)")], "")]
#[case::error_context_type("(type $e (record (field \"why\" error-context)))", &[], "")]
#[case::asynchronous_type(
    "(type $t (instance (type $f (func async (result (list u8)))) (export \"f\" (func (type $f)))))",
    &[],
    ""
)]
#[case::nested(
    "(component $inner (core func (canon waitable-set.new)))
     (instance (instantiate $inner))",
    &[],
    ""
)]
#[case::nested_stackful(
    "(component $inner
        (core module $m (func (export \"f\")))
        (core instance $i (instantiate $m))
        (func (export \"f\") async (canon lift (core func $i \"f\") async)))
     (instance (instantiate $inner))",
    &[],
    ""
)]
fn a_command_of_0_2_has_each_asynchronous_function(
    #[case] definitions: &str,
    #[case] imports: &[(&str, &str)],
    #[case] body: &str,
) {
    succeeds(&command(definitions, imports, "", body));
}

/// Threads that give each other the processor, in a plain command.
#[test]
fn a_command_of_0_2_has_cooperative_threads() {
    let definitions = r#"
        (core module $shared (table (export "t") 1 funcref))
        (core instance $shared (instantiate $shared))
        (core type $start (func (param i32)))
        (alias core export $shared "t" (core table $table))
        (core func $new (canon thread.new-indirect $start (core table $table)))
        (core func $switch (canon thread.yield-then-resume))"#;
    let imports = [
        ("new", "(param i32 i32) (result i32)"),
        ("switch", "(param i32) (result i32)"),
    ];
    let module = r#"
        (import "shared" "t" (table $t 1 funcref))
        (global $seen (mut i32) (i32.const 0))
        (func $thread (param $value i32) (global.set $seen (local.get $value)))
        (elem (table $t) (i32.const 0) func $thread)"#;
    let body = "
        (drop (call $switch (call $new (i32.const 0) (i32.const 42))))
        (if (i32.ne (global.get $seen) (i32.const 42)) (then unreachable))";
    let text = command(definitions, &imports, module, body);
    let with_table = r#"(with "shared" (instance $shared)) (with "" "#;
    succeeds(&text.replace(r#"(with "" "#, with_table));
}

/// As of `setjmp`, C++ and Kotlin. More of them than there is memory for at once.
#[test]
fn exceptions_are_thrown_and_caught() {
    let module = "
        (tag $thrown (param i32))
        (func $throw (param i32) (throw $thrown (local.get 0)))
        (func $catch (param $value i32) (result i32)
            (block $caught (result i32)
                (try_table (catch $thrown $caught) (call $throw (local.get $value)))
                unreachable))
        (global $left (mut i32) (i32.const 1000000))";
    let body = "
        (loop $more
            (if (i32.ne (call $catch (global.get $left)) (global.get $left)) (then unreachable))
            (global.set $left (i32.sub (global.get $left) (i32.const 1)))
            (br_if $more (global.get $left)))";
    succeeds(&command("", &[], module, body));
}

/// What wasmtime does not have is told, and is no panic.
#[test]
fn threads_in_parallel_are_refused() {
    let definitions = "(core func $parallel (canon thread.available_parallelism))";
    let imports = [("parallel", "(result i32)")];
    let output = run(&command(definitions, &imports, "", ""));
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("thread"), "{told}");
}
