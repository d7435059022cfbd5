//! `capsock`: runs components that use sockets, granted one capability at a
//! time.

mod args;
mod audit;
mod bounds;
mod cache;
mod compile;
mod concurrency;
mod files;
mod guard;
mod inherit;
mod inspect;
mod landlock;
mod links;
mod load;
mod policy;
mod record;
mod run;
mod script;
mod seal;
mod serve;
mod signals;
mod terminal;
mod told;
mod trace;
mod trust;
mod trusted;
mod wasi;

use std::process::exit;

use args::{Cli, Command, PolicyTask, UsageError};
use clap::Parser;
use terminal::{tell, tell_lines};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// Something was wrong before the guest started.
    Usage(String),
    /// The guest did what a component must not.
    Trap(wasmtime::Error),
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Usage(error.to_string())
    }
}

fn main() {
    let filter =
        EnvFilter::try_from_env("CAPSOCK_LOG").unwrap_or_else(|_unset| EnvFilter::new("off"));
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(|| terminal::Log);
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(said) => terminal::exit_with(&said),
    };
    let trace = matches!(&command, Command::Run(run) if run.trace);
    tracing_subscriber::registry()
        .with(log.with_filter(filter))
        .with(trace.then(trace::layer))
        .init();
    let result = match command {
        Command::Run(args) => args.parse().map_err(Failure::from).and_then(run::run),
        Command::Serve(args) => args.parse().map_err(Failure::from).and_then(serve::serve),
        Command::Policy(args) => match args.parse() {
            Ok(PolicyTask::Check(files)) => policy::check(&files),
            Ok(PolicyTask::Explain(policy, question)) => policy::explain(&policy, &question),
            Err(error) => Err(error.into()),
        },
        Command::Inspect(args) => inspect::inspect(&args.component),
        Command::Seal(args) => args
            .parse()
            .map_err(Failure::from)
            .and_then(|task| seal::seal(&task)),
        Command::Compile(args) => compile::serve(args.memory),
    };
    // Not a return: a thread may still wait for standard input.
    exit(match result {
        Ok(code) => code,
        Err(Failure::Usage(message)) => {
            tell(format_args!("{}", one_line(&message)));
            2
        }
        Err(Failure::Trap(error)) => {
            tell_lines(format_args!("the guest trapped: {error:?}"));
            134
        }
    })
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
