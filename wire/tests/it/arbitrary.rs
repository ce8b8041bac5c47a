//! Any valid message.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::net::SocketAddr;
use tracewell_graph_core::fleet::{ContributionDelta, FleetNode, FleetView, Version};
use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
use tracewell_model::{
    AlertEdge, AlertGraph, AlertId, AlertNode, AlertUpdate, EdgeKey, EventNs, FarEnd, FileKind, Finding,
    FindingSeverity, HostId, Loss, LossCause, LossRecord, Millibits, NodeAttrs, NodeKey, NodeRole, Operation,
    ProcessRef, Protocol, Reason, Str, Uuid,
};
use tracewell_wire::{Class, Heartbeat, Hello, Inventory, LoadedDetector, Message, Payload};

pub fn message() -> impl Strategy<Value = Message> {
    let host = any::<u64>().prop_map(HostId);
    (host, any::<u32>(), any::<u64>()).prop_flat_map(|(host, epoch, sequence)| {
        payload(host).prop_map(move |payload| Message { host, epoch, sequence, payload })
    })
}

fn payload(host: HostId) -> impl Strategy<Value = Payload> {
    prop_oneof![
        (text(), any::<[u8; 32]>(), text()).prop_map(|(name, parameters_hash, version)| Payload::Hello(Hello {
            name,
            parameters_hash,
            version
        })),
        alert(host).prop_map(Payload::Alert),
        alert(host).prop_map(Payload::Alert),
        alert(host).prop_map(Payload::Alert),
        (any::<u64>(), cause(), any::<u64>()).prop_map(move |(time, cause, n_events)| {
            Payload::Loss(LossRecord { host, time: EventNs(time), cause, n_events })
        }),
        (any::<u64>(), any::<u64>(), 0..=1000u16, any::<bool>()).prop_map(
            |(time, n_events, readiness_permille, settled)| {
                Payload::Heartbeat(Heartbeat { time: EventNs(time), n_events, readiness_permille, settled })
            }
        ),
        inventory().prop_map(Payload::Inventory),
        (class(), any::<u64>()).prop_map(|(class, sequence)| Payload::Acknowledgement { class, sequence }),
        (class(), any::<u64>()).prop_map(|(class, sequence)| Payload::Refused { class, sequence }),
        (any::<u64>(), any::<u32>())
            .prop_map(|(id, known_revision)| Payload::WantWhole { alert: AlertId(id), known_revision }),
        any::<u32>().prop_map(|epoch| Payload::NewEpoch { epoch }),
        profile().prop_map(Payload::Profile),
        Just(Payload::WantProfile),
        view().prop_map(Payload::FleetView),
        vec(far_end(), 0..5).prop_map(Payload::Follow),
    ]
}

pub fn alert(host: HostId) -> impl Strategy<Value = AlertUpdate> {
    let graph = (
        (any::<u64>(), any::<u32>(), time(), time(), millibits()),
        btree_map(key(), node(), 0..6),
        btree_map(edge_key(), edge(), 0..8),
        any::<u32>(),
        (any::<u64>(), any::<u32>()).prop_map(|(n_events, n_gaps)| Loss { n_events, n_gaps }),
    );
    let graph = graph.prop_map(move |((id, revision, first, last, surprise), nodes, edges, n_omitted, loss)| {
        AlertGraph { id: AlertId(id), host, revision, first, last, surprise, nodes, edges, n_omitted, loss }
    });
    (any::<u32>(), graph).prop_map(|(extends, graph)| AlertUpdate { extends, graph })
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let detector = (text(), text(), any::<[u8; 32]>(), any::<bool>())
        .prop_map(|(id, version, hash, is_parked)| LoadedDetector { id, version, hash, is_parked });
    (text(), text(), vec(detector, 0..5), any::<u32>(), any::<u64>(), vec(text(), 0..5)).prop_map(
        |(kernel, tier, detectors, sigma_rules, view, complaints)| Inventory {
            kernel,
            tier,
            detectors,
            sigma_rules,
            view,
            complaints,
        },
    )
}

fn far_end() -> impl Strategy<Value = FarEnd> {
    (protocol(), any::<SocketAddr>(), any::<SocketAddr>(), time(), time())
        .prop_map(|(protocol, local, remote, first, last)| FarEnd { protocol, local, remote, first, last })
}

fn profile() -> impl Strategy<Value = ContributionDelta> {
    let version = || (any::<u32>(), any::<u64>()).prop_map(|(epoch, number)| Version { epoch, number });
    let leaf = (vec(0..4u32, 0..6), any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(path, count, days, first_day)| ContributionLeaf { path, count, days, first_day });
    let changed = (any::<u32>(), vec(text(), 4..8), vec(leaf, 0..8))
        .prop_map(|(since_day, dictionary, leaves)| Contribution { since_day, dictionary, leaves });
    (option::of(version()), version(), changed, vec(vec(text(), 0..5), 0..5))
        .prop_map(|(extends, version, changed, removed)| ContributionDelta { extends, version, changed, removed })
}

/// A parent is any node before, so that the view is canonical; labels are made different by their place.
fn view() -> impl Strategy<Value = FleetView> {
    let node = (any::<prop::sample::Index>(), text(), any::<u32>(), any::<u32>(), any::<u32>());
    (any::<u32>(), any::<u32>(), vec(node, 0..8)).prop_map(|(n_hosts, n_group, nodes)| {
        let n_group = n_group.min(n_hosts);
        let nodes = nodes.into_iter().enumerate().map(|(at, (parent, label, votes, peers, group))| {
            let parent = parent.index(at + 1).checked_sub(1).map_or(u32::MAX, |parent| parent as u32);
            FleetNode {
                parent,
                label: format!("{label}{at}").into(),
                votes,
                peers,
                group: group.min(votes).min(n_group),
            }
        });
        let view = FleetView::from_nodes(n_hosts, nodes.collect()).expect("parents come first and labels differ");
        view.with_group(n_group)
    })
}

