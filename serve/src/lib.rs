//! Serves HTTP with WebAssembly components: each request has an instance of its own, which
//! may do what a policy allows.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use capsock_host::{Limits, Op, Policy};
//! use capsock_serve::{Listener, Server, Service, Template};
//! use wasmtime::component::Component;
//! use wasmtime::{Config, Engine};
//!
//! let engine = Engine::new(Config::new().epoch_interruption(true))?;
//! # fn function(engine: &Engine) -> wasmtime::Result<Component> { unreachable!() }
//! // `Component::from_file`, say, with wasmtime's feature `cranelift`.
//! let component = function(&engine)?;
//! let policy = Policy::default().allow(Op::Http, "GET https://api.example.com/v1/*")?;
//! let service = Service::new(&engine, &component, Template::new(policy, Limits::SERVE))?;
//!
//! let listener = Listener::bind(&"http://127.0.0.1:8080".parse()?)?;
//! let server = Server::new(&Limits::SERVE).listen(listener, service);
//! let (stop, running) = server.start(2, Duration::from_secs(30))?;
//! // Until `stop.stop()`, which another thread calls. The engine's epoch has to be
//! // incremented each `Limits::tick`, so that no request computes for too long.
//! running.wait()?;
//! # _ = stop;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod connections;
mod guest;
mod listener;
mod program;
mod prompt;
mod server;
mod service;
mod tls;

pub use guest::Template;
pub use listener::{Listener, Place, PlaceError};
pub use server::{Running, Server, Stop};
pub use service::{Arrival, Service};
pub use tls::{CertificateError, Certificates};
