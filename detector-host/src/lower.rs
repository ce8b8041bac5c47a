//! A neighbourhood in the words of the contract.
//!
//! Each list that is passed costs a call into the guest for its memory, and each field of a record some more: so texts go as one, and
//! tables column by column, most of which are copied as they are.

mod columns;

use crate::contract::{self, Detail, Entity, Facts, IpAddress};
use columns::{Edges, Files, Nodes, Processes, Sockets, Texts, length};
use std::net::{IpAddr, SocketAddr};
use tracewell_graph_core::graph::{FileState, NodeState, ProcessState, Role, SocketState};
use tracewell_graph_core::neighbourhood::{EventSeen, Neighbourhood, Place, Way};
use tracewell_model::{self as model, FileKind, Mode, NodeAttrs, Operation, Protocol, Reason};

/// Room for what a call is passed, which the next one takes over.
#[derive(Default)]
pub(crate) struct Tables {
    texts: Texts,
    nodes: Nodes,
    processes: Processes,
    files: Files,
    sockets: Sockets,
    edges: Edges,
}

impl Tables {
    /// A neighbourhood as the contract has it.
    pub(crate) fn lower(&mut self, neighbourhood: &Neighbourhood) -> contract::Neighbourhood<'_> {
        self.clear();
        neighbourhood.nodes.iter().for_each(|place| self.node(place));
        neighbourhood.edges.iter().for_each(|way| self.edge(way));
        let event = self.event(&neighbourhood.event);
        contract::Neighbourhood {
            event,
            texts: self.texts.as_contract(),
            nodes: self.nodes.as_contract(),
            processes: self.processes.as_contract(),
            files: self.files.as_contract(),
            sockets: self.sockets.as_contract(),
            edges: self.edges.as_contract(),
            nodes_left_out: neighbourhood.n_nodes_left_out,
            edges_left_out: neighbourhood.n_edges_left_out,
        }
    }

    fn clear(&mut self) {
        let Self { texts, nodes, processes, files, sockets, edges } = self;
        texts.clear();
        nodes.clear();
        processes.clear();
        files.clear();
        sockets.clear();
        edges.clear();
    }

    fn event(&mut self, event: &EventSeen) -> contract::Event {
        contract::Event {
            time: event.time.0,
            operation: operation(event.op),
            subject: 0,
            object: event.has_object.then_some(1),
            detail: match &event.detail {
                model::Detail::NewPath { path, .. } => Detail::NewPath(self.texts.number(Some(path))),
                model::Detail::Credentials { uid } => Detail::User(*uid),
                model::Detail::Signal { number } => Detail::Signal(*number),
                model::Detail::Mode { set, before } => {
                    Detail::Mode(contract::ModeChange { set: set.bits(), before: before.map(Mode::bits) })
                }
                model::Detail::Times { modified_ns } => Detail::Modified(*modified_ns),
                // The command line stands with the process.
                model::Detail::None | model::Detail::Exec { .. } => Detail::None,
            },
            bytes: event.amount_bytes,
            count: event.count,
        }
    }

    fn node(&mut self, place: &Place) {
        let state = &place.state;
        let (entity, row) = match &state.role {
            Role::Process(process) => (Entity::Process, self.process(place, process)),
            Role::File(file) => (Entity::File, self.file(place, file)),
            Role::Socket(socket) => (Entity::Socket, self.socket(state, socket)),
        };
        let nodes = &mut self.nodes;
        let index = length(nodes.entity.len());
        nodes.entity.push(entity);
        nodes.row.push(length(row));
        nodes.first.push(state.first.0);
        nodes.last.push(state.last.0);
        nodes.surprise.push(place.surprise.0);
        nodes.fleet_rarity.push(place.fleet_rarity.map(|rarity| rarity.0));
        nodes.incomplete.extend(state.incomplete.then_some(index));
        nodes.cut.extend(place.is_cut.then_some(index));
    }

    fn process(&mut self, place: &Place, process: &ProcessState) -> usize {
        let (pid, executable, command_line, user, container) = match &place.state.attrs {
            NodeAttrs::Process { process, exe, cmdline, uid, container, .. } => {
                (process.pid, exe.as_deref(), cmdline.as_deref(), *uid, container.as_deref())
            }
            _ => (0, None, None, None, None),
        };
        let Self { texts, processes, .. } = self;
        processes.pid.push(pid);
        processes.executable.push(texts.number(executable));
        processes.command_line.push(texts.number(command_line));
        processes.user.push(user);
        processes.container.push(texts.number(container));
        processes.parent.push(place.from);
        processes.parent_executable.push(texts.number(process.parent_exe.as_deref()));
        processes.ancestors.extend(place.ancestors.iter().map(|ancestor| texts.number(ancestor.as_deref())));
        processes.ancestors_end.push(length(processes.ancestors.len()));
        processes.serves.push(process.serves);
        processes.under_server.push(process.server.is_some());
        processes.was_root.push(process.was_root);
        processes.exited.push(process.exited);
        processes.children.push(process.n_children);
        processes.facts.push(process.known_facts().fold(Facts::empty(), |facts, fact| facts | self::fact(fact)));
        processes.pid.len() - 1
    }

    fn file(&mut self, place: &Place, file: &FileState) -> usize {
        let kind = match place.state.attrs {
            NodeAttrs::File { kind, .. } => kind,
            _ => FileKind::Unknown,
        };
        let Self { texts, files, .. } = self;
        files.path.push(texts.number(place.state.path().map(|path| &**path)));
        files.kind.push(file_kind(kind));
        files.writer.push(place.from);
        files.written.push(file.writer.map(|_| file.written.0));
        files.executed.push(file.executed);
        files.unlinked.push(file.unlinked);
        files.mode.push(file.mode.map(Mode::bits));
        files.path.len() - 1
    }

    fn socket(&mut self, state: &NodeState, socket: &SocketState) -> usize {
        let (protocol, local, remote) = match &state.attrs {
            NodeAttrs::Socket { protocol, local, remote, .. } => (*protocol, *local, *remote),
            _ => (Protocol::Unknown, None, None),
        };
        let Self { texts, sockets, .. } = self;
        sockets.protocol.push(self::protocol(protocol));
        sockets.local.push(local.map(endpoint));
        sockets.remote.push(remote.map(endpoint));
        sockets.path.push(texts.number(state.path().map(|path| &**path)));
        sockets.inbound.push(socket.inbound);
        sockets.path.len() - 1
    }

    fn edge(&mut self, way: &Way) {
        let edges = &mut self.edges;
        let index = length(edges.source.len());
        edges.source.push(way.from);
        edges.target.push(way.to);
        edges.operation.push(operation(way.op));
        edges.count.push(way.count);
        edges.bytes.push(way.amount_bytes);
        edges.first.push(way.first.0);
        edges.last.push(way.last.0);
        edges.surprise.push(way.surprise.0);
        edges.incomplete.extend(way.incomplete.then_some(index));
    }
}

