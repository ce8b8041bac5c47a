use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The checkout and how cargo is called in it.
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
}

/// What `cargo metadata` says, as far as it is used here.
#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub workspace_members: Vec<String>,
    pub target_directory: PathBuf,
}

#[derive(Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `None` for an ordinary one, else `dev` or `build`.
    pub kind: Option<String>,
}

#[derive(Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        // Asked for when it runs: a build that another checkout left in a shared target directory must work here.
        let package = env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
        let root = Path::new(&package).parent().context("xtask lies in no workspace")?.to_path_buf();
        let mut workspace = Self { root, target: PathBuf::new() };
        if env::var_os("CARGO_TARGET_DIR").is_none() && env::var_os("CI").is_some() {
            workspace.target = ci_target()?;
        } else {
            workspace.target = workspace.metadata_of("--no-deps")?.target_directory;
        }
        Ok(workspace)
    }

    /// All programs, with the tests: a package that is built alone has its libraries built once more with fewer features, which
    /// for wasmtime takes minutes.
    pub fn build_programs(&self) -> Result<()> {
        run(self.cargo().args(["build", "--workspace", "--bins", "--tests"]))
    }

    /// Cargo with the environment that all its calls share, so that one build serves them all.
    ///
    /// ccache is used when it is installed: it makes a second cold build of RocksDB a matter of seconds.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).stdin(Stdio::null());
        if !self.target.as_os_str().is_empty() {
            command.env("CARGO_TARGET_DIR", &self.target);
        }
        // Named only if it is there, and always then, so that the agent is built anew only when the programs are.
        let programs = self.ebpf_object();
        if programs.is_file() {
            command.env("TRACEWELL_EBPF_OBJECT", programs);
        }
        let detectors = self.detectors();
        if detectors.is_dir() {
            command.env("TRACEWELL_DETECTORS", detectors);
        }
        let native = self.detectors_natively().join("debug").join(tracewell_detector_build::native::NAME);
        if native.is_file() {
            command.env("TRACEWELL_DETECTORS_NATIVE", native);
        }
        let componentize_py = self.componentize_py();
        if componentize_py.is_file() {
            command.env("TRACEWELL_COMPONENTIZE_PY", componentize_py);
        }
        if runs("ccache", &["--version"]) {
            for (name, compiler) in [("CC", "ccache gcc"), ("CXX", "ccache g++")] {
                if env::var_os(name).is_none() {
                    command.env(name, compiler);
                }
            }
        }
        command
    }

    /// Where `ebpf::build` leaves the eBPF programs.
    pub fn ebpf_object(&self) -> PathBuf {
        self.target.join("ebpf/programs.o")
    }

    /// Where `detectors::build` leaves the components of the shipped detectors.
    pub fn detectors(&self) -> PathBuf {
        self.target.join("detectors")
    }

    /// Where cargo builds them for this machine.
    pub fn detectors_natively(&self) -> PathBuf {
        self.target.join("detectors-build/native")
    }

    /// A virtual environment of Python, with the tools that are kept between builds.
    pub fn python(&self) -> PathBuf {
        self.target.join("tools/python")
    }

    /// What `python::setup` installs there.
    pub fn componentize_py(&self) -> PathBuf {
        self.python().join("bin/componentize-py")
    }

    /// All packages in use, with all features and for all platforms.
    pub fn metadata(&self) -> Result<Metadata> {
        self.metadata_of("--all-features")
    }

    fn metadata_of(&self, option: &str) -> Result<Metadata> {
        let output = self.cargo().args(["metadata", "--format-version=1", option]).stderr(Stdio::inherit()).output();
        let output = output.context("starting cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata ended with {}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("reading the output of cargo metadata")
    }

    /// The shared public recordings, which are not part of the project.
    pub fn datasets(&self) -> Option<PathBuf> {
        let folder = match env::var_os("TRACEWELL_DATASETS") {
            Some(folder) => PathBuf::from(folder),
            None => self.root.join("../shared/datasets"),
        };
        folder.is_dir().then_some(folder)
    }
}

impl Metadata {
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

impl Package {
    /// Names of the targets of a kind, such as `bench`.
    pub fn targets<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = move |target: &&Target| target.kind.iter().any(|is| is == kind);
        self.targets.iter().filter(of_kind).map(|target| target.name.as_str())
    }
}

/// Where builds go when `CI` is set: outside the checkout, which starts afresh each time. `.ci/run` says the same.
fn ci_target() -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => {
            PathBuf::from(env::var_os("HOME").context("CI is set, but neither XDG_CACHE_HOME nor HOME")?).join(".cache")
        }
    };
    Ok(cache.join("tracewell/target"))
}

/// Runs a command with its output shown.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = display(command);
    let status = command.status().with_context(|| format!("starting `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Whether a program is there and ends well when called like this.
pub fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The command as a person would type it.
pub fn display(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
