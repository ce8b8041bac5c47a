use anyhow::Result;
use std::time::{Duration, Instant};

/// Runs named steps one after the other and remembers which failed.
///
/// Headings and times go to stderr with cargo's own progress; stdout is for results.
pub struct Steps {
    n_steps: usize,
    pub done: Vec<Step>,
}

pub struct Step {
    pub name: &'static str,
    pub time: Duration,
    /// The error's text if it failed.
    pub error: Option<String>,
}

impl Steps {
    pub fn new(n_steps: usize) -> Self {
        Self { n_steps, done: Vec::new() }
    }

    /// The result of the step, or `None` if it failed; a failure is shown at once and does not stop the others.
    pub fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        eprintln!("\n== [{}/{}] {name}", self.done.len() + 1, self.n_steps);
        let start = Instant::now();
        let result = step();
        let time = start.elapsed();
        let (value, error) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        match &error {
            None => eprintln!("== {name}: ok, {}", seconds(time)),
            Some(error) => eprintln!("{error}\n== {name}: FAILED, {}", seconds(time)),
        }
        self.done.push(Step { name, time, error });
        value
    }

    pub fn failed(&self) -> impl Iterator<Item = &Step> {
        self.done.iter().filter(|step| step.error.is_some())
    }
}

pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}
