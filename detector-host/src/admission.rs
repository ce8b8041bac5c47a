//! Which files become detectors. Everything that can be refused is refused here, with a reason that its author can act on.

use crate::cache::{self, Cache};
use crate::code::Code;
use crate::contract::{INTERFACE, PACKAGE, VERSION};
use crate::engine::Runtime;
use crate::metadata::Metadata;
use crate::signature::Untrusted;
use crate::{Failure, call, contract};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use wasmtime::component::types::{Component as ComponentType, ComponentItem};

/// Why a file is no detector here.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("it has {bytes} bytes, expected at most {max}")]
    TooLarge { bytes: u64, max: u64 },
    #[error("it is no WebAssembly file: it begins with other bytes")]
    NotWasm,
    #[error("it is a core module, expected a component: `tracewell detector build` makes one")]
    CoreModule,
    #[error("it is broken: {0}")]
    Broken(String),
    #[error(
        "memory cannot be made executable here, which machine code needs (systemd: MemoryDenyWriteExecute=no): {0}"
    )]
    NotExecutable(String),
    #[error("it imports {0}, expected no imports: a detector has no clock, files, network or randomness")]
    Imports(String),
    #[error("it does not export {INTERFACE}@{VERSION}: it was made for something else")]
    OtherWorld,
    #[error("it was made for version {0} of the contract, this host speaks {VERSION}: it is to be built anew")]
    OtherVersion(String),
    #[error("its exports are not those of {INTERFACE}@{VERSION}: {0}")]
    WrongTypes(String),
    #[error("`info` failed: {0}")]
    Info(Failure),
    #[error("what it says of itself: {0}")]
    Metadata(String),
    #[error("{0}")]
    Untrusted(#[from] Untrusted),
    #[error("{id} {version} is loaded already")]
    Duplicate { id: String, version: String },
    #[error("{0} detectors are loaded, and there is room for no more")]
    TooMany(usize),
}

/// A file that passed.
pub(crate) struct Admitted {
    pub(crate) metadata: Metadata,
    pub(crate) code: Arc<Code>,
}

/// Reads a file of at most `bytes_max` bytes; no more than that is ever read.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Refusal> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut bytes = Vec::new();
    if len <= bytes_max {
        // It may grow meanwhile.
        file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    }
    match len.max(bytes.len() as u64) {
        bytes if bytes > bytes_max => Err(Refusal::TooLarge { bytes, max: bytes_max }),
        _ => Ok(bytes),
    }
}

pub(crate) fn admit(runtime: &Runtime, cache: Option<&Cache>, bytes: &[u8]) -> Result<Admitted, Refusal> {
    check_kind(bytes)?;
    let component = match cache {
        Some(cache) => cache.component(runtime, bytes),
        None => cache::made(runtime, bytes).map(|component| (component, None)),
    };
    let (component, file) = component.map_err(|error| match flat(&error) {
        why if why.contains("make memory executable") => Refusal::NotExecutable(why),
        why => Refusal::Broken(why),
    })?;
    let types = check_imports(runtime, &component.component_type())?;
    check_exports(runtime, &component.component_type())?;
    let code = Code::new(runtime, &component, file, types).map_err(|error| Refusal::WrongTypes(flat(&error)))?;
    let said = call::info(runtime, &code).map_err(Refusal::Info)?;
    let metadata = Metadata::check(said).map_err(Refusal::Metadata)?;
    Ok(Admitted { metadata, code })
}

/// The preamble: magic, version, and the layer that tells components from core modules.
fn check_kind(bytes: &[u8]) -> Result<(), Refusal> {
    match bytes.strip_prefix(b"\0asm") {
        None => Err(Refusal::NotWasm),
        Some([_, _, 0, 0, ..]) => Err(Refusal::CoreModule),
        Some(_) => Ok(()),
    }
}

/// Gives the names of imports that hold nothing but types: those are no capability.
fn check_imports(runtime: &Runtime, component: &ComponentType) -> Result<Vec<String>, Refusal> {
    let mut types = Vec::new();
    for (name, item) in component.imports(runtime.engine()) {
        let only_types = match &item.ty {
            ComponentItem::ComponentInstance(instance) => {
                instance.exports(runtime.engine()).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
            }
            _ => false,
        };
        if !only_types || !name.starts_with(PACKAGE) {
            return Err(Refusal::Imports(name.to_owned()));
        }
        types.push(name.to_owned());
    }
    Ok(types)
}

fn check_exports(runtime: &Runtime, component: &ComponentType) -> Result<(), Refusal> {
    let named = format!("{INTERFACE}@");
    let versions = component.exports(runtime.engine()).filter_map(|(name, _)| name.strip_prefix(&named));
    let versions: Vec<_> = versions.collect();
    match versions[..] {
        [] => Err(Refusal::OtherWorld),
        _ if versions.contains(&VERSION) => check_types(runtime, component),
        [other, ..] => Err(Refusal::OtherVersion(other.to_owned())),
    }
}

fn check_types(runtime: &Runtime, component: &ComponentType) -> Result<(), Refusal> {
    let engine = runtime.engine();
    let wrong = |why: String| Refusal::WrongTypes(why);
    let interface = component.get_export(engine, &format!("{INTERFACE}@{VERSION}"));
    let Some(ComponentItem::ComponentInstance(interface)) = interface.map(|item| item.ty) else {
        return Err(wrong("it is no interface".to_owned()));
    };
    let function = |name: &str| match interface.get_export(engine, name).map(|item| item.ty) {
        Some(ComponentItem::ComponentFunc(function)) => Ok(function),
        _ => Err(wrong(format!("{name} is no function"))),
    };
    let types = component.instance_type();
    let checked = function("info")?.typecheck::<(), (contract::Metadata,)>(&types);
    checked.map_err(|error| wrong(format!("info: {}", flat(&error))))?;
    let checked = function("detect")?.typecheck::<(contract::Neighbourhood<'_>,), (Vec<contract::Finding>,)>(&types);
    checked.map_err(|error| wrong(format!("detect: {}", flat(&error))))
}

/// An error with its causes in one line.
pub(crate) fn flat(error: &wasmtime::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}