fn endpoint(address: SocketAddr) -> contract::Endpoint {
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) => IpAddress::Ipv4(ip.to_bits()),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            IpAddress::Ipv6(((bits >> 64) as u64, bits as u64))
        }
    };
    contract::Endpoint { address: ip, port: address.port() }
}

fn file_kind(kind: FileKind) -> contract::FileKind {
    match kind {
        FileKind::Unknown => contract::FileKind::Unknown,
        FileKind::Regular => contract::FileKind::Regular,
        FileKind::Directory => contract::FileKind::Directory,
        FileKind::Device => contract::FileKind::Device,
        FileKind::Pipe => contract::FileKind::Pipe,
        FileKind::Memory => contract::FileKind::Memory,
    }
}

fn protocol(protocol: Protocol) -> contract::Protocol {
    match protocol {
        Protocol::Unknown => contract::Protocol::Unknown,
        Protocol::Tcp => contract::Protocol::Tcp,
        Protocol::Udp => contract::Protocol::Udp,
        Protocol::Unix => contract::Protocol::Unix,
        Protocol::Other => contract::Protocol::Other,
    }
}

/// Facts of structure. What other detectors found is none: the order of detectors must not matter.
pub(crate) fn fact(reason: &Reason) -> Facts {
    match reason {
        Reason::RanOwnWrite { .. } => Facts::RAN_OWN_WRITE,
        Reason::ServesNetwork { .. } => Facts::SERVES_NETWORK,
        Reason::CallsOut { .. } => Facts::CALLS_OUT,
        Reason::CommandsFromSocket { .. } => Facts::COMMANDS_FROM_SOCKET,
        Reason::GainedPrivilege { .. } => Facts::GAINED_PRIVILEGE,
        Reason::DeletedOwnExecutable { .. } => Facts::DELETED_OWN_EXECUTABLE,
        Reason::RanUnlinked { .. } => Facts::RAN_UNLINKED,
        Reason::EnteredProcess { .. } => Facts::ENTERED_PROCESS,
        Reason::EnteredKernel => Facts::ENTERED_KERNEL,
        Reason::MassChange { .. } => Facts::MASS_CHANGE,
        Reason::CollectedAndSent { .. } => Facts::COLLECTED_AND_SENT,
        Reason::RareOperation { .. }
        | Reason::RareChild { .. }
        | Reason::Followed { .. }
        | Reason::Connects
        | Reason::DescendsFrom { .. }
        | Reason::Started { .. }
        | Reason::TouchedBy { .. }
        | Reason::Detected(_) => Facts::empty(),
    }
}

