//! What a check of a grant costs, and the hooks of `--trace` while it is off.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;

use capsock_host::policy::operation::Connect;
use capsock_host::{Address, Policy, Protocol};

use super::round_trip::{connect, report};
use crate::contestant::{Arena, Contestant};
use crate::measure::{Plan, alone};
use crate::results::{Better, Case};

/// How often in one: a single one is too short for the clock.
const TIMES: usize = 1000;

/// How many rules.
pub(crate) const SIZES: [usize; 3] = [1, 100, 10_000];

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    if !"checks".starts_with(plan.only) {
        return Vec::new();
    }
    eprintln!("Checks of grants");
    let mut allowed = Case::new(
        "check-allowed",
        "A grant check that the last rule allows",
        "ns",
        Better::Less,
    );
    let mut denied = Case::new(
        "check-denied",
        "A grant check that no rule allows",
        "ns",
        Better::Less,
    );
    for rules in SIZES {
        let policy = policy(rules);
        let name = if rules == 1 {
            "1 rule".to_owned()
        } else {
            format!("{rules} rules")
        };
        for (case, address) in [(&mut allowed, last(rules)), (&mut denied, nowhere())] {
            let values = alone(plan, || {
                (0..TIMES).for_each(|_| check(&policy, address));
                Ok(())
            });
            add(case, &name, values);
        }
    }
    vec![allowed, denied, calls(arena, plan)]
}

fn add(case: &mut Case, name: &str, values: io::Result<Vec<f64>>) {
    match values {
        // Microseconds for so many are nanoseconds for one.
        Ok(values) => case.measured(
            name,
            values.iter().map(|us| us * 1000.0 / TIMES as f64).collect(),
        ),
        Err(error) => case.skipped(name, error.to_string()),
    }
}

/// Rules for one host and port each.
pub(crate) fn policy(rules: usize) -> Policy {
    let rules = (0..rules).map(|number| format!("allow connect tcp://{}", host(number)));
    let rules = rules.filter_map(|rule| rule.parse().ok());
    rules.fold(Policy::default(), Policy::with)
}

fn host(number: usize) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 443))
}

pub(crate) fn last(rules: usize) -> SocketAddr {
    host(rules - 1)
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([10, 2, 0, 1], 443))
}

pub(crate) fn check(policy: &Policy, address: SocketAddr) {
    let address = Address::from(address);
    _ = black_box(policy.vet::<Connect>(Protocol::Tcp, black_box(address)));
}

/// The cheapest call of the interface, and what of it are the hooks.
fn calls(arena: &Arena, plan: &Plan) -> Case {
    let mut case = Case::new("hooks", "The cheapest call of a guest", "ns", Better::Less);
    let connected = connect(arena, Contestant::Capsock, |address| {
        vec!["calls".to_owned(), address, TIMES.to_string()]
    });
    match connected {
        Ok((mut stream, mut running)) => {
            let values = alone(plan, || {
                use std::io::{Read, Write};
                stream.write_all(b"x")?;
                stream.read_exact(&mut [0])
            });
            add(&mut case, "a call (timeout)", values);
            drop(stream);
            report(running.join());
        }
        Err(why) => case.skipped("a call (timeout)", why),
    }
    let values = alone(plan, || {
        (0..TIMES as u64).for_each(|number| hooks(black_box(number)));
        Ok(())
    });
    add(&mut case, "the hooks of --trace in it, off", values);
    case
}

/// What the bindings have around each call.
#[inline(never)]
fn hooks(number: u64) {
    let span = tracing::span!(
        tracing::Level::TRACE,
        "wit-bindgen import",
        module = "socket",
        function = "timeout",
    );
    let _entered = span.enter();
    tracing::event!(
        tracing::Level::TRACE,
        this = tracing::field::debug(&number),
        "call"
    );
    tracing::event!(
        tracing::Level::TRACE,
        result = tracing::field::debug(&number),
        "return"
    );
}
