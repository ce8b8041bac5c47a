//! What is loaded: detectors in the order in which they are called, their triggers as one, and how each fares.

use crate::admission::{self, Admitted, Refusal};
use crate::cache::Cache;
use crate::call::Spent;
use crate::code::Code;
use crate::engine::Runtime;
use crate::limits::DETECTORS_MAX;
use crate::metadata::{Metadata, Trigger};
use crate::runner::Runner;
use crate::signature::{Policy, PublicKey};
use crate::trigger::{self, Triggers};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Detectors that pipelines run.
#[derive(Clone)]
pub struct Library {
    runtime: Runtime,
    policy: Policy,
    cache: Option<Arc<Cache>>,
    /// Sorted by id and version, so that the order of loading does not matter.
    detectors: Vec<Arc<Loaded>>,
}

#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("the engine does not start: {0}")]
    Engine(String),
    #[error("cannot read folder {}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
}

/// What can be said of a loaded detector.
#[derive(Clone, Debug)]
pub struct Status {
    pub metadata: Metadata,
    /// BLAKE3 of the file, in hexadecimal digits.
    pub hash: String,
    pub bytes: usize,
    /// Who vouches for it, if that counts here.
    pub signer: Option<PublicKey>,
    pub calls: u64,
    pub findings: u64,
    pub failures: u64,
    /// Steps of all calls, and the time they took.
    pub fuel: u64,
    pub time: Duration,
    /// Parked in some pipeline.
    pub is_parked: bool,
    pub last_failure: Option<String>,
}

pub(crate) struct Loaded {
    pub(crate) metadata: Metadata,
    /// Of the file, and of the component in it without a signature.
    hash: blake3::Hash,
    component_hash: blake3::Hash,
    bytes: usize,
    signer: Option<PublicKey>,
    pub(crate) code: Arc<Code>,
    pub(crate) fares: Fares,
}

/// How a detector fares over all pipelines of the process.
#[derive(Default)]
pub(crate) struct Fares {
    calls: AtomicU64,
    pub(crate) findings: AtomicU64,
    failures: AtomicU64,
    fuel: AtomicU64,
    time_ns: AtomicU64,
    is_parked: AtomicBool,
    last_failure: Mutex<Option<String>>,
}

impl Library {
    /// # Errors
    /// When the engine does not start, as on a machine without the address space for it.
    pub fn new() -> Result<Self, LibraryError> {
        let runtime = Runtime::new().map_err(|error| LibraryError::Engine(admission::flat(&error)))?;
        Ok(Self { runtime, policy: Policy::default(), cache: None, detectors: Vec::new() })
    }

    /// Whose detectors are loaded from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Where machine code of before is found, and kept.
    pub fn set_cache(&mut self, cache: Option<Cache>) {
        self.cache = cache.map(Arc::new);
    }

