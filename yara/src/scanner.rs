//! A thread that looks at files, behind a queue at which nobody waits.

use crate::open::Identify;
use crate::rules::{NotRun, Rules, RulesError};
use crate::scan::{Reader, Verdict};
use crate::{Limits, Reason};
use rustix::process::setpriority_process;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use tracewell_model::{FileRef, ProcessRef};

/// The thread gets what nobody else wants (`setpriority(2)`).
const NICE: i32 = 19;
/// Changes of rules and limits that may wait beside requests.
const CHANGES_MAX: usize = 16;

/// A file to be looked at, and through whom it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of whoever asks, who is told it again.
    pub number: u64,
    pub file: FileRef,
    pub process: ProcessRef,
    pub reason: Reason,
}

enum Order {
    Scan(Request),
    Change(Option<PathBuf>, Limits),
}

/// What the thread says.
pub(crate) enum Answer {
    Scanned(Request, Verdict),
    /// Rules were read anew: how many, and those that are not run. If that failed, those that were there stay.
    Changed(Result<(usize, Vec<NotRun>), RulesError>),
}

/// The thread. It ends when this is dropped and it has done what it is at; nobody waits for it.
pub struct Scanner {
    orders: SyncSender<Order>,
    answers: Receiver<Answer>,
    started: Instant,
    /// When the scan at hand began, in ms since `started`, and one more; 0 for none.
    busy_since: Arc<AtomicU64>,
}

impl Scanner {
    /// Starts the thread. At most `limits.queue_max` requests may be without an answer at once.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(rules: Rules, limits: Limits, identify: Identify) -> io::Result<Self> {
        let (orders, of_orders) = sync_channel::<Order>(limits.queue_max + CHANGES_MAX);
        // As many answers as there are orders.
        let (to_answers, answers) = channel();
        let (started, busy_since) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let busy = busy_since.clone();
        let mut reader = Reader::new(rules, limits, identify);
        let work = move || {
            // Where that is refused it takes what others take.
            let _ = setpriority_process(None, NICE);
            for order in of_orders {
                let answer = match order {
                    Order::Scan(request) => {
                        busy.store(milliseconds(started.elapsed()) + 1, Ordering::Relaxed);
                        let verdict = reader.scan(&request);
                        busy.store(0, Ordering::Relaxed);
                        Answer::Scanned(request, verdict)
                    }
                    Order::Change(folder, limits) => Answer::Changed(change(&mut reader, folder, limits)),
                };
                if to_answers.send(answer).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("yara".into()).spawn(work)?;
        Ok(Self { orders, answers, started, busy_since })
    }

    /// Asks for a file. Whether there was room.
    pub(crate) fn ask(&self, request: Request) -> bool {
        !matches!(
            self.orders.try_send(Order::Scan(request)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
        )
    }

    /// Has the rules of a folder be read anew, or none be run. Whether there was room.
    pub(crate) fn change(&self, folder: Option<PathBuf>, limits: Limits) -> bool {
        self.orders.try_send(Order::Change(folder, limits)).is_ok()
    }

    /// What it has said since.
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// The same, but waits a while for it.
    pub(crate) fn wait(&self, at_most: Duration) -> Option<Answer> {
        self.answers.recv_timeout(at_most).ok()
    }

    /// For how long it has been at one file.
    pub(crate) fn busy(&self) -> Duration {
        match self.busy_since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self.started.elapsed().saturating_sub(Duration::from_millis(since - 1)),
        }
    }
}

fn change(reader: &mut Reader, folder: Option<PathBuf>, limits: Limits) -> Result<(usize, Vec<NotRun>), RulesError> {
    let (rules, not_run) = match &folder {
        Some(folder) => Rules::load(folder)?,
        None => (Rules::none(), Vec::new()),
    };
    let n_rules = rules.len();
    reader.set(rules, limits);
    Ok((n_rules, not_run))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}
