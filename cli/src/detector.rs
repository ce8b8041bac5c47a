//! `tracewell detector`: what an author of detectors needs, from nothing to a tested component.
//!
//! [`scaffold`] makes a package, [`build`](tracewell_detector_build) a component of it, [`story`] reads test stories,
//! [`mod@test`] runs them and [`record`] recordings, by the same [`calls`]; `check` and `info` say what a host would say of a
//! component.

mod scaffold;
mod story;
mod calls;
mod native;
mod test;
mod record;

use crate::args::{BuildArgs, DetectorCommand, FilesArgs};
use crate::failure::{Failure, print};
use crate::output::text::clean;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tracewell_detector_build::{HOW_TO_GET, Toolchain};
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
    }
}

/// The components of a package.
fn build(args: &BuildArgs) -> Result<Vec<PathBuf>, Failure> {
    let manifest = args.package.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Failure::Input(format!("{} is not there: expected the folder of a detector", manifest.display())));
    }
    let Some(toolchain) = Toolchain::find() else {
        return Err(Failure::Input(format!("nothing here builds for WebAssembly: {HOW_TO_GET}")));
    };
    let out = args.out.clone().unwrap_or_else(|| args.package.join("target/detectors"));
    let target = target(&args.package);
    let built = tracewell_detector_build::build(&toolchain, &args.package, &target, &out);
    Ok(built.map_err(|error| Failure::Input(format!("{error:#}")))?.components)
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
