//! The aggregator's store: one RocksDB instance in one folder.
//!
//! Alert graphs and what is known of hosts are gathered and written together, synced ([`DiskStore::commit`]), so that one sync
//! serves all frames that came meanwhile. Who may be a host is written at once ([`Disk::change`]).

mod check;

pub use check::{Checked, check};

use crate::store::{Kept, Note, Rank, Reader, Store, StoreError, TakeNote};
use crate::whole;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, Direction, IteratorMode,
    Options, WriteBatch, WriteOptions,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, EventNs, HostId, Millibits};
use tracewell_wire::{Class, FrameKey, Message, Payload, decode, encode};

/// The layout that this program writes.
///
/// | Schema | What is new |
/// |---|---|
/// | 1 | never released: families `alerts`, `notes`, `hosts`, `tokens` |
/// | 2 | families `index`, `operators`, `decisions`, `exceptions`, `audit`; alert graphs know their epoch |
/// | 3 | notes of what hosts run; those of hosts tell what they lost |
/// | 4 | a note of a view has the views of all groups |
pub const SCHEMA: u32 = 4;
/// The oldest layout that this program reads; one that it may write to becomes one of [`SCHEMA`].
const SCHEMA_MIN: u32 = 2;
const SCHEMA_KEY: &[u8] = b"aggregator-schema";
/// Bytes of logs that are not in tables yet.
const WAL_BYTES_MAX: u64 = 64 << 20;
/// Bytes of memory for blocks, indexes and filters.
const CACHE_BYTES: usize = 64 << 20;
/// Bytes of the index's rows that are in memory: what was removed there is passed over by who looks for the first.
const INDEX_BUFFER_BYTES: usize = 4 << 20;
/// Removed rows of the index within so many that have its file written anew.
const REMOVED_WINDOW: (usize, usize) = (2048, 1024);

/// The column families, each with one kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Alert graphs by host and id, as the frame that a host could send them in.
    Alerts,
    /// By what alert graphs are found beside their key: keys without rows.
    Index,
    /// What is known of hosts beside ([`Note`]).
    Notes,
    /// Who is a host.
    Hosts,
    /// Who may become one.
    Tokens,
    /// Who may use the API.
    Operators,
    /// How work on incidents stands.
    Decisions,
    /// What need not be shown.
    Exceptions,
    /// Who changed what.
    Audit,
}

impl Family {
    const ALL: [Self; 9] = [
        Self::Alerts,
        Self::Index,
        Self::Notes,
        Self::Hosts,
        Self::Tokens,
        Self::Operators,
        Self::Decisions,
        Self::Exceptions,
        Self::Audit,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Index => "index",
            Self::Notes => "notes",
            Self::Hosts => "hosts",
            Self::Tokens => "tokens",
            Self::Operators => "operators",
            Self::Decisions => "decisions",
            Self::Exceptions => "exceptions",
            Self::Audit => "audit",
        }
    }
}

/// The database. Clones share it; it closes with the last one.
#[derive(Clone)]
pub struct Disk {
    db: Arc<DB>,
}

/// A row that changes; `None` for one that goes.
pub type Change = (Family, Vec<u8>, Option<Vec<u8>>);

