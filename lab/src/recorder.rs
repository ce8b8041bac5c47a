//! The live agent, recording the whole machine while a scenario runs; what of it belongs to the hosts is told later.

use crate::lab::sleep;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How operations on names are seen: so on every machine, that recordings are alike wherever they are made.
pub const TIER: &str = "base";

/// A larger ring than by default: a machine that also builds something must not cost events.
fn configuration() -> String {
    format!(
        "[sensor]\ntier = \"{TIER}\"\nring_bytes = 67_108_864\nsums_max = 65_536\n\
         [limits]\nmemory_bytes = 1_073_741_824\n[control]\nsocket = \"\"\n[containers]\nsockets = []\n"
    )
}

pub struct Recorder {
    agent: Child,
    log: PathBuf,
    pub recording: PathBuf,
}

impl Recorder {
    /// Starts the agent and waits until it records.
    ///
    /// # Errors
    /// When it does not record within a minute, with what it says.
    pub fn start(agent: &Path, folder: &Path) -> Result<Self> {
        let (config, log) = (folder.join("agent.toml"), folder.join("agent.log"));
        let recording = folder.join("machine.jsonl.zst");
        fs::write(&config, configuration()).context("writing the agent's configuration")?;
        let mut command = Command::new(agent);
        command.arg("--config").arg(&config).args(["record", "--host", "machine"]).arg(&recording);
        command.env("RUST_LOG", "info").env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).context("creating the agent's log")?);
        let agent = command.spawn().with_context(|| format!("starting {}", agent.display()))?;
        let mut recorder = Self { agent, log, recording };
        let end = Instant::now() + Duration::from_secs(60);
        while !recorder.said().contains("recording") {
            if let Some(status) = recorder.agent.try_wait()? {
                bail!("the agent ended with {status}: {}", recorder.said());
            }
            if Instant::now() > end {
                bail!("the agent does not record: {}", recorder.said());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(recorder)
    }

    /// Ends it once all that was seen until now is written.
    ///
    /// # Errors
    /// When the agent fails.
    pub fn finish(mut self) -> Result<PathBuf> {
        let pid = rustix::process::Pid::from_child(&self.agent);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).context("ending the agent")?;
        let status = self.agent.wait().context("waiting for the agent")?;
        if !status.success() {
            bail!("the agent ended with {status}: {}", self.said());
        }
        Ok(self.recording.clone())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // After `finish` it is gone.
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}
