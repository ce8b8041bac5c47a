//! The thread that owns the pipeline and its store: takes frames in, writes, and answers what is written.

use crate::listener::Sessions;
use crate::registry::{Registry, now};
use anyhow::{Context, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracewell_aggregator::document::members::HostNames;
use tracewell_aggregator::{Aggregator, HostReport, Incidents, IngestError, StoreError};
use tracewell_model::{EventNs, HostId};
use tracewell_wire::Payload;
use tracewell_wire::quic::server::Arrived;
use tracewell_wire::session::Close;

/// Frames that are written together.
const BATCH_FRAMES_MAX: usize = 256;
/// Questions that wait.
const QUESTIONS_MAX: usize = 16;
/// Between two tries to write. Hosts keep what is not acknowledged.
const BREATH: Duration = Duration::from_secs(1);
/// Between two times that hosts are told where alerts of others lead. With what fits one message it bounds what a flood of alerts
/// costs them.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Each so many hosts that are connected wait one time more.
const HOSTS_PER_TURN: usize = 500;
/// Between two times that it is looked which hosts are connected.
const LISTEN_EVERY: Duration = Duration::from_secs(10);
/// Tries after which a store that cannot be written ends the program; whatever starts it anew may find out more.
const TRIES_MAX: u32 = 30;

/// What is asked of the engine, between two batches of frames.
type Question = Box<dyn FnOnce(&mut Engine) + Send>;

/// Asks the engine. Clones ask the same.
#[derive(Clone)]
pub struct Asker {
    questions: mpsc::Sender<Question>,
    changed: watch::Receiver<()>,
}

/// The incidents of some moment, and by which names people know the hosts.
#[derive(Debug)]
pub struct Snapshot {
    pub incidents: Incidents,
    pub names: HostNames,
    /// Event time that the fleet has reached.
    pub latest: EventNs,
}

/// Starts it. It ends when nobody can send any more; all that was taken is then on the disk.
///
/// # Errors
/// When no thread can be started, or the store cannot be written.
pub fn start(
    aggregator: Aggregator,
    registry: Arc<Mutex<Registry>>,
    (retention_days, silent_after): (u32, Option<Duration>),
    frames: mpsc::Receiver<Arrived>,
    sessions: Arc<Sessions>,
) -> Result<(Asker, JoinHandle<Result<()>>)> {
    let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
    let (tell, changed) = watch::channel(());
    let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    let mut engine = Engine {
        aggregator,
        registry,
        retention_days,
        snapshot: None,
        changed: tell,
        sessions,
        n_waited: 0,
        silent_after,
    };
    engine.forget_revoked()?;
    engine.expire()?;
    engine.commit()?;
    let run = move || runtime.block_on(engine.run(frames, asked));
    let thread = thread::Builder::new().name("engine".into()).spawn(run)?;
    Ok((Asker { questions, changed }, thread))
}

impl Asker {
    /// # Errors
    /// When the aggregator stops.
    pub async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Engine) -> T + Send + 'static) -> Result<T> {
        let (to, answer) = oneshot::channel();
        // Who asked may have gone.
        let question: Question = Box::new(move |engine| _ = to.send(question(engine)));
        self.questions.send(question).await.ok().context("the aggregator stops")?;
        answer.await.context("the aggregator stops")
    }

    /// Sees that the list may have changed.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.clone()
    }
}

pub struct Engine {
    aggregator: Aggregator,
    registry: Arc<Mutex<Registry>>,
    retention_days: u32,
    /// Computed when it is asked for, and forgotten with the next change.
    snapshot: Option<Arc<Snapshot>>,
    changed: watch::Sender<()>,
    sessions: Arc<Sessions>,
    /// Turns since hosts were told where alerts lead.
    n_waited: usize,
    /// How long nothing may be heard of a host; as long as it likes if `None`.
    silent_after: Option<Duration>,
}

