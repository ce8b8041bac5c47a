use crate::support::{assert_golden, counts, error, records};
use apache_avro::types::Value;
use apache_avro::{Codec, Schema, Writer};
use tracewell_datasets::Format;
use tracewell_model::{Event, EventFlags, Object, Operation, Record};

const SCHEMA: &str = include_str!("../golden/sysflow.avsc");

/// Types in the order of the schema's union.
#[derive(Clone, Copy)]
enum Type {
    Header,
    Container,
    Process,
    File,
    ProcessEvent,
    FileEvent,
    FileFlow,
    NetworkFlow,
    Gossip,
}

fn record(kind: Type, fields: Vec<(&str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let entity = Value::Union(kind as u32, Box::new(Value::Record(fields)));
    Value::Record(vec![("rec".to_owned(), entity)])
}

fn long(value: i64) -> Value {
    Value::Long(value)
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn oid(pid: i64) -> Value {
    let created = Value::TimestampMillis(1000 + pid);
    Value::Record(vec![("createTS".to_owned(), created), ("hpid".to_owned(), long(pid))])
}

fn foid(n: u8) -> Value {
    Value::Fixed(20, vec![n; 20])
}

fn null() -> Value {
    Value::Union(0, Box::new(Value::Null))
}

fn some(value: Value) -> Value {
    Value::Union(1, Box::new(value))
}

fn process(state: u32, pid: i64, parent: Option<i64>, ts: i64, exe: &str, args: &str, uid: i32) -> Value {
    let states = ["CREATED", "MODIFIED", "REUP"];
    record(
        Type::Process,
        vec![
            ("state", Value::Enum(state, states[state as usize].to_owned())),
            ("oid", oid(pid)),
            ("poid", parent.map_or(null(), |pid| some(oid(pid)))),
            ("ts", Value::TimestampMillis(ts)),
            ("exe", text(exe)),
            ("exeArgs", text(args)),
            ("uid", Value::Int(uid)),
            ("containerId", some(text("c0ffee"))),
        ],
    )
}

fn file(n: u8, restype: u8, path: &str) -> Value {
    let container = some(text("c0ffee"));
    let fields = vec![
        ("oid", foid(n)),
        ("restype", Value::Int(restype.into())),
        ("path", text(path)),
        ("containerId", container),
    ];
    record(Type::File, fields)
}

fn process_event(pid: i64, ts: i64, ops: i32, ret: i32) -> Value {
    let fields = vec![("procOID", oid(pid)), ("ts", long(ts)), ("opFlags", Value::Int(ops)), ("ret", Value::Int(ret))];
    record(Type::ProcessEvent, fields)
}

fn file_event(pid: i64, ts: i64, ops: i32, of: u8, new: Option<u8>, ret: i32) -> Value {
    record(
        Type::FileEvent,
        vec![
            ("procOID", oid(pid)),
            ("ts", long(ts)),
            ("opFlags", Value::Int(ops)),
            ("fileOID", foid(of)),
            ("ret", Value::Int(ret)),
            ("newFileOID", new.map_or(null(), |n| some(foid(n)))),
        ],
    )
}

fn file_flow(pid: i64, ts: i64, ops: i32, open: i32, of: u8) -> Value {
    record(
        Type::FileFlow,
        vec![
            ("procOID", oid(pid)),
            ("ts", long(ts)),
            ("opFlags", Value::Int(ops)),
            ("openFlags", Value::Int(open)),
            ("endTs", long(ts + 5)),
            ("fileOID", foid(of)),
            ("numRRecvOps", long(2)),
            ("numWSendOps", long(3)),
            ("numRRecvBytes", long(200)),
            ("numWSendBytes", long(300)),
        ],
    )
}

fn network_flow(pid: i64, ts: i64, ops: i32) -> Value {
    record(
        Type::NetworkFlow,
        vec![
            ("procOID", oid(pid)),
            ("ts", long(ts)),
            ("opFlags", Value::Int(ops)),
            ("endTs", long(ts + 5)),
            ("sip", Value::Int(i32::from_le_bytes([192, 0, 2, 1]))),
            ("sport", Value::Int(40_000)),
            ("dip", Value::Int(i32::from_le_bytes([198, 51, 100, 2]))),
            ("dport", Value::Int(443)),
            ("proto", Value::Int(6)),
            ("numRRecvOps", long(1)),
            ("numWSendOps", long(1)),
            ("numRRecvBytes", long(10)),
            ("numWSendBytes", long(20)),
        ],
    )
}

fn container_file(schema: &str, values: Vec<Value>) -> Vec<u8> {
    let schema = Schema::parse_str(schema).expect("the schema of the test");
    let mut writer = Writer::with_codec(&schema, Vec::new(), Codec::Deflate(Default::default())).expect("a writer");
    for value in values {
        writer.append_value(value).expect("the value fits the schema");
    }
    writer.into_inner().expect("memory takes everything")
}

/// A small container whose server forks a child, which execs, writes, renames and calls out.
pub fn sample() -> Vec<u8> {
    let header = vec![("version", long(4)), ("exporter", text("node-7"))];
    let container = vec![("id", text("c0ffee")), ("name", text("shop")), ("image", text("shop:1.2"))];
    container_file(
        SCHEMA,
        vec![
            record(Type::Header, header),
            record(Type::Container, container),
            process(2, 100, None, 10, "/srv/shop", "--port 443", 33),
            network_flow(100, 20, 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11),
            network_flow(100, 30, 1 << 9 | 1 << 10),
            process_event(100, 40, 1, 101),
            process(0, 101, Some(100), 41, "/srv/shop", "--port 443", 33),
            process_event(101, 41, 1, 0),
            file(1, b'f', "/tmp/a"),
            file_flow(101, 50, 1 << 7 | 1 << 9 | 1 << 10, 2 | 4, 1),
            file(2, b'?', "/tmp/b"),
            file_event(101, 60, 1 << 20, 1, Some(2), 0),
            file_event(101, 61, 1 << 20, 2, Some(1), -2),
            file_event(101, 62, 1 << 15, 2, None, 0),
            file_event(101, 63, 1 << 18, 2, None, 0),
            process(1, 101, Some(100), 70, "/tmp/b", "-q  ", 33),
            process_event(101, 70, 2, 0),
            file(3, b'f', "/lib/libc.so"),
            file_flow(101, 80, 1 << 7 | 1 << 13, 1, 3),
            process(1, 101, Some(100), 90, "/tmp/b", "-q", 0),
            process_event(101, 90, 8, 0),
            network_flow(101, 100, 1 << 6 | 1 << 9 | 1 << 10),
            network_flow(101, 110, 1 << 8),
            file(4, b'u', "ffff0001->ffff0002 /run/db.sock"),
            file_flow(101, 120, 1 << 6 | 1 << 8 | 1 << 9, 0, 4),
            file(5, b'p', ""),
            file_flow(100, 130, 1 << 9, 0, 5),
            file_flow(101, 131, 1 << 8, 0, 5),
            file_flow(101, 140, 1 << 10, 0, 3),
            record(Type::Gossip, vec![("text", text("psst"))]),
            process_event(101, 150, 4, 139),
        ],
    )
}

fn events() -> Vec<Event> {
    let records = records(&sample(), Format::Sysflow);
    records
        .into_iter()
        .filter_map(|record| if let Record::Event(event) = record { Some(event) } else { None })
        .collect()
}

#[test]
fn the_sample_becomes_the_golden_records() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let seed = crate::support::golden("../../../fuzz/seeds/sysflow/sample");
        std::fs::write(seed, sample()).expect("the seed can be written");
    }
    assert_golden(&records(&sample(), Format::Sysflow), "sysflow.tracewell");
}

