//! Rows of which only the latest counts: nodes, heads of edges, blobs.
//!
//! Their key has no bucket, because a reader knows the node and not the time. Each value begins with a [`Stamp`], which
//! says whether an expiry since then has reached it; expired rows are invisible at once and leave the disk with the next
//! compaction, without tombstones.

use crate::key::{Bucket, host_of};
use rocksdb::Options;
use rocksdb::compaction_filter::Decision;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use tracewell_model::HostId;

/// For each host, the first bucket that was not told to expire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Horizons {
    by_host: Arc<RwLock<BTreeMap<HostId, Bucket>>>,
}

impl Horizons {
    pub fn of(&self, host: HostId) -> Bucket {
        let by_host = self.by_host.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        by_host.get(&host).copied().unwrap_or_default()
    }

    pub fn set(&self, host: HostId, horizon: Bucket) {
        let mut by_host = self.by_host.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        by_host.insert(host, horizon);
    }
}

/// When a row is of, and what had expired when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub bucket: Bucket,
    /// A row may be of a time that has expired already (a slow node leaves the window late): it stays until the next expiry.
    pub horizon: Bucket,
}

pub(crate) const STAMP_LEN: usize = 8;

impl Stamp {
    pub fn write(self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.bucket.0.to_be_bytes());
        out.extend_from_slice(&self.horizon.0.to_be_bytes());
    }

    /// The stamp and the rest of the row; `None` if the row is shorter than a stamp.
    pub fn read(row: &[u8]) -> Option<(Self, &[u8])> {
        let (bucket, rest) = row.split_first_chunk()?;
        let (horizon, rest) = rest.split_first_chunk()?;
        let [bucket, horizon] = [bucket, horizon].map(|bytes| Bucket(u32::from_be_bytes(*bytes)));
        Some((Self { bucket, horizon }, rest))
    }

    /// Whether an expiry up to `horizon`, told after the row was written, reached it.
    pub fn is_expired(self, horizon: Bucket) -> bool {
        self.bucket < horizon && self.horizon < horizon
    }
}

/// Makes compaction drop expired rows. A row that cannot be read stays, so that a read can report it.
pub(crate) fn forget_expired(rows: &mut Options, horizons: &Horizons) {
    let horizons = horizons.clone();
    rows.set_compaction_filter("tracewell.expired", move |_level, key, value| {
        let expired =
            host_of(key).zip(Stamp::read(value)).is_some_and(|(host, (stamp, _))| stamp.is_expired(horizons.of(host)));
        if expired { Decision::Remove } else { Decision::Keep }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::BUCKET_NS;
    use crate::open::Family;
    use crate::{RocksHistory, Store, StoreOptions};
    use rocksdb::IteratorMode;
    use tracewell_graph_core::history::History;
    use tracewell_model::{EventNs, NodeKey};

    #[test]
    fn compaction_drops_expired_rows_and_no_others() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let mut histories = [HostId(1), HostId(2)].map(|host| RocksHistory::open(&store, host).unwrap());
        for history in &mut histories {
            for day in 0..4 {
                history.put_node(NodeKey(day.into()), EventNs(day * BUCKET_NS), b"row").unwrap();
            }
        }
        let [one, other] = &mut histories;
        one.expire(EventNs(3 * BUCKET_NS)).unwrap();
        one.put_node(NodeKey(9), EventNs(0), b"late").unwrap();
        one.flush().unwrap();
        other.flush().unwrap();
        let nodes = store.family(Family::Nodes);
        store.db().compact_range_cf(nodes, None::<&[u8]>, None::<&[u8]>);
        let left = |host| {
            let rows = store.db().iterator_cf(nodes, IteratorMode::Start).map(Result::unwrap);
            rows.filter(|(key, _)| host_of(key) == Some(host)).map(|(key, _)| key[key.len() - 1]).collect::<Vec<_>>()
        };
        assert_eq!(left(HostId(1)), [3, 9]);
        assert_eq!(left(HostId(2)), [0, 1, 2, 3]);
    }

    #[test]
    fn a_row_expires_when_told_after_it_was_written() {
        let stamp = |bucket, horizon| Stamp { bucket: Bucket(bucket), horizon: Bucket(horizon) };
        assert!(stamp(4, 0).is_expired(Bucket(5)));
        assert!(!stamp(5, 0).is_expired(Bucket(5)), "its bucket is still kept");
        assert!(!stamp(4, 5).is_expired(Bucket(5)), "it came after its bucket had expired");
        assert!(stamp(4, 5).is_expired(Bucket(6)));
    }
}
