//! The law: a history in RocksDB answers as one in memory does, whatever is done to it, also after it was reopened.

use proptest::prelude::*;
use tempfile::TempDir;
use tracewell_graph_core::history::{Direction, EdgeRow, History, MemoryHistory};
use tracewell_model::{EventFlags, EventNs, HostId, NodeKey, Operation};
use tracewell_store::{BUCKET_NS, RocksHistory, Store, StoreOptions};

const HOST: HostId = HostId(7);
const N_NODES: u8 = 4;
const N_DAYS: u64 = 6;

#[derive(Clone, Debug)]
enum Act {
    Node {
        node: u8,
        time: u64,
        row: Vec<u8>,
    },
    NewEdge {
        from: u8,
        to: u8,
        op: usize,
        first: u64,
        lasts: u64,
    },
    /// Put an edge again that was put before, grown.
    Grow {
        which: usize,
        count: u64,
    },
    Blob {
        id: u8,
        time: u64,
        row: Vec<u8>,
    },
    /// Another day begins to be the first that is kept.
    ExpireNextDay,
    Flush,
    Reopen,
    Read {
        node: u8,
        until: u64,
        limit: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let node = 0..N_NODES;
    // Few moments, so that times coincide.
    let time = || (0..N_DAYS, 0..3u64).prop_map(|(day, part)| day * BUCKET_NS + part * (BUCKET_NS / 2 - 1));
    let row = || proptest::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        3 => (node.clone(), time(), row()).prop_map(|(node, time, row)| Act::Node { node, time, row }),
        8 => (node.clone(), node.clone(), 0..3usize, time(), any::<u64>())
            .prop_map(|(from, to, op, first, lasts)| Act::NewEdge { from, to, op, first, lasts }),
        4 => (any::<usize>(), any::<u64>()).prop_map(|(which, count)| Act::Grow { which, count }),
        2 => (0..3u8, time(), row()).prop_map(|(id, time, row)| Act::Blob { id, time, row }),
        1 => Just(Act::ExpireNextDay),
        1 => Just(Act::Flush),
        1 => Just(Act::Reopen),
        8 => (node, time(), 0..12usize).prop_map(|(node, until, limit)| Act::Read { node, until, limit }),
    ]
}

proptest! {
    // Each case opens a store on disk several times: a quarter of the usual number.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]

    #[test]
    fn rocksdb_answers_as_memory_does(acts in proptest::collection::vec(act(), 1..120)) {
        let folder = TempDir::new().unwrap();
        let open = || RocksHistory::open(&Store::open(folder.path(), StoreOptions::default()).unwrap(), HOST).unwrap();
        let mut rocks = Some(open());
        let mut memory = MemoryHistory::new();
        let mut edges: Vec<EdgeRow> = Vec::new();
        let mut day = 0;
        for act in acts {
            if let Act::Reopen = act {
                // One process at a time may hold a store.
                drop(rocks.take());
            }
            let rocks = rocks.get_or_insert_with(open);
            match act {
                Act::Node { node, time, row } => {
                    rocks.put_node(key(node), EventNs(time), &row).unwrap();
                    memory.put_node(key(node), EventNs(time), &row).unwrap();
                }
                Act::NewEdge { from, to, op, first, lasts } => {
                    let edge = EdgeRow {
                        from: key(from),
                        to: key(to),
                        op: Operation::ALL[op],
                        seq: edges.len() as u64 + 1,
                        first: EventNs(first),
                        last: EventNs(first).after(lasts),
                        count: 1,
                        amount_bytes: lasts,
                        from_version: u32::from(from),
                        to_version: u32::MAX,
                        flags: EventFlags::REPAIRED,
                        surprise: 3,
                    };
                    edges.push(edge);
                    rocks.put_edge(&edge, !edge.seq.is_multiple_of(3)).unwrap();
                    memory.put_edge(&edge, !edge.seq.is_multiple_of(3)).unwrap();
                }
                Act::Grow { which, count } if !edges.is_empty() => {
                    let n_edges = edges.len();
                    let edge = &mut edges[which % n_edges];
                    edge.count = count;
                    rocks.put_edge(edge, !edge.seq.is_multiple_of(3)).unwrap();
                    memory.put_edge(edge, !edge.seq.is_multiple_of(3)).unwrap();
                }
                Act::Blob { id, time, row } => {
                    rocks.put_blob(id.into(), EventNs(time), &row).unwrap();
                    memory.put_blob(id.into(), EventNs(time), &row).unwrap();
                }
                Act::ExpireNextDay => {
                    day += 1;
                    rocks.expire(EventNs(day * BUCKET_NS)).unwrap();
                    memory.expire(EventNs(day * BUCKET_NS)).unwrap();
                }
                Act::Flush => rocks.flush().unwrap(),
                Act::Read { node, until, limit } => {
                    for direction in [Direction::In, Direction::Out] {
                        let [a, b] = [rocks as &mut dyn History, &mut memory]
                            .map(|history| history.edges(key(node), direction, EventNs(until), limit).unwrap());
                        prop_assert_eq!(a, b);
                    }
                }
                Act::Grow { .. } | Act::Reopen => (),
            }
        }
        let rocks = rocks.get_or_insert_with(open);
        assert_same(rocks, &mut memory);
        rocks.flush().unwrap();
        assert_same(rocks, &mut memory);
    }
}

/// Everything that can be asked gives the same answer.
fn assert_same(rocks: &mut RocksHistory, memory: &mut MemoryHistory) {
    for node in (0..N_NODES).map(key) {
        assert_eq!(rocks.node(node).unwrap(), memory.node(node).unwrap(), "node {node}");
        for direction in [Direction::In, Direction::Out] {
            let [a, b] = [rocks as &mut dyn History, memory]
                .map(|history| history.edges(node, direction, EventNs::MAX, usize::MAX).unwrap());
            assert_eq!(a, b, "edges of {node}");
        }
        for to in (0..N_NODES).map(key) {
            for op in &Operation::ALL[..3] {
                let [a, b] = [rocks as &mut dyn History, memory].map(|history| history.head(node, to, *op).unwrap());
                assert_eq!(a, b, "head of {node} to {to} by {op:?}");
            }
        }
    }
    for id in 0..3 {
        assert_eq!(rocks.blob(id).unwrap(), memory.blob(id).unwrap(), "blob {id}");
    }
}

fn key(node: u8) -> NodeKey {
    // The same low bytes for all, so that only whole keys tell them apart.
    NodeKey(u128::from(node) << 120 | 0xabcd)
}

#[test]
fn hosts_in_one_store_do_not_see_each_other() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut histories = [HostId(1), HostId(2)].map(|host| RocksHistory::open(&store, host).unwrap());
    let [one, other] = &mut histories;
    one.put_blob(1, EventNs(BUCKET_NS), b"one").unwrap();
    one.put_node(key(1), EventNs(BUCKET_NS), b"one").unwrap();
    assert_eq!(other.blob(1).unwrap(), None);
    assert_eq!(other.node(key(1)).unwrap(), None);
    other.put_blob(1, EventNs(BUCKET_NS), b"other").unwrap();
    other.expire(EventNs(5 * BUCKET_NS)).unwrap();
    assert_eq!(one.blob(1).unwrap().as_deref(), Some(b"one".as_slice()));
    assert_eq!(other.blob(1).unwrap(), None);
}
