//! Known operations, and the edges that each of them is. One file for each kind.

mod crossing;
mod extend;
mod file;
mod hostile;
mod narrow;
mod network;
mod process;
mod ring;

use crate::lines::{BEGIN, END};
use anyhow::{Context, Result, ensure};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::{env, fs};
use tracewell_agent::sensor::tier::Asked;

/// Arguments of the processes that carry out the operations, and of those that they start.
pub const ONLY: &str = "only";
pub const TIER: &str = "tier";
pub const ACT: &str = "act";
pub const ONE: &str = "one";
pub const IDLE: &str = "idle";
pub const WAIT: &str = "wait";

pub struct Operation {
    pub name: &'static str,
    /// The lines that [`lines`](crate::lines::lines) makes of it, all of them and no others. Where the tiers differ, that of the
    /// better one, ` | `, and that of the base.
    pub edges: &'static [&'static str],
    /// Carries it out in an empty folder. What a kernel or machine does not have is `Unsupported`.
    run: fn(&Path) -> io::Result<()>,
}

/// Lines as a tier makes them.
pub fn of_tier(edges: &[&'static str], tier: Asked) -> Vec<&'static str> {
    let of_tier = |edge: &&'static str| match (edge.split_once(" | "), tier) {
        (None, _) => *edge,
        (Some((better, _)), Asked::Auto) => better,
        (Some((_, base)), Asked::Base) => base,
    };
    edges.iter().map(of_tier).collect()
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    let kinds = [
        process::OPERATIONS,
        file::OPERATIONS,
        network::OPERATIONS,
        extend::OPERATIONS,
        crossing::OPERATIONS,
        ring::OPERATIONS,
        narrow::OPERATIONS,
        hostile::OPERATIONS,
    ];
    kinds.into_iter().flatten()
}

/// What is seen of an operation instead, on machines that cannot show or do it all.
pub struct Exception {
    pub operation: &'static str,
    pub applies: fn() -> bool,
    /// Said with the result.
    pub because: &'static str,
    pub edges: &'static [&'static str],
}

impl Operation {
    /// What is to be seen of it on this machine.
    pub fn exception(&self) -> Option<&'static Exception> {
        let all = [extend::EXCEPTIONS, ring::EXCEPTIONS].into_iter().flatten();
        all.into_iter().find(|exception| exception.operation == self.name && (exception.applies)())
    }
}

/// Carries them all out as soon as stdin is closed, each in a process of its own. Says for each its process and its
/// folder, or why it could not be.
pub fn act() -> Result<()> {
    extend::unload().context("unloading the modules of the tests")?;
    io::stdin().read_to_end(&mut Vec::new()).context("waiting for the sensor")?;
    for (index, operation) in all().enumerate() {
        let folder = env::temp_dir().join(format!("kernel-tests-{}-{index}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("creating folder {}", folder.display()))?;
        let mut one = Command::new("/proc/self/exe");
        one.args([ONE, &index.to_string()]).arg(&folder).stdout(Stdio::piped());
        let child = one.spawn().with_context(|| format!("starting operation `{}`", operation.name))?;
        let id = child.id();
        let output = child.wait_with_output()?;
        fs::remove_dir_all(&folder).with_context(|| format!("removing folder {}", folder.display()))?;
        ensure!(output.status.success(), "operation `{}` ended with {}", operation.name, output.status);
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{index}\t{id}\t{}\t{}", folder.display(), said.trim());
    }
    Ok(())
}

/// Carries out one of them, between its marks.
pub fn one(index: &str, folder: &Path) -> Result<()> {
    let operation = all().nth(index.parse()?).context("there is no such operation")?;
    fs::write(folder.join(BEGIN.0), "")?;
    fs::rename(folder.join(BEGIN.0), folder.join(BEGIN.1))?;
    match (operation.run)(folder) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => println!("{error}"),
        outcome => outcome.with_context(|| format!("operation `{}`", operation.name))?,
    }
    Ok(fs::rename(folder.join(END.0), folder.join(END.1))?)
}

/// A process of the tests, which ends with it.
pub struct Started {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Started {
    pub fn new(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the process to be watched")?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Ends its stdin, which it waits for.
    pub fn begin(&mut self) {
        self.stdin = None;
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("waiting for the process watched")
    }

    /// The next line of its output.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        BufReader::with_capacity(1, self.child.stdout.as_mut().context("its output was taken")?)
            .read_line(&mut line)?;
        Ok(line)
    }

    /// All that it has said.
    pub fn output(&mut self) -> Result<String> {
        let mut output = String::new();
        self.child.stdout.take().context("its output was taken")?.read_to_string(&mut output)?;
        Ok(output)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
