//! Which layout a store has. A newer program reads every older layout that was ever released; an older program refuses a
//! newer one.

use crate::StoreError;
use rocksdb::{DB, IteratorMode, Options};
use std::path::Path;

/// The layout this program writes.
///
/// | Schema | What is new |
/// |---|---|
/// | 1 to 4 | never released |
/// | 5 | families `edges`, `nodes`, `heads`, `blobs`; keys as in `key.rs`, edges as in `edges.rs` |
/// | 6 | rows of nodes say what recurs |
/// | 7 | family `spool` |
/// | 8 | operation `set-times`; rows of files say their mode, and how far their times were set back |
/// | 9 | rows of processes say how surprising the host alone found what was rare, and of what in its profile |
pub const SCHEMA: u32 = 9;

/// The oldest layout that opening brings up to date: it makes the families that are missing, and reads rows that say less.
const OLDEST: u32 = 6;

const KEY: &[u8] = b"schema";

/// What stands in a folder before it is opened for writing.
pub(crate) enum Found {
    /// Nothing, or a store that was never finished being made.
    Nothing,
    /// A store of an older layout that this program reads.
    Before,
    /// A store of this program's layout.
    Known,
}

/// Looks without opening families that this program may not know, and without changing anything.
pub(crate) fn look(path: &Path) -> Result<Found, StoreError> {
    if !path.join("CURRENT").exists() {
        return Ok(Found::Nothing);
    }
    let failed = |source| StoreError::RocksDb { path: path.into(), doing: "reading the schema", source };
    let db = DB::open_cf_for_read_only(&Options::default(), path, ["default"], false).map_err(failed)?;
    let Some(value) = db.get(KEY).map_err(failed)? else {
        let is_empty = db.iterator(IteratorMode::Start).next().is_none();
        return if is_empty { Ok(Found::Nothing) } else { Err(StoreError::Foreign { path: path.into() }) };
    };
    let Ok(bytes) = <[u8; 4]>::try_from(value.as_slice()) else {
        return Err(StoreError::Foreign { path: path.into() });
    };
    match u32::from_be_bytes(bytes) {
        SCHEMA => Ok(Found::Known),
        OLDEST..SCHEMA => Ok(Found::Before),
        found @ ..OLDEST => Err(StoreError::Older { path: path.into(), found }),
        found => Err(StoreError::Newer { path: path.into(), found }),
    }
}

/// Marks a store as made by this program.
pub(crate) fn write(db: &DB) -> Result<(), rocksdb::Error> {
    db.put(KEY, SCHEMA.to_be_bytes())
}
