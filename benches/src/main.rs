//! Measures guests beside native programs: `just bench`.

#![allow(
    clippy::print_stderr,
    reason = "a program for the terminal, which tells what it does"
)]

mod cases;
mod contestant;
mod guest;
mod machine;
mod measure;
mod native;
mod report;
mod results;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use contestant::Arena;
use machine::Machine;
use measure::Plan;
use results::Results;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures, and writes what it found.
    Run {
        /// Only the first two cases: round trips and throughput.
        #[arg(long)]
        quick: bool,
        /// Everything but once, to see that it works: the figures say nothing.
        #[arg(long)]
        tiny: bool,
        /// How many samples of each contestant.
        #[arg(long, default_value_t = 21)]
        rounds: usize,
        /// Milliseconds of one sample.
        #[arg(long, default_value_t = 40)]
        sample: u64,
        /// Only the cases whose names begin like this.
        #[arg(long, default_value = "")]
        only: String,
        /// What runs this, as the document has it.
        #[arg(long, default_value = "capsock-bench run")]
        recipe: String,
        /// Where results.json goes.
        #[arg(long)]
        results: PathBuf,
        /// The document with tables and charts, whose written sections stay.
        #[arg(long)]
        document: Option<PathBuf>,
    },
    /// Writes the document from results.json again.
    Report { results: PathBuf, document: PathBuf },
    /// Keeps connections open until its input ends.
    #[command(hide = true)]
    Hold { port: u16, count: usize },
    /// Runs a program of a contestant in a process of its own: the contestant, its
    /// compiled code, its directory, and the program with its arguments.
    #[command(hide = true)]
    Alone {
        contestant: String,
        code: PathBuf,
        directory: PathBuf,
        program: Vec<String>,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    match Args::parse().command {
        Command::Run {
            quick,
            tiny,
            rounds,
            sample,
            only,
            recipe,
            results: path,
            document,
        } => {
            let plan = Plan {
                rounds: if tiny { 1 } else { rounds },
                sample: Duration::from_millis(sample),
                tiny,
                only: only.leak(),
            };
            let results = run(&plan, quick, recipe)?;
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            std::fs::write(&path, serde_json::to_string_pretty(&results)?)?;
            eprintln!("{}, after {} s", path.display(), results.seconds);
            match document {
                Some(document) => report::write(&results, &document)?,
                None => print!("{}", report::tables(&results)),
            }
        }
        Command::Report { results, document } => {
            let results: Results = serde_json::from_str(&std::fs::read_to_string(results)?)?;
            report::write(&results, &document)?;
        }
        Command::Hold { port, count } => cases::hold(port, count)?,
        Command::Alone {
            contestant,
            code,
            directory,
            program,
        } => contestant::run_alone(&contestant, &code, &directory, &program)?,
    }
    Ok(())
}

fn run(plan: &Plan, quick: bool, command: String) -> Result<Results, Box<dyn Error>> {
    let start = Instant::now();
    let machine = Machine::this();
    let descriptors = machine::raise_descriptors()?;
    let directory = tempfile::tempdir()?;
    // Compiled on all cores, then everything is on one.
    let arena = Arena::new(directory.path(), !plan.tiny)?;
    let core = machine::pin()?;
    eprintln!("on core {core}, with {descriptors} descriptors");
    let mut cases = cases::all(&arena, plan, quick);
    cases.retain(|case| !case.entries.is_empty());
    Ok(Results {
        machine,
        command,
        rounds: plan.rounds,
        sample: plan.sample.as_millis() as u64,
        seconds: start.elapsed().as_secs(),
        cases,
    })
}
