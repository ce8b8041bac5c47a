use super::cgroup::ContainerId;
use super::cgroup::{Place, of_path};
use super::cri::{self, CriError, Described};
use super::pods::Pods;
use super::{Belonging, Known};
use lru::LruCache;
use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracewell_model::Str;

/// Longest path that is remembered, in bytes; longer ones are read anew each time, so that 4,096 of them stay small.
const REMEMBERED_LEN_MAX: usize = 1024;
const RUNC_MAX: usize = 4096;
pub const SOCKETS_MAX: usize = 8;

/// Refreshes without a question after which a container that no source tells of is forgotten.
const IDLE_REFRESHES_MAX: u32 = 2;

/// Where names come from, and how much is kept of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The kubelet's folder of pods.
    pub pods: PathBuf,
    /// The kubelet's folder of links to the logs of containers.
    pub links: PathBuf,
    /// The folder in which runc keeps one folder for each container.
    pub runc: PathBuf,
    /// Sockets of runtimes that speak CRI v1; the first 8 are asked.
    pub sockets: Vec<PathBuf>,
    /// Least time between two questions to a runtime.
    pub cri_every: Duration,
    /// The cgroup below which the host lives, as where a container stands for a node (kind); empty otherwise.
    pub root: String,
    /// The node's name in Kubernetes, which the kubelet appends to the names of static pods; usually the host's name.
    pub node: Option<String>,
    /// Cgroup paths remembered; the least recently asked for is forgotten first. Default 4,096, about 2 KB each.
    pub remembered_max: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pods: "/var/log/pods".into(),
            links: "/var/log/containers".into(),
            runc: "/run/runc".into(),
            sockets: cri::SOCKETS.map(PathBuf::from).into(),
            cri_every: Duration::from_secs(10),
            root: String::new(),
            node: None,
            remembered_max: NonZeroUsize::new(4096).expect("it is not zero"),
        }
    }
}

/// A cgroup whose processes belong to somebody else than was said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub cgroup_path: Str,
    pub belonging: Arc<Belonging>,
}

/// One place that names come from, for `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    pub state: SourceState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It is not there: this host has no such runtime.
    Absent,
    /// It was read; entries that it gave.
    Read { n_entries: usize },
    /// It is there and cannot be read; what it said before still holds.
    Failed { reason: String },
}

/// Who the processes of this host belong to. Shared by the thread that asks and the one that refreshes: [`Self::of`] never
/// waits for a file or a socket. Not for two threads that refresh: one waits for the other.
#[derive(Debug)]
pub struct Names {
    options: Options,
    table: Mutex<Table>,
    refreshing: Mutex<Refreshing>,
}

#[derive(Debug)]
struct Table {
    known: Known,
    sources: Vec<Source>,
    entries: LruCache<Str, Entry>,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    belonging: Option<Arc<Belonging>>,
    idle_refreshes: u32,
}

/// What is read between two readings of the clock, apart from what is asked for.
#[derive(Debug, Default)]
struct Refreshing {
    cri_asked: Option<Instant>,
    described: Vec<HashMap<ContainerId, Described>>,
    sources: Vec<Source>,
    cri_sources: Vec<Source>,
}

impl Names {
    /// Reads nothing yet.
    pub fn new(options: Options) -> Self {
        let known = Known { node: options.node.as_deref().map(Str::from), ..Known::default() };
        let entries = LruCache::new(options.remembered_max);
        Self { options, table: Mutex::new(Table { known, sources: Vec::new(), entries }), refreshing: Mutex::default() }
    }

    /// Whom the processes of a cgroup belong to, as far as is known now; `None` is the host itself. No I/O.
    pub fn of(&self, cgroup_path: &str) -> Option<Arc<Belonging>> {
        let mut table = locked(&self.table);
        if let Some(entry) = table.entries.get_mut(cgroup_path) {
            entry.idle_refreshes = 0;
            return entry.belonging.clone();
        }
        let place = self.place(cgroup_path, &table.known);
        let belonging = table.known.belonging(&place, None).map(Arc::new);
        if cgroup_path.len() <= REMEMBERED_LEN_MAX {
            let entry = Entry { place, belonging: belonging.clone(), idle_refreshes: 0 };
            table.entries.put(cgroup_path.into(), entry);
        }
        belonging
    }

