//! Keeps what is loaded as a folder has it, and as whoever asks wants it, on a thread of its own: what a pipeline runs is handed
//! over whole, by [`Loader::update`], between two of its events.

mod keeper;
mod watch;

use crate::library::{Library, LibraryError};
use crate::runner::Runner;
use crate::signature::Policy;
use keeper::Keeper;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Changes that follow each other within this time are taken up together,
const QUIET: Duration = Duration::from_millis(100);
/// but none waits longer than this.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a folder that is not there is looked for.
const RETRY: Duration = Duration::from_secs(1);

/// What is to be loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whose files `*.wasm` are detectors; `None` for none.
    pub folder: Option<PathBuf>,
    /// Folder of machine code that was made before; `None` for none.
    pub cache: Option<PathBuf>,
    pub policy: Policy,
    /// Bytes of a file.
    pub bytes_max: u64,
}

/// What is loaded now.
pub struct Update {
    pub library: Library,
    /// What runs it. Its triggers are compiled already.
    pub runner: Runner,
    /// Files that are no detectors here, with the reason. If an earlier state of such a file was loaded, it still is.
    pub refused: Vec<(PathBuf, String)>,
    /// Why the folder cannot be read, if it cannot; what was loaded of it still is.
    pub error: Option<String>,
    /// How others than root and this user can put detectors into the folder, if they can.
    pub exposed: Option<String>,
    /// Orders that have been carried out.
    pub n_done: u64,
}

pub struct Loader {
    orders: Sender<Order>,
    updates: Receiver<Update>,
    n_ordered: u64,
}

enum Order {
    /// The folder has changed.
    Look,
    Set(Settings),
    Load(PathBuf),
    Remove {
        id: String,
        version: Option<String>,
    },
    Reload,
}

impl Loader {
    /// Loads what there is before it returns, and starts to watch.
    ///
    /// # Errors
    /// When the engine does not start, the folder cannot be read, or no thread can be started.
    pub fn start(settings: Settings) -> Result<(Self, Update), LibraryError> {
        let failed = |error: io::Error| LibraryError::Engine(error.to_string());
        let (orders, received) = channel();
        let (sender, updates) = channel();
        let mut keeper = Keeper::new(Library::new()?, settings, watch::Watch::start(orders.clone()).map_err(failed)?);
        let first = keeper.look(0);
        if let (Some(error), Some(path)) = (&first.error, keeper.folder()) {
            return Err(LibraryError::Folder { path: path.to_path_buf(), error: io::Error::other(error.clone()) });
        }
        let work = move || work(keeper, &received, &sender);
        thread::Builder::new().name("detector-loader".into()).spawn(work).map_err(failed)?;
        Ok((Self { orders, updates, n_ordered: 0 }, first))
    }

    /// The latest state, if there is news. Waits for nobody.
    pub fn update(&self) -> Option<Update> {
        self.updates.try_iter().last()
    }

    /// Waits for news.
    pub fn wait(&self, patience: Duration) -> Option<Update> {
        self.updates.recv_timeout(patience).ok()
    }

    /// What is to be loaded from now on.
    pub fn set(&mut self, settings: Settings) {
        self.order(Order::Set(settings));
    }

    /// Loads a file beside those of the folder, until the program ends.
    pub fn load(&mut self, file: PathBuf) {
        self.order(Order::Load(file));
    }

    /// Removes a detector, in all its versions or in one, until its file changes or [`Self::reload`].
    pub fn remove(&mut self, id: &str, version: Option<&str>) {
        self.order(Order::Remove { id: id.to_owned(), version: version.map(str::to_owned) });
    }

    /// Looks at all files anew, and loads again what was removed.
    pub fn reload(&mut self) {
        self.order(Order::Reload);
    }

    /// Orders so far; an [`Update`] says how many of them it has carried out.
    pub fn n_ordered(&self) -> u64 {
        self.n_ordered
    }

    fn order(&mut self, order: Order) {
        self.n_ordered += 1;
        // The thread goes on for as long as this end is there.
        let _ = self.orders.send(order);
    }
}

fn work(mut keeper: Keeper, orders: &Receiver<Order>, updates: &Sender<Update>) {
    let mut n_done = 0;
    loop {
        let order = match keeper.is_watched() {
            true => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => orders.recv_timeout(RETRY),
        };
        match order {
            Ok(order) => n_done += take(&mut keeper, order),
            Err(RecvTimeoutError::Timeout) if !keeper.can_be_watched() => continue,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let until = Instant::now() + PATIENCE;
        while let Ok(order) = orders.recv_timeout(QUIET.min(until.saturating_duration_since(Instant::now()))) {
            n_done += take(&mut keeper, order);
        }
        if updates.send(keeper.look(n_done)).is_err() {
            return;
        }
    }
}

/// Returns how many orders of others that was.
fn take(keeper: &mut Keeper, order: Order) -> u64 {
    match order {
        Order::Look => return 0,
        Order::Set(settings) => keeper.set(settings),
        Order::Load(file) => keeper.load(file),
        Order::Remove { id, version } => keeper.remove(&id, version.as_deref()),
        Order::Reload => keeper.reload(),
    }
    1
}
