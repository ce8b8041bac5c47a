use super::{Process, Seen, Watching};
use crate::overhead::{Place, pause};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the agent says of itself, as far as it is used here.
#[derive(Deserialize)]
struct Status {
    operations: Vec<Operation>,
    ring_records: u64,
    waiting_items: u64,
}

#[derive(Deserialize)]
struct Operation {
    submitted: u64,
    merged: u64,
    throttled: u64,
    ring_full: u64,
    oversize: u64,
    unreadable: u64,
}

impl Status {
    fn events(&self) -> u64 {
        self.operations.iter().map(|op| op.submitted + op.merged).sum()
    }

    fn lost(&self) -> u64 {
        self.operations.iter().map(|op| op.throttled + op.ring_full + op.oversize + op.unreadable).sum()
    }
}

pub struct Tracewell {
    process: Process,
    agent: PathBuf,
    control: PathBuf,
    /// Events and losses at the begin.
    before: (u64, u64),
}

/// As it comes, with the built-in configuration.
pub fn start(place: &Place) -> Result<Tracewell> {
    let control = place.folder.join("control");
    let output = File::create(place.folder.join("alerts")).context("creating the file for alerts")?;
    let errors = File::create(place.folder.join("log")).context("creating the file for the log")?;
    let mut command = Command::new(&place.agent);
    command.args(["run", "--output", "json", "--history"]).arg(place.folder.join("history"));
    command.arg("--control").arg(&control).stdin(Stdio::null()).stdout(output).stderr(errors);
    let process = Process::start(&mut command)?;
    let mut tracewell = Tracewell { process, agent: place.agent.clone(), control, before: (0, 0) };
    let end = Instant::now() + Duration::from_secs(60);
    while tracewell.status().is_err() {
        if Instant::now() > end || tracewell.process.child.try_wait()?.is_some() {
            bail!("the agent does not watch: {}", crate::overhead::text_of(&place.folder.join("log"))?);
        }
        pause(Duration::from_millis(100));
    }
    Ok(tracewell)
}

impl Tracewell {
    fn status(&self) -> Result<Status> {
        let output = Command::new(&self.agent)
            .args(["status", "--output", "json", "--control"])
            .arg(&self.control)
            .stderr(Stdio::null())
            .output()
            .context("asking the agent how it is")?;
        serde_json::from_slice(&output.stdout).context("reading how the agent is")
    }
}

impl Watching for Tracewell {
    fn begin(&mut self) -> Result<()> {
        let status = self.status()?;
        self.before = (status.events(), status.lost());
        self.process.begin()
    }

    fn settle(&mut self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        // Asking is an event itself, so that there is always something in the order of times.
        while Instant::now() < end {
            let status = self.status()?;
            if status.ring_records < 100 && status.waiting_items < 500 {
                break;
            }
            pause(Duration::from_millis(200));
        }
        Ok(())
    }

    fn stop(mut self: Box<Self>) -> Result<Seen> {
        let seen = self.process.seen()?;
        let status = self.status()?;
        let (events, lost) = (status.events() - self.before.0, status.lost() - self.before.1);
        self.process.end("TERM")?;
        Ok(Seen { events, lost: Some(lost), ..seen })
    }
}
