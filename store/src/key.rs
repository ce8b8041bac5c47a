//! The bytes of keys. Numbers are big-endian, so that RocksDB's order is theirs; times and sequences of edges are inverted,
//! so that a forward scan meets the latest first.
//!
//! | Family | Key | Value |
//! |---|---|---|
//! | `edges` | host 8, bucket 4, node 16, direction 1, !first 8, !seq 8 | other end 16, operation 1, row |
//! | `nodes` | host 8, node 16 | stamp 8, row |
//! | `heads` | host 8, from 16, to 16, operation 1 | stamp 8, seq 8, first 8, row |
//! | `blobs` | host 8, id 8 | stamp 8, row |
//! | default | `schema` | version 4 |
//! | default | `horizon/`, host 8 | bucket 4 |
//!
//! Edges are the bulk: their bucket comes before anything that scatters, so that retention drops whole files. The other
//! families hold one row for each key; theirs are dropped when files are compacted (`latest.rs`).

use tracewell_graph_core::history::{Direction, EdgeRow, HistoryError};
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

/// Host, bucket, node and direction: what one scan stays within.
pub(crate) const EDGE_PREFIX_LEN: usize = 8 + 4 + 16 + 1;
const EDGE_LEN: usize = EDGE_PREFIX_LEN + 8 + 8;

pub(crate) fn edge(host: HostId, node: NodeKey, direction: Direction, (first, seq): (EventNs, u64)) -> [u8; EDGE_LEN] {
    edge_in(Bucket::of(first), host, node, direction, (first, seq))
}

/// Where a scan for edges that began at or before `until` starts in a bucket.
pub(crate) fn edges_from(
    bucket: Bucket,
    host: HostId,
    node: NodeKey,
    direction: Direction,
    until: EventNs,
) -> [u8; EDGE_LEN] {
    edge_in(bucket, host, node, direction, (until, u64::MAX))
}

fn edge_in(
    bucket: Bucket,
    host: HostId,
    node: NodeKey,
    direction: Direction,
    (first, seq): (EventNs, u64),
) -> [u8; EDGE_LEN] {
    let direction = match direction {
        Direction::In => 0,
        Direction::Out => 1,
    };
    join([
        &bucket_start(host, bucket),
        &node.0.to_be_bytes(),
        &[direction],
        &(!first.0).to_be_bytes(),
        &(!seq).to_be_bytes(),
    ])
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

/// Writes an edge's value as seen from one end; `other` is the other one.
pub(crate) fn edge_value(edge: &EdgeRow, other: NodeKey, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&other.0.to_be_bytes());
    out.push(edge.op as u8);
    edge.encode_value(out);
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

/// Reads an edge from its key and value.
pub(crate) fn edge_row(node: NodeKey, direction: Direction, key: &[u8], value: &[u8]) -> Result<EdgeRow, HistoryError> {
    let order = key.get(EDGE_PREFIX_LEN..EDGE_LEN).and_then(|order| Some((order.first_chunk()?, order.last_chunk()?)));
    let (Some((first, seq)), Some((other, [op, row @ ..]))) = (order, value.split_first_chunk()) else {
        return Err(corrupt("an edge", format!("key has {} bytes and value {}", key.len(), value.len())));
    };
    let other = NodeKey(u128::from_be_bytes(*other));
    let (from, to) = match direction {
        Direction::In => (other, node),
        Direction::Out => (node, other),
    };
    let order = (EventNs(!u64::from_be_bytes(*first)), !u64::from_be_bytes(*seq));
    EdgeRow::decode_value((from, to, operation(*op)?), order, row)
}

fn operation(code: u8) -> Result<Operation, HistoryError> {
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
        let key = |first, seq| edge(HostId(1), NodeKey(2), Direction::Out, (EventNs(first), seq));
        assert!(key(5, 1) > key(6, 1));
        assert!(key(5, 1) > key(5, 2));
        assert!(key(BUCKET_NS, 1) > key(BUCKET_NS - 1, 1), "buckets rise, for retention");
    }

    #[test]
    fn keys_keep_their_bytes() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let order = (EventNs(BUCKET_NS), 1);
        assert_eq!(
            hex(&edge(HostId(7), NodeKey(8), Direction::Out, order)),
            concat!(
                "0000000000000007",
                "00000001",
                "00000000000000000000000000000008",
                "01",
                "ffffb16b6eb0ffff",
                "fffffffffffffffe"
            )
        );
        let op = Operation::IoUring as u8;
        assert_eq!((op, operation(op).unwrap()), (27, Operation::IoUring));
        for (code, op) in (0..).zip(Operation::ALL) {
            assert_eq!((op as u8, operation(code).unwrap()), (code, op));
        }
        assert!(operation(28).is_err());
    }
}
