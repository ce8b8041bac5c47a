//! The bytes of keys. Numbers are big-endian, so that RocksDB's order is theirs; minutes and batches of edges are inverted,
//! so that a forward scan meets the latest first.
//!
//! | Family | Key | Value |
//! |---|---|---|
//! | `edges` | host 8, bucket 4, node 16, !minute 4, !batch 8 | edges (`edges.rs`) |
//! | `nodes` | host 8, node 16 | stamp 8, row |
//! | `heads` | host 8, from 16, to 16, operation 1 | stamp 8, seq 8, first 8, row |
//! | `blobs` | host 8, id 8 | stamp 8, row |
//! | default | `schema` | version 4 |
//! | default | `horizon/`, host 8 | bucket 4 |
//!
//! Edges are the bulk: their bucket comes before anything that scatters, so that retention drops whole files. The other
//! families hold one row for each key; theirs are dropped when files are compacted (`latest.rs`).

use tracewell_graph_core::history::{EdgeRow, HistoryError};
use tracewell_model::{EventNs, HostId, NodeKey, Operation};

/// Length of a bucket. Reading a node's edges asks each bucket, so that a few dozen must span the retention.
pub const BUCKET_NS: u64 = EventNs::DAY;

/// A day of event time: what retention drops at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(pub u32);

impl Bucket {
    pub fn of(time: EventNs) -> Self {
        Self(time.day())
    }
}

/// A minute of event time, counted from its zero: edges that began in one are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minute(pub u32);

const MINUTE_NS: u64 = 60 * EventNs::SECOND;

impl Minute {
    pub fn of(time: EventNs) -> Self {
        Self((time.0 / MINUTE_NS) as u32)
    }

    pub fn start(self) -> EventNs {
        EventNs(u64::from(self.0) * MINUTE_NS)
    }
}

/// Host, bucket and node: what one scan stays within.
pub(crate) const EDGES_PREFIX_LEN: usize = 8 + 4 + 16;
const EDGES_LEN: usize = EDGES_PREFIX_LEN + 4 + 8;

/// Where the edges lie that were written in one batch, touch `node` and began in one minute. Of two batches the later
/// has the higher number and comes first.
pub(crate) fn edges(host: HostId, node: NodeKey, minute: Minute, batch: u64) -> [u8; EDGES_LEN] {
    edges_in(Bucket::of(minute.start()), host, node, minute, batch)
}

/// Where a scan for edges that began in `minute` or earlier starts in a bucket.
pub(crate) fn edges_from(bucket: Bucket, host: HostId, node: NodeKey, minute: Minute) -> [u8; EDGES_LEN] {
    edges_in(bucket, host, node, minute, u64::MAX)
}

fn edges_in(bucket: Bucket, host: HostId, node: NodeKey, minute: Minute, batch: u64) -> [u8; EDGES_LEN] {
    join([&bucket_start(host, bucket), &node.0.to_be_bytes(), &(!minute.0).to_be_bytes(), &(!batch).to_be_bytes()])
}

/// The minute of a key of edges.
pub(crate) fn minute_of(key: &[u8]) -> Result<Minute, HistoryError> {
    let minute = key.get(EDGES_PREFIX_LEN..).and_then(<[u8]>::first_chunk);
    let minute = minute.ok_or_else(|| corrupt("edges", format!("a key has {} bytes", key.len())))?;
    Ok(Minute(!u32::from_be_bytes(*minute)))
}

pub(crate) fn bucket_start(host: HostId, bucket: Bucket) -> [u8; 12] {
    join([&host.0.to_be_bytes(), &bucket.0.to_be_bytes()])
}

/// The bucket of an edge's key, if it is one of this host.
pub(crate) fn bucket_of(host: HostId, key: &[u8]) -> Option<Bucket> {
    let bucket = key.strip_prefix(&host.0.to_be_bytes())?.first_chunk()?;
    Some(Bucket(u32::from_be_bytes(*bucket)))
}

