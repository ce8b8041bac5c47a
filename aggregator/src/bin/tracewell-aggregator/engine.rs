//! The thread that owns the pipeline and its store: takes frames in, writes, and answers what is written.

use crate::listener::Sessions;
use crate::registry::{Registry, now};
use anyhow::{Context, Result};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracewell_aggregator::document::members::HostNames;
use tracewell_aggregator::{
    Aggregator, Hold, HostReport, Incidents, IngestError, StoreError, VersionError, VersionHead,
};
use tracewell_graph_core::fleet::{GROUPS_MAX, Groups, Views};
use tracewell_model::{EventNs, HostId, Str};
use tracewell_wire::quic::server::Arrived;
use tracewell_wire::session::Close;
use tracewell_wire::{Inventory, Payload};

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
/// Bytes of the fleet's view that are under way to hosts at once, each time that they are told where alerts lead.
const PUSHED_BYTES_MAX: usize = 64 << 20;
/// Tries after which a store that cannot be written ends the program; whatever starts it anew may find out more.
const TRIES_MAX: u32 = 30;

/// What holds as long as it runs.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Days of event time for which an alert graph is kept after it last grew; 0 keeps all.
    pub retention_days: u32,
    /// How long nothing may be heard of a host; as long as it likes if `None`.
    pub silent_after: Option<Duration>,
    /// Key of the label by whose values hosts form groups.
    pub group_by: Option<Box<str>>,
}

/// What is asked of the engine, between two batches of frames.
type Question = Box<dyn FnOnce(&mut Engine) + Send>;

/// Asks the engine. Clones ask the same.
#[derive(Clone)]
pub struct Asker {
    questions: mpsc::Sender<Question>,
    changed: watch::Receiver<()>,
    /// What was computed last.
    latest: Arc<AsyncMutex<Option<Arc<Snapshot>>>>,
}

/// The incidents of some moment, and by which names people know the hosts.
#[derive(Debug)]
pub struct Snapshot {
    pub incidents: Incidents,
    pub names: HostNames,
    /// Event time that the fleet has reached.
    pub latest: EventNs,
    /// Changes that it holds.
    n_changes: u64,
}

/// Computes a list. That may take seconds.
type Listing = Box<dyn FnOnce() -> Result<Snapshot, StoreError> + Send>;

/// The versions of the fleet's view at some moment.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Ascending.
    pub heads: Vec<VersionHead>,
    /// Number of the one that hosts are given, once there is one.
    pub given: Option<u64>,
    pub held: Option<Hold>,
}

/// Starts it. It ends when nobody can send any more; all that was taken is then on the disk.
///
/// # Errors
/// When no thread can be started, or the store cannot be written.
pub fn start(
    aggregator: Aggregator,
    registry: Arc<Mutex<Registry>>,
    rules: Rules,
    frames: mpsc::Receiver<Arrived>,
    sessions: Arc<Sessions>,
) -> Result<(Asker, JoinHandle<Result<()>>)> {
    let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
    let (tell, changed) = watch::channel(());
    let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    let mut engine = Engine {
        aggregator,
        registry,
        rules,
        n_changes: 0,
        n_registered: None,
        changed: tell,
        sessions,
        pushing: None,
        n_waited: 0,
    };
    engine.regroup();
    engine.forget_revoked()?;
    engine.expire()?;
    engine.commit()?;
    let run = move || runtime.block_on(engine.run(frames, asked));
    let thread = thread::Builder::new().name("engine".into()).spawn(run)?;
    Ok((Asker { questions, changed, latest: Arc::default() }, thread))
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

    /// The incidents as they are now. They are computed after a change, once for all who ask meanwhile, and nobody waits for that but they.
    ///
    /// # Errors
    /// When the store cannot be read, or the aggregator stops.
    pub async fn incidents(&self) -> Result<Arc<Snapshot>> {
        let mut latest = self.latest.lock().await;
        let n_changes = latest.as_ref().map(|snapshot| snapshot.n_changes);
        if let Some(listing) = self.ask(move |engine| engine.list(n_changes)).await? {
            // The one before may be as large.
            *latest = None;
            let snapshot = tokio::task::spawn_blocking(listing).await.context("computing the list")??;
            *latest = Some(Arc::new(snapshot));
        }
        latest.clone().context("there is no list")
    }

    /// Sees that the list may have changed.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.clone()
    }
}