    /// Loads all files `*.wasm` of a folder, each of at most `bytes_max` bytes; gives those that were refused, with the reason.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn load_folder(&mut self, folder: &Path, bytes_max: u64) -> Result<Vec<(PathBuf, Refusal)>, LibraryError> {
        let failed = |error| LibraryError::Folder { path: folder.to_path_buf(), error };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "wasm") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut refused = Vec::new();
        for path in paths {
            if let Err(refusal) = self.load_file(&path, bytes_max) {
                refused.push((path, refusal));
            }
        }
        Ok(refused)
    }

    /// # Errors
    /// When the file is refused.
    pub fn load_file(&mut self, path: &Path, bytes_max: u64) -> Result<&Metadata, Refusal> {
        self.load(&admission::read(path, bytes_max)?)
    }

    /// Loads a component, signed or not, from its bytes.
    ///
    /// # Errors
    /// When it is refused.
    pub fn load(&mut self, file: &[u8]) -> Result<&Metadata, Refusal> {
        if self.detectors.len() >= DETECTORS_MAX {
            return Err(Refusal::TooMany(self.detectors.len()));
        }
        // Who vouches comes first: what is not trusted does not reach the compiler.
        let (component, signer) = self.policy.check(file)?;
        let Admitted { metadata, code } = admission::admit(&self.runtime, self.cache.as_deref(), component)?;
        trigger::check(&metadata.triggers).map_err(Refusal::Metadata)?;
        let (hash, component_hash) = (blake3::hash(file), blake3::hash(component));
        let fares = Fares::default();
        self.put(Arc::new(Loaded { metadata, hash, component_hash, bytes: file.len(), signer, code, fares }))
    }

    /// Takes over what another library has loaded of this file, with how it fared. Returns whether it had, and there is room.
    pub(crate) fn adopt(&mut self, other: &Self, file: &blake3::Hash) -> bool {
        let loaded = other.detectors.iter().find(|loaded| loaded.hash == *file);
        loaded.is_some_and(|loaded| self.detectors.len() < DETECTORS_MAX && self.put(Arc::clone(loaded)).is_ok())
    }

    /// Whether this file is loaded on the word of this signer.
    pub(crate) fn is_vouched_for(&self, file: &blake3::Hash, signer: Option<PublicKey>) -> bool {
        self.detectors.iter().any(|loaded| loaded.hash == *file && loaded.signer == signer)
    }

    /// The same, with nothing loaded.
    pub(crate) fn without_detectors(&self) -> Self {
        Self { detectors: Vec::new(), ..self.clone() }
    }

    /// Hashes of the files of detectors.
    pub(crate) fn hashes(&self, is_meant: impl Fn(&Metadata) -> bool) -> impl Iterator<Item = blake3::Hash> {
        self.detectors.iter().filter(move |loaded| is_meant(&loaded.metadata)).map(|loaded| loaded.hash)
    }

    /// Removes machine code of what is not loaded.
    pub(crate) fn tidy_cache(&self) {
        if let Some(cache) = &self.cache {
            cache.keep(&self.runtime, self.detectors.iter().map(|loaded| loaded.component_hash));
        }
    }

    fn put(&mut self, new: Arc<Loaded>) -> Result<&Metadata, Refusal> {
        let rank = |loaded: &Loaded| (loaded.metadata.id.clone(), loaded.metadata.version);
        match self.detectors.binary_search_by_key(&rank(&new), |loaded| rank(loaded)) {
            Ok(_) => {
                let (id, version) = rank(&new);
                Err(Refusal::Duplicate { id, version: version.to_string() })
            }
            Err(at) => {
                self.detectors.insert(at, new);
                Ok(&self.detectors[at].metadata)
            }
        }
    }

    /// What runs the detectors for one pipeline.
    pub fn runner(&self) -> Runner {
        let triggers = Triggers::compile(self.triggers()).expect("each was compiled when it was loaded");
        Runner::new(self.runtime.clone(), self.detectors.clone(), triggers)
    }

    pub fn is_empty(&self) -> bool {
        self.detectors.is_empty()
    }

    /// In the order in which they are called.
    pub fn status(&self) -> Vec<Status> {
        self.detectors.iter().map(|loaded| loaded.status()).collect()
    }

    fn triggers(&self) -> impl Iterator<Item = &[Trigger]> {
        self.detectors.iter().map(|loaded| loaded.metadata.triggers.as_slice())
    }
}

impl Loaded {
    fn status(&self) -> Status {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Status {
            metadata: self.metadata.clone(),
            hash: self.hash.to_hex().to_string(),
            bytes: self.bytes,
            signer: self.signer,
            calls: count(&self.fares.calls),
            findings: count(&self.fares.findings),
            failures: count(&self.fares.failures),
            fuel: count(&self.fares.fuel),
            time: Duration::from_nanos(count(&self.fares.time_ns)),
            is_parked: self.fares.is_parked.load(Ordering::Relaxed),
            last_failure: self.fares.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Fares {
    pub(crate) fn called(&self, spent: Spent) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.fuel.fetch_add(spent.fuel, Ordering::Relaxed);
        let ns = u64::try_from(spent.whole.as_nanos()).unwrap_or(u64::MAX);
        self.time_ns.fetch_add(ns, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, why: String, parked: bool) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.is_parked.fetch_or(parked, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(crate) fn resumed(&self) {
        self.is_parked.store(false, Ordering::Relaxed);
    }
}
