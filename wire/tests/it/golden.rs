//! The bytes themselves. A test here fails when an old reader would no longer understand: see docs/wire.md first.

use std::collections::BTreeMap;
use tracewell_graph_core::fleet::{ContributionDelta, FleetNode, FleetView, Version};
use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
use tracewell_model::{
    AlertEdge, AlertGraph, AlertId, AlertNode, AlertUpdate, EdgeKey, EventNs, FileKind, HostId, Loss, LossCause,
    LossRecord, Millibits, NodeAttrs, NodeKey, NodeRole, Operation, ProcessRef, Protocol, Reason,
};
use tracewell_wire::{Class, Heartbeat, Hello, Inventory, LoadedDetector, Message, Payload, decode, encode};

fn message(payload: Payload) -> Message {
    Message { host: HostId(0x1122_3344_5566_7788), epoch: 3, sequence: 300, payload }
}

fn check(payload: Payload, expected: &str) {
    let message = message(payload);
    let frame = encode(&message).unwrap();
    let hex: String = payload_of(&frame).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected.split_whitespace().collect::<String>());
    assert_eq!(decode(&frame).unwrap(), message);
}

/// The payload is the last field of the envelope.
pub fn payload_of(frame: &[u8]) -> &[u8] {
    // version 2, host 9, then epoch, class and sequence of 2 bytes and up each.
    let mut rest = frame;
    while !rest.is_empty() {
        let key = varint(&mut rest);
        match key & 7 {
            0 => drop(varint(&mut rest)),
            1 => rest = &rest[8..],
            _ => {
                let len = varint(&mut rest) as usize;
                return &rest[..len];
            }
        }
    }
    &[]
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for i in 0.. {
        let byte = rest[i];
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *rest = &rest[i + 1..];
            break;
        }
    }
    value
}

#[test]
fn the_envelope_is_as_it_was() {
    let frame = encode(&message(Payload::NewEpoch { epoch: 7 })).unwrap();
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "08011188776655443322111803200128ac0231159a05d390ff9fa83a043a020807");
}

#[test]
fn a_hello_is_as_it_was() {
    let hello = Hello { name: "web-1".into(), parameters_hash: [0xab; 32], version: "0.1.0".into() };
    check(
        Payload::Hello(hello),
        "0a300a057765622d31 1220abababababababababababababababababababababababababababababababab 1a05302e312e30",
    );
}

#[test]
fn a_heartbeat_is_as_it_was() {
    let heartbeat =
        Heartbeat { time: EventNs(1_500_000_000_000_000_000), n_events: 1000, readiness_permille: 870, settled: true };
    check(Payload::Heartbeat(heartbeat), "2212088080d8d8d7c1c4e81410e80718e6062001");
}

#[test]
fn an_inventory_is_as_it_was() {
    let detector = LoadedDetector { id: "a-b".into(), version: "1.2.3".into(), hash: [0xcd; 32], is_parked: true };
    let inventory = Inventory {
        kernel: "6.1.0".into(),
        tier: "base".into(),
        detectors: vec![detector],
        sigma_rules: 5,
        view: 0x0102_0304_0506_0708,
        complaints: vec!["no".into()],
    };
    check(
        Payload::Inventory(inventory),
        "624e 0a05362e312e30 120462617365 \
         1a30 0a03612d62 1205312e322e33 1a20cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd 2001 \
         2005 290807060504030201 32026e6f",
    );
}

#[test]
fn a_loss_is_as_it_was() {
    let host = HostId(0x1122_3344_5566_7788);
    check(
        Payload::Loss(LossRecord { host, time: EventNs(5), cause: LossCause::Throttled, n_events: 12 }),
        "1a0608051002180c",
    );
}

#[test]
fn answers_are_as_they_were() {
    check(Payload::Acknowledgement { class: Class::Alert, sequence: 300 }, "2a05080210ac02");
    check(Payload::Refused { class: Class::Alert, sequence: 300 }, "2a07080210ac021801");
    check(Payload::WantWhole { alert: AlertId(9), known_revision: 2 }, "320b0909000000000000001002");
}

#[test]
fn a_profile_delta_is_as_it_was() {
    let leaf = |path: &[u32]| ContributionLeaf { path: path.to_vec(), count: 64, days: 3, first_day: 17_005 };
    let delta = ContributionDelta {
        extends: Some(Version { epoch: 1, number: 6 }),
        version: Version { epoch: 1, number: 7 },
        changed: Contribution {
            since_day: 17_000,
            dictionary: vec!["a".into(), "b".into()],
            leaves: vec![leaf(&[0, 1]), leaf(&[0, 1, 1])],
        },
        removed: vec![vec!["a".into(), "x".into()], vec!["a".into(), "y".into()]],
    };
    check(
        Payload::Profile(delta),
        "4245 \
         0a0408011006 \
         120408011007 \
         18e88401 \
         220161 220162 \
         2a0a 12020001 1840 2003 2805 \
         2a0b 0802 120101 1840 2003 2805 \
         320161 320178 320179 \
         3a04 12020001 \
         3a05 0801 120102",
    );
    check(Payload::WantProfile, "4a00");
}

