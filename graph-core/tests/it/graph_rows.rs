//! Rows come back as they went, and no bytes make their readers panic or reserve what is not there.

use crate::arbitrary::HOST;
use crate::arbitrary::{addr, extreme, file_kind, process_ref, protocol, text, uuid};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use tracewell_graph_core::graph::{FileState, Graph, NodeState, ProcessState, RARE_MAX, Rare, Role, SocketState};
use tracewell_graph_core::history::{Direction, EdgeRow, History, HistoryError, RowReader, RowWriter};
use tracewell_graph_core::link::Linker;
use tracewell_graph_core::profile::EntryId;
use tracewell_model::{EventFlags, EventNs, Millibits, Mode, NodeAttrs, NodeKey, Operation, Reason};
use tracewell_parameters::Parameters;

fn key() -> impl Strategy<Value = NodeKey> {
    any::<u128>().prop_map(NodeKey)
}

fn op() -> impl Strategy<Value = Operation> {
    select(Operation::ALL.to_vec())
}

fn reason() -> impl Strategy<Value = Reason> {
    let rare = (any::<u32>().prop_map(Millibits), op(), text(), any::<bool>());
    prop_oneof![
        rare.prop_map(|(surprise, op, what, is_child)| match is_child {
            true => Reason::RareChild { surprise, what },
            false => Reason::RareOperation { surprise, op, what },
        }),
        (key(), key()).prop_map(|(file, writer)| Reason::RanOwnWrite { file, writer }),
        key().prop_map(|server| Reason::ServesNetwork { server }),
        key().prop_map(|socket| Reason::CallsOut { socket }),
        key().prop_map(|socket| Reason::CommandsFromSocket { socket }),
        any::<(u32, u32)>().prop_map(|(from_uid, to_uid)| Reason::GainedPrivilege { from_uid, to_uid }),
        key().prop_map(|file| Reason::DeletedOwnExecutable { file }),
        key().prop_map(|file| Reason::RanUnlinked { file }),
        key().prop_map(|target| Reason::EnteredProcess { target }),
        Just(Reason::EnteredKernel),
        Just(Reason::Followed { socket: NodeKey(7) }),
        any::<u32>().prop_map(|n_files| Reason::MassChange { n_files }),
        any::<u64>().prop_map(|bytes| Reason::CollectedAndSent { bytes }),
        Just(Reason::Connects),
        key().prop_map(|ancestor| Reason::DescendsFrom { ancestor }),
        key().prop_map(|descendant| Reason::Started { descendant }),
        key().prop_map(|process| Reason::TouchedBy { process }),
    ]
}

fn process_state() -> impl Strategy<Value = ProcessState> {
    let rare = (any::<[u32; 2]>(), op(), text(), extreme()).prop_map(|([surprise, own], op, what, entry)| Rare {
        surprise: Millibits(surprise),
        own: Millibits(own),
        op,
        what,
        entry: EntryId(entry),
    });
    let keys = (of(key()), of(key()), of(key()), of(key()));
    let numbers = (any::<[u32; 3]>(), (extreme(), extreme(), extreme(), extreme()), any::<[bool; 4]>());
    let facts = (vec(reason(), 0..5), vec(reason(), 0..5));
    (keys, of(text()), numbers, facts, vec(rare, 0..RARE_MAX)).prop_map(
        |(
            (parent, exe_file, server, input_socket),
            parent_exe,
            (counts, (since, bytes_read, bytes_sent, hopset), flags),
            (facts, usual),
            rare,
        )| {
            let [n_since_exec, n_children, n_changed] = counts;
            let [serves, exited, was_root, logged_in] = flags;
            let changed_since = EventNs(since);
            ProcessState {
                parent,
                exe_file,
                parent_exe,
                server,
                serves,
                exited,
                was_root,
                logged_in,
                n_since_exec,
                n_children,
                n_changed,
                changed_since,
                input_socket,
                bytes_read,
                bytes_sent,
                facts,
                usual,
                rare,
                subject: None,
                hopset,
            }
        },
    )
}

