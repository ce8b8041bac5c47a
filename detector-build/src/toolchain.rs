//! What compiles Rust for WebAssembly.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// A detector's stack: the compiler's own choice of 1 MiB would spread what a call touches over more than a host keeps warm.
const FLAGS: (&str, &str) = ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Clink-arg=-zstack-size=65536");

/// One line for who has none.
pub const HOW_TO_GET: &str = "`rustup target add wasm32-unknown-unknown` gets what builds detectors; on Debian and its kin, \
                              `apt install rustc-web cargo-web rust-web-src` beside a rustup without it, or with lld";

/// What builds for `wasm32-unknown-unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The toolchain that runs this has the target.
    Rustup,
    /// Debian's compiler, which builds the standard library from its sources, and a linker.
    Debian { linker: PathBuf },
}

impl Toolchain {
    pub fn find() -> Option<Self> {
        let sysroot = says(Command::new(rustc()).args(["--print", "sysroot"]));
        let libraries = |sysroot: &str| Path::new(sysroot.trim()).join("lib/rustlib");
        if sysroot.as_deref().is_some_and(|sysroot| libraries(sysroot).join(TARGET).join("lib").is_dir()) {
            return Some(Self::Rustup);
        }
        let debian = says(clean("/usr/bin/rustc").args(["--print", "sysroot"]))?;
        let has_sources = libraries(&debian).join("src/rust/library/std").is_dir();
        let linker = linker(sysroot.as_deref().map(libraries))?;
        (has_sources && Path::new("/usr/bin/cargo").is_file()).then_some(Self::Debian { linker })
    }

    /// Cargo, for a build of the target.
    pub(crate) fn cargo(&self) -> Command {
        match self {
            Self::Rustup => {
                let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS").stdin(Stdio::null());
                command.env(FLAGS.0, FLAGS.1);
                command.args(["build", "--target", TARGET]);
                command
            }
            Self::Debian { linker } => {
                let mut command = clean("/usr/bin/cargo");
                // Found before another toolchain's, by cargo and by build scripts.
                let mut path = vec![PathBuf::from("/usr/bin")];
                path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
                command.env("PATH", env::join_paths(path).expect("they come from such a path"));
                command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
                command.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker).env(FLAGS.0, FLAGS.1);
                command.args(["build", "-Zbuild-std=std,panic_abort", "--target", TARGET]);
                command
            }
        }
    }
}

fn rustc() -> std::ffi::OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The linker that rustup brings, or LLVM's own.
pub(crate) fn linker(libraries: Option<PathBuf>) -> Option<PathBuf> {
    let libraries = libraries.or_else(|| {
        let sysroot = says(Command::new(rustc()).args(["--print", "sysroot"]))?;
        Some(Path::new(sysroot.trim()).join("lib/rustlib"))
    });
    let host = libraries.as_deref().and_then(|libraries| {
        let folders = std::fs::read_dir(libraries).ok()?;
        folders.flatten().map(|folder| folder.path().join("bin/rust-lld")).find(|linker| linker.is_file())
    });
    let of_llvm = || {
        let names = ["rust-lld", "wasm-ld", "wasm-ld-22", "/usr/lib/llvm-22/bin/wasm-ld"];
        let starts = |name: &&str| says(clean(name).args(["-flavor", "wasm", "--version"])).is_some();
        names.into_iter().find(starts).map(PathBuf::from)
    };
    host.or_else(of_llvm)
}

/// A command without the variables by which a cargo tells of its own toolchain and flags.
///
/// Where packages come from and what is shown stays as the user has set it.
fn clean(program: &str) -> Command {
    const GONE: &[&str] = &["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"];
    const KEPT: &[&str] = &["CARGO_HOME", "CARGO_HTTP", "CARGO_NET", "CARGO_REGISTR", "CARGO_SOURCE", "CARGO_TERM"];
    let is_in = |name: &str, prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| is_in(name, GONE) && !is_in(name, KEPT)) {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn says(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
