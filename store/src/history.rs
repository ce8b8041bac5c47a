use crate::edges;
use crate::key::{self, Bucket, Minute, corrupt};
use crate::latest::{STAMP_LEN, Stamp};
use crate::open::{Family, Store};
use crate::pending::Pending;
use rocksdb::{ReadOptions, WriteBatch, WriteOptions};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_graph_core::history::{Direction, EdgeRow, History, HistoryError};
use tracewell_model::{EventNs, HostId, NodeKey, Operation};

/// Rows that are gathered before they are written.
const PENDING_BYTES_MAX: usize = 256 << 10;

/// One host's history in a store.
///
/// Expiry works on whole [buckets](crate::BUCKET_NS): what lies in the bucket of the moment told stays, and what is written
/// into an expired bucket stays until the next one expires.
pub struct RocksHistory {
    store: Store,
    host: HostId,
    /// The first bucket that has not expired.
    horizon: Bucket,
    /// Buckets that may hold edges; retention bounds how many.
    buckets: BTreeSet<Bucket>,
    pending: Pending,
    row: Vec<u8>,
}

impl RocksHistory {
    /// The history of a host as it was left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &Store, host: HostId) -> Result<Self, HistoryError> {
        let horizon = match store.db().get_pinned(key::horizon(host)).map_err(|error| medium(store, &error))? {
            None => Bucket::default(),
            Some(value) => match <[u8; 4]>::try_from(&*value) {
                Ok(bytes) => Bucket(u32::from_be_bytes(bytes)),
                Err(_) => return Err(corrupt("a horizon", format!("it has {} bytes, expected 4", value.len()))),
            },
        };
        store.horizons().set(host, horizon);
        let (store, pending, row) = (store.clone(), Pending::default(), Vec::with_capacity(256));
        let mut history = Self { store, host, horizon, buckets: BTreeSet::new(), pending, row };
        history.buckets = history.find_buckets()?;
        Ok(history)
    }

    /// Writes everything to files, so that it outlasts a crash.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn flush(&mut self) -> Result<(), HistoryError> {
        self.write_pending()?;
        self.store.flush().map_err(|error| HistoryError::Medium(error.to_string()))
    }

    /// One seek for each bucket that holds edges.
    fn find_buckets(&self) -> Result<BTreeSet<Bucket>, HistoryError> {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        let mut iterator = self.store.db().raw_iterator_cf_opt(self.store.family(Family::Edges), options);
        let mut buckets = BTreeSet::new();
        let mut next = Some(Bucket::default());
        while let Some(bucket) = next {
            iterator.seek(key::bucket_start(self.host, bucket));
            let found = iterator.key().and_then(|key| key::bucket_of(self.host, key));
            buckets.extend(found);
            next = found.and_then(|Bucket(day)| day.checked_add(1)).map(Bucket);
        }
        iterator.status().map_err(|error| medium(&self.store, &error))?;
        Ok(buckets)
    }

    fn write_pending(&mut self) -> Result<(), HistoryError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (host, horizon, row) = (self.host, self.horizon, &mut self.row);
        let mut batch = WriteBatch::default();
        // Rises with every row that is written to the store, and outlasts it.
        let number = self.store.db().latest_sequence_number();
        let family = self.store.family(Family::Edges);
        self.pending.each_edges(|node, minute, row| {
            self.buckets.insert(Bucket::of(minute.start()));
            batch.put_cf(family, key::edges(host, node, minute, number), row);
        });
        let family = self.store.family(Family::Heads);
        for ((from, to, op), edge) in self.pending.heads() {
            Stamp { bucket: Bucket::of(edge.first), horizon }.write(row);
            key::head_value(edge, row);
            batch.put_cf(family, key::head(host, from, to, op), &row);
        }
        let family = self.store.family(Family::Nodes);
        for (node, pending) in self.pending.nodes() {
            Stamp { bucket: pending.bucket, horizon }.write(row);
            row.extend_from_slice(&pending.bytes);
            batch.put_cf(family, key::node(host, node), &row);
        }
        // What the medium refused once is not offered again: the caller is told, and it must not pile up without bound.
        self.pending.clear();
        self.write(batch)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), HistoryError> {
        let mut without_log = WriteOptions::default();
        without_log.disable_wal(true);
        self.store.db().write_opt(batch, &without_log).map_err(|error| medium(&self.store, &error))
    }

    fn write_if_much(&mut self) -> Result<(), HistoryError> {
        if self.pending.bytes() < PENDING_BYTES_MAX { Ok(()) } else { self.write_pending() }
    }

    /// The row under a key, without its stamp, unless it has expired.
    fn latest<T>(
        &self,
        family: Family,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, HistoryError>,
    ) -> Result<Option<T>, HistoryError> {
        let value = self.store.db().get_pinned_cf(self.store.family(family), key);
        let Some(value) = value.map_err(|error| medium(&self.store, &error))? else { return Ok(None) };
        let Some((stamp, row)) = Stamp::read(&value) else {
            return Err(corrupt(
                family.name(),
                format!("a value has {} bytes, expected {STAMP_LEN} or more", value.len()),
            ));
        };
        if stamp.is_expired(self.horizon) { Ok(None) } else { read(row).map(Some) }
    }
}

impl History for RocksHistory {
    fn put_node(&mut self, key: NodeKey, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.pending.put_node(key, time, row);
        self.write_if_much()
    }