fn attrs_and_role() -> impl Strategy<Value = (NodeAttrs, Role)> {
    let process_attrs = (process_ref(), of(text()), of(text()), of(any::<u32>()), of(text()), of(text())).prop_map(
        |(process, exe, cmdline, uid, container, environment)| NodeAttrs::Process {
            process,
            exe,
            cmdline,
            uid,
            container,
            environment,
        },
    );
    let process = (process_attrs, process_state()).prop_map(|(attrs, state)| (attrs, Role::Process(Box::new(state))));
    let attributes = (of(0..=u32::from(Mode::BITS)), 0..=64u8).prop_map(|(mode, bits)| (mode.map(Mode::of), bits));
    let flags = (any::<[bool; 4]>(), attributes);
    let file = (of(uuid()), of(text()), file_kind(), of(key()), extreme(), of(key()), flags).prop_map(
        |(uuid, path, kind, writer, written, sole_toucher, (flags, (mode, set_back_bits)))| {
            let ([touched_by_more, executed, unlinked, collapsed], written) = (flags, EventNs(written));
            let state = FileState {
                writer,
                written,
                sole_toucher,
                touched_by_more,
                executed,
                unlinked,
                collapsed,
                mode,
                set_back_bits,
            };
            (NodeAttrs::File { uuid, path, kind }, Role::File(state))
        },
    );
    let socket = (of(uuid()), protocol(), of(addr()), of(addr()), of(text()), of(key()), any::<[bool; 2]>()).prop_map(
        |(uuid, protocol, local, remote, path, opener, [inbound, fed_by_server])| {
            let attrs = NodeAttrs::Socket { uuid, protocol, local, remote, path };
            (attrs, Role::Socket(SocketState { opener, inbound, fed_by_server }))
        },
    );
    prop_oneof![process, file, socket]
}

fn node_state() -> impl Strategy<Value = NodeState> {
    (attrs_and_role(), extreme(), extreme(), any::<[u32; 3]>(), any::<[bool; 4]>()).prop_map(
        |((attrs, role), first, ns, [version, n_in, n_out], [emitted, spilled_in, spilled_out, incomplete])| {
            let (first, last) = (EventNs(first), EventNs(first).after(ns));
            NodeState { attrs, first, last, version, emitted, spilled_in, spilled_out, incomplete, n_in, n_out, role }
        },
    )
}

fn edge_row() -> impl Strategy<Value = EdgeRow> {
    let ends = (key(), key(), op());
    let numbers = (extreme(), extreme(), extreme(), extreme(), extreme());
    (ends, numbers, any::<[u32; 3]>(), any::<u8>()).prop_map(
        |((from, to, op), (seq, first, ns, count, amount_bytes), [from_version, to_version, surprise], flags)| {
            let (first, last) = (EventNs(first), EventNs(first).after(ns));
            let flags = EventFlags(flags);
            EdgeRow { from, to, op, seq, first, last, count, amount_bytes, from_version, to_version, flags, surprise }
        },
    )
}

/// A medium that hands out the same bytes whatever it is asked for.
struct Garbage(Vec<u8>);

impl History for Garbage {
    fn put_node(&mut self, _: NodeKey, _: EventNs, _: &[u8]) -> Result<(), HistoryError> {
        Ok(())
    }
    fn node(&mut self, _: NodeKey) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(Some(self.0.clone()))
    }
    fn put_edge(&mut self, _: &EdgeRow, _: bool) -> Result<(), HistoryError> {
        Ok(())
    }
    fn head(&mut self, _: NodeKey, _: NodeKey, _: Operation) -> Result<Option<EdgeRow>, HistoryError> {
        Ok(None)
    }
    fn edges(&mut self, _: NodeKey, _: Direction, _: EventNs, _: usize) -> Result<Vec<EdgeRow>, HistoryError> {
        Ok(Vec::new())
    }
    fn put_blob(&mut self, _: u64, _: EventNs, _: &[u8]) -> Result<(), HistoryError> {
        Ok(())
    }
    fn blob(&mut self, _: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(Some(self.0.clone()))
    }
    fn hand_over(&mut self) -> Result<(), HistoryError> {
        Ok(())
    }

    fn expire(&mut self, _: EventNs) -> Result<(), HistoryError> {
        Ok(())
    }
}

