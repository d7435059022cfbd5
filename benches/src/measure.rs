//! Samples of many contestants, one after the other, round after round.

use std::io;
use std::time::{Duration, Instant};

use crate::contestant::Contestant;
use crate::results::{Better, Case, Measured, Outcome, Spread};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long a sample of the first contestant takes.
    pub(crate) sample: Duration,
    /// What takes long is left out, and everything is done but once.
    pub(crate) tiny: bool,
    /// The beginning of the names of the cases that are wanted.
    pub(crate) only: &'static str,
}

/// A contestant that is ready, as its peer sees it.
pub(crate) trait Session {
    /// Does it so often.
    fn repeat(&mut self, times: u64) -> io::Result<()>;
}

/// What the time of one operation is told as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Microseconds,
    /// Of an operation that moves so many bytes.
    MegabytesPerSecond(usize),
    PerSecond,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::MegabytesPerSecond(_) => "MB/s",
            Self::PerSecond => "1/s",
        }
    }

    fn better(self) -> Better {
        match self {
            Self::Microseconds => Better::Less,
            Self::MegabytesPerSecond(_) | Self::PerSecond => Better::More,
        }
    }

    /// From seconds.
    fn of(self, seconds: f64) -> f64 {
        match self {
            Self::Microseconds => seconds * 1e6,
            Self::MegabytesPerSecond(bytes) => bytes as f64 / seconds / 1e6,
            Self::PerSecond => 1.0 / seconds,
        }
    }
}

struct Runner<S> {
    contestant: Contestant,
    /// What it takes part with, or why it does not.
    state: Result<S, String>,
    values: Vec<f64>,
}

/// After so many rounds each contestant begins anew, with another connection and
/// other memory: where buffers happen to be, and how far the kernel has let those
/// of a connection grow, is worth up to a fifth of a large message.
const SITTING: usize = 3;

/// Compares contestants that are all ready at the same time.
pub(crate) fn compete<S: Session>(
    plan: &Plan,
    (id, title, unit): (&str, &str, Unit),
    contestants: &[Contestant],
    mut open: impl FnMut(Contestant) -> Result<S, String>,
) -> Case {
    let mut case = Case::new(id, title, unit.name(), unit.better());
    if !id.starts_with(plan.only) {
        return case;
    }
    eprintln!("{title}");
    let runners = contestants.iter().map(|contestant| Runner {
        contestant: *contestant,
        state: open(*contestant),
        values: Vec::new(),
    });
    let mut runners: Vec<Runner<S>> = runners.collect();
    let times = match runners.first_mut().map(|first| &mut first.state) {
        Some(Ok(session)) => calibrate(plan, session).unwrap_or(1),
        _ => 1,
    };
    // The first round warms up, and is not counted.
    for round in 0..=plan.rounds {
        for turn in 0..runners.len() {
            let place = (turn + round) % runners.len();
            let runner = &mut runners[place];
            if round > 0 && round % SITTING == 0 && runner.state.is_ok() {
                // The old one ends before there is a new one.
                runner.state = Err(String::new());
                runner.state = open(runner.contestant).and_then(|mut session| {
                    let warmed = session.repeat(times.div_ceil(8));
                    warmed.map(|()| session).map_err(|error| error.to_string())
                });
            }
            let Ok(session) = &mut runner.state else {
                continue;
            };
            match timed(session, times) {
                Ok(seconds) if round > 0 => runner.values.push(unit.of(seconds)),
                Ok(_warm) => {}
                Err(error) => runner.state = Err(error.to_string()),
            }
        }
    }
    let results = runners.into_iter().map(|runner| {
        let values = runner.state.map(|_session| runner.values);
        (runner.contestant, values)
    });
    fill(&mut case, results.collect());
    case
}

/// Puts what was found beside the first contestant, round by round.
pub(crate) fn fill(case: &mut Case, results: Vec<(Contestant, Result<Vec<f64>, String>)>) {
    let first = match results.first() {
        Some((_, Ok(values))) => values.clone(),
        _ => Vec::new(),
    };
    for (contestant, values) in results {
        let name = contestant.name();
        match values {
            Ok(values) if !values.is_empty() => {
                let ratios = values
                    .iter()
                    .zip(&first)
                    .map(|(value, first)| value / first);
                let ratios: Vec<f64> = ratios.collect();
                let measured = Measured {
                    samples: values.len(),
                    ratio: (!ratios.is_empty()).then(|| Spread::of(ratios)),
                    value: Spread::of(values),
                };
                eprintln!("  {name}: {:.2} {}", measured.value.median, case.unit);
                case.push(name, Outcome::Measured(measured));
            }
            Ok(_none) => case.skipped(name, "not in this run"),
            Err(why) => case.skipped(name, why),
        }
    }
}

/// Seconds for one of `times`.
pub(crate) fn timed(session: &mut impl Session, times: u64) -> io::Result<f64> {
    let start = Instant::now();
    session.repeat(times)?;
    Ok(start.elapsed().as_secs_f64() / times as f64)
}

/// How often takes as long as a sample.
pub(crate) fn calibrate(plan: &Plan, session: &mut impl Session) -> io::Result<u64> {
    if plan.tiny {
        return Ok(2);
    }
    let mut times = 1;
    loop {
        let start = Instant::now();
        session.repeat(times)?;
        let taken = start.elapsed();
        if taken >= plan.sample / 4 {
            let rate = times as f64 / taken.as_secs_f64();
            return Ok(((rate * plan.sample.as_secs_f64()) as u64).max(1));
        }
        times *= 2;
    }
}

/// Microseconds of one call of `work`, once a round.
pub(crate) fn alone(plan: &Plan, mut work: impl FnMut() -> io::Result<()>) -> io::Result<Vec<f64>> {
    struct Work<F>(F);
    impl<F: FnMut() -> io::Result<()>> Session for Work<F> {
        fn repeat(&mut self, times: u64) -> io::Result<()> {
            (0..times).try_for_each(|_| (self.0)())
        }
    }
    let mut work = Work(&mut work);
    let times = calibrate(plan, &mut work)?;
    let samples = (0..plan.rounds).map(|_| Ok(timed(&mut work, times)? * 1e6));
    samples.collect()
}