    /// Reads all folders and, when its time has come, asks the runtimes; blocks for up to a second a socket. Returns
    /// what is now known of cgroups that were asked for, each once, in the order of their paths.
    ///
    /// A source that fails keeps what it said before, and says why in [`Self::sources`].
    pub fn refresh(&self, now: Instant) -> Vec<News> {
        let mut refreshing = locked(&self.refreshing);
        let (pods, runc) = refreshing.read_folders(&self.options);
        let described = refreshing.ask_runtimes(&self.options, now).then(|| {
            let described = refreshing.described.iter().flatten();
            described.map(|(id, described)| (id.clone(), described.clone())).collect()
        });

        let mut table = locked(&self.table);
        table.sources = refreshing.sources.iter().chain(&refreshing.cri_sources).cloned().collect();
        table.known.described = described.unwrap_or_else(|| std::mem::take(&mut table.known.described));
        table.known.pods = pods.unwrap_or_else(|| std::mem::take(&mut table.known.pods));
        table.known.runc = runc.unwrap_or_else(|| std::mem::take(&mut table.known.runc));
        self.renew(&mut table)
    }

    /// The state of each source at the last refresh; none before. No I/O.
    pub fn sources(&self) -> Vec<Source> {
        locked(&self.table).sources.clone()
    }

    #[cfg(test)]
    pub(super) fn n_remembered(&self) -> usize {
        locked(&self.table).entries.len()
    }

    fn renew(&self, table: &mut Table) -> Vec<News> {
        let Table { known, entries, .. } = table;
        let mut gone = Vec::new();
        let mut news = Vec::new();
        for (path, entry) in entries.iter_mut() {
            entry.idle_refreshes += 1;
            entry.place = self.place(path, known);
            let is_idle = entry.idle_refreshes > IDLE_REFRESHES_MAX;
            let tells = entry.place.accountable().is_some_and(|container| known.tells_of(container));
            if is_idle && entry.place.container.is_some() && !tells {
                gone.push(path.clone());
                continue;
            }
            let belonging = known.belonging(&entry.place, entry.belonging.as_deref());
            if belonging.as_ref() != entry.belonging.as_deref() {
                entry.belonging = belonging.map(Arc::new);
                news.extend(entry.belonging.clone().map(|belonging| News { cgroup_path: path.clone(), belonging }));
            }
        }
        for path in gone {
            entries.pop(&path);
        }
        news.sort_unstable_by(|a, b| a.cgroup_path.cmp(&b.cgroup_path));
        news
    }

    fn place(&self, cgroup_path: &str, known: &Known) -> Place {
        let below = cgroup_path.strip_prefix(self.options.root.as_str());
        // "/docker/ab" is not above "/docker/abc".
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        of_path(below.unwrap_or(cgroup_path), &|name| known.runc.contains(name))
    }
}

impl Refreshing {
    fn read_folders(&mut self, options: &Options) -> (Option<Pods>, Option<BTreeSet<Str>>) {
        let pods = Pods::read(&options.pods, &options.links);
        let runc = folder_names(&options.runc);
        let state = match &pods {
            Ok(read) if read.n_pods() == 0 && !options.pods.exists() => SourceState::Absent,
            Ok(read) => SourceState::Read { n_entries: read.n_pods() },
            Err(error) => SourceState::Failed { reason: error.to_string() },
        };
        self.sources = vec![Source { path: options.pods.clone(), state }];
        let state = match &runc {
            Ok(names) => SourceState::Read { n_entries: names.len() },
            Err(error) if error.kind() == ErrorKind::NotFound => SourceState::Absent,
            Err(error) => SourceState::Failed { reason: error.to_string() },
        };
        let is_absent = state == SourceState::Absent;
        self.sources.push(Source { path: options.runc.clone(), state });
        (pods.ok(), if is_absent { Some(BTreeSet::new()) } else { runc.ok() })
    }

    /// Whether they were asked.
    fn ask_runtimes(&mut self, options: &Options, now: Instant) -> bool {
        if self.cri_asked.is_some_and(|asked| now.saturating_duration_since(asked) < options.cri_every) {
            return false;
        }
        self.cri_asked = Some(now);
        let sockets = options.sockets.iter().take(SOCKETS_MAX);
        self.described.resize_with(sockets.len(), HashMap::new);
        self.cri_sources.clear();
        for (socket, described) in sockets.zip(&mut self.described) {
            let state = match cri::list(socket) {
                Ok(listed) => {
                    let n_entries = listed.len();
                    *described = listed;
                    SourceState::Read { n_entries }
                }
                Err(CriError::Absent) => SourceState::Absent,
                Err(error) => SourceState::Failed { reason: error.to_string() },
            };
            self.cri_sources.push(Source { path: socket.clone(), state });
        }
        true
    }
}

fn folder_names(folder: &Path) -> std::io::Result<BTreeSet<Str>> {
    let entries = std::fs::read_dir(folder)?.take(RUNC_MAX).flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str().map(Str::from)).collect())
}

/// A panic elsewhere leaves nothing half done here: all that is kept is replaced as a whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
