//! A program, its rules and the component that keeps them, made one.

use std::panic::{self, AssertUnwindSafe};

use capsock_policy::{Policy, shown};
use thiserror::Error;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};
use wasm_encoder::{ComponentSection, CustomSection};

use crate::imports::{self, Import};
use crate::keeper::{Keeper, Kind, LISTENER, NotBuiltIn};
use crate::seal::{SECTION, mark};
use crate::{policy, sections};

/// How much of a name is shown, in bytes.
const NAME: usize = 200;

/// How interfaces between keepers, and of rules, begin.
const OWN: &str = "capsock:firewall/";

/// Why a program was not sealed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is a core module, or nothing of WebAssembly.
    #[error("it is no WebAssembly component{0}")]
    NotComponent(&'static str),
    /// It cannot be read.
    #[error("it is no valid component: {0}")]
    Invalid(String),
    /// It has nothing that the rules could be about.
    #[error(
        "it imports neither sockets nor requests of HTTP, so there is nothing to seal; it runs as it is"
    )]
    NoSockets,
    /// It has `capsock:sockets`, which only the portable component gives.
    #[error(
        "it imports `{0}`, which only capsock has; --portable seals it with a component that \
         gives it that where only WASI is"
    )]
    NeedsPortable(String),
    /// It has what the firewall alone keeps: requests of HTTP, or sockets of 0.3.
    #[error(
        "it imports `{0}`, which the portable component does not have; without --portable the \
         firewall has it"
    )]
    NeedsFirewall(String),
    /// It has what different components keep.
    #[error("it imports `{0}` and `{1}`, and no keeper has both")]
    NotTogether(String, String),
    /// The crate was built without the component that it needs.
    #[error(transparent)]
    NotBuiltIn(#[from] NotBuiltIn),
    /// It has an import that could be another way to the network.
    #[error(
        "it imports `{0}`, which could be a way to the network that the {1} does not know; where \
         it is none, --pass {0} lets it through"
    )]
    Unfiltered(String, &'static str),
    /// The policy is too long.
    #[error("the rules take more than {0} MiB, half of it as text; use nets and ranges of ports")]
    TooManyRules(usize),
    /// The parts do not fit together.
    #[error("its import `{import}` does not fit what the {keeper} gives: {why}")]
    DoesNotFit {
        /// The import.
        import: String,
        /// Its name.
        keeper: &'static str,
        /// What is different.
        why: String,
    },
    /// What is to be let through is nothing that it imports.
    #[error("--pass {0}: it imports no such interface, and none of a package of that name")]
    PassesNothing(String),
    /// A library that reads components met one that it did not expect.
    #[error("it cannot be read: a fault of the library that reads it")]
    Unread,
    /// The parts could not be put together otherwise.
    #[error("it cannot be composed with the {0}: {1}")]
    Composition(&'static str, String),
}

/// Seals a program: what it may reach is what `policy` allows, on whatever host.
/// Without one the host alone decides, which is of use where the keeper is the
/// portable one.
///
/// `passed` names imports that are let through though they are not known, as
/// interfaces or packages.
///
/// Equal arguments give equal bytes.
///
/// # Errors
/// Where the program is no component, imports neither sockets nor requests of HTTP, or
/// has an import that would not be kept by the rules.
pub fn seal(
    program: &[u8],
    policy: Option<&Policy>,
    keeper: &Keeper,
    passed: &[String],
) -> Result<Vec<u8>, SealError> {
    seal_by(program, policy, passed, |imports| keeper.variant(imports))
}

/// The same by this very keeper, and no variant of it.
pub(crate) fn seal_again(
    program: &[u8],
    policy: Option<&Policy>,
    keeper: &Keeper,
    passed: &[String],
) -> Result<Vec<u8>, SealError> {
    seal_by(program, policy, passed, |_imports| Ok(keeper.clone()))
}

fn seal_by(
    program: &[u8],
    policy: Option<&Policy>,
    passed: &[String],
    keeper: impl FnOnce(&[String]) -> Result<Keeper, NotBuiltIn>,
) -> Result<Vec<u8>, SealError> {
    let rules = policy::component(policy);
    if rules.len() > policy::LONGEST {
        return Err(SealError::TooManyRules(policy::LONGEST >> 20));
    }
    let (mut sealed, keeper) = compose(program, Some(&rules), passed, keeper)?;
    let mark = mark(&rules, &keeper, program, passed);
    let section = CustomSection {
        name: SECTION.into(),
        data: mark.as_bytes().into(),
    };
    sealed.push(ComponentSection::id(&section));
    wasm_encoder::Encode::encode(&section, &mut sealed);
    Ok(sealed)
}

/// Puts the keeper before a program without rules: the host gives them, by the
/// interface `capsock:firewall/policy@0.1.0`, to each instance its own.
///
/// # Errors
/// Those of [`seal`].
pub fn join(program: &[u8], keeper: &Keeper, passed: &[String]) -> Result<Vec<u8>, SealError> {
    let (joined, _keeper) = compose(program, None, passed, |imports| keeper.variant(imports))?;
    Ok(joined)
}

fn compose(
    program: &[u8],
    rules: Option<&[u8]>,
    passed: &[String],
    keeper: impl FnOnce(&[String]) -> Result<Keeper, NotBuiltIn>,
) -> Result<(Vec<u8>, Keeper), SealError> {
    if !sections::is_component(program) {
        return Err(SealError::NotComponent(match program {
            [0, b'a', b's', b'm', ..] => {
                ", but a core module; build it for wasm32-wasip2, or make it one with `wasm-tools \
                 component new`"
            }
            _ => "",
        }));
    }
    // wasmparser asserts what not every component is, be it valid; what it was doing is
    // dropped with it.
    let work = AssertUnwindSafe(|| compose_checked(program, rules, passed, keeper));
    panic::catch_unwind(work).unwrap_or(Err(SealError::Unread))
}

fn compose_checked(
    program: &[u8],
    rules: Option<&[u8]>,
    passed: &[String],
    keeper: impl FnOnce(&[String]) -> Result<Keeper, NotBuiltIn>,
) -> Result<(Vec<u8>, Keeper), SealError> {
    let mut graph = CompositionGraph::new();
    let program = register(&mut graph, "capsock:program", program).map_err(SealError::Invalid)?;
    let keeper = keeper(&names(&graph, program, Side::Imports))?;
    let other = |error: String| SealError::Composition(keeper.name(), error);
    let kept = register(&mut graph, "capsock:keeper", &keeper.bytes).map_err(other)?;
    let wanted = wanted(&graph, program, kept, &keeper, passed)?;

    let kept = graph.instantiate(kept);
    if let Some(rules) = rules {
        let rules = register(&mut graph, "capsock:rules", rules).map_err(other)?;
        let rules = graph.instantiate(rules);
        connect(
            &mut graph,
            rules,
            policy::INTERFACE,
            kept,
            policy::INTERFACE,
        )
        .map_err(other)?;
    }
    let listener = match keeper.kind {
        Kind::FirewallP3 => Some(listener(&mut graph, kept).map_err(other)?),
        _ => None,
    };
    let instance = graph.instantiate(program);
    for (import, export) in wanted {
        let from = match listener {
            Some(listener) if export == imports::TYPES => listener,
            _ => kept,
        };
        connect(&mut graph, from, &export, instance, &import).map_err(|why| {
            SealError::DoesNotFit {
                import,
                keeper: keeper.name(),
                why,
            }
        })?;
    }
    for name in names(&graph, program, Side::Exports) {
        let alias = graph
            .alias_instance_export(instance, &name)
            .map_err(|error| other(chain(&error)))?;
        graph
            .export(alias, &name)
            .map_err(|error| other(chain(&error)))?;
    }
    let composed = graph
        .encode(EncodeOptions::default())
        .map_err(|error| other(chain(&error)))?;
    Ok((composed, keeper))
}

/// Puts the component in front of the firewall that has its sockets of 0.3.
fn listener(graph: &mut CompositionGraph, firewall: NodeId) -> Result<NodeId, String> {
    let listener = register(graph, "capsock:listener", LISTENER)?;
    let interfaces = names(graph, listener, Side::Imports);
    let listener = graph.instantiate(listener);
    for interface in interfaces {
        connect(graph, firewall, &interface, listener, &interface)?;
    }
    Ok(listener)
}

/// The imports of the program that the keeper's exports are for.
fn wanted(
    graph: &CompositionGraph,
    program: PackageId,
    kept: PackageId,
    keeper: &Keeper,
    passed: &[String],
) -> Result<Vec<(String, String)>, SealError> {
    let exports = names(graph, kept, Side::Exports);
    // What it has for itself is no program's.
    let exports: Vec<&str> = exports
        .iter()
        .map(String::as_str)
        .filter(|export| !export.starts_with(OWN))
        .collect();
    let imports = names(graph, program, Side::Imports);
    if let Some(name) = passed
        .iter()
        .find(|name| !imports.iter().any(|import| imports::is_named(import, name)))
    {
        return Err(SealError::PassesNothing(shown(name, NAME)));
    }
    let mut wanted = Vec::new();
    for import in &imports {
        match imports::of(import, exports.iter().copied(), passed) {
            Import::Kept(export) => wanted.push((import.clone(), export.to_owned())),
            Import::Harmless => {}
            Import::Unknown => return Err(unknown(import, &imports, keeper)),
        }
    }
    match wanted.is_empty() {
        true => Err(SealError::NoSockets),
        false => Ok(wanted),
    }
}

/// Why an import is not let through, among all of a program.
fn unknown(import: &str, imports: &[String], keeper: &Keeper) -> SealError {
    let shown = |import: &str| shown(import, NAME);
    let Some(kind) = Kind::only(import) else {
        return SealError::Unfiltered(shown(import), keeper.name());
    };
    let is_others = |import: &&String| Kind::only(import).is_some_and(|other| other != kind);
    match (imports.iter().find(is_others), kind) {
        (Some(other), _) => SealError::NotTogether(shown(import), shown(other)),
        (None, Kind::Portable) => SealError::NeedsPortable(shown(import)),
        (None, _) => SealError::NeedsFirewall(shown(import)),
    }
}

#[derive(Clone, Copy)]
enum Side {
    Imports,
    Exports,
}

fn names(graph: &CompositionGraph, package: PackageId, side: Side) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    let names = match side {
        Side::Imports => &world.imports,
        Side::Exports => &world.exports,
    };
    names.keys().cloned().collect()
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId, String> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut());
    let package = package.map_err(|error| format!("{error:#}"))?;
    graph
        .register_package(package)
        .map_err(|error| chain(&error))
}

/// Gives an instance the export of another one.
fn connect(
    graph: &mut CompositionGraph,
    from: NodeId,
    export: &str,
    to: NodeId,
    import: &str,
) -> Result<(), String> {
    let export = graph
        .alias_instance_export(from, export)
        .map_err(|error| chain(&error))?;
    graph
        .set_instantiation_argument(to, import, export)
        .map_err(|error| chain(&error))
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