fn node() -> impl Strategy<Value = AlertNode> {
    let role = prop_oneof![Just(NodeRole::Terminal), Just(NodeRole::Connector), Just(NodeRole::Context)];
    (attrs(), text(), role, millibits(), vec(reason(), 0..5), time(), time()).prop_map(
        |(attrs, general, role, surprise, reasons, first, last)| AlertNode {
            attrs,
            general,
            role,
            surprise,
            reasons,
            first,
            last,
        },
    )
}

fn attrs() -> impl Strategy<Value = NodeAttrs> {
    let uuid = || option::of(any::<u128>().prop_map(Uuid));
    let process = (any::<u32>(), any::<u64>(), uuid()).prop_map(|(pid, start, uuid)| ProcessRef { pid, start, uuid });
    prop_oneof![
        (process, option::of(any::<u32>()), [(); 4].map(|()| option::of(text()))).prop_map(
            |(process, uid, [exe, cmdline, container, environment])| {
                NodeAttrs::Process { process, exe, cmdline, uid, container, environment }
            }
        ),
        (uuid(), option::of(text()), file_kind()).prop_map(|(uuid, path, kind)| NodeAttrs::File { uuid, path, kind }),
        (uuid(), protocol(), option::of(any::<SocketAddr>()), option::of(any::<SocketAddr>()), option::of(text()))
            .prop_map(|(uuid, protocol, local, remote, path)| NodeAttrs::Socket {
                uuid,
                protocol,
                local,
                remote,
                path
            }),
    ]
}

fn edge_key() -> impl Strategy<Value = EdgeKey> {
    (key(), key(), operation()).prop_map(|(from, to, op)| EdgeKey { from, to, op })
}

fn edge() -> impl Strategy<Value = AlertEdge> {
    (any::<u64>(), any::<u64>(), time(), time(), millibits(), vec(reason(), 0..3), any::<bool>()).prop_map(
        |(count, amount_bytes, first, last, surprise, reasons, incomplete)| AlertEdge {
            count,
            amount_bytes,
            first,
            last,
            surprise,
            reasons,
            incomplete,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    (0..Operation::ALL.len()).prop_map(|op| Operation::ALL[op])
}

pub fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        (millibits(), operation(), text()).prop_map(|(surprise, op, what)| Reason::RareOperation {
            surprise,
            op,
            what
        }),
        (millibits(), text()).prop_map(|(surprise, what)| Reason::RareChild { surprise, what }),
        (key(), key()).prop_map(|(file, writer)| Reason::RanOwnWrite { file, writer }),
        key().prop_map(|server| Reason::ServesNetwork { server }),
        key().prop_map(|socket| Reason::CallsOut { socket }),
        key().prop_map(|socket| Reason::CommandsFromSocket { socket }),
        (any::<u32>(), any::<u32>()).prop_map(|(from_uid, to_uid)| Reason::GainedPrivilege { from_uid, to_uid }),
        key().prop_map(|file| Reason::DeletedOwnExecutable { file }),
        key().prop_map(|file| Reason::RanUnlinked { file }),
        key().prop_map(|target| Reason::EnteredProcess { target }),
        Just(Reason::EnteredKernel),
        any::<u32>().prop_map(|n_files| Reason::MassChange { n_files }),
        any::<u64>().prop_map(|bytes| Reason::CollectedAndSent { bytes }),
        key().prop_map(|socket| Reason::Followed { socket }),
        Just(Reason::Connects),
        key().prop_map(|ancestor| Reason::DescendsFrom { ancestor }),
        key().prop_map(|descendant| Reason::Started { descendant }),
        key().prop_map(|process| Reason::TouchedBy { process }),
        (0..5usize, [text(), text(), text()], vec(text(), 0..3), vec(key(), 0..3)).prop_map(
            |(severity, [detector, title, reason], techniques, nodes)| {
                let severity = FindingSeverity::ALL[severity];
                Reason::Detected(Finding { detector, severity, title, reason, techniques, nodes }.into())
            }
        ),
    ]
}

/// Few enough keys that edges and reasons meet nodes.
fn key() -> impl Strategy<Value = NodeKey> {
    prop_oneof![(0..8u128).prop_map(NodeKey), any::<u128>().prop_map(NodeKey)]
}

fn time() -> impl Strategy<Value = EventNs> {
    any::<u64>().prop_map(EventNs)
}

fn millibits() -> impl Strategy<Value = Millibits> {
    any::<u32>().prop_map(Millibits)
}

fn text() -> impl Strategy<Value = Str> {
    "\\PC{0,12}".prop_map(Str::from)
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![Just(Class::Control), Just(Class::Alert), Just(Class::Profile), Just(Class::Telemetry)]
}

fn cause() -> impl Strategy<Value = LossCause> {
    prop_oneof![
        Just(LossCause::RingFull),
        Just(LossCause::Throttled),
        Just(LossCause::Oversize),
        Just(LossCause::MapFull),
        Just(LossCause::Gap),
        Just(LossCause::Unknown),
    ]
}

fn file_kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        Just(FileKind::Unknown),
        Just(FileKind::Regular),
        Just(FileKind::Directory),
        Just(FileKind::Device),
        Just(FileKind::Pipe),
        Just(FileKind::Memory),
    ]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        Just(Protocol::Unknown),
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Unix),
        Just(Protocol::Other),
    ]
}
