//! Hard links of a directory that was given to the guest, as the kernel without
//! Landlock has them.
//!
//! A directory cannot be linked: EPERM. Landlock is asked before that is known,
//! whether the link would gain rights, and that of a directory which `--dir`
//! names would, compared with the directory above it: EXDEV, which wasmtime-wasi
//! tells as an error of input and output.

use std::os::unix::fs::MetadataExt;

use wasmtime::component::{Accessor, Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

use crate::wasi::VERSIONS;

const LINK: &str = "[method]descriptor.link-at";

/// What `link-at` takes.
type Link<Flags> = (
    Resource<Descriptor>,
    Flags,
    String,
    Resource<Descriptor>,
    String,
);

/// In place of wasmtime-wasi's `link-at` of WASI 0.2.
pub(crate) fn add_to_linker_p2<T: WasiFilesystemView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    use p2::HostDescriptor;
    linker.allow_shadowing(true);
    let [version, _] = VERSIONS;
    let mut types = linker.instance(&format!("wasi:filesystem/types@{version}"))?;
    types.func_wrap_async(
        LINK,
        |mut store, (from, flags, old, to, new): Link<p2::PathFlags>| {
            Box::new(async move {
                let mut view = store.data_mut().filesystem();
                let (again, device) = (borrow(&from), same_device(view.table, &from, &to));
                let linked = view.link_at(from, flags, old.clone(), to, new).await;
                let Err(error) = linked else {
                    return Ok((Ok(()),));
                };
                let mut code = error.downcast()?;
                if matches!(code, p2::ErrorCode::CrossDevice | p2::ErrorCode::Io) && device {
                    let stat = view.stat_at(again, p2::PathFlags::empty(), old).await;
                    if stat.is_ok_and(|stat| matches!(stat.type_, p2::DescriptorType::Directory)) {
                        code = p2::ErrorCode::NotPermitted;
                    }
                }
                Ok((Err(code),))
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// In place of wasmtime-wasi's `link-at` of WASI 0.3.
pub(crate) fn add_to_linker_p3<T: WasiFilesystemView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    use p3::HostDescriptorWithStore;
    linker.allow_shadowing(true);
    let [_, version] = VERSIONS;
    let mut types = linker.instance(&format!("wasi:filesystem/types@{version}"))?;
    types.func_wrap_concurrent(
        LINK,
        |store: &Accessor<T>, (from, flags, old, to, new): Link<p3::PathFlags>| {
            Box::pin(async move {
                let store = &store.with_getter::<WasiFilesystem>(T::filesystem);
                let again = borrow(&from);
                let device = store.with(|mut store| same_device(store.get().table, &from, &to));
                let linked = WasiFilesystem::link_at(store, from, flags, old.clone(), to, new);
                let Err(error) = linked.await else {
                    return Ok((Ok(()),));
                };
                let mut code = error.downcast()?;
                if matches!(code, p3::ErrorCode::CrossDevice | p3::ErrorCode::Io) && device {
                    let none = p3::PathFlags::empty();
                    let stat = WasiFilesystem::stat_at(store, again, none, old).await;
                    if stat.is_ok_and(|stat| matches!(stat.type_, p3::DescriptorType::Directory)) {
                        code = p3::ErrorCode::NotPermitted;
                    }
                }
                Ok((Err(code),))
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

fn borrow(descriptor: &Resource<Descriptor>) -> Resource<Descriptor> {
    Resource::new_borrow(descriptor.rep())
}

/// Whether the kernel alone would not say EXDEV.
fn same_device(
    table: &ResourceTable,
    from: &Resource<Descriptor>,
    to: &Resource<Descriptor>,
) -> bool {
    let device = |descriptor| match table.get(descriptor) {
        Ok(Descriptor::Dir(directory)) => Some(directory.dir.metadata().ok()?.dev()),
        _ => None,
    };
    device(from).is_some_and(|one| device(to) == Some(one))
}
