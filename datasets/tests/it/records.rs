//! Any record at all, for laws.

use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use tracewell_model::{
    CheckpointRecord, Detail, Event, EventFlags, EventNs, FileKind, FileRef, FindingRecord, FindingSeverity,
    HistoryRecord, HostId, HostRecord, Inode, LossCause, LossRecord, Mode, Object, Operation, ProcessRecord,
    ProcessRef, Protocol, Record, SocketRef, Str, Uuid,
};

pub fn any_record() -> impl Strategy<Value = Record> {
    let host = (any::<u64>(), text()).prop_map(|(host, name)| Record::Host(HostRecord { host: HostId(host), name }));
    let tick =
        (any::<u64>(), any::<u64>()).prop_map(|(host, time)| Record::Tick { host: HostId(host), time: EventNs(time) });
    prop_oneof![host, process_record(), event(), event(), event(), tick, loss(), finding(), checkpoint(), history()]
}

fn process_record() -> impl Strategy<Value = Record> {
    let texts = (some(text()), some(text()), some(text()));
    (any::<u64>(), any::<u64>(), process(), some(process()), texts, any::<Option<u32>>()).prop_map(
        |(host, time, process, parent, (exe, cmdline, container), uid)| {
            let (host, time) = (HostId(host), EventNs(time));
            Record::Process(ProcessRecord { host, time, process, parent, exe, cmdline, uid, container })
        },
    )
}

fn event() -> impl Strategy<Value = Record> {
    let numbers = (any::<u64>(), 1..=u32::MAX, any::<u32>(), any::<u8>());
    let op = proptest::sample::select(&Operation::ALL[..]);
    (any::<u64>(), any::<u64>(), process(), op, object(), detail(), numbers).prop_map(
        |(time, host, subject, op, object, detail, (amount_bytes, count, errno, flags))| {
            Record::Event(Event {
                time: EventNs(time),
                host: HostId(host),
                subject,
                op,
                object,
                detail,
                amount_bytes,
                count,
                errno,
                flags: EventFlags(flags),
            })
        },
    )
}

fn loss() -> impl Strategy<Value = Record> {
    let causes = [
        LossCause::RingFull,
        LossCause::Throttled,
        LossCause::Oversize,
        LossCause::MapFull,
        LossCause::Gap,
        LossCause::Unknown,
    ];
    (any::<u64>(), any::<u64>(), proptest::sample::select(causes.to_vec()), any::<u64>()).prop_map(
        |(host, time, cause, n_events)| {
            Record::Loss(LossRecord { host: HostId(host), time: EventNs(time), cause, n_events })
        },
    )
}

fn finding() -> impl Strategy<Value = Record> {
    let severities = proptest::sample::select(FindingSeverity::ALL.to_vec());
    let texts = (text(), text(), text(), proptest::collection::vec(text(), 0..3));
    (any::<u64>(), any::<u64>(), process(), object(), severities, texts).prop_map(
        |(host, time, process, object, severity, (detector, title, reason, techniques))| {
            let (host, time) = (HostId(host), EventNs(time));
            Record::Finding(FindingRecord {
                host,
                time,
                process,
                object,
                detector,
                severity,
                title,
                reason,
                techniques,
            })
        },
    )
}

fn checkpoint() -> impl Strategy<Value = Record> {
    (any::<u64>(), any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)).prop_map(
        |(host, part, is_last, bytes)| {
            Record::Checkpoint(CheckpointRecord { host: HostId(host), part, is_last, bytes: bytes.into() })
        },
    )
}

fn history() -> impl Strategy<Value = Record> {
    (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(host, bytes)| Record::History(HistoryRecord { host: HostId(host), bytes: bytes.into() }))
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        Just(Object::None),
        process().prop_map(Object::Process),
        file().prop_map(Object::File),
        socket().prop_map(Object::Socket),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    (0..=u32::from(Mode::BITS)).prop_map(Mode::of)
}

fn detail() -> impl Strategy<Value = Detail> {
    prop_oneof![
        Just(Detail::None),
        (some(text()), some(text())).prop_map(|(cmdline, environment)| Detail::Exec { cmdline, environment }),
        (text(), some(file())).prop_map(|(path, replaced)| Detail::NewPath { path, replaced }),
        any::<u32>().prop_map(|uid| Detail::Credentials { uid }),
        any::<u32>().prop_map(|number| Detail::Signal { number }),
        (mode(), proptest::option::of(mode())).prop_map(|(set, before)| Detail::Mode { set, before }),
        any::<i64>().prop_map(|modified_ns| Detail::Times { modified_ns }),
    ]
}

fn process() -> impl Strategy<Value = ProcessRef> {
    (any::<u32>(), any::<u64>(), some(uuid())).prop_map(|(pid, start, uuid)| ProcessRef { pid, start, uuid })
}

fn file() -> impl Strategy<Value = FileRef> {
    let kinds =
        [FileKind::Unknown, FileKind::Regular, FileKind::Directory, FileKind::Device, FileKind::Pipe, FileKind::Memory];
    let inode = (any::<u64>(), any::<u64>(), any::<u32>());
    let inode = inode.prop_map(|(dev, ino, generation)| Inode { dev, ino, generation });
    (some(uuid()), some(inode), some(text()), proptest::sample::select(kinds.to_vec()))
        .prop_map(|(uuid, inode, path, kind)| FileRef { uuid, inode, path, kind })
}

fn socket() -> impl Strategy<Value = SocketRef> {
    let protocols = [Protocol::Unknown, Protocol::Tcp, Protocol::Udp, Protocol::Unix, Protocol::Other];
    let protocol = proptest::sample::select(protocols.to_vec());
    (some(uuid()), any::<Option<(u64, u64)>>(), any::<u64>(), protocol, some(address()), some(address()), some(text()))
        .prop_map(|(uuid, cookie, opened, protocol, local, remote, path)| SocketRef {
            uuid,
            cookie,
            opened,
            protocol,
            local,
            remote,
            path,
        })
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid)
}

/// Any characters, quotes and control characters among them.
fn text() -> impl Strategy<Value = Str> {
    prop_oneof![".*", "(?s).{0,20}", "[\u{0}-\u{1f}\"\\\\]{0,8}"].prop_map(|text: String| text.into())
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(of)
}
