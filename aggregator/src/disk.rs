//! The aggregator's store: one RocksDB instance in one folder.
//!
//! Alert graphs and what is known of hosts are gathered and written together, synced ([`DiskStore::commit`]), so that one sync
//! serves all frames that came meanwhile. Who may be a host is written at once ([`Disk::change`]).

use crate::store::{Note, Store, StoreError, TakeNote};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, Direction, IteratorMode,
    Options, WriteBatch, WriteOptions,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, HostId};
use tracewell_wire::{Class, FrameKey, Message, Payload, decode, encode};

/// The layout that this program writes.
///
/// | Schema | What is new |
/// |---|---|
/// | 1 | families `alerts`, `notes`, `hosts`, `tokens` |
pub const SCHEMA: u32 = 1;
const SCHEMA_KEY: &[u8] = b"aggregator-schema";
/// Bytes of memory for blocks, indexes and filters.
const CACHE_BYTES: usize = 64 << 20;

/// The column families, each with one kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Alert graphs by host and id, as the frame that a host could send them in.
    Alerts,
    /// What is known of hosts beside ([`Note`]).
    Notes,
    /// Who is a host.
    Hosts,
    /// Who may become one.
    Tokens,
}

impl Family {
    const ALL: [Self; 4] = [Self::Alerts, Self::Notes, Self::Hosts, Self::Tokens];

    fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Notes => "notes",
            Self::Hosts => "hosts",
            Self::Tokens => "tokens",
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
        let foreign = |why: &str| StoreError::Medium(format!("{}: {why}", folder.display()));
        let is_new = !folder.join("CURRENT").exists();
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let mut database = Options::default();
        database.create_if_missing(true);
        database.create_missing_column_families(true);
        database.set_max_open_files(256);
        database.set_keep_log_file_num(4);
        if !is_new {
            let families = DB::list_cf(&database, folder).map_err(medium)?;
            let known = |name: &String| name == "default" || Family::ALL.iter().any(|family| family.name() == name);
            if !families.iter().all(known) {
                return Err(foreign("it is no aggregator's, or a newer one's"));
            }
        }
        let families = Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), rows(&cache)));
        let db = DB::open_cf_descriptors(&database, folder, families).map_err(medium)?;
        match db.get(SCHEMA_KEY).map_err(medium)? {
            None if is_new => {
                let mut options = WriteOptions::default();
                options.set_sync(true);
                db.put_opt(SCHEMA_KEY, SCHEMA.to_be_bytes(), &options).map_err(medium)?;
            }
            Some(found) if found == SCHEMA.to_be_bytes() => {}
            Some(found) => {
                let found = found.as_slice().try_into().map_or(0, u32::from_be_bytes);
                return Err(foreign(&format!("it has schema {found}, this program reads {SCHEMA}")));
            }
            None => return Err(foreign("it holds a database that is not an aggregator's")),
        }
        Ok(Self { db: Arc::new(db) })
    }

    /// Its alert graphs and what is known of hosts. There is to be one at a time.
    pub fn store(&self) -> DiskStore {
        DiskStore { disk: self.clone(), pending: BTreeMap::new() }
    }

    /// Changes rows, all or none; when it returns that is on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn change<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for (family, key, row) in changes {
            match row {
                Some(row) => batch.put_cf(self.family(*family), key, row),
                None => batch.delete_cf(self.family(*family), key),
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

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("all families are opened with the database")
    }
}

fn rows(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_bloom_filter(10.0, false);
    let mut rows = Options::default();
    rows.set_compression_type(DBCompressionType::Lz4);
    rows.set_block_based_table_factory(&table);
    rows
}

fn medium(error: rocksdb::Error) -> StoreError {
    StoreError::Medium(error.to_string())
}

/// What the pipeline keeps, with what is not written yet.
pub struct DiskStore {
    disk: Disk,
    pending: BTreeMap<(Family, Vec<u8>), Option<Vec<u8>>>,
}