#[test]
fn unknown_and_unmodelled_records_are_counted_by_name() {
    let counts = counts(&sample(), Format::Sysflow);
    assert_eq!(counts.source_records, 31);
    assert_eq!(counts.unknown.iter().collect::<Vec<_>>(), [("Gossip", 1)]);
    let unmodelled = [("FileFlow: closed only", 1), ("ProcessEvent: clone seen from the parent", 1)];
    assert_eq!(counts.unmodelled.iter().collect::<Vec<_>>(), unmodelled);
}

#[test]
fn a_renamed_file_stays_the_file_that_was_written() {
    let events = events();
    let of = |op| events.iter().find(|event| event.op == op).and_then(|event| event.object.key(event.host));
    let written = of(Operation::Create);
    assert!(written.is_some());
    assert_eq!(written, of(Operation::Rename));
    assert_eq!(written, of(Operation::Unlink), "what is removed at the new path");
    assert_eq!(written, of(Operation::Exec), "what is executed from the new path");
}

#[test]
fn a_connection_keeps_its_direction_over_the_records_of_its_flow() {
    let sent: Vec<(bool, EventFlags)> = events()
        .iter()
        .filter(|event| event.op == Operation::Send || event.op == Operation::Receive)
        .filter_map(|event| match &event.object {
            Object::Socket(socket) => Some((socket.remote?.port() == 443, event.flags)),
            _ => None,
        })
        .collect();
    let (said, inferred) = (EventFlags::NONE, EventFlags::REPAIRED);
    // Accepted twice, sent on without a new accept, then connected, and after the close a flow that says nothing.
    assert_eq!(sent, [(false, said), (false, said), (false, said), (true, said), (true, inferred)]);
}

