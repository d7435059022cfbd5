//! A host of WASI that grants everything, with wasmtime's own sockets and nothing of
//! capsock's: `capsock-test-wasi COMPONENT ARGUMENT…`, as
//! `wasmtime run -S inherit-network,allow-ip-name-lookup` would run it.

use std::process::exit;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p3::bindings::Command as Command3;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

/// Where the directory is named.
const FILES: &str = "CAPSOCK_TEST_FILES";

struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn guest(args: &[String]) -> Guest {
    let mut wasi = WasiCtx::builder();
    wasi.inherit_stdio()
        .args(args)
        .inherit_network()
        .allow_tcp(true)
        .allow_udp(true)
        .allow_ip_name_lookup(true);
    // A directory that the guest has as `/files`, to read.
    if let Some(directory) = std::env::var_os(FILES) {
        let given = wasi.preopened_dir(directory, "/files", FsPerms::ReadOnly);
        given.expect("a directory");
    }
    Guest {
        wasi: wasi.build(),
        table: ResourceTable::new(),
    }
}

#[tokio::main]
async fn main() -> wasmtime::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let path = args.first().expect("a component");
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config)?;
    let component = Component::from_file(&engine, path)?;
    let mut linker = Linker::<Guest>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    let mut store = Store::new(&engine, guest(&args));
    let is_p3 = component
        .component_type()
        .exports(&engine)
        .any(|(name, _)| name.starts_with("wasi:cli/run@0.3"));
    let result = match is_p3 {
        false => {
            let command = Command::instantiate_async(&mut store, &component, &linker).await?;
            command.wasi_cli_run().call_run(&mut store).await
        }
        true => {
            let command = Command3::instantiate_async(&mut store, &component, &linker).await?;
            let run =
                store.run_concurrent(async |store| command.wasi_cli_run().call_run(store).await);
            run.await.and_then(|result| result)
        }
    };
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(())) => exit(1),
        Err(error) => match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            Some(status) => exit(status.0),
            None => {
                eprintln!("the guest trapped: {error:?}");
                exit(134)
            }
        },
    }
}