    fn node(&mut self, key: NodeKey) -> Result<Option<Vec<u8>>, HistoryError> {
        match self.pending.node(key) {
            Some(row) => Ok(Some(row.to_vec())),
            None => self.latest(Family::Nodes, &key::node(self.host, key), |row| Ok(row.to_vec())),
        }
    }

    fn put_edge(&mut self, edge: &EdgeRow, may_repeat: bool) -> Result<(), HistoryError> {
        self.pending.put_edge(edge, may_repeat);
        self.write_if_much()
    }

    fn head(&mut self, from: NodeKey, to: NodeKey, op: Operation) -> Result<Option<EdgeRow>, HistoryError> {
        let head = (from, to, op);
        match self.pending.head(head) {
            Some(edge) => Ok(Some(edge)),
            None => self.latest(Family::Heads, &key::head(self.host, from, to, op), |row| key::head_row(head, row)),
        }
    }

    fn edges(
        &mut self,
        node: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, HistoryError> {
        let mut found = Latest::new(limit);
        for edge in self.pending.edges_of(node) {
            let end = if direction == Direction::In { edge.to } else { edge.from };
            if edge.first <= until && end == node {
                found.offer(*edge);
            }
        }
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mut iterator = self.store.db().raw_iterator_cf_opt(self.store.family(Family::Edges), options);
        for &bucket in self.buckets.range(..=Bucket::of(until)).rev() {
            if found.is_before(|least| bucket < Bucket::of(least)) {
                break;
            }
            iterator.seek(key::edges_from(bucket, self.host, node, Minute::of(until)));
            while let Some((key, row)) = iterator.item() {
                let minute = key::minute_of(key)?;
                if found.is_before(|least| minute < Minute::of(least)) {
                    break;
                }
                for edge in edges::read(node, minute, row) {
                    let (its_direction, edge) = edge?;
                    // Those of a row come latest first: what follows one that finds no place finds none either.
                    if found.has_no_place_for(&edge) {
                        break;
                    }
                    if its_direction == direction && edge.first <= until {
                        found.offer(edge);
                    }
                }
                iterator.next();
            }
            iterator.status().map_err(|error| medium(&self.store, &error))?;
        }
        Ok(found.latest_first())
    }

    fn put_blob(&mut self, id: u64, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        Stamp { bucket: Bucket::of(time), horizon: self.horizon }.write(&mut self.row);
        self.row.extend_from_slice(row);
        let mut batch = WriteBatch::default();
        batch.put_cf(self.store.family(Family::Blobs), key::blob(self.host, id), &self.row);
        self.write(batch)
    }

    fn blob(&mut self, id: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        self.latest(Family::Blobs, &key::blob(self.host, id), |row| Ok(row.to_vec()))
    }

    fn hand_over(&mut self) -> Result<(), HistoryError> {
        self.write_pending()
    }

    fn expire(&mut self, time: EventNs) -> Result<(), HistoryError> {
        let horizon = Bucket::of(time);
        if horizon <= self.horizon {
            return Ok(());
        }
        self.write_pending()?;
        let edges = self.store.family(Family::Edges);
        let [start, end] = [Bucket::default(), horizon].map(|bucket| key::bucket_start(self.host, bucket));
        let mut batch = WriteBatch::default();
        batch.delete_range_cf(edges, start, end);
        batch.put(key::horizon(self.host), horizon.0.to_be_bytes());
        self.write(batch)?;
        // Files that hold nothing else go at once, not with the next compaction.
        self.store.db().delete_file_in_range_cf(edges, start, end).map_err(|error| medium(&self.store, &error))?;
        self.buckets = self.buckets.split_off(&horizon);
        self.store.horizons().set(self.host, horizon);
        self.horizon = horizon;
        Ok(())
    }
}

/// The latest of the edges that are offered. Of two entries of one edge that counts which is offered first.
struct Latest {
    limit: usize,
    edges: BTreeMap<(EventNs, u64), EdgeRow>,
}

impl Latest {
    fn new(limit: usize) -> Self {
        Self { limit, edges: BTreeMap::new() }
    }

    fn offer(&mut self, edge: EdgeRow) {
        self.edges.entry(edge.order()).or_insert(edge);
        if self.edges.len() > self.limit {
            self.edges.pop_first();
        }
    }

    fn has_no_place_for(&self, edge: &EdgeRow) -> bool {
        self.least().is_some_and(|least| edge.order() < least)
    }

    /// Whether all places are taken, and what is left to look at began before the least of them.
    fn is_before(&self, is_before: impl FnOnce(EventNs) -> bool) -> bool {
        self.least().is_some_and(|(least, _)| is_before(least))
    }

    /// The least that has a place, once all are taken.
    fn least(&self) -> Option<(EventNs, u64)> {
        let least = self.edges.first_key_value().filter(|_| self.edges.len() >= self.limit);
        least.map(|(order, _)| *order)
    }

    fn latest_first(self) -> Vec<EdgeRow> {
        self.edges.into_values().rev().collect()
    }
}

impl Drop for RocksHistory {
    /// RocksDB writes its buffers when it closes; so this must only hand over what is pending. Nobody is left to be told of
    /// a failure, and `flush` is there for who must know.
    fn drop(&mut self) {
        let _ = self.write_pending();
    }
}

fn medium(store: &Store, error: &rocksdb::Error) -> HistoryError {
    HistoryError::Medium(format!("store {}: {error}", store.path().display()))
}