#[test]
fn descriptors_without_a_name_are_not_shared_between_processes() {
    let events = events();
    let pipes: Vec<_> = events
        .iter()
        .filter(|event| matches!(&event.object, Object::File(file) if file.kind == tracewell_model::FileKind::Pipe))
        .map(|event| event.object.key(event.host))
        .collect();
    assert_eq!(pipes.len(), 2);
    assert_ne!(pipes[0], pipes[1]);
}

#[test]
fn another_schema_is_refused() {
    let other = r#"{"type": "record", "name": "SysFlow", "fields": [{"name": "rec", "type": "string"}]}"#;
    let bytes = container_file(other, vec![Value::Record(vec![("rec".to_owned(), text("x"))])]);
    let problem = error(&bytes, Some(Format::Sysflow));
    assert!(problem.contains("schema is not SysFlow's"), "{problem}");
    assert!(error(b"Obj\x01\x00", Some(Format::Sysflow)).contains("not readable as sysflow"));
}

/// Such a datum would take no bytes and endless recursion.
#[test]
fn a_schema_that_contains_itself_is_refused() {
    let recursive = r#"{"type": "record", "name": "SysFlow", "fields": [{"name": "rec", "type": [
        {"type": "record", "name": "A", "fields": [{"name": "a", "type": "A"}]}]}]}"#;
    let problem = error(&container_file(recursive, Vec::new()), Some(Format::Sysflow));
    assert!(problem.contains("within its definition"), "{problem}");
}

/// Each level doubles the values of the one before; no level takes a byte.
#[test]
fn a_schema_that_explodes_is_refused() {
    let mut fields = String::from(r#"{"name": "n0", "type": {"type": "record", "name": "R0", "fields": []}}"#);
    for n in 1..31 {
        let of = n - 1;
        fields.push_str(&format!(
            r#", {{"name": "n{n}", "type": {{"type": "record", "name": "R{n}", "fields": [
                {{"name": "a", "type": "R{of}"}}, {{"name": "b", "type": "R{of}"}}]}}}}"#
        ));
    }
    let schema = format!(
        r#"{{"type": "record", "name": "SysFlow", "fields": [{{"name": "rec", "type": [
            {{"type": "record", "name": "A", "fields": [{fields}]}}]}}]}}"#
    );
    let problem = error(&container_file(&schema, Vec::new()), Some(Format::Sysflow));
    assert!(problem.contains("more than 10000 values"), "{problem}");
}

#[test]
fn a_cut_file_is_an_error_with_the_record() {
    let sample = sample();
    let problem = error(&sample[..sample.len() - 30], Some(Format::Sysflow));
    assert!(problem.contains("cannot read on after record"), "{problem}");
}
