use crate::ebpf;
use crate::packages::{self, Family};
use crate::python;
use crate::workspace::{Workspace, run as run_command, runs};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::{env, fs};
use tracewell_detector_build::{Toolchain, c};

/// Something a build needs that cargo does not bring, with the package that brings it.
struct Need {
    what: &'static str,
    is_there: fn() -> bool,
    packages: fn(Family) -> &'static str,
}

/// RocksDB is C++20 and gets its Rust names from bindgen, which reads C headers with libclang. Nothing else is needed.
const NEEDS: &[Need] = &[
    Need {
        what: "a C++ compiler",
        is_there: || runs("c++", &["--version"]) && runs("cc", &["--version"]),
        packages: |family| match family {
            Family::Debian | Family::Alpine => "g++",
            Family::Fedora | Family::Suse => "gcc-c++",
            Family::Arch => "gcc",
        },
    },
    Need {
        what: "libclang with its headers",
        is_there: has_libclang,
        packages: |family| match family {
            Family::Debian => "libclang-dev",
            Family::Fedora | Family::Suse => "clang-devel",
            Family::Arch => "clang",
            Family::Alpine => "clang-dev",
        },
    },
];

/// Rust components: name and the cargo command that shows it is there.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

/// Installs what is missing, or fails with the exact commands that would.
pub fn run(workspace: &Workspace) -> Result<()> {
    let missing: Vec<_> = NEEDS.iter().filter(|need| !(need.is_there)()).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|need| need.what).collect();
        eprintln!("missing: {}", names.join(", "));
        install_packages(&missing)?;
        if let Some(need) = missing.iter().find(|need| !(need.is_there)()) {
            bail!("{} was installed, but {} cannot be found", (need.packages)(Family::Debian), need.what);
        }
    }
    for (component, subcommand) in COMPONENTS {
        if !workspace.cargo().args([subcommand, "--version"]).output().is_ok_and(|output| output.status.success()) {
            install_component(component)?;
        }
    }
    ebpf::setup(workspace);
    python::setup(workspace);
    install_for_detectors();
    install_for_tests();
    Ok(())
}

/// What compiles detectors: rustup's target, or where that cannot be had Debian's compiler with the sources of its library; and clang for those
/// in C. Without them detectors are neither built nor tested, and tests say so.
fn install_for_detectors() {
    let target = "wasm32-unknown-unknown";
    let mut packages = Vec::new();
    if Toolchain::find().is_none() && !runs("rustup", &["target", "add", target]) {
        packages.extend(["rustc-web", "cargo-web", "rust-web-src"]);
    }
    if !c::is_there() {
        packages.extend(["clang", "lld"]);
    }
    install_if_missing(&packages);
}

/// What the kernel tests start a container with, and what makes the disk of a machine that loses power. Tests say so where it is missing,
/// and try all else.
fn install_for_tests() {
    install_if_missing(&["runc", "busybox-static", "e2fsprogs"]);
}

/// On Debian and its kin. Where it cannot be done, that is said, and all else goes on.
fn install_if_missing(packages: &[&str]) {
    if packages::this_family() != Some(Family::Debian) {
        return;
    }
    let missing = packages::missing(packages);
    if let Some(error) = (!missing.is_empty()).then(|| packages::install(Family::Debian, &missing).err()).flatten() {
        eprintln!("without {}, not all is tried: {error:#}", missing.join(" and "));
    }
}

fn install_packages(missing: &[&Need]) -> Result<()> {
    let Some(family) = packages::this_family() else {
        bail!("this system is not known: install g++ (C++20) and libclang with its headers with its package manager");
    };
    let names: Vec<_> = missing.iter().map(|need| (need.packages)(family)).collect();
    packages::install(family, &names)
}

/// Looks where the distributions put the library and the compiler's own headers, such as `stddef.h`, which come with it.
fn has_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let prefixes = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let prefixes: Vec<_> =
        prefixes.chain(["/usr", "/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Into::into)).collect();
    let has_library = |folder: &Path| {
        let mut files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.any(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libclang.so") || name.starts_with("libclang-") && name.contains(".so")
        })
    };
    let has_headers = |folder: &Path| {
        let mut versions = fs::read_dir(folder.join("clang")).into_iter().flatten().flatten();
        versions.any(|version| version.path().join("include/stddef.h").is_file())
    };
    let folders = || prefixes.iter().flat_map(|prefix| [prefix.clone(), prefix.join("lib"), prefix.join("lib64")]);
    folders().any(|folder| has_library(&folder)) && folders().any(|folder| has_headers(&folder))
}

fn install_component(component: &str) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(["component", "add", component]);
    run_command(&mut command).with_context(|| {
        format!("{component} is missing; install it with rustup (`rustup component add {component}`) or the package that brought cargo")
    })
}
