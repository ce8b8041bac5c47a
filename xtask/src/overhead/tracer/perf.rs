//! `perf trace` of Debian's linux-perf: the same system calls as text, one line each.

use super::{CALLS, Process, Seen, TRANSFERS, Watching};
use crate::overhead::Place;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub struct Perf {
    process: Process,
    output: PathBuf,
}

pub fn obstacle(place: &Place) -> Option<String> {
    if !place.programs.has("perf") {
        return Some("Debian's linux-perf is not there".into());
    }
    let tried =
        place.programs.command("perf").args(["trace", "-a", "-e", "openat", "true"]).stderr(Stdio::piped()).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("perf trace says: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("perf does not start: {error}")),
    }
}

pub fn start(place: &Place) -> Result<Perf> {
    let output = place.folder.join("trace");
    // Its table has these under their kernel names or not at all; it refuses what it does not know.
    let unknown = ["fork", "vfork", "creat"];
    let calls: Vec<_> = CALLS.iter().chain(TRANSFERS).filter(|call| !unknown.contains(call)).copied().collect();
    let mut command = place.programs.command("perf");
    command.args(["trace", "-a", "-e", &calls.join(","), "-o"]).arg(&output);
    Ok(Perf { process: Process::start(&mut command)?, output })
}

impl Watching for Perf {
    fn begin(&mut self) -> Result<()> {
        self.process.begin()
    }

    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn stop(mut self: Box<Self>) -> Result<Seen> {
        let seen = self.process.seen()?;
        self.process.end("INT")?;
        let (events, lost) = counted(&self.output)?;
        Ok(Seen { events, lost: Some(lost), ..seen })
    }
}

/// Lines of calls, and what those between them say was lost.
fn counted(output: &Path) -> Result<(u64, u64)> {
    let lines = BufReader::with_capacity(1 << 20, File::open(output).context("reading what perf trace wrote")?);
    let (mut events, mut lost) = (0, 0);
    for line in lines.split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        match text.strip_prefix("LOST ").and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok()) {
            Some(n) => lost += n,
            None => events += 1,
        }
    }
    Ok((events, lost))
}
