//! Machine code of detectors: that of those which were called last is in memory, that of the others in its files.
//!
//! Detectors are many and most of them are hardly ever called: between calls such a one costs what its triggers cost. What it takes
//! to call it, the mapping of its code and wasmtime's description of it, is let go when enough others were called since, and made again
//! from its file for its next call.

use crate::cache;
use crate::contract::DetectorWorldPre;
use crate::engine::{Limited, Runtime};
use crate::limits::READY_MAX;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use wasmtime::component::Component;

/// What instances of a detector are made of.
pub(crate) type Ready = Arc<DetectorWorldPre<Limited>>;

pub(crate) struct Code {
    /// Where it was written; without it, it stays in memory.
    file: Option<File>,
    /// Names of imports that hold nothing but types.
    types: Vec<String>,
    ready: Mutex<Option<Ready>>,
}

/// Those whose code can be let go and is in memory, the one that was called last first.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<Vec<Weak<Code>>>>);

impl Code {
    /// Of a component, and the file that it was mapped from, if it was.
    ///
    /// # Errors
    /// When it is not of the contract's types.
    pub(crate) fn new(
        runtime: &Runtime,
        component: &Component,
        file: Option<File>,
        types: Vec<String>,
    ) -> Result<Arc<Self>, wasmtime::Error> {
        let ready = Arc::new(runtime.prepare(component, &types)?);
        Ok(Arc::new(Self { file, types, ready: Mutex::new(Some(ready)) }))
    }

    /// What the next call is made with.
    ///
    /// # Errors
    /// When it was let go and cannot be mapped again.
    pub(crate) fn ready(self: &Arc<Self>, runtime: &Runtime) -> Result<Ready, wasmtime::Error> {
        let mut known = lock(&self.ready);
        let ready = match (&*known, &self.file) {
            (Some(ready), _) => Arc::clone(ready),
            (None, Some(file)) => {
                let ready = Arc::new(runtime.prepare(&cache::mapped(runtime, file)?, &self.types)?);
                Arc::clone(known.insert(ready))
            }
            (None, None) => unreachable!("what has no file is not let go"),
        };
        drop(known);
        if self.file.is_some() {
            runtime.recent().called(self);
        }
        Ok(ready)
    }
}

impl Recent {
    /// Lets go of the one that was not called for longest, if there are too many now.
    fn called(&self, code: &Arc<Code>) {
        let mut recent = lock(&self.0);
        let is_it = |other: &Weak<Code>| std::ptr::eq(other.as_ptr(), Arc::as_ptr(code));
        match recent.iter().position(is_it) {
            Some(at) => recent[..=at].rotate_right(1),
            None => {
                recent.retain(|other| other.strong_count() > 0);
                recent.insert(0, Arc::downgrade(code));
            }
        }
        let last = if recent.len() > READY_MAX { recent.pop() } else { None };
        drop(recent);
        // Another thread that is calling it has a share of its own.
        if let Some(last) = last.and_then(|last| last.upgrade()) {
            lock(&last.ready).take();
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