impl Disk {
    /// Opens the database in a folder, or makes one there.
    ///
    /// # Errors
    /// When the folder cannot be used, another process holds it, or it was written by a newer program or by another one.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        if !folder.join("CURRENT").exists() {
            let failed = |error: io::Error| StoreError::Medium(format!("making {}: {error}", folder.display()));
            whole::make(folder, |part| create(part).map_err(io::Error::other)).map_err(failed)?;
        }
        let disk = Self::open_as(folder, |options, families| DB::open_cf_descriptors(options, folder, families))?;
        disk.db.put(SCHEMA_KEY, SCHEMA.to_be_bytes()).map_err(medium)?;
        Ok(disk)
    }

    /// Opens the database in a folder and changes nothing there, as that of a backup. Nobody may write to it meanwhile.
    ///
    /// # Errors
    /// When there is none, or it was written by a newer program or by another one.
    pub fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        Self::open_as(folder, |options, families| DB::open_cf_descriptors_read_only(options, folder, families, false))
    }

    fn open_as(
        folder: &Path,
        open: impl FnOnce(&Options, Vec<ColumnFamilyDescriptor>) -> Result<DB, rocksdb::Error>,
    ) -> Result<Self, StoreError> {
        let foreign = |why: &str| StoreError::Medium(format!("{}: {why}", folder.display()));
        let options = database();
        let found = DB::list_cf(&options, folder).map_err(medium)?;
        let known = |name: &String| name == "default" || Family::ALL.iter().any(|family| family.name() == name);
        if !found.iter().all(known) {
            return Err(foreign("it is no aggregator's, or a newer one's"));
        }
        let db = open(&options, families()).map_err(medium)?;
        match db.get(SCHEMA_KEY).map_err(medium)? {
            Some(found) => match found.as_slice().try_into().map_or(0, u32::from_be_bytes) {
                SCHEMA_MIN..=SCHEMA => Ok(Self { db: Arc::new(db) }),
                found => Err(foreign(&format!("it has schema {found}, this program reads {SCHEMA_MIN} to {SCHEMA}"))),
            },
            None => Err(foreign("it holds a database that is not an aggregator's")),
        }
    }

    /// Makes a copy of one moment in a new folder, which opens as a database of its own. On the same file system files are linked.
    ///
    /// # Errors
    /// When the folder exists already or cannot be written.
    pub fn checkpoint(&self, folder: &Path) -> Result<(), StoreError> {
        Checkpoint::new(&self.db).and_then(|checkpoint| checkpoint.create_checkpoint(folder)).map_err(medium)
    }

    /// Its alert graphs and what is known of hosts. There is to be one at a time.
    pub fn store(&self) -> DiskStore {
        DiskStore { disk: self.clone(), pending: BTreeMap::new(), fronts: BTreeMap::new() }
    }

    /// Changes rows, all or none; when it returns that is on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn change<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> Result<(), StoreError> {
        self.write(changes.into_iter().map(|(family, key, row)| (*family, key.as_slice(), row.as_deref())))
    }

    fn write<'a>(&self, changes: impl Iterator<Item = (Family, &'a [u8], Option<&'a [u8]>)>) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for (family, key, row) in changes {
            match row {
                Some(row) => batch.put_cf(self.family(family), key, row),
                None => batch.delete_cf(self.family(family), key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options).map_err(medium)
    }

    /// Rows of a family in the order of their keys, of those that begin with `prefix`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn rows(&self, family: Family, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let rows = self.db.iterator_cf(self.family(family), IteratorMode::From(prefix, Direction::Forward));
        let rows = rows.map(|row| row.map(|(key, row)| (key.into_vec(), row.into_vec())).map_err(medium));
        rows.take_while(|row| row.as_ref().map_or(true, |(key, _)| key.starts_with(prefix))).collect()
    }

    /// One row; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn row(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(family), key).map_err(medium)
    }

    /// The last key of a family.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_key(&self, family: Family) -> Result<Option<Vec<u8>>, StoreError> {
        let last = self.db.iterator_cf(self.family(family), IteratorMode::End).next().transpose().map_err(medium)?;
        Ok(last.map(|(key, _)| key.into_vec()))
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("all families are opened with the database")
    }
}

fn database() -> Options {
    let mut database = Options::default();
    database.create_missing_column_families(true);
    database.set_max_open_files(256);
    database.set_keep_log_file_num(4);
    // Or families that change seldom would keep the logs of those that change often.
    database.set_max_total_wal_size(WAL_BYTES_MAX);
    database
}

fn families() -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), rows(family, &cache))).into()
}

/// Makes a database with nothing in it.
fn create(folder: &Path) -> Result<(), StoreError> {
    let mut options = database();
    options.create_if_missing(true);
    let db = DB::open_cf_descriptors(&options, folder, families()).map_err(medium)?;
    db.put(SCHEMA_KEY, SCHEMA.to_be_bytes()).map_err(medium)
}

