//! `tracewell detector`: what an author of detectors needs, from nothing to a tested component.
//!
//! [`scaffold`] makes a package, [`build`](tracewell_detector_build) a component of it, [`story`] reads test stories,
//! [`mod@test`] runs them and [`record`] recordings, by the same [`calls`]; `check` and `info` say what a host would say of a
//! component.

mod bench;
mod scaffold;
mod sign;
mod story;
mod calls;
mod native;
mod test;
mod record;

use crate::args::{BuildArgs, DetectorCommand, FilesArgs, Language};
use crate::failure::{Failure, print};
use crate::output::text::clean;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tracewell_detector_build::{HOW_TO_GET, Toolchain, c, python};
use tracewell_detector_host::limits::{COMPONENT_BYTES_MAX, COMPONENT_BYTES_MAX_IN_REPLAY};
use tracewell_detector_host::{Library, Status};
use tracewell_model::Operation;

pub fn run(command: &DetectorCommand) -> Result<(), Failure> {
    match command {
        DetectorCommand::New(args) => scaffold::run(args),
        DetectorCommand::Build(args) => {
            let built = build(args)?;
            print(&built.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
        }
        DetectorCommand::Check(args) => check(args),
        DetectorCommand::Info(args) => info(args),
        DetectorCommand::Test(args) => test::run(args),
        DetectorCommand::Bench(args) => bench::run(args),
        DetectorCommand::Keygen(args) => sign::keygen(args),
        DetectorCommand::Sign(args) => sign::sign(args),
        DetectorCommand::Verify(args) => sign::verify(args),
        DetectorCommand::Package(args) => sign::package(args),
    }
}

/// The components of a package.
fn build(args: &BuildArgs) -> Result<Vec<PathBuf>, Failure> {
    let out = args.out.clone().unwrap_or_else(|| args.package.join("target/detectors"));
    let target = target(&args.package);
    let built = match language(&args.package)? {
        Language::Rust => {
            let Some(toolchain) = Toolchain::find() else {
                return Err(Failure::Input(format!("nothing here builds for WebAssembly: {HOW_TO_GET}")));
            };
            tracewell_detector_build::build(&toolchain, &args.package, &target, &out).map(|built| built.components)
        }
        Language::C => {
            let component = component_of(&args.package, &out)?;
            c::build(&args.package, &target.join("c"), &component).map(|()| vec![component])
        }
        Language::Python => {
            let component = component_of(&args.package, &out)?;
            python::build(&args.package, &target.join("python"), &component).map(|()| vec![component])
        }
    };
    built.map_err(|error| Failure::Input(format!("{error:#}")))
}

/// By the source that is there.
fn language(package: &Path) -> Result<Language, Failure> {
    let sources = [("Cargo.toml", Language::Rust), (c::SOURCE, Language::C), (python::SOURCE, Language::Python)];
    let found = sources.iter().find(|(source, _)| package.join(source).is_file());
    found.map(|(_, language)| *language).ok_or_else(|| {
        let expected = sources.map(|(source, _)| source).join(", ");
        Failure::Input(format!("{} is no folder of a detector: expected one of {expected} in it", package.display()))
    })
}

/// Named after its folder.
fn component_of(package: &Path, out: &Path) -> Result<PathBuf, Failure> {
    let package = package.canonicalize().map_err(|error| Failure::Input(format!("{}: {error}", package.display())))?;
    Ok(out.join(package.file_name().unwrap_or_default()).with_extension("wasm"))
}

/// Where cargo works.
fn target(package: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| package.join("target"), PathBuf::from)
}

/// Loads one component as a host would.
fn load(path: &Path, bytes_max: u64) -> Result<Library, Failure> {
    let mut library = Library::new().map_err(Failure::internal)?;
    let loaded = library.load_file(path, bytes_max).map(drop);
    loaded.map_err(|refusal| Failure::Input(format!("{}: {refusal}", path.display())))?;
    Ok(library)
}

fn check(args: &FilesArgs) -> Result<(), Failure> {
    let mut said = String::new();
    for path in &args.files {
        let library = load(path, COMPONENT_BYTES_MAX_IN_REPLAY)?;
        for status in library.status() {
            let Status { metadata, hash, bytes, .. } = status;
            let only_replay = if bytes as u64 > COMPONENT_BYTES_MAX { "; too large for an agent" } else { "" };
            let _ = writeln!(said, "ok  {} {}  {bytes} bytes  {hash}{only_replay}", metadata.id, metadata.version);
        }
    }
    print(&said)
}

fn info(args: &FilesArgs) -> Result<(), Failure> {
    let mut said = String::new();
    for path in &args.files {
        for Status { metadata, hash, bytes, .. } in load(path, COMPONENT_BYTES_MAX_IN_REPLAY)?.status() {
            let rows = [
                ("id", metadata.id),
                ("name", metadata.name),
                ("version", metadata.version.to_string()),
                ("description", metadata.description),
                ("author", metadata.author),
                ("contact", metadata.contact),
                ("licence", metadata.licence),
                ("techniques", metadata.techniques.join(", ")),
                ("file", format!("{bytes} bytes, {hash}")),
                ("sees", {
                    let reach = metadata.reach;
                    format!("{} hops, {} nodes, {} edges at most", reach.hops, reach.nodes_max, reach.edges_max)
                }),
            ];
            for (what, value) in rows {
                let _ = writeln!(said, "{what:<12} {}", clean(&value));
            }
            for trigger in metadata.triggers {
                let ops = Operation::ALL.into_iter().filter(|op| trigger.operations.contains(*op));
                let ops: Vec<_> = ops.map(Operation::name).collect();
                let mut line = format!("on {}", ops.join(", "));
                let lists = [("by", &trigger.executables), ("as", &trigger.command_lines), ("to", &trigger.paths)];
                for (what, globs) in lists.into_iter().filter(|(_, globs)| !globs.is_empty()) {
                    let _ = write!(line, " {what} {}", globs.join(" "));
                }
                let named = trigger.facts.names().chain(trigger.condition_names());
                named.for_each(|name| line.extend([" ", name]));
                for (first, last) in trigger.ports {
                    let _ = write!(line, " port {first}-{last}");
                }
                for user in trigger.users {
                    let _ = write!(line, " user {user}");
                }
                let _ = writeln!(said, "{:<12} {}", "called", clean(&line));
            }
        }
    }
    print(&said)
}