fn read_hopset(row: &[u8]) -> Result<usize, HistoryError> {
    let parameters = Parameters::default();
    let mut graph = Graph::new(HOST, &parameters.graph, Box::new(Garbage(row.to_vec())));
    Linker::new(&parameters.link).hopset(&mut graph, 1).map(|hopset| hopset.members.len())
}

fn read_edge(row: &[u8]) -> Result<EdgeRow, HistoryError> {
    EdgeRow::decode_value((NodeKey(1), NodeKey(2), Operation::Read), (EventNs(3), 4), row)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_node_comes_back(state in node_state()) {
        let mut row = Vec::new();
        state.encode(&mut row);
        prop_assert_eq!(NodeState::decode(&row).unwrap(), state);
    }

    #[test]
    fn an_edge_comes_back(edge in edge_row()) {
        let mut row = Vec::new();
        edge.encode_value(&mut row);
        let back = EdgeRow::decode_value((edge.from, edge.to, edge.op), edge.order(), &row);
        prop_assert_eq!(back.unwrap(), edge);
    }

    #[test]
    fn no_bytes_panic(row in vec(any::<u8>(), 0..200)) {
        let _ = NodeState::decode(&row);
        let _ = read_edge(&row);
        let _ = read_hopset(&row);
    }

    #[test]
    fn no_damage_to_a_row_panics(state in node_state(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut row = Vec::new();
        state.encode(&mut row);
        let at = at.index(row.len());
        prop_assert!(NodeState::decode(&row[..at]).is_err(), "a row cut at {} of {}", at, row.len());
        row[at] = byte;
        let _ = NodeState::decode(&row);
    }
}

/// A row may claim as many parts as it likes: what is read ends where its bytes end. Reserving room for the claim would
/// abort here.
#[test]
fn a_claim_of_many_parts_is_refused() {
    let hopset = {
        let mut row = Vec::new();
        let mut writer = RowWriter::new(&mut row);
        [0, 0, 0, 0, u64::MAX].into_iter().for_each(|field| writer.u64(field));
        row
    };
    assert!(read_hopset(&hopset).unwrap_err().to_string().contains("ends within"));

    let mut row = Vec::new();
    let attrs = NodeAttrs::Process {
        process: tracewell_model::ProcessRef { pid: 1, start: 2, uuid: None },
        exe: None,
        cmdline: None,
        uid: None,
        container: None,
        environment: None,
    };
    NodeState::new(attrs, EventNs(1)).encode(&mut row);
    // The last two fields are the numbers of facts and of rare operations.
    row.truncate(row.len() - 2);
    RowWriter::new(&mut row).u64(u64::MAX);
    assert!(NodeState::decode(&row).unwrap_err().to_string().contains("ends within"));

    let mut text = Vec::new();
    RowWriter::new(&mut text).u64(u64::MAX);
    assert!(RowReader::new("a text", &text).text().unwrap_err().to_string().contains("ends within"));
}

/// Schema 8 of the store and version 5 of a checkpoint did not say what the host alone found.
#[test]
fn what_was_rare_before_is_read_without_what_the_host_alone_found() {
    let process = tracewell_model::ProcessRef { pid: 1, start: 2, uuid: None };
    let (exe, cmdline, uid, container, environment) = (None, None, None, None, None);
    let attrs = NodeAttrs::Process { process, exe, cmdline, uid, container, environment };
    let mut state = NodeState::new(attrs, EventNs(1));
    let mut row = Vec::new();
    state.encode(&mut row);
    // Last stands the number of rare operations.
    assert_eq!(row.pop(), Some(0));
    let mut writer = RowWriter::new(&mut row);
    [1, 7000, Operation::Write as u64].into_iter().for_each(|field| writer.u64(field));
    writer.text("/etc/a");
    let (surprise, entry) = (Millibits(7000), EntryId::default());
    let rare = Rare { surprise, own: surprise, op: Operation::Write, what: "/etc/a".into(), entry };
    let Role::Process(process) = &mut state.role else { panic!("it is one") };
    process.rare = vec![rare];
    assert_eq!(NodeState::decode(&row).unwrap(), state);
}