#[test]
fn a_fleet_view_is_as_it_was() {
    let node = |parent, label: &str, group| FleetNode { parent, label: label.into(), votes: 4, peers: 5, group };
    let view = FleetView::from_nodes(6, vec![node(u32::MAX, "a", 0), node(0, "b", 0)]).unwrap();
    check(Payload::FleetView(view), "5216 0806 1207 120161 1804 2005 1209 0801 120162 1804 2005");
    let of_group = FleetView::from_nodes(6, vec![node(u32::MAX, "a", 0), node(0, "b", 3)]).unwrap().with_group(4);
    check(Payload::FleetView(of_group), "521a 0806 1207 120161 1804 2005 120b 0801 120162 1804 2005 2803 1804");
}

#[test]
fn an_alert_is_as_it_was() {
    check(
        Payload::Alert(alert()),
        "12a102 092a00000000000000 1002 1801 20e807 28c03e 30b0ea01 3804 4005 4801 \
         52062f746d702f2a \
         52062f746d702f61 \
         52092f746d702f61202d78 \
         520f3230332e302e3131332e2a3a343433 \
         5a40010000000000000000000000000000000200000000000000000000000000000003000000000000000000000000000000ffffffffffffffffffffffffffffffff \
         621f18b96028c03e32061a0408011003320228023a0b08c102104d200128023000 \
         6213100218b96020c7013203880100420410011801 \
         62210803100218b96020d00f28e80732038801004a0d100122090a04cb00710710bb03 \
         6a151002180e200328f0a20430d00f38e80740c03e4801 \
         6a1308011801200128f0a20440c03e480152027200 \
         6a0f0803200128f0a204301340c03e4801",
    );
}

#[test]
fn an_alert_costs_few_bytes() {
    // 15 bit/s are 162_000 bytes a day (DESIGN.md): room for hundreds of updates such as this one.
    let frame = encode(&message(Payload::Alert(alert()))).unwrap();
    assert!(frame.len() < 330, "{} bytes", frame.len());
}

/// Numbers of operations on the wire are their places in `Operation::ALL`: new ones go to the end.
#[test]
fn operations_keep_their_numbers() {
    let names: Vec<_> = Operation::ALL.iter().map(|op| op.name()).collect();
    assert_eq!(
        names.join(" "),
        "fork exec exit open read write create rename unlink link chmod chown truncate map-executable connect accept \
         bind listen send receive change-credentials ptrace signal module-load bpf-load mount memfd io_uring namespace \
         set-times"
    );
    for (place, op) in Operation::ALL.into_iter().enumerate() {
        assert_eq!(op as usize, place);
    }
}

/// A process that ran a file it had written and called out, with every shape of node, edge and delta time.
fn alert() -> AlertUpdate {
    let (process, file, socket, parent) = (NodeKey(1), NodeKey(2), NodeKey(3), NodeKey(u128::MAX));
    let node = |attrs, general: &str, role, reasons, first, last| AlertNode {
        attrs,
        general: general.into(),
        role,
        surprise: Millibits(12_345),
        reasons,
        first: EventNs(first),
        last: EventNs(last),
    };
    let attrs = NodeAttrs::Process {
        process: ProcessRef { pid: 321, start: 77, uuid: None },
        exe: Some("/tmp/a".into()),
        cmdline: Some("/tmp/a -x".into()),
        uid: Some(0),
        container: None,
        environment: None,
    };
    let reasons = vec![Reason::RanOwnWrite { file, writer: parent }, Reason::CallsOut { socket }];
    let nodes = BTreeMap::from([
        (process, node(attrs, "/tmp/*", NodeRole::Terminal, reasons, 1_000, 9_000)),
        (
            file,
            node(
                NodeAttrs::File { uuid: None, path: Some("/tmp/a".into()), kind: FileKind::Regular },
                "/tmp/*",
                NodeRole::Context,
                vec![Reason::TouchedBy { process }],
                900,
                900,
            ),
        ),
        (
            socket,
            node(
                NodeAttrs::Socket {
                    uuid: None,
                    protocol: Protocol::Tcp,
                    local: None,
                    remote: Some(([203, 0, 113, 7], 443).into()),
                    path: None,
                },
                "203.0.113.*:443",
                NodeRole::Context,
                vec![Reason::TouchedBy { process }],
                2_000,
                3_000,
            ),
        ),
    ]);
    let edge = |count, first, last, reasons| AlertEdge {
        count,
        amount_bytes: 70_000,
        first: EventNs(first),
        last: EventNs(last),
        surprise: Millibits(8_000),
        reasons,
        incomplete: true,
    };
    let edges = BTreeMap::from([
        (EdgeKey { from: process, to: socket, op: Operation::Connect }, edge(3, 2_000, 3_000, vec![])),
        (EdgeKey { from: file, to: process, op: Operation::Exec }, edge(1, 1_000, 1_000, vec![Reason::Connects])),
        (EdgeKey { from: parent, to: process, op: Operation::Fork }, edge(1, 990, 990, vec![])),
    ]);
    let graph = AlertGraph {
        id: AlertId(42),
        host: HostId(0x1122_3344_5566_7788),
        revision: 2,
        first: EventNs(1_000),
        last: EventNs(9_000),
        surprise: Millibits(30_000),
        nodes,
        edges,
        n_omitted: 4,
        loss: Loss { n_events: 5, n_gaps: 1 },
    };
    AlertUpdate { extends: 1, graph }
}
