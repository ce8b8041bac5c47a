//! A neighbourhood in the words of the contract, its texts borrowed.

use crate::contract::{self, Detail, Entity, Facts, IpAddress};
use std::net::{IpAddr, SocketAddr};
use tracewell_graph_core::graph::{FileState, NodeState, ProcessState, Role, SocketState};
use tracewell_graph_core::neighbourhood::{Neighbourhood, Place, Way};
use tracewell_model::{self as model, FileKind, NodeAttrs, Operation, Protocol, Reason};

/// Calls `with` with the neighbourhood as the contract has it.
pub(crate) fn lowered<T>(neighbourhood: &Neighbourhood, with: impl FnOnce(contract::Neighbourhood<'_>) -> T) -> T {
    let ancestors: Vec<Vec<&str>> = neighbourhood
        .nodes
        .iter()
        .map(|place| place.ancestors.iter().map(|exe| exe.as_deref().unwrap_or("")).collect())
        .collect();
    let nodes: Vec<_> = neighbourhood.nodes.iter().zip(&ancestors).map(|(place, above)| node(place, above)).collect();
    let edges: Vec<_> = neighbourhood.edges.iter().map(edge).collect();
    let event = &neighbourhood.event;
    with(contract::Neighbourhood {
        event: contract::Event {
            time: event.time.0,
            operation: operation(event.op),
            subject: 0,
            object: event.has_object.then_some(1),
            detail: match &event.detail {
                model::Detail::NewPath { path, .. } => Detail::NewPath(path),
                model::Detail::Credentials { uid } => Detail::User(*uid),
                model::Detail::Signal { number } => Detail::Signal(*number),
                // The command line stands with the process.
                model::Detail::None | model::Detail::Exec { .. } => Detail::None,
            },
            bytes: event.amount_bytes,
            count: event.count,
        },
        nodes: &nodes,
        edges: &edges,
        nodes_left_out: neighbourhood.n_nodes_left_out,
        edges_left_out: neighbourhood.n_edges_left_out,
    })
}

fn node<'a>(place: &'a Place, ancestors: &'a [&'a str]) -> contract::Node<'a> {
    let state = &place.state;
    contract::Node {
        entity: entity(place, ancestors),
        first: state.first.0,
        last: state.last.0,
        surprise: place.surprise.0,
        incomplete: state.incomplete,
        cut: place.is_cut,
    }
}

fn entity<'a>(place: &'a Place, ancestors: &'a [&'a str]) -> Entity<'a> {
    match &place.state.role {
        Role::Process(process) => Entity::Process(self::process(place, process, ancestors)),
        Role::File(file) => Entity::File(self::file(place, file)),
        Role::Socket(socket) => Entity::Socket(self::socket(&place.state, socket)),
    }
}

fn process<'a>(place: &'a Place, process: &'a ProcessState, ancestors: &'a [&'a str]) -> contract::Process<'a> {
    let (pid, executable, command_line, user, container) = match &place.state.attrs {
        NodeAttrs::Process { process, exe, cmdline, uid, container, .. } => {
            (process.pid, exe.as_deref(), cmdline.as_deref(), *uid, container.as_deref())
        }
        _ => (0, None, None, None, None),
    };
    contract::Process {
        pid,
        executable,
        command_line,
        user,
        container,
        parent: place.from,
        ancestors,
        parent_executable: process.parent_exe.as_deref(),
        serves: process.serves,
        under_server: process.server.is_some(),
        was_root: process.was_root,
        exited: process.exited,
        children: process.n_children,
        facts: process.known_facts().fold(Facts::empty(), |facts, fact| facts | self::fact(fact)),
    }
}

fn file<'a>(place: &'a Place, file: &FileState) -> contract::File<'a> {
    let kind = match place.state.attrs {
        NodeAttrs::File { kind, .. } => kind,
        _ => FileKind::Unknown,
    };
    contract::File {
        path: place.state.path().map(|path| &**path),
        kind: match kind {
            FileKind::Unknown => contract::FileKind::Unknown,
            FileKind::Regular => contract::FileKind::Regular,
            FileKind::Directory => contract::FileKind::Directory,
            FileKind::Device => contract::FileKind::Device,
            FileKind::Pipe => contract::FileKind::Pipe,
            FileKind::Memory => contract::FileKind::Memory,
        },
        writer: place.from,
        written: file.writer.map(|_| file.written.0),
        executed: file.executed,
        unlinked: file.unlinked,
    }
}

fn socket<'a>(state: &'a NodeState, socket: &SocketState) -> contract::Socket<'a> {
    let (protocol, local, remote) = match &state.attrs {
        NodeAttrs::Socket { protocol, local, remote, .. } => (*protocol, *local, *remote),
        _ => (Protocol::Unknown, None, None),
    };
    contract::Socket {
        protocol: match protocol {
            Protocol::Unknown => contract::Protocol::Unknown,
            Protocol::Tcp => contract::Protocol::Tcp,
            Protocol::Udp => contract::Protocol::Udp,
            Protocol::Unix => contract::Protocol::Unix,
            Protocol::Other => contract::Protocol::Other,
        },
        local: local.map(endpoint),
        remote: remote.map(endpoint),
        path: state.path().map(|path| &**path),
        inbound: socket.inbound,
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

fn edge(way: &Way) -> contract::Edge {
    contract::Edge {
        source: way.from,
        target: way.to,
        operation: operation(way.op),
        count: way.count,
        bytes: way.amount_bytes,
        first: way.first.0,
        last: way.last.0,
        surprise: way.surprise.0,
        incomplete: way.incomplete,
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
    }
}
