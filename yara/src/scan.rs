//! Reads one file within bounds and runs the rules over it, unless it was looked at before and did not change.

use crate::open::{Identify, Opened, Refused, open};
use crate::rules::{Broken, Match, Rules};
use crate::{Limits, Reason, Request};
use lru::LruCache;
use rustix::fs::{Stat, fstat};
use rustix::io::{Errno, pread};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tracewell_model::Inode;

/// Files of which it is remembered what they held. At the bound the one not asked for longest is forgotten, and looked at again.
const KNOWN_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not zero");
/// Bytes that are asked for at a time.
const READ_BYTES: usize = 1 << 20;

/// A file as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Version {
    inode: Inode,
    bytes: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl Version {
    fn of(inode: Inode, stat: &Stat) -> Self {
        let modified = (stat.st_mtime, stat.st_mtime_nsec);
        Self { inode, bytes: stat.st_size, modified, changed: (stat.st_ctime, stat.st_ctime_nsec) }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Scanned,
    /// It was looked at before, and is the same.
    Known,
    /// It changed while it was read: what was read was looked at, and it will be looked at again.
    Changed,
    TimedOut,
    /// The engine failed.
    Failed,
    Refused(Refused),
}

/// What is known of a file.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub outcome: Outcome,
    pub matches: Arc<[Match]>,
}

/// Looks at files, one after the other.
pub struct Reader {
    rules: Rules,
    limits: Limits,
    identify: Identify,
    known: LruCache<Version, (Outcome, Arc<[Match]>)>,
}

impl Reader {
    pub fn new(rules: Rules, limits: Limits, identify: Identify) -> Self {
        Self { rules, limits, identify, known: LruCache::new(KNOWN_MAX) }
    }

    /// Runs other rules within other limits from now on; what was known is not any more.
    pub fn set(&mut self, rules: Rules, limits: Limits) {
        (self.rules, self.limits) = (rules, limits);
        self.known.clear();
    }

    pub fn scan(&mut self, request: &Request) -> Verdict {
        let none: Arc<[Match]> = Arc::new([]);
        if self.rules.is_empty() {
            return Verdict { outcome: Outcome::Scanned, matches: none };
        }
        let (process, is_image) = (request.process, request.reason == Reason::Executed);
        let opened = open(&request.file, process, is_image, self.limits.size_max, &mut self.identify);
        let Opened { file, inode, stat } = match opened {
            Ok(opened) => opened,
            Err(refused) => return Verdict { outcome: Outcome::Refused(refused), matches: none },
        };
        let version = Version::of(inode, &stat);
        if let Some((_, matches)) = self.known.get(&version) {
            return Verdict { outcome: Outcome::Known, matches: matches.clone() };
        }
        let read = read(&file, stat.st_size).and_then(|bytes| Ok((bytes, Version::of(inode, &fstat(&file)?))));
        let (bytes, after) = match read {
            Ok(read) => read,
            Err(error) => return Verdict { outcome: Outcome::Refused(Refused::Unreadable(error)), matches: none },
        };
        let (matches, broken) = self.rules.scan(&bytes, self.limits.timeout);
        let matches: Arc<[Match]> = matches.into();
        let outcome = match broken {
            _ if after != version => Outcome::Changed,
            None => Outcome::Scanned,
            Some(Broken::TimedOut) => Outcome::TimedOut,
            Some(Broken::Failed) => Outcome::Failed,
        };
        // Also what takes too long is looked at once: each time would be as long.
        if outcome != Outcome::Changed {
            self.known.put(version, (outcome, matches.clone()));
        }
        Verdict { outcome, matches }
    }
}

/// The first `n_bytes` of a file, or fewer if it has become shorter.
fn read(file: &OwnedFd, n_bytes: i64) -> Result<Vec<u8>, Errno> {
    let n_bytes = usize::try_from(n_bytes).map_err(|_| Errno::FBIG)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(n_bytes).map_err(|_| Errno::NOMEM)?;
    while bytes.len() < n_bytes {
        let (at, more) = (bytes.len(), READ_BYTES.min(n_bytes - bytes.len()));
        bytes.resize(at + more, 0);
        let n_read = match pread(file, &mut bytes[at..], at as u64) {
            Err(Errno::INTR) => 0,
            Ok(0) => {
                bytes.truncate(at);
                break;
            }
            done => done?,
        };
        bytes.truncate(at + n_read);
    }
    Ok(bytes)
}
