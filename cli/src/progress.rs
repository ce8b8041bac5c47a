use crate::memory;
use crate::output::text::{bytes, thousands};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How often the line is drawn anew.
const EVERY: Duration = Duration::from_millis(200);
/// How many records go by between two looks at the clock.
const RECORDS_BETWEEN: u32 = 1024;

/// How far a long job is, on stderr; silent where that is no terminal.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    drawn: Instant,
    n_events: u64,
    countdown: u32,
}

impl Progress {
    /// `total` is in bytes of input; `None` where that is not known.
    pub fn new(total: Option<u64>) -> Self {
        let bar = match total {
            Some(total) => ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()),
            None => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()),
        };
        let template = match total {
            Some(_) => "{bar:30} {percent:>3} %  {msg}  {eta} left",
            None => "{spinner}  {msg}  {elapsed}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is one of two that were tried"));
        let now = Instant::now();
        Self { bar, started: now, drawn: now, n_events: 0, countdown: RECORDS_BETWEEN }
    }

    /// Called for each record; `position` is asked for only when the line is drawn.
    pub fn record(&mut self, is_event: bool, position: impl FnOnce() -> u64) {
        self.n_events += u64::from(is_event);
        self.countdown -= 1;
        if self.countdown > 0 {
            return;
        }
        self.countdown = RECORDS_BETWEEN;
        if self.drawn.elapsed() >= EVERY && !self.bar.is_hidden() {
            self.drawn = Instant::now();
            self.bar.set_position(position());
            self.bar.set_message(self.message());
        }
    }

    /// Takes the line away and gives what there is to say about the whole.
    pub fn finish(self) -> (Duration, u64) {
        self.bar.finish_and_clear();
        (self.started.elapsed(), self.n_events)
    }

    fn message(&self) -> String {
        let rate = self.n_events as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let memory = memory::resident_bytes().map(|n| format!(", {}", bytes(n))).unwrap_or_default();
        format!("{} events, {} events/s{memory}", thousands(self.n_events), thousands(rate as u64))
    }
}
