use crate::key::EDGES_PREFIX_LEN;
use crate::latest::{self, Horizons};
use crate::schema::{self, Found};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompactionStyle,
    DBCompressionType, DEFAULT_COLUMN_FAMILY_NAME, LogLevel, Options, SliceTransform, WriteBufferManager,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much a store may take.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Bytes of memory for blocks, indexes, filters and write buffers together. 2_000_000 and up; 10 MB is the agent's
    /// (DESIGN.md, memory ledger).
    pub memory_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { memory_bytes: 10_000_000 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store {path}: {doing}: {source}", path = path.display())]
    RocksDb { path: PathBuf, doing: &'static str, source: rocksdb::Error },
    #[error("store {path} has schema {found}, this program reads {known}: use a newer program", path = path.display(), known = schema::SCHEMA)]
    Newer { path: PathBuf, found: u32 },
    #[error("store {path} has schema {found}, which was never released, this program reads {known}: remove it", path = path.display(), known = schema::SCHEMA)]
    Older { path: PathBuf, found: u32 },
    #[error("folder {path} holds a RocksDB database that is not a store of Tracewell", path = path.display())]
    Foreign { path: PathBuf },
    #[error("checkpoint {path} exists already, expected a path that is free", path = path.display())]
    CheckpointExists { path: PathBuf },
}

/// The column families, each with one kind of row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    /// Edges by bucket, node and minute: each edge under both of its ends.
    Edges,
    /// The latest row of each node.
    Nodes,
    /// The latest edge between two nodes by one operation.
    Heads,
    /// Small values by number.
    Blobs,
    /// What waits to be sent, with a log of its own ([`SpoolRows`](crate::SpoolRows)).
    Spool,
}

impl Family {
    const ALL: [Self; 5] = [Self::Edges, Self::Nodes, Self::Heads, Self::Blobs, Self::Spool];

    pub fn name(self) -> &'static str {
        match self {
            Self::Edges => "edges",
            Self::Nodes => "nodes",
            Self::Heads => "heads",
            Self::Blobs => "blobs",
            Self::Spool => "spool",
        }
    }

    /// Write buffer in sixteenths of what all write buffers may take. Two of each exist at most, while one is flushed.
    fn buffer_sixteenths(self) -> usize {
        match self {
            Self::Edges => 8,
            Self::Nodes | Self::Heads => 3,
            Self::Blobs | Self::Spool => 1,
        }
    }
}

/// One RocksDB instance in one folder. Clones share it; it closes with the last one.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    db: DB,
    path: PathBuf,
    cache: Cache,
    horizons: Horizons,
}

impl Store {
    /// Opens the store in a folder, or makes one there.
    ///
    /// # Errors
    /// When the folder cannot be used, another process holds it, it was written by a newer program, or holds something else.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let found = schema::look(path)?;
        let failed = |doing| move |source| StoreError::RocksDb { path: path.into(), doing, source };
        let cache = Cache::new_lru_cache(options.memory_bytes);
        let horizons = Horizons::default();
        let families = Family::ALL.map(|family| {
            ColumnFamilyDescriptor::new(family.name(), family_options(family, options, &cache, &horizons))
        });
        // RocksDB's own, with hardly a row: after a full disk it goes on once the largest of all write buffers has room.
        let mut own = Options::default();
        own.set_write_buffer_size(buffer_bytes(options) / 16);
        let families = families.into_iter().chain([ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, own)]);
        let db =
            DB::open_cf_descriptors(&database_options(options, &cache), path, families).map_err(failed("opening"))?;
        if let Found::Nothing | Found::Before = found {
            schema::write(&db).map_err(failed("writing the schema"))?;
        }
        Ok(Self { shared: Arc::new(Shared { db, path: path.into(), cache, horizons }) })
    }

    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Bytes of live files.
    ///
    /// # Errors
    /// When RocksDB does not say.
    pub fn disk_bytes(&self) -> Result<u64, StoreError> {
        let sizes = Family::ALL
            .map(|family| self.db().property_int_value_cf(self.family(family), "rocksdb.live-sst-files-size"));
        let mut total = 0;
        for size in sizes {
            total += size.map_err(self.failed("asking for its size"))?.unwrap_or(0);
        }
        Ok(total)
    }

    /// Bytes of memory in use by blocks, indexes, filters and write buffers.
    pub fn memory_bytes(&self) -> usize {
        self.shared.cache.get_usage()
    }

    /// Writes everything that is still in memory to files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn flush(&self) -> Result<(), StoreError> {
        let families: Vec<_> = Family::ALL.iter().map(|&family| self.family(family)).collect();
        self.db().flush_cfs_opt(&families, &rocksdb::FlushOptions::default()).map_err(self.failed("flushing"))
    }

    pub(crate) fn db(&self) -> &DB {
        &self.shared.db
    }

    pub(crate) fn family(&self, family: Family) -> &ColumnFamily {
        self.db().cf_handle(family.name()).expect("all families are opened with the store")
    }

    pub(crate) fn horizons(&self) -> &Horizons {
        &self.shared.horizons
    }

    pub(crate) fn failed(&self, doing: &'static str) -> impl Fn(rocksdb::Error) -> StoreError {
        let path = self.shared.path.clone();
        move |source| StoreError::RocksDb { path: path.clone(), doing, source }
    }
}

