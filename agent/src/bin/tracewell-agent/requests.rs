//! What others ask of a running agent, and how the question reaches the loop that owns the answer.
//!
//! Whoever asks waits on a thread of its own; the loop only looks whether something was asked.

use crate::detectors::Wish;
use crate::status::{DetectorsStatus, Status};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Questions that wait at once. Further ones are refused.
const WAITING_MAX: usize = 16;
/// How long an answer is waited for. A turn of the loop takes some tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// One line of JSON on the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    Status,
    /// Switches groups of probes by their names.
    Probes {
        #[serde(default)]
        on: Vec<String>,
        #[serde(default)]
        off: Vec<String>,
    },
    /// Says what is loaded, once what is asked for is begun.
    Detectors(Wish),
}

/// One line of JSON back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Status(Box<Status>),
    /// The groups that are on.
    Groups(Vec<String>),
    Detectors(DetectorsStatus),
    Error(String),
}

struct Asked {
    request: Request,
    answer: SyncSender<Answer>,
}

/// The end that asks.
#[derive(Clone)]
pub struct Asker(SyncSender<Asked>);

/// The end that answers.
pub struct Answerer(Receiver<Asked>);

pub fn channel() -> (Asker, Answerer) {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    (Asker(sender), Answerer(receiver))
}

impl Asker {
    /// Asks, and waits for the answer.
    pub fn ask(&self, request: Request) -> Answer {
        let (answer, answered) = sync_channel(1);
        match self.0.try_send(Asked { request, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Answer::Error("too much is asked at once".into()),
            Err(TrySendError::Disconnected(_)) => return Answer::Error("the agent stops".into()),
        }
        answered.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            Answer::Error(match error {
                RecvTimeoutError::Timeout => format!("no answer within {} s", PATIENCE.as_secs()),
                RecvTimeoutError::Disconnected => "the agent stops".into(),
            })
        })
    }
}

impl Answerer {
    /// Answers what was asked since. Waits for nobody.
    pub fn answer(&self, mut answer: impl FnMut(Request) -> Answer) {
        while let Ok(asked) = self.0.try_recv() {
            // Whoever asked may have gone; there is room for the one answer.
            let _ = asked.answer.try_send(answer(asked.request));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_request_is_a_line_of_json() {
        let probes = Request::Probes { on: vec![], off: vec!["file".into()] };
        assert_eq!(serde_json::to_string(&Request::Status).unwrap(), r#"{"command":"status"}"#);
        assert_eq!(serde_json::from_str::<Request>(r#"{"command":"probes","off":["file"]}"#).unwrap(), probes);
        assert!(serde_json::from_str::<Request>(r#"{"command":"probes","of":["file"]}"#).is_err());
        let detectors = Request::Detectors(Wish { resume: Some("a".into()), ..Wish::default() });
        assert_eq!(serde_json::from_str::<Request>(r#"{"command":"detectors","resume":"a"}"#).unwrap(), detectors);
        assert!(serde_json::from_str::<Request>(r#"{"command":"detectors","resum":"a"}"#).is_err());
    }

    #[test]
    fn whoever_asks_is_answered_and_beyond_the_bound_refused() {
        let (asker, answerer) = channel();
        let asking: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let asker = asker.clone();
                thread::spawn(move || asker.ask(Request::Status))
            })
            .collect();
        let mut n = 0;
        while n < WAITING_MAX {
            answerer.answer(|_| {
                n += 1;
                Answer::Groups(vec!["file".into()])
            });
        }
        for asking in asking {
            assert_eq!(asking.join().unwrap(), Answer::Groups(vec!["file".into()]));
        }
        drop(answerer);
        assert_eq!(asker.ask(Request::Status), Answer::Error("the agent stops".into()));
    }
}
