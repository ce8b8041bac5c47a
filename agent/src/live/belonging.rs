//! Which workload a process belongs to: asked of `container`, whose sources are read on a thread of their own, by the
//! [`cgroups`] that the process is or was in.

mod cgroups;

use crate::container::{Belonging, Names, Options, Source};
use cgroups::Cgroups;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracewell_model::Str;

/// Time between two readings of the sources.
const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// The table of names, and the thread that keeps it up to date.
pub struct Belongings {
    names: Arc<Names>,
    news: Receiver<Str>,
    tell: Sender<Str>,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Belongings {
    pub fn start(options: Options) -> Self {
        let names = Arc::new(Names::new(options));
        names.refresh(Instant::now());
        let (tell, news) = mpsc::channel();
        Self { names, news, tell, stop: None, thread: None }
    }

    /// Keeps the names up to date from now on. Not from the start: a thread has the rights of the one that starts it, and
    /// the agent gives up most of them between the start and its first turn.
    pub fn keep_fresh(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let (stop, stopped) = channel::<()>();
        let (shared, tell) = (Arc::clone(&self.names), self.tell.clone());
        self.stop = Some(stop);
        self.thread = Some(std::thread::spawn(move || {
            while stopped.recv_timeout(REFRESH_EVERY) == Err(RecvTimeoutError::Timeout) {
                // What a workload was called before is not known here: all that were called by their ids are asked again.
                for news in shared.refresh(Instant::now()) {
                    tracing::debug!(cgroup = &*news.cgroup_path, workload = &*news.belonging.workload, "named");
                    if tell.send(news.belonging.workload.clone()).is_err() {
                        return;
                    }
                }
            }
        }));
    }

    /// Answers which workload a process belongs to, by its number and that of its cgroup; `None` for the host itself, or a
    /// process that is gone and was the first to be heard of in its cgroup.
    pub fn asker(&self) -> impl FnMut(u32, u64) -> Option<Str> + Send + use<> {
        let names = Arc::clone(&self.names);
        let mut cgroups = Cgroups::of_this_machine();
        move |tgid, cgroup| workload(&names, &cgroups.paths(tgid, cgroup))
    }

    /// The workload of a cgroup by its path; `None` for the host itself.
    pub fn workload_of(&self, path: &str) -> Option<Str> {
        Some(self.names.of(path)?.workload.clone())
    }

    /// Where names come from, and how their last reading went. Waits for none.
    pub fn sources(&self) -> Vec<Source> {
        self.names.sources()
    }

    /// Whether workloads have got other names since.
    pub fn has_news(&self) -> bool {
        self.news.try_iter().count() > 0
    }
}

impl Drop for Belongings {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say any more, also not that it panicked.
            let _ = thread.join();
        }
    }
}

/// Of several hierarchies, the one that knows a container.
fn workload(names: &Names, paths: &[Str]) -> Option<Str> {
    let found: Vec<Arc<Belonging>> = paths.iter().filter_map(|path| names.of(path)).collect();
    let container = found.iter().find(|belonging| belonging.container().is_some());
    container.or(found.first()).map(|belonging| belonging.workload.clone())
}
