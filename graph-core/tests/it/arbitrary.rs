//! Strategies for events: a small world, in which everything meets everything, and a hostile one without any order.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileKind, FileRef, HostId, Inode, Mode, Object, Operation, ProcessRecord,
    ProcessRef, Protocol, SocketRef, Str, Uuid,
};

/// The host that all of them are of.
pub const HOST: HostId = HostId(1);

/// Events over four processes, four files and three sockets, whose times rise strictly.
pub fn ordered_events(n_max: usize) -> impl Strategy<Value = Vec<Event>> {
    let errno = prop_oneof![9 => Just(0u32), 1 => Just(13)];
    let event = (0..4u32, select(Operation::ALL.to_vec()), 0..12u32, errno, 1..4u32, 1..100u64);
    vec(event, 1..n_max).prop_map(|events| {
        let mut time = EventNs(EventNs::SECOND);
        let ordered = events.into_iter().map(|(pid, op, object, errno, count, ns)| {
            time = time.after(ns);
            Event {
                time,
                host: HOST,
                subject: process(pid),
                op,
                object: small_object(object),
                detail: Detail::None,
                amount_bytes: ns,
                count,
                errno,
                flags: EventFlags::NONE,
            }
        });
        ordered.collect()
    })
}

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: 7, uuid: None }
}

fn small_object(number: u32) -> Object {
    match number {
        0..4 => Object::Process(process(number)),
        4..8 => Object::File(FileRef::at_path(format!("/file/{number}"))),
        8..11 => Object::Socket(SocketRef {
            cookie: Some((1, number.into())),
            protocol: Protocol::Tcp,
            remote: Some(SocketAddr::from(([203, 0, 113, number as u8], 443))),
            ..SocketRef::default()
        }),
        _ => Object::None,
    }
}

/// What a source may come up with at its worst.
#[derive(Clone, Debug)]
pub enum Hostile {
    Event(Event),
    Process(ProcessRecord),
    /// The one before, once more.
    Again,
}

pub fn hostile(n_max: usize) -> impl Strategy<Value = Vec<Hostile>> {
    let one = prop_oneof![
        12 => hostile_event().prop_map(Hostile::Event),
        2 => process_record().prop_map(Hostile::Process),
        2 => Just(Hostile::Again),
    ];
    vec(one, 1..n_max)
}

fn hostile_event() -> impl Strategy<Value = Event> {
    let numbers = (extreme(), any_count(), prop_oneof![4 => Just(0u32), 1 => any::<u32>()], any::<u8>());
    let what = (process_ref(), select(Operation::ALL.to_vec()), hostile_object(), detail());
    (any_time(), what, numbers).prop_map(
        |(time, (subject, op, object, detail), (amount_bytes, count, errno, flags))| Event {
            time,
            host: HOST,
            subject,
            op,
            object,
            detail,
            amount_bytes,
            count,
            errno,
            flags: EventFlags(flags),
        },
    )
}

fn process_record() -> impl Strategy<Value = ProcessRecord> {
    let texts = (proptest::option::of(text()), proptest::option::of(text()), proptest::option::of(text()));
    let uid = proptest::option::of(select(vec![0, 1000, u32::MAX]));
    (any_time(), process_ref(), proptest::option::of(process_ref()), texts, uid).prop_map(
        |(time, process, parent, (exe, cmdline, container), uid)| ProcessRecord {
            host: HOST,
            time,
            process,
            parent,
            exe,
            cmdline,
            uid,
            container,
        },
    )
}

fn hostile_object() -> impl Strategy<Value = Object> {
    prop_oneof![
        Just(Object::None),
        process_ref().prop_map(Object::Process),
        file_ref().prop_map(Object::File),
        socket_ref().prop_map(Object::Socket),
    ]
}

