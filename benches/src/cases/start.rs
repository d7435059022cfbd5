//! From a file to a guest that runs, and what one keeps of memory.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Cache, CacheConfig, Engine, PoolingAllocationConfig};

use super::round_trip::report;
use crate::contestant::Arena;
use crate::guest::{self, Program};
use crate::machine;
use crate::measure::{Plan, alone};
use crate::results::{Better, Case};

/// How many idle instances are counted together.
const IDLE: usize = 100;

/// What of a memory and a stack is zeroed and kept as an instance ends, instead
/// of given back to the system.
const KEPT: usize = 1 << 20;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    if !"start-up".starts_with(plan.only) {
        return Vec::new();
    }
    eprintln!("Start-up");
    let mut start = Case::new("start-up", "Start-up", "µs", Better::Less);
    let mut memory = Case::new(
        "memory-instance",
        "Memory of an idle instance",
        "KiB",
        Better::Less,
    );
    if let Err(error) = measure(arena, plan, &mut start, &mut memory) {
        start.skipped("start-up", format!("{error:#}"));
    }
    vec![start, memory]
}

fn measure(
    arena: &Arena,
    plan: &Plan,
    start: &mut Case,
    memory: &mut Case,
) -> wasmtime::Result<()> {
    let path = guest::path("bench-sdk");
    let bytes = std::fs::read(&path)?;
    let engine = Engine::new(&guest::config())?;
    let few = Plan {
        rounds: plan.rounds.div_ceil(6),
        sample: Duration::ZERO,
        ..*plan
    };
    let mut add =
        |name: &str, plan: &Plan, work: &mut dyn FnMut() -> wasmtime::Result<()>| match alone(
            plan,
            || work().map_err(io::Error::other),
        ) {
            Ok(values) => start.measured(name, values),
            Err(error) => start.skipped(name, error.to_string()),
        };
    add("a native process (/bin/true)", plan, &mut || {
        Ok(Command::new("/bin/true").status().map(drop)?)
    });
    add("compile", &few, &mut || {
        Component::new(&engine, &bytes).map(drop)
    });
    let mut cache = CacheConfig::new();
    cache.with_directory(arena.directory.join("cache"));
    let mut config = guest::config();
    config.cache(Some(Cache::new(cache)?));
    let cached = Engine::new(&config)?;
    Component::new(&cached, &bytes)?;
    add("load from the cache", plan, &mut || {
        Component::new(&cached, &bytes).map(drop)
    });

    let runtime = guest::runtime()?;
    let program = Program::new(&engine, &path)?;
    let instantiate = |program: &Program, directory: &Path| {
        let mut store = program.store(&["idle".to_owned()], directory)?;
        runtime.block_on(program.instantiate(&mut store))
    };
    let directory = &arena.directory;
    add("make a store", plan, &mut || {
        program.store(&["idle".to_owned()], directory).map(drop)
    });
    add("store and instance", plan, &mut || {
        instantiate(&program, directory)
    });
    let pooled = Program::new(&pooling()?, &path)?;
    add("store and instance, pooled", plan, &mut || {
        instantiate(&pooled, directory)
    });
    // Without the store, and without giving anything back.
    for (name, program) in [("instance", &program), ("instance, pooled", &pooled)] {
        let mut values = Vec::new();
        for _ in 0..plan.rounds {
            let mut times = Vec::new();
            for _ in 0..IDLE {
                let mut store = program.store(&["idle".to_owned()], directory)?;
                let begin = std::time::Instant::now();
                runtime.block_on(program.instantiate(&mut store))?;
                times.push(begin.elapsed().as_secs_f64() * 1e6);
                drop(store);
            }
            values.push(crate::results::Spread::of(times).median);
        }
        start.measured(name, values);
    }
    for (name, program) in [("on demand", &program), ("pooled", &pooled)] {
        memory.measured(name, vec![idle(program, arena)?]);
    }
    Ok(())
}

fn pooling() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(2 * IDLE as u32)
        .total_core_instances(20 * IDLE as u32)
        .total_memories(2 * IDLE as u32)
        .total_tables(20 * IDLE as u32)
        .total_stacks(2 * IDLE as u32)
        .max_memory_size(256 << 20)
        .table_elements(10_000)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .async_stack_keep_resident(KEPT);
    let mut config = guest::config();
    config.allocation_strategy(pool);
    Engine::new(&config)
}

/// KiB of this process for each instance that waits in a receive.
fn idle(program: &Program, arena: &Arena) -> wasmtime::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let args = ["echo-tcp".to_owned(), address, "64".to_owned()];
    let runtime = guest::runtime()?;
    let tasks = tokio::task::LocalSet::new();
    let before = machine::memory(std::process::id());
    for _ in 0..IDLE {
        let (program, store) = (program.clone(), program.store(&args, &arena.directory)?);
        tasks.spawn_local(async move { program.call(store).await });
    }
    let mut streams = Vec::new();
    let listener = {
        listener.set_nonblocking(true)?;
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let grown = runtime.block_on(tasks.run_until(async {
        for _ in 0..IDLE {
            streams.push(listener.accept().await?.0);
        }
        // Each that has connected waits now, or does in a moment.
        tokio::time::sleep(Duration::from_millis(100)).await;
        io::Result::Ok(machine::memory(std::process::id()).saturating_sub(before))
    }))?;
    drop(streams);
    report(runtime.block_on(async {
        tasks.await;
        Ok(())
    }));
    Ok(grown as f64 / 1024.0 / IDLE as f64)
}
