//! Programs of all sorts, sealed with a small keeper of the tests.

use capsock_policy::{Op, Policy};

use crate::fuzzing::{self, keeper, program};
use crate::{Keeper, Seal, SealError, join, seal};

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn policy(targets: &[&str]) -> Policy {
    targets.iter().fold(Policy::default(), |policy, target| {
        policy.allow(Op::Connect, target).expect(target)
    })
}

#[test]
fn what_is_sealed_is_found_again_and_the_same_each_time() {
    let program = program("");
    let policy = policy(&[
        "tcp://192.0.2.1:443",
        "unix:/run/a\\x20b",
        "tcp://b\u{fc}cher.example:1-9",
    ]);
    let sealed = seal(&program, Some(&policy), &keeper(), &[]).expect("sealed");
    let again = seal(&program, Some(&policy), &keeper(), &[]).expect("sealed");
    assert_eq!(sealed, again);
    let found = Seal::of(&sealed).expect("whole").expect("sealed");
    let mut rules: Vec<String> = policy.rules().iter().map(ToString::to_string).collect();
    rules.sort();
    let of = |policy: &Policy| {
        policy
            .rules()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(found.policy().map(of), Some(rules));
    assert_eq!(found.program(), program);
    assert!(Seal::of(&program).expect("unsealed").is_none());
}

#[test]
fn what_was_changed_since_is_told() {
    let sealed = seal(
        &program(""),
        Some(&policy(&["tcp://192.0.2.1:443"])),
        &keeper(),
        &[],
    );
    let sealed = sealed.expect("sealed");
    let places = |sought: &[u8]| -> Vec<usize> {
        let windows = sealed.windows(sought.len()).enumerate();
        windows
            .filter_map(|(place, window)| (window == sought).then_some(place))
            .collect()
    };
    // In the data that the keeper reads, in the text, and in the program.
    let rules = places(b"192.0.2.1");
    assert_eq!(rules.len(), 2);
    for place in rules
        .into_iter()
        .chain(places(b"wasi:sockets/network@0.2.6"))
    {
        let mut changed = sealed.clone();
        changed[place] = match changed[place] {
            b'1' => b'9',
            other => other ^ 1,
        };
        Seal::of(&changed).expect_err("changed");
    }
    // The parts as they were, put together by somebody else.
    let mut changed = sealed.clone();
    let name = b"capsock:firewall/policy@0.1.0";
    let last = places(name).pop().expect("it is there");
    changed[last + name.len() - 1] = b'1';
    assert!(matches!(Seal::of(&changed), Err(_) | Ok(None)));
    // And no byte of it can be changed without being seen.
    for place in (8..sealed.len()).step_by(7) {
        let mut changed = sealed.clone();
        changed[place] ^= 0x40;
        assert!(!matches!(Seal::of(&changed), Ok(Some(_))), "{place}");
    }
}

#[test]
fn what_is_fuzzed_holds_for_some_changes() {
    for data in [
        &b""[..],
        b"\0\0\0",
        b"abc",
        b"\x40\0\x01xyz",
        b"\0asm\x0d\0\x01\0",
    ] {
        fuzzing::changed(data);
    }
}

#[test]
fn a_sealed_program_can_be_sealed_again() {
    let inner = policy(&["tcp://192.0.2.1:1-9"]);
    let outer = policy(&["tcp://192.0.2.1:5-99"]);
    let once = seal(&program(""), Some(&inner), &keeper(), &[]).expect("once");
    // The keeper of these tests has no sockets of the host, so it needs none.
    let twice = seal(&once, Some(&outer), &keeper(), &[]);
    assert!(matches!(twice, Err(SealError::NoSockets)), "{twice:?}");
}

#[test]
fn what_cannot_be_kept_is_not_sealed() {
    let refused = |program: &[u8]| {
        let error = seal(program, Some(&Policy::default()), &keeper(), &[]);
        error.expect_err("refused").to_string()
    };
    let imports = |more: &str| refused(&program(more));
    let errors = [
        refused(b""),
        refused(b"\0asm"),
        refused(&wat("(module)")),
        refused(&program("")[..100]),
        refused(&wat("(component)")),
        imports(r#"(import "wasi:sockets/types@0.3.0" (instance))"#),
        imports(r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))"#),
        imports(r#"(import "capsock:sockets/socket@0.1.0" (instance))"#),
        imports(r#"(import "connect" (func))"#),
        imports(r#"(import "m" (core module))"#),
        imports(r#"(import "c" (component))"#),
        imports(r#"(import "t" (type (sub resource)))"#),
        imports(r#"(import "fermyon:spin/redis@2.0.0" (instance))"#),
        imports(r#"(import "unlocked-dep=<a:b>" (component))"#),
        refused(&wat(
            r#"(component (import "wasi:sockets/network@0.2.6" (func)))"#,
        )),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}

/// wasmparser asserts that no instance type stands twice under names of one track.
#[test]
fn what_a_library_fails_on_is_an_error() {
    let program = wat(r#"(component
            (import "wasi:sockets/network@0.2.0" (instance $n
                (export "network" (type (sub resource)))))
            (alias export $n "network" (type $network))
            (type $i (instance
                (export "network" (type (eq $network)))
                (export "instance-network" (func (result (own $network))))))
            (import "wasi:sockets/instance-network@0.2.0" (instance (type $i)))
            (import "wasi:sockets/instance-network@0.2.3" (instance (type $i))))"#);
    // Without the components there is nothing to compose.
    let Ok(keeper) = Keeper::firewall() else {
        return;
    };
    let sealed = seal(&program, Some(&Policy::default()), &keeper, &[]);
    assert!(matches!(sealed, Err(SealError::Unread)), "{sealed:?}");
}

#[test]
fn what_is_let_through_is_imported() {
    for name in ["", " ", "wasi:clokcs", "example:log\n"] {
        let sealed = seal(
            &program(""),
            Some(&Policy::default()),
            &keeper(),
            &[name.to_owned()],
        );
        assert!(
            matches!(sealed, Err(SealError::PassesNothing(_))),
            "{name:?}"
        );
    }
}

#[test]
fn what_the_user_lets_through_is_the_hosts() {
    let program =
        program(r#"(import "example:log/sink@1.0.0" (instance (export "write" (func))))"#);
    let passed = ["example:log".to_owned()];
    let sealed = seal(&program, Some(&Policy::default()), &keeper(), &passed).expect("sealed");
    let found = Seal::of(&sealed).expect("whole").expect("sealed");
    assert_eq!(found.passed(), passed);
}

#[test]
fn the_host_gives_the_rules_of_what_is_joined() {
    let joined = join(&program(""), &keeper(), &[]).expect("joined");
    let text = String::from_utf8_lossy(&joined);
    assert!(text.contains(crate::policy::INTERFACE));
    assert!(Seal::of(&joined).expect("no seal").is_none());
}

/// As wasmparser itself goes through a component, without what is in its modules.
#[test]
fn modules_are_passed_over() {
    use wasmparser::{Encoding, Parser, Payload};
    let sealed = seal(&program(""), Some(&Policy::default()), &keeper(), &[]).expect("sealed");
    let mut expected = Vec::new();
    let mut encodings = Vec::new();
    for payload in Parser::new(0).parse_all(&sealed) {
        let payload = payload.expect("it is whole");
        if let Payload::Version { encoding, .. } = &payload {
            encodings.push(*encoding);
        }
        if encodings.last() == Some(&Encoding::Component) {
            expected.push(format!("{payload:?}"));
        }
        if matches!(payload, Payload::End(_)) {
            encodings.pop();
        }
    }
    let found: Vec<String> = crate::payloads(&sealed)
        .map(|payload| format!("{:?}", payload.expect("it is whole")))
        .collect();
    assert!(
        found
            .iter()
            .any(|payload| payload.starts_with("ModuleSection"))
    );
    assert_eq!(found, expected);
    // What is cut off comes to an end, too.
    for length in (0..sealed.len()).step_by(97) {
        crate::payloads(&sealed[..length]).for_each(drop);
    }
}
