//! `tracewell detector new`: a package that builds, is tested, and finds something.

use crate::args::{Language, NewArgs};
use crate::failure::{Failure, print};
use std::fs;
use std::path::{Path, PathBuf};
use tracewell_detector_build::{c, python};

const MANIFEST: &str = include_str!("scaffold/Cargo.toml.txt");
const SOURCE: &str = include_str!("scaffold/lib.rs.txt");
const C_SOURCE: &str = include_str!("scaffold/c/detector.c.txt");
const PYTHON_SOURCE: &str = include_str!("scaffold/python/detector.py.txt");
const FOUND: &str = include_str!("scaffold/found.story");
const NOTHING: &str = include_str!("scaffold/nothing.story");

pub fn run(args: &NewArgs) -> Result<(), Failure> {
    let name = args.name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_id = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.is_empty() || !name.bytes().all(is_id) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Failure::Input(format!("{name:?} is no name: expected `a` to `z`, `0` to `9` and `-`")));
    }
    if args.name.exists() {
        return Err(Failure::Input(format!("{} is there already", args.name.display())));
    }
    let source = match args.lang {
        Language::Rust => vec![("Cargo.toml", manifest(name, args)?), ("src/lib.rs", SOURCE.to_owned())],
        Language::C => vec![(c::SOURCE, C_SOURCE.replace("NAME", name))],
        Language::Python => vec![(python::SOURCE, PYTHON_SOURCE.replace("NAME", name))],
    };
    let stories = [("tests/found.story", FOUND.to_owned()), ("tests/nothing.story", NOTHING.to_owned())];
    for (path, text) in source.into_iter().chain(stories) {
        write(&args.name.join(path), &text)?;
    }
    print(&format!("{}\n", args.name.display()))
}

fn manifest(name: &str, args: &NewArgs) -> Result<String, Failure> {
    let sdk = match &args.sdk {
        Some(sdk) => sdk.clone(),
        None => find_sdk().ok_or_else(|| {
            Failure::Input("the SDK is not found: give its folder, `detectors/sdk` of the sources, as --sdk".into())
        })?,
    };
    let sdk = fs::canonicalize(&sdk).map_err(|error| Failure::Input(format!("{}: {error}", sdk.display())))?;
    Ok(MANIFEST.replace("NAME", name).replace("SDK", &sdk.display().to_string()))
}

/// In the sources around the working directory.
fn find_sdk() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join("detectors/sdk")).find(|sdk| sdk.join("Cargo.toml").is_file())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| Failure::Input(format!("cannot write {}: {error}", path.display())))
}
