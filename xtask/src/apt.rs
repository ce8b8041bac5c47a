//! Debian packages, unpacked into folders of ours. Neither the system's package sources nor what it has installed are
//! touched, and root is not needed.

use crate::workspace::{run as run_command, runs};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where packages come from.
pub enum Sources<'a> {
    /// What this system was installed from, so that its libraries fit.
    System,
    /// A list in the form of sources.list(5).
    List(&'a str),
}

/// What counts as installed, so that it is not fetched as a dependency.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// What this system has.
    System,
    /// Nothing: for a root that stands by itself.
    Nothing,
}

/// An apt with a state of its own in a folder.
pub struct Apt {
    folder: PathBuf,
    options: Vec<String>,
}

impl Apt {
    /// Fetches the lists of packages.
    pub fn new(folder: PathBuf, sources: &Sources<'_>, installed: Installed) -> Result<Self> {
        if !runs("apt-get", &["--version"]) || !runs("dpkg", &["--version"]) {
            bail!("apt-get and dpkg are needed to fetch it");
        }
        for part in ["state/lists/partial", "cache/archives/partial", "packages"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("creating folder {}", part.display()))?;
        }
        let path = |name: &str| folder.join(name).display().to_string();
        let status = match installed {
            Installed::System => "/var/lib/dpkg/status".into(),
            Installed::Nothing => {
                fs::write(folder.join("status"), "").context("writing what is installed: nothing")?;
                path("status")
            }
        };
        let mut options = vec![
            format!("Dir::State={}", path("state")),
            format!("Dir::State::status={status}"),
            format!("Dir::Cache={}", path("cache")),
            "Acquire::Languages=none".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
            "APT::Sandbox::User=root".into(),
        ];
        if let Sources::List(list) = sources {
            fs::write(folder.join("sources.list"), list).context("writing a list of package sources")?;
            options.push(format!("Dir::Etc::sourcelist={}", path("sources.list")));
            options.extend(
                ["sourceparts", "preferences", "preferencesparts"].map(|part| format!("Dir::Etc::{part}=/dev/null")),
            );
        }
        let apt = Self { folder, options };
        run_command(apt.command("apt-get").args(["--quiet=2", "update"]))?;
        Ok(apt)
    }

    /// Names of packages that match a regular expression.
    pub fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let found = said_by(self.command("apt-cache").args(["search", "--names-only", pattern]))?;
        Ok(found.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// Packages with all that they need and this system has not installed.
    pub fn with_dependencies(&self, packages: &[&str]) -> Result<Vec<String>> {
        let mut command = self.command("apt-get");
        command.args(["install", "--simulate", "--no-install-recommends"]).args(packages);
        let plan = said_by(&mut command)?;
        let installed = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
        Ok(installed.map(str::to_owned).collect())
    }

    /// Puts the files of packages into `folder`, which is there only once they all are.
    pub fn unpack(&self, packages: &[String], folder: &Path) -> Result<()> {
        let files = self.folder.join("packages");
        let mut download = self.command("apt-get");
        run_command(download.args(["--quiet=2", "download"]).args(packages).current_dir(&files))?;
        let new = folder.with_extension("new");
        for entry in fs::read_dir(&files).context("reading what was fetched")? {
            let file = entry?.path();
            run_command(Command::new("dpkg").arg("--extract").args([&file, &new]))?;
            fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
        }
        fs::rename(&new, folder).with_context(|| format!("creating {}", folder.display()))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        command.args(self.options.iter().map(|option| format!("--option={option}")));
        command
    }
}

fn said_by(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().context("starting apt")?;
    if !output.status.success() {
        bail!("{:?} ended with {}", command.get_program(), output.status);
    }
    String::from_utf8(output.stdout).context("reading what apt says")
}