fn rows(family: Family, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_bloom_filter(10.0, false);
    let mut rows = Options::default();
    rows.set_compression_type(DBCompressionType::Lz4);
    rows.set_block_based_table_factory(&table);
    if family == Family::Index {
        let (window, removed) = REMOVED_WINDOW;
        rows.set_write_buffer_size(INDEX_BUFFER_BYTES);
        rows.add_compact_on_deletion_collector_factory(window, removed, 0.5);
    }
    rows
}

fn medium(error: rocksdb::Error) -> StoreError {
    StoreError::Medium(error.to_string())
}

/// What the pipeline keeps, with what is not written yet.
pub struct DiskStore {
    disk: Disk,
    pending: BTreeMap<(Family, Vec<u8>), Option<Vec<u8>>>,
    /// By the beginning of keys of the index: before which key there is none of them. What was removed is passed over one by one,
    /// and a host that floods has its least removed again and again.
    fronts: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl DiskStore {
    /// At most `max` keys of the index that begin with `prefix`, the first ones.
    fn first_keys(&mut self, prefix: &[u8], max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let from = self.fronts.get(prefix).map_or(prefix, Vec::as_slice);
        let mut keys: Vec<_> = self
            .pending
            .range((Family::Index, from.to_vec())..)
            .take_while(|((family, key), _)| *family == Family::Index && key.starts_with(prefix))
            .filter(|(_, row)| row.is_some())
            .map(|((_, key), _)| key.clone())
            .take(max)
            .collect();
        let mode = IteratorMode::From(from, Direction::Forward);
        let mut n_found = 0;
        for row in self.disk.db.iterator_cf(self.disk.family(Family::Index), mode) {
            let (key, _) = row.map_err(medium)?;
            if !key.starts_with(prefix) || n_found == max {
                break;
            }
            if !self.pending.contains_key(&(Family::Index, key.to_vec())) {
                keys.push(key.into_vec());
                n_found += 1;
            }
        }
        keys.sort_unstable();
        keys.truncate(max);
        if let Some(first) = keys.first() {
            self.fronts.insert(prefix.to_vec(), first.clone());
        }
        Ok(keys)
    }

    fn put_index(&mut self, keys: [(Vec<u8>, Vec<u8>); 2]) {
        for (prefix, key) in keys {
            if let Some(front) = self.fronts.get_mut(&prefix)
                && key < *front
            {
                front.clone_from(&key);
            }
            self.pending.insert((Family::Index, key), Some(Vec::new()));
        }
    }

    fn remove_index(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError> {
        if let Some(known) = self.alert(host, id)? {
            for (_, key) in index_keys(&known.graph) {
                self.pending.insert((Family::Index, key), None);
            }
        }
        Ok(())
    }
}

impl Store for DiskStore {
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Kept>, StoreError> {
        let key = alert_key(host, id);
        if let Some(pending) = self.pending.get(&(Family::Alerts, key.clone())) {
            return pending.as_deref().map(read_alert).transpose();
        }
        let row = self.disk.db.get_pinned_cf(self.disk.family(Family::Alerts), key).map_err(medium)?;
        row.map(|row| read_alert(&row)).transpose()
    }

    fn put_alert(&mut self, epoch: u32, graph: AlertGraph) -> Result<(), StoreError> {
        let (host, id, keys) = (graph.host, graph.id, index_keys(&graph));
        let payload = Payload::Alert(AlertUpdate { extends: 0, graph });
        let row = encode(&Message { host, epoch, sequence: 1, payload }).map_err(StoreError::TooLarge)?;
        self.remove_index(host, id)?;
        self.put_index(keys);
        self.pending.insert((Family::Alerts, alert_key(host, id)), Some(row));
        Ok(())
    }

    fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError> {
        self.remove_index(host, id)?;
        self.pending.insert((Family::Alerts, alert_key(host, id)), None);
        Ok(())
    }

    fn least_of(&mut self, host: HostId) -> Result<Option<Rank>, StoreError> {
        let first = self.first_keys(&rank_prefix(host), 1)?;
        first.first().map(|key| read_rank(key).ok_or_else(|| corrupt_key(key))).transpose()
    }

    fn last_before(&mut self, day: u32, max: usize) -> Result<Vec<(HostId, AlertId)>, StoreError> {
        let read = |keys: Vec<Vec<u8>>| -> Result<Vec<_>, StoreError> {
            let found = keys.iter().map(|key| read_day(key).ok_or_else(|| corrupt_key(key)));
            let old = found.take_while(|found| found.as_ref().map_or(true, |(of, ..)| *of < day));
            old.map(|found| found.map(|(_, host, id)| (host, id))).collect()
        };
        match read(self.first_keys(DAYS, 1)?)?.is_empty() {
            true => Ok(Vec::new()),
            false => read(self.first_keys(DAYS, max)?),
        }
    }

    fn reader(&self) -> Reader {
        let disk = self.disk.clone();
        let pending = self.pending.range((Family::Alerts, Vec::new())..);
        let pending = pending.take_while(|((family, _), _)| *family == Family::Alerts);
        let pending: Vec<_> = pending.map(|((_, key), row)| (key.clone(), row.clone())).collect();
        Box::new(move || {
            let mut rows = disk.rows(Family::Alerts, &[])?;
            for (key, row) in pending {
                match row {
                    Some(row) => _ = rows.insert(key, row),
                    None => _ = rows.remove(&key),
                }
            }
            rows.values().map(|row| read_alert(row).map(|kept| kept.graph)).collect()
        })
    }

    fn put_note(&mut self, note: Note, row: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.pending.insert((Family::Notes, note_key(note)), row);
        Ok(())
    }

    fn note(&self, note: Note) -> Result<Option<Vec<u8>>, StoreError> {
        let key = note_key(note);
        match self.pending.get(&(Family::Notes, key.clone())) {
            Some(pending) => Ok(pending.clone()),
            None => self.disk.row(Family::Notes, &key),
        }
    }

    fn notes(&self, take: &mut TakeNote<'_>) -> Result<(), StoreError> {
        let family = self.disk.family(Family::Notes);
        for row in self.disk.db.iterator_cf(family, IteratorMode::Start) {
            let (key, row) = row.map_err(medium)?;
            let corrupt = || StoreError::Corrupt { what: "a note's key", why: format!("{key:02x?}") };
            take(read_note_key(&key).ok_or_else(corrupt)?, &row)?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if !self.pending.is_empty() {
            self.disk
                .write(self.pending.iter().map(|((family, key), row)| (*family, key.as_slice(), row.as_deref())))?;
        }
        self.pending.clear();
        Ok(())
    }
}

fn alert_key(host: HostId, id: AlertId) -> Vec<u8> {
    [host.0.to_be_bytes(), id.0.to_be_bytes()].concat()
}

fn read_alert(row: &[u8]) -> Result<Kept, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt { what: "an alert graph", why };
    let message = decode(row).map_err(|error| corrupt(error.to_string()))?;
    match message.payload {
        Payload::Alert(update) => Ok(Kept { epoch: message.epoch, graph: Arc::new(update.graph) }),
        _ => Err(corrupt("another message".into())),
    }
}

/// Of the index: by day of the last growth, and by rank within a host.
const DAYS: &[u8] = b"d";
const RANKS: &[u8] = b"r";

fn rank_prefix(host: HostId) -> Vec<u8> {
    [RANKS, &host.0.to_be_bytes()].concat()
}

/// The keys under which a graph stands in the index, each after what such keys begin with. They ascend as ranks and days do.
fn index_keys(graph: &AlertGraph) -> [(Vec<u8>, Vec<u8>); 2] {
    let Rank { surprise, first, id } = Rank::of(graph);
    let (prefix, host, id) = (rank_prefix(graph.host), graph.host.0, id.0.0);
    let rank = [&prefix[..], &surprise.0.to_be_bytes(), &(!first.0.0).to_be_bytes(), &(!id).to_be_bytes()].concat();
    let day = [DAYS, &graph.last.day().to_be_bytes(), &host.to_be_bytes(), &id.to_be_bytes()].concat();
    [(prefix, rank), (DAYS.to_vec(), day)]
}

fn read_rank(key: &[u8]) -> Option<Rank> {
    let (_, rest) = key.strip_prefix(RANKS)?.split_first_chunk::<8>()?;
    let (surprise, rest) = rest.split_first_chunk()?;
    let (first, id) = rest.split_first_chunk()?;
    Some(Rank {
        surprise: Millibits(u32::from_be_bytes(*surprise)),
        first: Reverse(EventNs(!u64::from_be_bytes(*first))),
        id: Reverse(AlertId(!u64::from_be_bytes(id.try_into().ok()?))),
    })
}

fn read_day(key: &[u8]) -> Option<(u32, HostId, AlertId)> {
    let (day, rest) = key.strip_prefix(DAYS)?.split_first_chunk()?;
    let (host, id) = rest.split_first_chunk()?;
    let id = u64::from_be_bytes(id.try_into().ok()?);
    Some((u32::from_be_bytes(*day), HostId(u64::from_be_bytes(*host)), AlertId(id)))
}

fn corrupt_key(key: &[u8]) -> StoreError {
    StoreError::Corrupt { what: "a key of the index", why: format!("{key:02x?}") }
}

/// A letter for the kind, then what it is of.
fn note_key(note: Note) -> Vec<u8> {
    match note {
        Note::Host(host) => [&b"h"[..], &host.0.to_be_bytes()].concat(),
        Note::Taken(host, FrameKey { class, epoch, sequence }) => {
            [&b"t"[..], &host.0.to_be_bytes(), &epoch.to_be_bytes(), &[class as u8], &sequence.to_be_bytes()].concat()
        }
        Note::Contribution(host) => [&b"c"[..], &host.0.to_be_bytes()].concat(),
        Note::Inventory(host) => [&b"i"[..], &host.0.to_be_bytes()].concat(),
        Note::Counters => b"n".to_vec(),
        Note::View(number) => [&b"v"[..], &number.to_be_bytes()].concat(),
        Note::Hold => b"w".to_vec(),
    }
}

fn read_note_key(key: &[u8]) -> Option<Note> {
    let (kind, rest) = key.split_first()?;
    match (kind, rest) {
        (b'n', []) => return Some(Note::Counters),
        (b'w', []) => return Some(Note::Hold),
        (b'v', number) => return Some(Note::View(u64::from_be_bytes(number.try_into().ok()?))),
        _ => {}
    }
    let (host, rest) = rest.split_first_chunk()?;
    let host = HostId(u64::from_be_bytes(*host));
    match (kind, rest.is_empty()) {
        (b'h', true) => Some(Note::Host(host)),
        (b'c', true) => Some(Note::Contribution(host)),
        (b'i', true) => Some(Note::Inventory(host)),
        (b't', false) => {
            let (epoch, rest) = rest.split_first_chunk()?;
            let (class, sequence) = rest.split_first()?;
            let class = Class::ALL.into_iter().find(|known| *known as u8 == *class)?;
            let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
            Some(Note::Taken(host, FrameKey { class, epoch: u32::from_be_bytes(*epoch), sequence }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_store_of_before_becomes_one_of_now_and_others_are_refused() {
        let folder = TempDir::new().unwrap();
        let with = |schema: u32| {
            let disk = Disk::open_as(folder.path(), |options, families| {
                DB::open_cf_descriptors(options, folder.path(), families)
            });
            disk.unwrap().db.put(SCHEMA_KEY, schema.to_be_bytes()).unwrap();
        };
        drop(Disk::open(folder.path()).unwrap());
        for before in SCHEMA_MIN..SCHEMA {
            with(before);
            drop(Disk::open_read_only(folder.path()).unwrap());
            let disk = Disk::open(folder.path()).unwrap();
            assert_eq!(disk.db.get(SCHEMA_KEY).unwrap(), Some(SCHEMA.to_be_bytes().to_vec()));
        }
        with(SCHEMA + 1);
        let refused = Disk::open(folder.path()).map(drop).unwrap_err().to_string();
        assert!(refused.contains("it has schema 5, this program reads 2 to 4"), "{refused}");
    }
}
