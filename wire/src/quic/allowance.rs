//! What one host may send over time. Beyond that it waits, and loses nothing: its streams are not read meanwhile.

use crate::session::Bucket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What was not used of the last so much time may come at once.
const BURST: Duration = Duration::from_secs(4);

/// Frames and bytes a second; 0 for as many as come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub frames: u32,
    pub bytes: u32,
}

/// Of one host, over all its connections.
#[derive(Debug)]
pub struct Allowance {
    since: Instant,
    buckets: Mutex<[Option<Bucket>; 2]>,
    n_waited: AtomicU64,
}

impl Allowance {
    pub fn new(rate: Rate) -> Self {
        let bucket = |per_second: u32| (per_second > 0).then(|| Bucket::new(per_second.into(), BURST));
        let buckets = Mutex::new([bucket(rate.frames), bucket(rate.bytes)]);
        Self { since: Instant::now(), buckets, n_waited: AtomicU64::new(0) }
    }

    /// Frames that had to wait.
    pub fn n_waited(&self) -> u64 {
        self.n_waited.load(Ordering::Relaxed)
    }

    /// Lets a frame of so many bytes pass when it may.
    pub(super) async fn pass(&self, n_bytes: usize) {
        let wait = {
            let now = self.since.elapsed();
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let costs = [1, n_bytes as u64];
            let waits = buckets.iter_mut().zip(costs).filter_map(|(bucket, n)| Some(bucket.as_mut()?.take(n, now)));
            waits.max().unwrap_or_default()
        };
        if wait > Duration::ZERO {
            self.n_waited.fetch_add(1, Ordering::Relaxed);
            sleep(wait).await;
        }
    }
}
