//! What a run has found, as it is written to `results.json`.

use serde_derive::{Deserialize, Serialize};

use crate::machine::Machine;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) command: String,
    /// How many samples of each contestant.
    pub(crate) rounds: usize,
    /// Milliseconds of one sample.
    pub(crate) sample: u64,
    /// How long the run took.
    pub(crate) seconds: u64,
    pub(crate) cases: Vec<Case>,
}

/// One thing that was measured, for each contestant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Less,
    More,
}

/// What one contestant did, or why it did not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Measured(Measured),
    Skipped(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    #[serde(flatten)]
    pub(crate) value: Spread,
    pub(crate) samples: usize,
    /// To the first contestant in the same round.
    pub(crate) ratio: Option<Spread>,
}

/// A median and the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (values.len() - 1) as f64;
            let (low, high) = (values[place as usize], values[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Self {
            q1: at(0.25),
            median: at(0.5),
            q3: at(0.75),
        }
    }
}

impl Case {
    pub(crate) fn new(id: &str, title: &str, unit: &str, better: Better) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            unit: unit.to_owned(),
            better,
            entries: Vec::new(),
        }
    }

    /// Adds what was measured of one contestant by itself.
    pub(crate) fn measured(&mut self, contestant: &str, values: Vec<f64>) {
        let outcome = Outcome::Measured(Measured {
            samples: values.len(),
            value: Spread::of(values),
            ratio: None,
        });
        self.push(contestant, outcome);
    }

    pub(crate) fn skipped(&mut self, contestant: &str, why: impl Into<String>) {
        self.push(contestant, Outcome::Skipped(why.into()));
    }

    pub(crate) fn push(&mut self, contestant: &str, outcome: Outcome) {
        self.entries.push(Entry {
            contestant: contestant.to_owned(),
            outcome,
        });
    }

    pub(crate) fn of(&self, contestant: &str) -> Option<&Measured> {
        let entry = |entry: &&Entry| entry.contestant == contestant;
        match &self.entries.iter().find(entry)?.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Skipped(_) => None,
        }
    }
}

impl Results {
    pub(crate) fn case(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn quartiles_are_between_values() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 3.0]);
        assert_eq!((spread.q1, spread.median, spread.q3), (1.75, 2.5, 3.25));
        let one = Spread::of(vec![7.0]);
        assert_eq!((one.q1, one.median, one.q3), (7.0, 7.0, 7.0));
    }
}