fn detail() -> impl Strategy<Value = Detail> {
    prop_oneof![
        Just(Detail::None),
        (proptest::option::of(text()), proptest::option::of(text()))
            .prop_map(|(cmdline, environment)| Detail::Exec { cmdline, environment }),
        (text(), proptest::option::of(file_ref())).prop_map(|(path, replaced)| Detail::NewPath { path, replaced }),
        select(vec![0, 1000, u32::MAX]).prop_map(|uid| Detail::Credentials { uid }),
        any::<u32>().prop_map(|number| Detail::Signal { number }),
        (mode(), proptest::option::of(mode())).prop_map(|(set, before)| Detail::Mode { set, before }),
        any::<i64>().prop_map(|modified_ns| Detail::Times { modified_ns }),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    (0..=u32::from(Mode::BITS)).prop_map(Mode::of)
}

/// Few of them, so that they are met again; uuids are shared with files and sockets, which is a contradiction.
pub fn process_ref() -> impl Strategy<Value = ProcessRef> {
    (select(vec![0, 1, 2, 3, u32::MAX]), select(vec![0, 1, u64::MAX]), proptest::option::weighted(0.3, uuid()))
        .prop_map(|(pid, start, uuid)| ProcessRef { pid, start, uuid })
}

pub fn file_ref() -> impl Strategy<Value = FileRef> {
    let inode = (0..2u64, extreme()).prop_map(|(dev, ino)| Inode { dev, ino, generation: 0 });
    let (uuid, inode) = (proptest::option::weighted(0.3, uuid()), proptest::option::weighted(0.3, inode));
    (uuid, inode, proptest::option::of(text()), file_kind()).prop_map(|(uuid, inode, path, kind)| FileRef {
        uuid,
        inode,
        path,
        kind,
    })
}

pub fn file_kind() -> impl Strategy<Value = FileKind> {
    use FileKind::{Device, Directory, Memory, Pipe, Regular, Unknown};
    select(vec![Unknown, Regular, Directory, Device, Pipe, Memory])
}

pub fn protocol() -> impl Strategy<Value = Protocol> {
    use Protocol::{Other, Tcp, Udp, Unix, Unknown};
    select(vec![Unknown, Tcp, Udp, Unix, Other])
}

fn socket_ref() -> impl Strategy<Value = SocketRef> {
    let identity = (proptest::option::weighted(0.3, uuid()), proptest::option::of((0..2u64, 0..3u64)), extreme());
    let ends = (proptest::option::of(addr()), proptest::option::of(addr()));
    (identity, protocol(), ends, proptest::option::weighted(0.2, text())).prop_map(
        |((uuid, cookie, opened), protocol, (local, remote), path)| SocketRef {
            uuid,
            cookie,
            opened,
            protocol,
            local,
            remote,
            path,
        },
    )
}

pub fn uuid() -> impl Strategy<Value = Uuid> {
    select(vec![0, 1, 2, u128::MAX]).prop_map(Uuid)
}

pub fn addr() -> impl Strategy<Value = SocketAddr> {
    let v4 = (any::<u32>(), any::<u16>())
        .prop_map(|(ip, port)| SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from_bits(ip), port)));
    let v6 = (any::<u128>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(|(ip, port, flow, scope)| {
        SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from_bits(ip), port, flow, scope))
    });
    let special = select(vec!["127.0.0.1:0", "0.0.0.0:1", "[::1]:22", "[::ffff:127.0.0.1]:22", "203.0.113.9:443"]);
    prop_oneof![v4, v6, special.prop_map(|addr| addr.parse().unwrap())]
}

pub fn text() -> impl Strategy<Value = Str> {
    let usual = select(vec!["", "/", "/bin/sh", "/tmp/a", "a", "//./..", "/tmp/\u{0}\u{202e}", "/proc/1/../2"]);
    prop_oneof![6 => usual.prop_map(Str::from), 1 => ".{0,40}".prop_map(Str::from)]
}

pub fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![0..4u64, Just(u64::MAX), Just(1 << 63), any::<u64>()]
}

fn any_count() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0u32), Just(1), Just(u32::MAX)]
}

fn any_time() -> impl Strategy<Value = EventNs> {
    let near = (0..600 * EventNs::SECOND).prop_map(|ns| 1_700_000_000 * EventNs::SECOND + ns);
    prop_oneof![8 => near, 1 => extreme()].prop_map(EventNs)
}