pub(crate) fn node(host: HostId, node: NodeKey) -> [u8; 24] {
    join([&host.0.to_be_bytes(), &node.0.to_be_bytes()])
}

pub(crate) fn head(host: HostId, from: NodeKey, to: NodeKey, op: Operation) -> [u8; 41] {
    join([&host.0.to_be_bytes(), &from.0.to_be_bytes(), &to.0.to_be_bytes(), &[op as u8]])
}

pub(crate) fn blob(host: HostId, id: u64) -> [u8; 16] {
    join([&host.0.to_be_bytes(), &id.to_be_bytes()])
}

pub(crate) fn horizon(host: HostId) -> [u8; 16] {
    join([b"horizon/", &host.0.to_be_bytes()])
}

/// The host of a key, in every family but the default one.
pub(crate) fn host_of(key: &[u8]) -> Option<HostId> {
    Some(HostId(u64::from_be_bytes(*key.first_chunk()?)))
}

/// Appends what a head knows beyond its key.
pub(crate) fn head_value(edge: &EdgeRow, out: &mut Vec<u8>) {
    out.extend_from_slice(&edge.seq.to_be_bytes());
    out.extend_from_slice(&edge.first.0.to_be_bytes());
    edge.encode_value(out);
}

/// Reads what [`head_value`] wrote.
pub(crate) fn head_row(ends: (NodeKey, NodeKey, Operation), value: &[u8]) -> Result<EdgeRow, HistoryError> {
    let fields = value.split_first_chunk().and_then(|(seq, rest)| Some((seq, rest.split_first_chunk()?)));
    let Some((seq, (first, row))) = fields else {
        return Err(corrupt("a head", format!("value has {} bytes, expected 16 or more", value.len())));
    };
    EdgeRow::decode_value(ends, (EventNs(u64::from_be_bytes(*first)), u64::from_be_bytes(*seq)), row)
}

pub(crate) fn operation(code: u8) -> Result<Operation, HistoryError> {
    let known = Operation::ALL.get(usize::from(code)).copied();
    known.ok_or_else(|| corrupt("an edge", format!("operation is {code}, expected 0 to {}", Operation::ALL.len() - 1)))
}

pub(crate) fn corrupt(what: &str, why: String) -> HistoryError {
    HistoryError::Corrupt { what: what.to_owned(), why }
}

/// Puts parts of known length one after the other. Panics if they do not fill the array: the lengths are in this file.
fn join<const LEN: usize, const PARTS: usize>(parts: [&[u8]; PARTS]) -> [u8; LEN] {
    let (mut bytes, mut at) = ([0; LEN], 0);
    for part in parts {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    assert_eq!(at, LEN, "the parts of a key fill it");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_edges_come_first_within_a_bucket() {
        let key = |time, batch| edges(HostId(1), NodeKey(2), Minute::of(EventNs(time)), batch);
        assert!(key(0, 1) > key(MINUTE_NS, 1));
        assert!(key(0, 1) > key(0, 2));
        assert!(key(BUCKET_NS, 1) > key(BUCKET_NS - 1, 1), "buckets rise, for retention");
        assert_eq!(minute_of(&key(7 * MINUTE_NS + 1, 1)).unwrap(), Minute(7));
    }

    #[test]
    fn keys_keep_their_bytes() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(&edges(HostId(7), NodeKey(8), Minute(24 * 60), 1)),
            concat!("0000000000000007", "00000001", "00000000000000000000000000000008", "fffffa5f", "fffffffffffffffe")
        );
        let op = Operation::SetTimes as u8;
        assert_eq!((op, operation(op).unwrap()), (29, Operation::SetTimes));
        for (code, op) in (0..).zip(Operation::ALL) {
            assert_eq!((op as u8, operation(code).unwrap()), (code, op));
        }
        assert!(operation(30).is_err());
    }
}