impl Engine {
    async fn run(
        &mut self,
        mut frames: mpsc::Receiver<Arrived>,
        mut questions: mpsc::Receiver<Question>,
    ) -> Result<()> {
        let mut batch = Vec::new();
        let mut follow = interval(FOLLOW_EVERY);
        let mut listen = interval(LISTEN_EVERY);
        for interval in [&mut follow, &mut listen] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                n = frames.recv_many(&mut batch, BATCH_FRAMES_MAX) => match n {
                    0 => return Ok(()),
                    _ => self.take(batch.drain(..))?,
                },
                Some(question) = questions.recv() => question(self),
                _ = follow.tick() => self.follow(),
                _ = listen.tick() => self.listen(),
            }
        }
    }

    /// Takes frames, writes what came of them at once, and answers.
    fn take(&mut self, batch: impl Iterator<Item = Arrived>) -> Result<()> {
        let mut taken = Vec::new();
        for arrived in batch {
            // What it sent before, and was not taken yet, counts no more either.
            if self.is_revoked(arrived.host) {
                arrived.close(Close::Refused);
                continue;
            }
            match self.aggregator.receive_from(arrived.host, &arrived.frame) {
                Ok(received) => {
                    if let Some(error) = received.refused {
                        self.tell_refused(arrived.host, &error);
                    }
                    taken.push((arrived, received.answers));
                }
                Err(IngestError::Store(error)) => return Err(error).context("taking a frame"),
                Err(error) => {
                    let full = matches!(error, IngestError::TooManyHosts { .. });
                    tracing::warn!(host = %arrived.host, %error, "a host's connection is ended");
                    arrived.close(if full { Close::Overloaded } else { Close::Violation });
                }
            }
        }
        self.expire()?;
        self.commit()?;
        self.change();
        for (arrived, answers) in taken {
            answers.into_iter().for_each(|answer| arrived.answer(answer));
        }
        Ok(())
    }

    /// Sees of which hosts nothing is heard.
    fn listen(&mut self) {
        let Some(silent_after) = self.silent_after else { return };
        let expected: Vec<_> = {
            let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.hosts().iter().filter(|(_, host)| !host.revoked).map(|(&id, host)| (id, host.enrolled)).collect()
        };
        let silent = self.sessions.silent(expected, silent_after);
        if self.aggregator.set_silent(silent) {
            self.change();
        }
    }

    /// Tells hosts where alerts of others lead, thousands of them more rarely: each message goes to all.
    fn follow(&mut self) {
        let n_turns = 1 + self.sessions.n_connected() / HOSTS_PER_TURN;
        self.n_waited = (self.n_waited + 1) % n_turns;
        if self.n_waited > 0 {
            return;
        }
        let ends = self.aggregator.follow();
        if !ends.is_empty() {
            tracing::info!(n = ends.len(), "connections of alerts are followed to other hosts");
            self.sessions.tell_all(Payload::Follow(ends));
        }
    }

    fn commit(&mut self) -> Result<()> {
        for n_tried in 1.. {
            match self.aggregator.commit() {
                Ok(()) => break,
                Err(error) if n_tried >= TRIES_MAX => return Err(error).context("writing to the store"),
                Err(error) => {
                    tracing::error!(%error, n_tried, "the store cannot be written; hosts wait");
                    thread::park_timeout(BREATH);
                }
            }
        }
        Ok(())
    }

    /// Has a host vote no more: it was revoked.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn forget(&mut self, host: HostId) -> Result<()> {
        self.aggregator.forget_contribution(host)?;
        self.commit()?;
        self.change();
        Ok(())
    }

    /// Whoever was revoked while this was stopped, or in the moment in which it was.
    fn forget_revoked(&mut self) -> Result<()> {
        let revoked = self.registry.lock().unwrap_or_else(PoisonError::into_inner).revoked();
        for host in revoked {
            self.aggregator.forget_contribution(host)?;
        }
        Ok(())
    }

    /// By the hosts' time; the clock only says which of them is believed.
    fn expire(&mut self) -> Result<()> {
        let clock = EventNs(now().saturating_mul(EventNs::SECOND));
        self.aggregator.expire(self.retention_days, clock).context("letting old alert graphs go")
    }

    fn is_revoked(&self, host: HostId) -> bool {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.hosts().get(&host).is_some_and(|host| host.revoked)
    }

    /// The first of a host, and then whenever they have doubled: a hostile host must not fill the log.
    fn tell_refused(&self, host: HostId, error: &IngestError) {
        let n_refused = self.aggregator.n_refused(host);
        if n_refused.is_power_of_two() {
            tracing::warn!(%host, %error, n_refused, "a host's frame cannot be read and is lost");
        }
    }

    /// The incidents as they are now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(&mut self) -> Result<Arc<Snapshot>, StoreError> {
        if let Some(snapshot) = &self.snapshot {
            return Ok(Arc::clone(snapshot));
        }
        let hosts = self.aggregator.hosts();
        let latest = hosts.iter().map(|host| host.latest).max().unwrap_or_default();
        let names = hosts.into_iter().filter_map(|host| Some((host.host, host.name?))).collect();
        let snapshot = Arc::new(Snapshot { incidents: self.aggregator.incidents()?, names, latest });
        self.snapshot = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// What is known of each host, by id.
    pub fn hosts(&self) -> Vec<HostReport> {
        self.aggregator.hosts()
    }

    /// Has a decision hold from now on. What it says is to be on the disk before.
    pub fn decide<T>(&mut self, decide: impl FnOnce(&mut Aggregator) -> T) -> T {
        let decided = decide(&mut self.aggregator);
        self.change();
        decided
    }

    fn change(&mut self) {
        self.snapshot = None;
        self.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Labels;
    use tempfile::TempDir;
    use tracewell_aggregator::disk::Disk;
    use tracewell_graph_core::fleet::{ContributionDelta, Version};
    use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
    use tracewell_parameters::Parameters;
    use tracewell_wire::quic::Rate;
    use tracewell_wire::{Message, Payload, encode};

    const HOSTS: u32 = 6;

    fn engine(folder: &TempDir) -> (Engine, Disk) {
        let disk = Disk::open(folder.path()).unwrap();
        let registry = Arc::new(Mutex::new(Registry::open(disk.clone(), 100).unwrap()));
        let aggregator = Aggregator::with_store(&Parameters::default(), Box::new(disk.store())).unwrap();
        let (changed, _) = watch::channel(());
        let sessions = Arc::new(Sessions::new(Rate { frames: 0, bytes: 0 }));
        let engine = Engine {
            aggregator,
            registry,
            retention_days: 0,
            snapshot: None,
            changed,
            sessions,
            n_waited: 0,
            silent_after: None,
        };
        (engine, disk)
    }

    /// Enrols hosts that all began to do the same new thing on one day, which is an incident.
    fn poison(engine: &mut Engine) -> Vec<HostId> {
        let mut registry = engine.registry.lock().unwrap();
        let token = registry.token([0; 32], now() + 60, HOSTS.into(), Labels::new(), None).unwrap();
        let names = (0..HOSTS).map(|n| format!("host-{n}"));
        let enrolled = names
            .map(|name| registry.enrol((&token.id, &token.secret), (&name, "here"), |_| Ok(((), [1; 32]))).unwrap().0);
        let hosts: Vec<_> = enrolled.collect();
        drop(registry);
        let path = ["/bin/a", "/bin/b", "/bin/sh", "exec", "host"];
        let leaf = ContributionLeaf { path: vec![4, 0, 3, 2, 1], count: 4, days: 3, first_day: 40 };
        let dictionary = path.iter().map(|&label| label.into()).collect();
        let contribution = Contribution { since_day: 10, dictionary, leaves: vec![leaf] };
        for &host in &hosts {
            let whole = ContributionDelta::whole(Version { epoch: 1, number: 1 }, contribution.clone());
            let message = Message { host, epoch: 1, sequence: 1, payload: Payload::Profile(whole) };
            engine.aggregator.receive_from(host, &encode(&message).unwrap()).unwrap();
        }
        engine.commit().unwrap();
        hosts
    }

    fn n_shown(engine: &Engine) -> usize {
        engine.aggregator.incidents().unwrap().shown.len()
    }

    /// Who is revoked loses its votes at once; and at the next start, if the program was killed before.
    #[test]
    fn what_revoked_hosts_contributed_counts_no_more() {
        let folder = TempDir::new().unwrap();
        let (mut one, disk) = engine(&folder);
        let hosts = poison(&mut one);
        assert_eq!(n_shown(&one), 1);
        hosts.iter().for_each(|&host| one.registry.lock().unwrap().revoke(host).unwrap());
        assert!(hosts.iter().all(|&host| one.is_revoked(host)));
        drop((one, disk));
        let (mut two, disk) = engine(&folder);
        assert_eq!(n_shown(&two), 1, "it was killed before it forgot them");
        two.forget_revoked().unwrap();
        assert_eq!(n_shown(&two), 0);
        drop((two, disk));

        let folder = TempDir::new().unwrap();
        let (mut one, disk) = engine(&folder);
        for host in poison(&mut one) {
            one.forget(host).unwrap();
        }
        assert_eq!(n_shown(&one), 0);
        drop((one, disk));
        assert_eq!(n_shown(&engine(&folder).0), 0, "it is written");
    }
}
