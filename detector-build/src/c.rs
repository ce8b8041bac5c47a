//! From `detector.c` to a component, by clang and a linker for WebAssembly. No C library is needed: `detectors/sdk-c` holds the little
//! that a detector uses of one.

use crate::toolchain::{linker, says};
use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// The source that makes a folder a package in C.
pub const SOURCE: &str = "detector.c";
/// One line for who cannot build it.
pub const HOW_TO_GET: &str = "`apt install clang lld` gets what builds detectors in C";

/// The contract, for who generates from it.
pub(crate) const CONTRACT: &str = include_str!("../../detectors/wit/detector.wit");
pub(crate) const WORLD: &str = "detector-world";

const SDK: [(&str, &str); 5] = [
    ("include/stdlib.h", include_str!("../../detectors/sdk-c/include/stdlib.h")),
    ("include/string.h", include_str!("../../detectors/sdk-c/include/string.h")),
    ("libc.c", include_str!("../../detectors/sdk-c/libc.c")),
    ("tracewell.h", include_str!("../../detectors/sdk-c/tracewell.h")),
    ("tracewell.c", include_str!("../../detectors/sdk-c/tracewell.c")),
];
/// Of the 256 KiB that a call has.
const STACK_BYTES: &str = "stack-size=131072";

/// Whether what builds detectors in C is there.
pub fn is_there() -> bool {
    clang().is_some() && linker(None).is_some()
}

/// Builds the component of a package and leaves it at `out`. `work` holds what comes about on the way.
///
/// # Errors
/// When there is no compiler or linker, or what they make is no detector.
pub fn build(package: &Path, work: &Path, out: &Path) -> Result<()> {
    let clang = clang().ok_or_else(|| anyhow!("no clang here builds for WebAssembly: {HOW_TO_GET}"))?;
    let linker = linker(None).ok_or_else(|| anyhow!("no linker here links WebAssembly: {HOW_TO_GET}"))?;
    for (name, text) in SDK {
        write(&work.join(name), text.as_bytes())?;
    }
    let mut objects = vec![];
    for (name, bytes) in bindings()?.iter() {
        write(&work.join(name), bytes)?;
        if name.ends_with(".o") {
            objects.push(work.join(name));
        }
    }
    let sources = ["libc.c", "tracewell.c", "detector_world.c"].map(|name| work.join(name));
    for source in sources.iter().chain([&package.join(SOURCE)]) {
        let object = work.join(source.file_name().unwrap_or_default()).with_extension("o");
        let mut command = Command::new(clang);
        command.args(["--target=wasm32-unknown-unknown", "-std=c17", "-Os", "-Wall", "-Wextra", "-ffreestanding"]);
        command.args(["-fno-builtin", "-nostdlib", "-I"]).arg(work.join("include")).arg("-I").arg(work);
        run(command.arg("-c").arg(source).arg("-o").arg(&object))?;
        objects.push(object);
    }
    let module = work.join("module.wasm");
    let mut command = Command::new(linker);
    command.args([
        "-flavor",
        "wasm",
        "--no-entry",
        "--gc-sections",
        "--strip-debug",
        "--stack-first",
        "-z",
        STACK_BYTES,
    ]);
    run(command.args(&objects).arg("-o").arg(&module))?;
    let module = fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
    write(out, &crate::component(&module)?)
}

/// Header, source and types of the contract.
fn bindings() -> Result<Files> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("detector.wit", CONTRACT).context("reading the contract")?;
    let world = resolve.select_world(&[package], Some(WORLD)).context("looking for the contract's world")?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files).context("writing bindings")?;
    Ok(files)
}

fn clang() -> Option<&'static str> {
    const NAMES: [&str; 9] =
        ["clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15"];
    let builds =
        |name: &&str| says(Command::new(name).arg("--print-targets")).is_some_and(|said| said.contains("wasm32"));
    NAMES.into_iter().find(builds)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{:?} ended with {status}", command.get_program());
    }
    Ok(())
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(path, bytes));
    written.with_context(|| format!("writing {}", path.display()))
}
