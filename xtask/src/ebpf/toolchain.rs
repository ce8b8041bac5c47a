use crate::packages::{self, Family};
use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

/// Upgrades of the linker have broken the BTF of others, so one version is pinned.
const LINKER: &str = "0.13.0";

/// A compiler with a ready-made `core` for BPF, and what `bpf-linker` is built with. Debian and its kin.
const PACKAGES: &[&str] =
    &["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf", "llvm-22-dev", "libpolly-22-dev", "libzstd-dev"];
const LLVM: &str = "/usr/lib/llvm-22";

/// How long packages that could not be had are not asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What builds for `bpfel-unknown-none`, which the stable compiler of the rest cannot.
pub enum Toolchain {
    /// A nightly of rustup with the sources of `core`, and `bpf-linker` on the path.
    Nightly,
    /// Debian's packages, and `bpf-linker` in this folder.
    Debian { linker: PathBuf },
}

impl Toolchain {
    pub fn cargo(&self) -> Command {
        match self {
            Self::Nightly => {
                let mut command = clean("rustup");
                command.args(["run", "nightly", "cargo", "-Zbuild-std=core"]);
                command
            }
            Self::Debian { linker } => {
                let mut command = clean("/usr/bin/cargo");
                let mut path = vec![PathBuf::from("/usr/bin"), linker.clone()];
                path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
                command.env("PATH", env::join_paths(path).expect("they come from such a path"));
                command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
                command.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
                command
            }
        }
    }
}

/// The toolchain that is there.
pub fn find(workspace: &Workspace) -> Option<Toolchain> {
    if is_linker(Path::new("bpf-linker")) && has_nightly() {
        return Some(Toolchain::Nightly);
    }
    let linker = tools(workspace).join("bin");
    (is_linker(&linker.join("bpf-linker")) && has_debian()).then_some(Toolchain::Debian { linker })
}

/// Gets a toolchain where none is there.
pub fn set_up(workspace: &Workspace) -> Result<()> {
    if find(workspace).is_some() {
        return Ok(());
    }
    let tools = tools(workspace);
    fs::create_dir_all(&tools).with_context(|| format!("creating folder {}", tools.display()))?;
    if !has_debian() {
        install_packages(&tools)?;
    }
    if !is_linker(&tools.join("bin/bpf-linker")) {
        install_linker(&tools)?;
    }
    match find(workspace) {
        Some(_) => Ok(()),
        None => bail!("bpf-linker {LINKER} was built, but does not start"),
    }
}

/// Where our own tools lie: with the target directory, which is kept between builds.
fn tools(workspace: &Workspace) -> PathBuf {
    workspace.target.join("tools")
}

fn install_packages(tools: &Path) -> Result<()> {
    if packages::this_family() != Some(Family::Debian) {
        bail!("it needs a nightly Rust with rust-src and bpf-linker {LINKER}");
    }
    let failed = tools.join("no-ebpf-packages");
    let failed_lately = fs::metadata(&failed).and_then(|metadata| metadata.modified());
    if failed_lately.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < ASK_AGAIN)) {
        bail!("the packages {} could not be installed within the last day", PACKAGES.join(" "));
    }
    packages::install(Family::Debian, &packages::missing(PACKAGES)).inspect_err(|_| {
        // Not being able to leave the note only means to ask again.
        let _ = fs::write(&failed, "");
    })?;
    if !has_debian() {
        bail!("{} are installed, but are not as expected", PACKAGES.join(" "));
    }
    Ok(())
}

fn install_linker(tools: &Path) -> Result<()> {
    eprintln!("building bpf-linker {LINKER}, about a minute, once");
    let mut command = clean("/usr/bin/cargo");
    command.args(["install", "--locked", "--no-default-features", "--features", "llvm-22", "--root"]).arg(tools);
    command.arg(format!("bpf-linker@{LINKER}"));
    command.env("RUSTC", "/usr/bin/rustc").env("CARGO_TARGET_DIR", tools.join("build"));
    command.env("LLVM_PREFIX", LLVM).env("LLVM_SYS_221_PREFIX", LLVM);
    run_command(&mut command).context("bpf-linker cannot be built")?;
    // What is left in it is of no use.
    let _ = fs::remove_dir_all(tools.join("build"));
    Ok(())
}

fn is_linker(program: &Path) -> bool {
    says(Command::new(program).arg("--version")).is_some_and(|said| said.contains(LINKER))
}

fn has_debian() -> bool {
    let sysroot = says(Command::new("/usr/bin/rustc").args(["--print", "sysroot"])).unwrap_or_default();
    let core = Path::new(sysroot.trim()).join("lib/rustlib/bpfel-unknown-none/lib");
    core.is_dir() && Path::new("/usr/bin/cargo").is_file() && packages::missing(PACKAGES).is_empty()
}

fn has_nightly() -> bool {
    let sysroot = says(clean("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]));
    sysroot.is_some_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core").is_dir())
}

/// A command without the variables by which `cargo xtask` is told of its own toolchain and flags.
///
/// Where packages come from and what is shown stays as the user has set it.
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(std::process::Stdio::null());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_a_toolchain) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_a_toolchain(name: &str) -> bool {
    const GONE: &[&str] = &["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"];
    const KEPT: &[&str] = &["CARGO_HOME", "CARGO_HTTP", "CARGO_NET", "CARGO_REGISTR", "CARGO_SOURCE", "CARGO_TERM"];
    let is_in = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    is_in(GONE) && !is_in(KEPT)
}

fn says(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_compiler_hears_nothing_of_ours() {
        let gone = ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "RUSTFLAGS", "RUSTC"];
        assert!(gone.into_iter().chain(["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"]).all(is_of_a_toolchain));
        let kept =
            ["PATH", "HOME", "CARGO_HOME", "CARGO_HTTP_CAINFO", "CARGO_REGISTRIES_OURS_INDEX", "CARGO_NET_OFFLINE"];
        assert!(!kept.into_iter().any(is_of_a_toolchain));
    }
}
