//! `capsock serve`: handles each request of HTTP by an instance of a component.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use capsock_host::Limits;
use capsock_serve::{Certificates, Listener, Place, Server, Service, Stop, Template};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::FsPerms;

use crate::args::Run;
use crate::terminal::tell;
use crate::told::Told;
use crate::wasi::Surface;
use crate::{Failure, bounds, load, trusted};

/// What `capsock serve` is to do.
#[derive(Debug)]
pub(crate) struct Serve {
    /// The component, and what each of its instances may do.
    pub(crate) instance: Run,
    pub(crate) places: Vec<Place>,
    /// None, where nothing is listened to that needs one.
    pub(crate) certificates: Certificates,
    pub(crate) threads: usize,
    pub(crate) drain: Duration,
}

/// Core instances, memories and tables that one component has at most, on average: those
/// of other languages than Rust and C have several.
const PARTS: u32 = 4;

/// Pages of Linux and of WebAssembly.
const PAGE: u64 = 64 << 10;

/// Serves until SIGINT or SIGTERM.
pub(crate) fn serve(serve: Serve) -> Result<i32, Failure> {
    let Serve {
        instance,
        places,
        certificates,
        threads,
        drain,
    } = serve;
    trusted::check(&instance)?;
    let bytes = load::read(&instance.component, &instance.limits)?;
    let surface = Surface::of(&bytes);
    let surface = surface.map_err(|error| load::unusable(&instance.component, &error))?;
    let engine = engine(&surface, &instance.limits)?;
    let component = load::component(
        &engine,
        &instance.component,
        &bytes,
        &instance.limits,
        instance.cache,
    )?;
    drop(bytes);
    let told = Arc::new(Told::default());
    let limits = instance.limits.clone();
    let service = service(&engine, &component, &surface, instance, &told)?;
    let unstarted = |error| Failure::Usage(format!("cannot start: {error}"));
    // Before anybody is told that it can be ended.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(unstarted)?;
    let mut server = Server::new(&limits);
    if !certificates.is_empty() {
        let set = server.certificates(certificates);
        server = set.map_err(|error| Failure::Usage(format!("--tls-cert: {error}")))?;
    }
    for place in &places {
        let unusable = |error| Failure::Usage(format!("--listen {place}: {error}"));
        let listener = Listener::bind(place).map_err(unusable)?;
        let at = listener.place().map_err(unusable)?;
        tell(format_args!("listening on {at}"));
        server = server.listen(listener, service.clone());
    }
    tick(&engine, limits.tick).map_err(unstarted)?;
    let (stop, running) = server.start(threads, drain).map_err(unstarted)?;
    let waiting = thread::Builder::new().name("signals".to_owned());
    let waiting = waiting.spawn(move || end_on_signal(&mut signals, &stop));
    waiting.map_err(unstarted)?;
    running.wait().map_err(unstarted)?;
    told.end();
    for place in &places {
        if let Place::Unix(path) = place {
            // Whoever removed it before has what this is for.
            _ = std::fs::remove_file(path);
        }
    }
    Ok(0)
}

/// The first has the server finish what it has begun, the next one ends it.
fn end_on_signal(signals: &mut Signals, stop: &Stop) {
    for (count, signal) in signals.forever().enumerate() {
        if count == 0 {
            stop.stop();
        } else if let Err(error) = emulate_default_handler(signal) {
            tell(format_args!("signal {signal}: {error}"));
        }
    }
}

fn service(
    engine: &Engine,
    component: &Component,
    surface: &Surface,
    instance: Run,
    told: &Arc<Told>,
) -> Result<Service, Failure> {
    let path = instance.component.clone();
    let (denials, refusals) = (told.clone(), told.clone());
    let domains = instance.dns_search;
    let mut template = Template::new(instance.policy, instance.limits)
        .trust_store(instance.trust_store)
        .on_failure(|error| tell(format_args!("a request failed: {}", error.root_cause())))
        .context(move |sockets| {
            let (denials, refusals) = (denials.clone(), refusals.clone());
            let sockets = sockets
                .on_denial(move |denial| denials.denial(denial))
                .on_invalid(move |invalid| refusals.invalid(invalid));
            match domains.is_empty() {
                true => sockets,
                false => sockets.with_dns_search(domains.iter().cloned()),
            }
        });
    for (name, value) in instance.env {
        template = template.env(name, value);
    }
    for dir in instance.dirs {
        let permissions = match dir.writable {
            true => FsPerms::ReadWrite,
            false => FsPerms::ReadOnly,
        };
        template = template.dir(dir.host, dir.guest, permissions);
    }
    Service::new(engine, component, template).map_err(|error| {
        let why = surface.unmet().unwrap_or_else(|| match surface.handles() {
            true => format!("{error:#}"),
            false => "it exports neither wasi:http/incoming-handler@0.2 nor \
                      wasi:http/handler@0.3, so it handles no requests; a command is run \
                      with `capsock run`"
                .to_owned(),
        });
        load::unusable(&path, &why)
    })
}

/// One that has room for all instances at a time, in memory that is used again.
fn engine(surface: &Surface, limits: &Limits) -> Result<Engine, Failure> {
    let mut config = Config::new();
    bounds::configure(&mut config);
    surface.concurrency.configure(&mut config);
    let parts = limits.requests.saturating_mul(PARTS);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.requests)
        .total_core_instances(parts)
        .total_memories(parts)
        .total_tables(parts)
        .total_stacks(parts)
        .max_memory_size(
            usize::try_from(limits.memory.next_multiple_of(PAGE)).unwrap_or(usize::MAX),
        );
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
        .map_err(|error| Failure::Usage(format!("cannot set up wasmtime: {error:#}")))
}

/// Has instances that compute let others have a turn.
fn tick(engine: &Engine, tick: Duration) -> std::io::Result<()> {
    let engine = engine.weak();
    let clock = thread::Builder::new().name("clock".to_owned());
    clock.spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(tick);
        }
    })?;
    Ok(())
}