fn operation(op: Operation) -> contract::Operation {
    match op {
        Operation::Fork => contract::Operation::Fork,
        Operation::Exec => contract::Operation::Exec,
        Operation::Exit => contract::Operation::Exit,
        Operation::Open => contract::Operation::Open,
        Operation::Read => contract::Operation::Read,
        Operation::Write => contract::Operation::Write,
        Operation::Create => contract::Operation::Create,
        Operation::Rename => contract::Operation::Rename,
        Operation::Unlink => contract::Operation::Unlink,
        Operation::Link => contract::Operation::Link,
        Operation::Chmod => contract::Operation::Chmod,
        Operation::Chown => contract::Operation::Chown,
        Operation::Truncate => contract::Operation::Truncate,
        Operation::MapExecutable => contract::Operation::MapExecutable,
        Operation::Connect => contract::Operation::Connect,
        Operation::Accept => contract::Operation::Accept,
        Operation::Bind => contract::Operation::Bind,
        Operation::Listen => contract::Operation::Listen,
        Operation::Send => contract::Operation::Send,
        Operation::Receive => contract::Operation::Receive,
        Operation::ChangeCredentials => contract::Operation::ChangeCredentials,
        Operation::Ptrace => contract::Operation::Ptrace,
        Operation::Signal => contract::Operation::Signal,
        Operation::ModuleLoad => contract::Operation::ModuleLoad,
        Operation::BpfLoad => contract::Operation::BpfLoad,
        Operation::Mount => contract::Operation::Mount,
        Operation::Memfd => contract::Operation::Memfd,
        Operation::IoUring => contract::Operation::IoUring,
        Operation::Namespace => contract::Operation::Namespace,
        Operation::SetTimes => contract::Operation::SetTimes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_an_event_sets_is_told() {
        let mut seen = sample::neighbourhood().unwrap();
        let (set, before) = (model::Mode::of(0o4755), Some(model::Mode::of(0o644)));
        let mut told = |detail| {
            seen.event.detail = detail;
            Tables::default().lower(&seen).event.detail
        };
        let mode = told(model::Detail::Mode { set, before });
        assert!(matches!(mode, Detail::Mode(contract::ModeChange { set: 0o4755, before: Some(0o644) })), "{mode:?}");
        let times = told(model::Detail::Times { modified_ns: -1 });
        assert!(matches!(times, Detail::Modified(-1)), "{times:?}");
    }

    #[test]
    fn tables_hold_what_the_graph_shows() {
        let sample = sample::neighbourhood().unwrap();
        let mut tables = Tables::default();
        // What an earlier call left does not stay.
        tables.lower(&sample);
        let seen = tables.lower(&sample);
        let text = |number: u32| {
            let (start, end) =
                (seen.texts.ends[number as usize - 1] as usize, seen.texts.ends[number as usize] as usize);
            &seen.texts.joined[start..end]
        };
        assert_eq!((seen.nodes.entity.len(), seen.edges.source.len(), seen.edges.incomplete.len()), (100, 200, 0));
        for (index, place) in sample.nodes.iter().enumerate() {
            let row = seen.nodes.row[index] as usize;
            let (entity, path) = match &place.state.attrs {
                NodeAttrs::Process { exe, .. } => (Entity::Process, (seen.processes.executable[row], exe.as_deref())),
                NodeAttrs::File { .. } => {
                    (Entity::File, (seen.files.path[row], place.state.path().map(|path| &**path)))
                }
                NodeAttrs::Socket { path, .. } => (Entity::Socket, (seen.sockets.path[row], path.as_deref())),
            };
            assert_eq!(seen.nodes.entity[index], entity);
            assert_eq!(Some(path.0).filter(|number| *number > 0).map(text), path.1, "node {index}");
            assert_eq!(seen.nodes.cut.contains(&length(index)), place.is_cut);
            assert_eq!(seen.nodes.fleet_rarity[index], Some(100 * length(index)));
            if let Role::File(_) = &place.state.role {
                assert_eq!(seen.files.mode[row].map(u32::from), Some(0o600 + length(index)));
            }
        }
        let ancestors = &seen.processes.ancestors[..seen.processes.ancestors_end[0] as usize];
        let known: Vec<_> = sample.nodes[0].ancestors.iter().flatten().map(|ancestor| &**ancestor).collect();
        assert_eq!(ancestors.iter().map(|number| text(*number)).collect::<Vec<_>>(), known);
        assert_eq!(seen.processes.ancestors_end.len(), seen.processes.pid.len());
    }
}