/// Of the memory, what write buffers may take; the cache is charged for it, so that the sum stays within the cache's limit.
fn buffer_bytes(options: StoreOptions) -> usize {
    options.memory_bytes / 5 * 2
}

fn database_options(options: StoreOptions, cache: &Cache) -> Options {
    let mut database = Options::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    // A crash leaves all families at the same moment, though there is no log.
    database.set_atomic_flush(true);
    database.set_write_buffer_manager(&WriteBufferManager::new_write_buffer_manager_with_cache(
        buffer_bytes(options),
        false,
        cache.clone(),
    ));
    // The graph has one thread, and writes in batches.
    database.set_allow_concurrent_memtable_write(false);
    database.set_max_background_jobs(2);
    // Descriptors and table readers are bounded; data that is older than this many files is reopened when it is asked for.
    database.set_max_open_files(64);
    // In one part: split in 64, as is the default, a part would hold one file, and two of them drive each other out.
    database.set_table_cache_num_shard_bits(0);
    database.set_compaction_readahead_size(256 << 10);
    database.set_writable_file_max_buffer_size(256 << 10);
    database.set_max_manifest_file_size(1 << 20);
    database.set_log_level(LogLevel::Warn);
    database.set_keep_log_file_num(2);
    database.set_max_log_file_size(1 << 20);
    database.set_stats_dump_period_sec(0);
    database
}

fn family_options(family: Family, options: StoreOptions, cache: &Cache, horizons: &Horizons) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    // In parts, so that a large file's filter does not push everything else out of a small cache.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_bloom_filter(10.0, false);
    table.set_format_version(6);

    let mut rows = Options::default();
    let write_buffer = buffer_bytes(options) / 16 * family.buffer_sixteenths();
    rows.set_write_buffer_size(write_buffer);
    rows.set_arena_block_size((write_buffer / 8).clamp(16 << 10, 256 << 10));
    rows.set_max_write_buffer_number(2);
    rows.set_target_file_size_base(8 << 20);
    rows.set_compression_type(DBCompressionType::Lz4);
    // Rows are written once and seldom read: fewer rewrites are worth a few more files to look into.
    rows.set_compaction_style(DBCompactionStyle::Universal);
    rows.set_level_zero_file_num_compaction_trigger(8);
    rows.set_level_zero_slowdown_writes_trigger(32);
    rows.set_level_zero_stop_writes_trigger(48);
    match family {
        Family::Edges => {
            rows.set_prefix_extractor(SliceTransform::create_fixed_prefix(EDGES_PREFIX_LEN));
            // Only scanned, never asked for one key.
            table.set_whole_key_filtering(false);
        }
        Family::Nodes | Family::Heads | Family::Blobs => latest::forget_expired(&mut rows, horizons),
        // What was sent goes by its key.
        Family::Spool => {}
    }
    rows.set_block_based_table_factory(&table);
    rows
}
