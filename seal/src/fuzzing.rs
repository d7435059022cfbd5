//! What the fuzz targets reach: components that somebody has changed.

use std::borrow::Cow;
use std::sync::OnceLock;

use capsock_policy::{Op, Policy};

use crate::keeper::{Keeper, Kind};
use crate::{Seal, join, seal};

/// Gives `wasi:sockets/instance-network`, and asks for the rules.
const KEEPER: &str = r#"
    (component
        (import "capsock:firewall/policy@0.1.0" (instance $policy
            (export "rules" (func (result (option (list string)))))))
        (type $network' (resource (rep i32)))
        (core module $m (func (export "f") (result i32) (i32.const 1)))
        (core instance $i (instantiate $m))
        (instance $net (export "network" (type $network')))
        (export $net' "wasi:sockets/network@0.2.12" (instance $net))
        (alias export $net' "network" (type $n))
        (func $get (result (own $n)) (canon lift (core func $i "f")))
        (instance $instance (export "network" (type $n)) (export "instance-network" (func $get)))
        (export "wasi:sockets/instance-network@0.2.12" (instance $instance)))"#;

/// A program that imports the network, and what else is written there.
pub fn program(more: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component
            (import "wasi:sockets/network@0.2.6" (instance $n (export "network" (type (sub resource)))))
            (alias export $n "network" (type $network))
            (import "wasi:sockets/instance-network@0.2.6" (instance
                (export "network" (type (eq $network)))
                (export "instance-network" (func (result (own $network))))))
            {more})"#
    ))
}

/// A keeper as small as it gets.
pub fn keeper() -> Keeper {
    Keeper {
        kind: Kind::Firewall,
        bytes: Cow::Owned(wat(KEEPER)),
    }
}

/// Changes a sealed component, and seals what comes.
///
/// # Panics
/// Where a change is not seen.
pub fn changed(data: &[u8]) {
    static SEALED: OnceLock<Vec<u8>> = OnceLock::new();
    let sealed = SEALED.get_or_init(|| {
        let policy = Policy::default().allow(Op::Connect, "tcp://192.0.2.1:443");
        let policy = policy.expect("a rule");
        seal(&program(""), Some(&policy), &keeper(), &[]).expect("it can be sealed")
    });
    let mut changed = sealed.clone();
    for edit in data.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % changed.len();
        changed[place] ^= edit[2];
    }
    let found = Seal::of(&changed);
    assert_eq!(changed == *sealed, matches!(found, Ok(Some(_))));
    for component in [data, &changed] {
        _ = Seal::said_by(component);
        _ = join(component, &keeper(), &[]);
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}
