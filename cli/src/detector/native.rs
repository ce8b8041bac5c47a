//! The same detector without WebAssembly, to see whether it finds the same.

use crate::failure::Failure;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tracewell_detector_host::{Runner, to_json};
use tracewell_graph_core::neighbourhood::Neighbourhood;
use tracewell_model::Finding;

/// A program of [`tracewell_detector_build::native()`] that runs as one detector.
pub struct Native {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Native {
    pub fn start(program: &Path, id: &str) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.arg(id).stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |why: &str| Failure::Input(format!("cannot start {}: {why}", program.display()));
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(asked), Some(answers)) => Ok(Self { child, asked, answers: BufReader::new(answers) }),
            _ => Err(failed("its input and output are not there")),
        }
    }

    /// What it finds, checked as what its component finds.
    pub fn call(&mut self, runner: &Runner, detector: usize, seen: &Neighbourhood) -> Result<Vec<Finding>, String> {
        let mut answer = String::new();
        let asked = writeln!(self.asked, "{}", to_json(seen)).and_then(|()| self.answers.read_line(&mut answer));
        match asked {
            Ok(1..) => runner.found_elsewhere(detector, seen, &answer).map_err(|failure| failure.to_string()),
            Ok(0) => Err("it ended instead of answering".to_owned()),
            Err(error) => Err(format!("it does not answer: {error}")),
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // It may hang in a call.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