impl DiskStore {
    fn alerts_from(&self, prefix: &[u8]) -> Result<Vec<Arc<AlertGraph>>, StoreError> {
        let mut rows = self.disk.rows(Family::Alerts, prefix)?;
        for ((family, key), row) in self.pending.range((Family::Alerts, prefix.to_vec())..) {
            match row {
                _ if *family != Family::Alerts || !key.starts_with(prefix) => break,
                Some(row) => _ = rows.insert(key.clone(), row.clone()),
                None => _ = rows.remove(key),
            }
        }
        rows.values().map(|row| read_alert(row)).collect()
    }
}

impl Store for DiskStore {
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Arc<AlertGraph>>, StoreError> {
        let key = alert_key(host, id);
        if let Some(pending) = self.pending.get(&(Family::Alerts, key.clone())) {
            return pending.as_deref().map(read_alert).transpose();
        }
        let row = self.disk.db.get_pinned_cf(self.disk.family(Family::Alerts), key).map_err(medium)?;
        row.map(|row| read_alert(&row)).transpose()
    }

    fn put_alert(&mut self, graph: AlertGraph) -> Result<(), StoreError> {
        let (host, key) = (graph.host, alert_key(graph.host, graph.id));
        let payload = Payload::Alert(AlertUpdate { extends: 0, graph });
        let row = encode(&Message { host, epoch: 0, sequence: 1, payload }).map_err(StoreError::TooLarge)?;
        self.pending.insert((Family::Alerts, key), Some(row));
        Ok(())
    }

    fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError> {
        self.pending.insert((Family::Alerts, alert_key(host, id)), None);
        Ok(())
    }

    fn alerts_of(&self, host: HostId) -> Result<Vec<Arc<AlertGraph>>, StoreError> {
        self.alerts_from(&host.0.to_be_bytes())
    }

    fn alerts(&self) -> Result<Vec<Arc<AlertGraph>>, StoreError> {
        self.alerts_from(&[])
    }

    fn put_note(&mut self, note: Note, row: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.pending.insert((Family::Notes, note_key(note)), row);
        Ok(())
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
        let changes: Vec<Change> =
            self.pending.iter().map(|((family, key), row)| (*family, key.clone(), row.clone())).collect();
        if !changes.is_empty() {
            self.disk.change(&changes)?;
        }
        self.pending.clear();
        Ok(())
    }
}

fn alert_key(host: HostId, id: AlertId) -> Vec<u8> {
    [host.0.to_be_bytes(), id.0.to_be_bytes()].concat()
}

fn read_alert(row: &[u8]) -> Result<Arc<AlertGraph>, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt { what: "an alert graph", why };
    match decode(row).map_err(|error| corrupt(error.to_string()))?.payload {
        Payload::Alert(update) => Ok(Arc::new(update.graph)),
        _ => Err(corrupt("another message".into())),
    }
}

/// A letter for the kind, then what it is of.
fn note_key(note: Note) -> Vec<u8> {
    match note {
        Note::Host(host) => [&b"h"[..], &host.0.to_be_bytes()].concat(),
        Note::Taken(host, FrameKey { class, epoch, sequence }) => {
            [&b"t"[..], &host.0.to_be_bytes(), &epoch.to_be_bytes(), &[class as u8], &sequence.to_be_bytes()].concat()
        }
        Note::Contribution(host) => [&b"c"[..], &host.0.to_be_bytes()].concat(),
        Note::Counters => b"n".to_vec(),
    }
}

fn read_note_key(key: &[u8]) -> Option<Note> {
    let (kind, rest) = key.split_first()?;
    if *kind == b'n' && rest.is_empty() {
        return Some(Note::Counters);
    }
    let (host, rest) = rest.split_first_chunk()?;
    let host = HostId(u64::from_be_bytes(*host));
    match (kind, rest.is_empty()) {
        (b'h', true) => Some(Note::Host(host)),
        (b'c', true) => Some(Note::Contribution(host)),
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
