use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tracewell_graph_core::history::{Direction, History, HistoryError};
use tracewell_model::{EventNs, HostId, NodeKey, Operation};
use tracewell_store::{RocksHistory, SCHEMA, SpoolRows, Store, StoreError, StoreOptions};

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, StoreOptions::default())
}

/// Changes a store behind its back.
fn meddle(path: &Path, change: impl FnOnce(&mut rocksdb::DB)) {
    let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), path).unwrap();
    let families =
        families.into_iter().map(|name| rocksdb::ColumnFamilyDescriptor::new(name, rocksdb::Options::default()));
    change(&mut rocksdb::DB::open_cf_descriptors(&rocksdb::Options::default(), path, families).unwrap());
}

#[test]
fn an_older_program_refuses_a_newer_store_and_leaves_it_alone() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    meddle(folder.path(), |db| db.put(b"schema", (SCHEMA + 1).to_be_bytes()).unwrap());
    let error = open(folder.path()).err().unwrap();
    assert!(matches!(error, StoreError::Newer { found, .. } if found == SCHEMA + 1), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "store {} has schema {}, this program reads {SCHEMA}: use a newer program",
            folder.path().display(),
            SCHEMA + 1
        )
    );
    meddle(folder.path(), |db| assert_eq!(db.get(b"schema").unwrap().unwrap(), (SCHEMA + 1).to_be_bytes()));
}

#[test]
fn a_store_of_the_first_schema_is_refused() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    meddle(folder.path(), |db| db.put(b"schema", 1u32.to_be_bytes()).unwrap());
    assert!(matches!(open(folder.path()), Err(StoreError::Older { found: 1, .. })));
}

/// What was spooled is there again, and so is all else.
#[test]
fn a_store_of_the_schema_before_the_spool_gets_one() {
    let folder = TempDir::new().unwrap();
    let mut history = RocksHistory::open(&open(folder.path()).unwrap(), HostId(1)).unwrap();
    history.put_node(NodeKey(1), EventNs(1), b"row").unwrap();
    history.flush().unwrap();
    drop(history);
    meddle(folder.path(), |db| {
        db.put(b"schema", 6u32.to_be_bytes()).unwrap();
        db.drop_cf("spool").unwrap();
    });
    let store = open(folder.path()).unwrap();
    SpoolRows::of(&store).change(&[(b"a", b"frame")], &[], true).unwrap();
    let mut history = RocksHistory::open(&store, HostId(1)).unwrap();
    assert_eq!(history.node(NodeKey(1)).unwrap().as_deref(), Some(b"row".as_slice()));
    drop((history, store));
    let rows = SpoolRows::of(&open(folder.path()).unwrap());
    assert_eq!(rows.get(b"a").unwrap().as_deref(), Some(b"frame".as_slice()));
    drop(rows);
    meddle(folder.path(), |db| assert_eq!(db.get(b"schema").unwrap().unwrap(), SCHEMA.to_be_bytes()));
}

#[test]
fn a_newer_store_may_have_families_that_this_program_does_not_know() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    meddle(folder.path(), |db| {
        db.put(b"schema", (SCHEMA + 1).to_be_bytes()).unwrap();
        db.create_cf("from-the-future", &rocksdb::Options::default()).unwrap();
    });
    assert!(matches!(open(folder.path()), Err(StoreError::Newer { found, .. }) if found == SCHEMA + 1));
}

#[test]
fn somebody_elses_database_is_left_alone() {
    let folder = TempDir::new().unwrap();
    rocksdb::DB::open_default(folder.path()).unwrap().put(b"theirs", b"1").unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Foreign { .. })));
    rocksdb::DB::open_default(folder.path()).unwrap().put(b"schema", b"not four bytes").unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_second_opening_and_a_file_in_the_way_are_errors() {
    let folder = TempDir::new().unwrap();
    let first = open(folder.path()).unwrap();
    let error = open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("opening") && error.contains(&folder.path().display().to_string()), "{error}");
    drop(first);
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    assert!(matches!(open(&file), Err(StoreError::RocksDb { .. })));
}

#[test]
fn corrupt_values_are_errors_and_never_panics() {
    let folder = TempDir::new().unwrap();
    let (host, node) = (HostId(1), NodeKey(2));
    drop(open(folder.path()).unwrap());
    let host_bytes = host.0.to_be_bytes();
    let node_bytes = node.0.to_be_bytes();
    let edges_key = [&host_bytes[..], &[0; 4], &node_bytes, &[0xff; 12]].concat();
    let head_key = [&host_bytes[..], &node_bytes, &node_bytes, &[Operation::Read as u8]].concat();
    meddle(folder.path(), |db| {
        let family = |name| db.cf_handle(name).unwrap();
        db.put_cf(family("nodes"), [&host_bytes[..], &node_bytes].concat(), b"short").unwrap();
        db.put_cf(family("blobs"), [&host_bytes[..], &[0; 8]].concat(), b"").unwrap();
        db.put_cf(family("heads"), head_key, [0; 20]).unwrap();
        db.put_cf(family("edges"), edges_key, [0xff; 40]).unwrap();
    });
    let mut history = RocksHistory::open(&open(folder.path()).unwrap(), host).unwrap();
    let errors = [
        history.node(node).map(|_| ()),
        history.blob(0).map(|_| ()),
        history.head(node, node, Operation::Read).map(|_| ()),
        history.edges(node, Direction::Out, EventNs::MAX, 10).map(|_| ()),
    ];
    for error in errors {
        assert!(matches!(error, Err(HistoryError::Corrupt { .. })), "{error:?}");
    }
}

#[test]
fn a_checkpoint_is_a_store_of_that_moment() {
    let folder = TempDir::new().unwrap();
    let (running, copy) = (folder.path().join("running"), folder.path().join("copy"));
    let store = open(&running).unwrap();
    let mut history = RocksHistory::open(&store, HostId(1)).unwrap();
    history.put_node(NodeKey(1), EventNs(1), b"before").unwrap();
    history.flush().unwrap();
    store.checkpoint(&copy).unwrap();
    history.put_node(NodeKey(1), EventNs(2), b"after").unwrap();

    let mut copied = RocksHistory::open(&open(&copy).unwrap(), HostId(1)).unwrap();
    assert_eq!(copied.node(NodeKey(1)).unwrap().as_deref(), Some(b"before".as_slice()));
    assert_eq!(history.node(NodeKey(1)).unwrap().as_deref(), Some(b"after".as_slice()));
    assert!(matches!(store.checkpoint(&copy), Err(StoreError::CheckpointExists { .. })));
}
