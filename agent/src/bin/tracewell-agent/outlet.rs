//! Where alerts go: stdout, or a file and the journal in its place.

use crate::config::Output;
use crate::failure::{Failure, Printed, print};
use crate::rotating::Rotating;
use tracewell_model::AlertGraph;
use tracing::dispatcher::{self, Dispatch};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

pub struct Outlet {
    file: Option<Rotating>,
    journal: Option<Dispatch>,
    n_failed: u64,
}

impl Outlet {
    /// # Errors
    /// When the file cannot be opened, or there is no journal.
    pub fn open(output: &Output) -> Result<Self, Failure> {
        let open = |path: &std::path::PathBuf| {
            Rotating::open(path, output.file_bytes_max, output.files_max)
                .map_err(|error| Failure::Input(format!("output.file: cannot write {}: {error}", path.display())))
        };
        let journal = || match tracing_journald::layer() {
            Ok(layer) => Ok(Dispatch::new(registry().with(layer.with_field_prefix(Some("TRACEWELL".into()))))),
            Err(error) => Err(Failure::Input(format!("output.journal: there is no journal here: {error}"))),
        };
        Ok(Self {
            file: output.file.as_ref().map(open).transpose()?,
            journal: output.journal.then(journal).transpose()?,
            n_failed: 0,
        })
    }

    /// Alerts that the file did not take. They count as raised, and what they are made of stays in the history.
    pub fn n_failed(&self) -> u64 {
        self.n_failed
    }

    /// `text` is for people, `line` what the form of the output asks for.
    ///
    /// # Errors
    /// When stdout cannot be written. A file that cannot is told and counted, for it may be full only for now.
    pub fn show(&mut self, graph: &AlertGraph, text: &str, json: &str, line: &str) -> Result<Printed, Failure> {
        if self.file.is_none() && self.journal.is_none() {
            return print(line);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(line)) {
            tracing::error!(%error, alert = %graph.id, "the alert could not be written to output.file");
            self.n_failed += 1;
        }
        if let Some(journal) = &self.journal {
            dispatcher::with_default(journal, || to_journal(graph, text.trim_end(), json.trim_end()));
        }
        Ok(Printed::Yes)
    }
}

/// News of an alert are a notice, a new one is a warning (syslog(3)).
fn to_journal(graph: &AlertGraph, text: &str, json: &str) {
    let (alert, revision) = (graph.id.to_string(), graph.revision);
    let (surprise, lost) = (graph.surprise.0, graph.loss.n_events);
    if revision <= 1 {
        tracing::warn!(alert, revision, surprise_millibits = surprise, lost_events = lost, graph = json, "{text}");
    } else {
        tracing::info!(alert, revision, surprise_millibits = surprise, lost_events = lost, graph = json, "{text}");
    }
}