pub struct Engine {
    aggregator: Aggregator,
    registry: Arc<Mutex<Registry>>,
    rules: Rules,
    /// How often the list may have changed.
    n_changes: u64,
    /// Changes of the registry that the groups know of.
    n_registered: Option<u64>,
    changed: watch::Sender<()>,
    sessions: Arc<Sessions>,
    /// Who is to be given another version of the fleet's view at once: hosts of this group, or of none, from this id on, and those of the
    /// groups after it.
    pushing: Option<(Option<Str>, HostId)>,
    /// Turns since hosts were told where alerts lead.
    n_waited: usize,
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
                _ = follow.tick() => {
                    self.follow();
                    self.push();
                }
                _ = listen.tick() => self.listen(),
            }
        }
    }

    /// Takes frames, writes what came of them at once, and answers.
    fn take(&mut self, batch: impl Iterator<Item = Arrived>) -> Result<()> {
        self.regroup();
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
        let Some(silent_after) = self.rules.silent_after else { return };
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
            self.sessions.tell(None, Payload::Follow(ends));
        }
    }

    /// Gives some more hosts the version of the fleet's view that was changed to, group after group. Whoever does not get it does with its
    /// next heartbeat.
    fn push(&mut self) {
        while let Some((group, from)) = self.pushing.take() {
            let groups = self.aggregator.groups();
            let is_of_it = |host| groups.get(host) == group.as_ref();
            let Some(view) = self.aggregator.view_given(group.as_deref()) else { return };
            let bytes: usize = view.nodes().1.iter().map(|node| size_of_val(node) + node.label.len()).sum();
            let hosts = self.sessions.connected_from(from, 1 + PUSHED_BYTES_MAX / bytes.max(1024), is_of_it);
            if let Some(next) = hosts.last().and_then(|last| last.0.checked_add(1)) {
                self.pushing = Some((group, HostId(next)));
                return self.sessions.tell(Some(hosts), Payload::FleetView(view));
            }
            let after = group.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let next = groups.sizes().range::<Str, _>((after, Bound::Unbounded)).next();
            self.pushing = next.map(|(group, _)| (Some(group.clone()), HostId(0)));
        }
    }

    /// Sees which group each host is in, if any was enrolled or revoked since. Tells the operator of groups that are too many.
    fn regroup(&mut self) {
        let Some(key) = &self.rules.group_by else { return };
        let (groups, n_enrolled, is_start) = {
            let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
            let known = self.n_registered.replace(registry.n_changes());
            if known == Some(registry.n_changes()) {
                return;
            }
            (registry.groups(key), registry.hosts().len(), known.is_none())
        };
        if is_start && n_enrolled > 0 && groups.sizes().is_empty() {
            tracing::warn!(group_by = &**key, n_enrolled, "no host was enrolled with this label: there are no groups");
        }
        let n_known = self.aggregator.groups().beyond().len();
        let (n_beyond, n_hosts) = (groups.beyond().len(), groups.beyond().values().sum::<u32>());
        if n_beyond > n_known {
            tracing::warn!(
                group_by = &**key,
                n_beyond,
                n_hosts,
                max = GROUPS_MAX,
                "hosts of groups beyond the largest are as those in none"
            );
        }
        self.aggregator.set_groups(groups);
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
        self.regroup();
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
        self.aggregator.expire(self.rules.retention_days, clock).context("letting old alert graphs go")
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

    /// The versions of the fleet's view.
    pub fn versions(&self) -> Versions {
        let given = self.aggregator.version_given();
        Versions { heads: self.aggregator.versions(), given, held: self.aggregator.held().cloned() }
    }

    /// One of them, with the views of all groups.
    ///
    /// # Errors
    /// When it is not kept, or the store cannot be read.
    pub fn views(&self, version: u64) -> Result<Views, VersionError> {
        self.aggregator.views(version)
    }

    /// The key of the label by which hosts form groups, and which group each is in.
    pub fn groups(&mut self) -> (Option<Box<str>>, Groups) {
        self.regroup();
        (self.rules.group_by.clone(), self.aggregator.groups().clone())
    }

    /// Rolls the fleet's view back to a version.
    ///
    /// # Errors
    /// When it is not kept, or the store cannot be read or written.
    pub fn hold(&mut self, hold: Hold) -> Result<()> {
        self.aggregator.hold(hold)?;
        self.commit()?;
        self.pushing = Some((None, HostId(0)));
        Ok(())
    }

    /// Has hosts be given the newest version again.
    ///
    /// # Errors
    /// When none is held, or the store cannot be written.
    pub fn release(&mut self) -> Result<()> {
        self.aggregator.release()?;
        self.commit()?;
        self.pushing = Some((None, HostId(0)));
        Ok(())
    }

    /// Computes the list as it is now; `None` if nothing has changed since there were so many changes.
    fn list(&self, n_changes: Option<u64>) -> Option<Listing> {
        if n_changes == Some(self.n_changes) {
            return None;
        }
        let (n_changes, list, hosts) = (self.n_changes, self.aggregator.list(), self.aggregator.hosts());
        Some(Box::new(move || {
            let latest = hosts.iter().map(|host| host.latest).max().unwrap_or_default();
            let names = hosts.into_iter().filter_map(|host| Some((host.host, host.name?))).collect();
            Ok(Snapshot { incidents: list.incidents()?, names, latest, n_changes })
        }))
    }

    /// What is known of each host, by id.
    pub fn hosts(&mut self) -> Vec<HostReport> {
        self.regroup();
        self.aggregator.hosts()
    }

    /// What a host says that it runs; `None` until it has.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn inventory(&self, host: HostId) -> Result<Option<Inventory>, StoreError> {
        self.aggregator.inventory(host)
    }

    /// Has a decision hold from now on. What it says is to be on the disk before.
    pub fn decide<T>(&mut self, decide: impl FnOnce(&mut Aggregator) -> T) -> T {
        let decided = decide(&mut self.aggregator);
        self.change();
        decided
    }

    fn change(&mut self) {
        self.n_changes += 1;
        self.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Labels, Signed};
    use std::sync::Barrier;
    use tempfile::TempDir;
    use tokio::time::timeout;
    use tracewell_aggregator::disk::Disk;
    use tracewell_aggregator::{Kept, MemoryStore, Rank, Reader, Store, StoreError};
    use tracewell_graph_core::fleet::{ContributionDelta, Version};
    use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
    use tracewell_model::{AlertGraph, AlertId};
    use tracewell_parameters::Parameters;
    use tracewell_wire::quic::Rate;
    use tracewell_wire::{Message, Payload, encode};

    const HOSTS: u32 = 6;
    const PATIENCE: Duration = Duration::from_secs(60);

    fn engine(folder: &TempDir) -> (Engine, Disk) {
        let disk = Disk::open(folder.path()).unwrap();
        let registry = Arc::new(Mutex::new(Registry::open(disk.clone(), 100).unwrap()));
        let aggregator = Aggregator::with_store(&Parameters::default(), Box::new(disk.store())).unwrap();
        let (changed, _) = watch::channel(());
        let sessions = Arc::new(Sessions::new(Rate { frames: 0, bytes: 0 }));
        let engine = Engine {
            aggregator,
            registry,
            rules: Rules::default(),
            n_changes: 0,
            n_registered: None,
            changed,
            sessions,
            pushing: None,
            n_waited: 0,
        };
        (engine, disk)
    }

    /// Enrols hosts that all began to do the same new thing on one day, which is an incident.
    fn poison(engine: &mut Engine) -> Vec<HostId> {
        let mut registry = engine.registry.lock().unwrap();
        let token = registry.token([0; 32], now() + 60, HOSTS.into(), Labels::new(), None).unwrap();
        let names = (0..HOSTS).map(|n| format!("host-{n}"));
        let enrolled = names.map(|name| {
            registry
                .enrol((&token.id, &token.secret), (&name, "here"), |_| {
                    Ok(Signed { certificate: (), sha256: [1; 32], expires: 1 })
                })
                .unwrap()
                .0
        });
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

    /// Hosts are grouped by the label that they were enrolled with, and again when that changes or one is revoked.
    #[test]
    fn groups_follow_the_registry() {
        let folder = TempDir::new().unwrap();
        let (mut engine, disk) = engine(&folder);
        let enrol = |engine: &Engine, role: &str, host: Option<HostId>| {
            let mut registry = engine.registry.lock().unwrap();
            let labels = Labels::from([("role".to_owned(), role.to_owned())]);
            let token = registry.token([0; 32], now() + 60, 1, labels, host.map(|host| host.0)).unwrap();
            let sign = |_| Ok(Signed { certificate: (), sha256: [1; 32], expires: 1 });
            registry.enrol((&token.id, &token.secret), (role, "here"), sign).unwrap().0
        };
        let sizes = |engine: &mut Engine| -> Vec<(String, u32)> {
            engine.groups().1.sizes().iter().map(|(name, size)| (name.to_string(), *size)).collect()
        };
        let (one, two) = (enrol(&engine, "web", None), enrol(&engine, "web", None));
        assert_eq!(sizes(&mut engine), [], "they form none");
        engine.rules.group_by = Some("role".into());
        assert_eq!(sizes(&mut engine), [("role=web".to_owned(), 2)]);
        enrol(&engine, "db", Some(one));
        engine.take(std::iter::empty()).unwrap();
        let moved = [one, two].map(|host| engine.aggregator.groups().get(host).map(ToString::to_string));
        assert_eq!(moved, [Some("role=db".to_owned()), Some("role=web".to_owned())]);
        engine.registry.lock().unwrap().revoke(two).unwrap();
        engine.forget(two).unwrap();
        assert_eq!(engine.aggregator.groups().get(two), None);
        // One too many is told, and its host is as one in none.
        (0..GROUPS_MAX).for_each(|n| _ = enrol(&engine, &n.to_string(), None));
        let (key, groups) = engine.groups();
        assert_eq!((key.as_deref(), groups.sizes().len(), groups.beyond().len()), (Some("role"), GROUPS_MAX, 1));
        drop((engine, disk));
    }

    /// A store that is read as slowly as two others at the barrier let it be.
    struct Slow(MemoryStore, Arc<Barrier>);

    impl Store for Slow {
        fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Kept>, StoreError> {
            self.0.alert(host, id)
        }
        fn put_alert(&mut self, epoch: u32, graph: AlertGraph) -> Result<(), StoreError> {
            self.0.put_alert(epoch, graph)
        }
        fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError> {
            self.0.remove_alert(host, id)
        }
        fn least_of(&mut self, host: HostId) -> Result<Option<Rank>, StoreError> {
            self.0.least_of(host)
        }
        fn last_before(&mut self, day: u32, max: usize) -> Result<Vec<(HostId, AlertId)>, StoreError> {
            self.0.last_before(day, max)
        }
        fn reader(&self) -> Reader {
            let (read, barrier) = (self.0.reader(), Arc::clone(&self.1));
            Box::new(move || {
                barrier.wait();
                barrier.wait();
                read()
            })
        }
    }

    /// However long it takes: frames come, and who only asks whether it serves is told.
    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_else_waits_while_the_list_is_computed() {
        let (folder, barrier) = (TempDir::new().unwrap(), Arc::new(Barrier::new(2)));
        let store = Slow(MemoryStore::default(), Arc::clone(&barrier));
        let aggregator = Aggregator::with_store(&Parameters::default(), Box::new(store)).unwrap();
        let registry = Arc::new(Mutex::new(Registry::open(Disk::open(folder.path()).unwrap(), 1).unwrap()));
        let (_frames, frames) = mpsc::channel(1);
        let sessions = Arc::new(Sessions::new(Rate { frames: 0, bytes: 0 }));
        let (asker, _thread) = start(aggregator, registry, Rules::default(), frames, sessions).unwrap();
        let pass = || {
            let barrier = Arc::clone(&barrier);
            tokio::task::spawn_blocking(move || _ = barrier.wait())
        };
        let both = [asker.clone(), asker.clone()].map(|asker| tokio::spawn(async move { asker.incidents().await }));
        pass().await.unwrap();
        let changed = asker.ask(|engine| engine.decide(|_| ()));
        assert!(timeout(PATIENCE, changed).await.is_ok(), "the engine is free");
        pass().await.unwrap();
        // The other one asked before the change, but the list is computed after it.
        pass().await.unwrap();
        pass().await.unwrap();
        for listed in both {
            assert_eq!(timeout(PATIENCE, listed).await.unwrap().unwrap().unwrap().incidents.shown, []);
        }
        assert!(timeout(PATIENCE, asker.incidents()).await.is_ok(), "nothing has changed since");
    }
}
