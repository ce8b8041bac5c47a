//! The row of a node in the history.

use crate::graph::state::{FileState, NodeState, ProcessState, Rare, Role, SocketState};
use crate::history::{HistoryError, RowReader, RowWriter};
use crate::profile::EntryId;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use tracewell_model::{
    EventNs, FileKind, Finding, FindingSeverity, Millibits, Mode, NodeAttrs, NodeKey, Operation, ProcessRef, Protocol,
    Reason, Str, Uuid,
};

type Read<T> = Result<T, HistoryError>;

/// The kind of node that can be folded away; a process is 0, a socket 2.
const FILE: u64 = 1;

impl NodeState {
    /// Appends the state's row to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write(&mut RowWriter::new(out));
    }

    /// As [`Self::encode`], in a row that goes on after it.
    pub(crate) fn write(&self, row: &mut RowWriter<'_>) {
        row.u64(self.first.0);
        row.u64(self.last.since(self.first));
        row.u64(self.version.into());
        let flags = [self.emitted, self.spilled_in, self.spilled_out, self.incomplete];
        row.u64(pack(&flags));
        row.u64(self.n_in.into());
        row.u64(self.n_out.into());
        match &self.attrs {
            NodeAttrs::Process { process, exe, cmdline, uid, container, environment } => {
                row.u64(0);
                write_process_ref(row, process);
                [exe, cmdline, container, environment].into_iter().for_each(|text| write_text(row, text));
                row.option(*uid, |row, uid| row.u64(uid.into()));
            }
            NodeAttrs::File { uuid, path, kind } => {
                row.u64(FILE);
                row.option(*uuid, |row, uuid| row.u128(uuid.0));
                write_text(row, path);
                row.u64(*kind as u64);
            }
            NodeAttrs::Socket { uuid, protocol, local, remote, path } => {
                row.u64(2);
                row.option(*uuid, |row, uuid| row.u128(uuid.0));
                row.u64(*protocol as u64);
                row.option(*local, write_addr);
                row.option(*remote, write_addr);
                write_text(row, path);
            }
        }
        match &self.role {
            Role::Process(process) => process.encode(row),
            Role::File(file) => {
                write_key(row, file.writer);
                row.u64(file.written.0);
                write_key(row, file.sole_toucher);
                let flags = [file.touched_by_more, file.executed, file.unlinked, file.collapsed];
                row.u64(pack(&flags) | write_attributes(file));
            }
            Role::Socket(socket) => {
                write_key(row, socket.opener);
                row.u64(socket.inbound.into());
                row.u64(socket.fed_by_server.into());
            }
        }
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// When the row is not one of this version.
    pub fn decode(row: &[u8]) -> Read<Self> {
        let mut row = RowReader::new("a node", row);
        let state = Self::read(&mut row)?;
        row.end()?;
        Ok(state)
    }

    /// As [`Self::decode`], from a row that goes on after it.
    pub(crate) fn read(row: &mut RowReader<'_>) -> Read<Self> {
        let first = EventNs(row.u64()?);
        let last = first.after(row.u64()?);
        let version = row.u32()?;
        let [emitted, spilled_in, spilled_out, incomplete] = unpack(row)?;
        let (n_in, n_out) = (row.u32()?, row.u32()?);
        let attrs = match row.u64()? {
            0 => {
                let process = read_process_ref(row)?;
                let (exe, cmdline) = (read_text(row)?, read_text(row)?);
                let (container, environment) = (read_text(row)?, read_text(row)?);
                let uid = row.option(RowReader::u32)?;
                NodeAttrs::Process { process, exe, cmdline, uid, container, environment }
            }
            FILE => NodeAttrs::File {
                uuid: row.option(RowReader::u128)?.map(Uuid),
                path: read_text(row)?,
                kind: read_file_kind(row)?,
            },
            2 => NodeAttrs::Socket {
                uuid: row.option(RowReader::u128)?.map(Uuid),
                protocol: read_protocol(row)?,
                local: row.option(read_addr)?,
                remote: row.option(read_addr)?,
                path: read_text(row)?,
            },
            other => return Err(row.corrupt(format!("a node of kind {other}"))),
        };
        let role = match attrs {
            NodeAttrs::Process { .. } => Role::Process(Box::new(ProcessState::decode(row)?)),
            NodeAttrs::File { .. } => Role::File(read_file(row)?),
            NodeAttrs::Socket { .. } => Role::Socket(SocketState {
                opener: read_key(row)?,
                inbound: row.u64()? != 0,
                fed_by_server: row.u64()? != 0,
            }),
        };
        Ok(Self { attrs, first, last, version, emitted, spilled_in, spilled_out, incomplete, n_in, n_out, role })
    }
}

/// Whether a row is of a node that was folded away: what its [`NodeState`] would say, without making one.
///
/// # Errors
/// When the row is not one of this version, as far as that is looked at.
pub(crate) fn is_collapsed(row: &[u8]) -> Read<bool> {
    let mut row = RowReader::new("a node", row);
    // First and last, version, flags, edges.
    for _ in 0..6 {
        row.u64()?;
    }
    if row.u64()? != FILE {
        return Ok(false);
    }
    row.option(RowReader::u128)?;
    row.option(RowReader::text)?;
    read_file_kind(&mut row)?;
    read_file(&mut row).map(|file| file.collapsed)
}

fn read_file(row: &mut RowReader<'_>) -> Read<FileState> {
    let (writer, written) = (read_key(row)?, EventNs(row.u64()?));
    let sole_toucher = read_key(row)?;
    let bits = row.u64()?;
    let [touched_by_more, executed, unlinked, collapsed] = flags_of(bits & FLAGS);
    let (mode, set_back_bits) = read_attributes(bits).ok_or_else(|| {
        row.corrupt(format!("what is known of a file is {bits:#x}, expected flags, a mode and a number of bits"))
    })?;
    Ok(FileState { writer, written, sole_toucher, touched_by_more, executed, unlinked, collapsed, mode, set_back_bits })
}

/// Above a file's flags: whether its mode is known, the mode, how far its times were set back. Zeroes for most files, and in rows from
/// before there were any.
const MODE_SHIFT: u32 = 5;
const SET_BACK_SHIFT: u32 = MODE_SHIFT + 12;

fn write_attributes(file: &FileState) -> u64 {
    let mode = file.mode.map_or(0, |mode| 1 << 4 | u64::from(mode.bits()) << MODE_SHIFT);
    mode | u64::from(file.set_back_bits) << SET_BACK_SHIFT
}

fn read_attributes(bits: u64) -> Option<(Option<Mode>, u8)> {
    let mode = (bits >> MODE_SHIFT) as u32 & u32::from(Mode::BITS);
    let is_known = bits & 1 << 4 != 0;
    let set_back_bits = u8::try_from(bits >> SET_BACK_SHIFT).ok().filter(|bits| *bits <= 64)?;
    (is_known || mode == 0).then(|| (is_known.then(|| Mode::of(mode)), set_back_bits))
}

impl ProcessState {
    fn encode(&self, row: &mut RowWriter<'_>) {
        let keys = [self.parent, self.exe_file, self.server, self.input_socket];
        keys.into_iter().for_each(|key| write_key(row, key));
        write_text(row, &self.parent_exe);
        row.u64(pack(&[self.serves, self.exited, self.was_root, self.logged_in]));
        row.u64(self.n_since_exec.into());
        row.u64(self.n_children.into());
        row.u64(self.n_changed.into());
        row.u64(self.changed_since.0);
        row.u64(self.bytes_read);
        row.u64(self.bytes_sent);
        row.u64(self.hopset);
        row.u64(self.facts.len() as u64);
        self.facts.iter().for_each(|fact| write_reason(row, fact));
        row.u64(self.usual.len() as u64);
        self.usual.iter().for_each(|fact| write_reason(row, fact));
        row.u64(self.rare.len() as u64);
        for Rare { surprise, own, op, what, entry } in &self.rare {
            row.u64(surprise.0.into());
            row.u64(*op as u64 | OWN_FOLLOWS);
            row.u64(own.0.into());
            row.u64(entry.0);
            row.text(what);
        }
    }

    fn decode(row: &mut RowReader<'_>) -> Read<Self> {
        let (parent, exe_file) = (read_key(row)?, read_key(row)?);
        let (server, input_socket) = (read_key(row)?, read_key(row)?);
        let parent_exe = read_text(row)?;
        let [serves, exited, was_root, logged_in] = unpack(row)?;
        Ok(Self {
            parent,
            exe_file,
            server,
            input_socket,
            subject: None,
            parent_exe,
            serves,
            exited,
            was_root,
            logged_in,
            n_since_exec: row.u32()?,
            n_children: row.u32()?,
            n_changed: row.u32()?,
            changed_since: EventNs(row.u64()?),
            bytes_read: row.u64()?,
            bytes_sent: row.u64()?,
            hopset: row.u64()?,
            facts: (0..row.u64()?).map(|_| read_reason(row)).collect::<Read<_>>()?,
            usual: (0..row.u64()?).map(|_| read_reason(row)).collect::<Read<_>>()?,
            rare: (0..row.u64()?).map(|_| read_rare(row)).collect::<Read<_>>()?,
        })
    }
}

/// Beside the number of a rare operation: what it was without the fleet's votes stands next. It does not in rows of before.
const OWN_FOLLOWS: u64 = 1 << 7;

fn read_rare(row: &mut RowReader<'_>) -> Read<Rare> {
    let (surprise, op) = (Millibits(row.u32()?), row.u64()?);
    let (own, entry) = match op & OWN_FOLLOWS {
        0 => (surprise, EntryId::default()),
        _ => (Millibits(row.u32()?), EntryId(row.u64()?)),
    };
    Ok(Rare { surprise, own, op: operation(row, op & !OWN_FOLLOWS)?, what: row.text()?.into(), entry })
}

fn pack(flags: &[bool; 4]) -> u64 {
    flags.iter().enumerate().map(|(bit, &flag)| u64::from(flag) << bit).sum()
}

fn unpack(row: &mut RowReader<'_>) -> Read<[bool; 4]> {
    let flags = row.u64()?;
    if flags > FLAGS {
        return Err(row.corrupt(format!("flags are {flags:#x}, expected 4 bits")));
    }
    Ok(flags_of(flags))
}

/// The bits of four flags.
const FLAGS: u64 = 0xf;

fn flags_of(bits: u64) -> [bool; 4] {
    [0, 1, 2, 3].map(|bit| bits & 1 << bit != 0)
}

pub(crate) fn write_text(row: &mut RowWriter<'_>, text: &Option<Str>) {
    row.option(text.as_deref(), RowWriter::text);
}

pub(crate) fn read_text(row: &mut RowReader<'_>) -> Read<Option<Str>> {
    row.option(|row| row.text().map(Str::from))
}

fn write_key(row: &mut RowWriter<'_>, key: Option<NodeKey>) {
    row.option(key, |row, key| row.u128(key.0));
}

fn read_key(row: &mut RowReader<'_>) -> Read<Option<NodeKey>> {
    Ok(row.option(RowReader::u128)?.map(NodeKey))
}

pub(crate) fn write_process_ref(row: &mut RowWriter<'_>, process: &ProcessRef) {
    row.u64(process.pid.into());
    row.u64(process.start);
    row.option(process.uuid, |row, uuid| row.u128(uuid.0));
}

pub(crate) fn read_process_ref(row: &mut RowReader<'_>) -> Read<ProcessRef> {
    Ok(ProcessRef { pid: row.u32()?, start: row.u64()?, uuid: row.option(RowReader::u128)?.map(Uuid) })
}

pub(crate) fn write_addr(row: &mut RowWriter<'_>, addr: SocketAddr) {
    row.u64(addr.is_ipv6().into());
    row.u64(addr.port().into());
    match addr {
        SocketAddr::V4(v4) => row.u64(v4.ip().to_bits().into()),
        SocketAddr::V6(v6) => {
            row.u128(v6.ip().to_bits());
            row.u64(v6.flowinfo().into());
            row.u64(v6.scope_id().into());
        }
    }
}

pub(crate) fn read_addr(row: &mut RowReader<'_>) -> Read<SocketAddr> {
    let is_ipv6 = row.u64()? != 0;
    let port = u16::try_from(row.u64()?).map_err(|_| row.corrupt("a port is over 16 bits"))?;
    if !is_ipv6 {
        return Ok(SocketAddrV4::new(Ipv4Addr::from_bits(row.u32()?), port).into());
    }
    let (ip, flowinfo, scope_id) = (Ipv6Addr::from_bits(row.u128()?), row.u32()?, row.u32()?);
    Ok(SocketAddrV6::new(ip, port, flowinfo, scope_id).into())
}

pub(crate) fn read_file_kind(row: &mut RowReader<'_>) -> Read<FileKind> {
    use FileKind::{Device, Directory, Memory, Pipe, Regular, Unknown};
    let kinds = [Unknown, Regular, Directory, Device, Pipe, Memory];
    let kind = row.u64()?;
    kinds.into_iter().find(|&known| known as u64 == kind).ok_or_else(|| row.corrupt(format!("a file of kind {kind}")))
}

pub(crate) fn read_protocol(row: &mut RowReader<'_>) -> Read<Protocol> {
    use Protocol::{Other, Tcp, Udp, Unix, Unknown};
    let protocol = row.u64()?;
    let known = [Unknown, Tcp, Udp, Unix, Other].into_iter().find(|&known| known as u64 == protocol);
    known.ok_or_else(|| row.corrupt(format!("a socket of protocol {protocol}")))
}

pub(crate) fn read_op(row: &mut RowReader<'_>) -> Read<Operation> {
    let op = row.u64()?;
    operation(row, op)
}

fn operation(row: &RowReader<'_>, op: u64) -> Read<Operation> {
    Operation::ALL.into_iter().find(|&known| known as u64 == op).ok_or_else(|| row.corrupt(format!("operation {op}")))
}

fn write_reason(row: &mut RowWriter<'_>, reason: &Reason) {
    let mut tagged = |tag: u64, keys: &[NodeKey], numbers: &[u64]| {
        row.u64(tag);
        keys.iter().for_each(|key| row.u128(key.0));
        numbers.iter().for_each(|&number| row.u64(number));
    };
    match reason {
        Reason::RareOperation { surprise, op, what } => {
            tagged(0, &[], &[surprise.0.into(), *op as u64]);
            row.text(what);
        }
        Reason::RareChild { surprise, what } => {
            tagged(1, &[], &[surprise.0.into()]);
            row.text(what);
        }
        Reason::RanOwnWrite { file, writer } => tagged(2, &[*file, *writer], &[]),
        Reason::ServesNetwork { server } => tagged(3, &[*server], &[]),
        Reason::CallsOut { socket } => tagged(4, &[*socket], &[]),
        Reason::CommandsFromSocket { socket } => tagged(5, &[*socket], &[]),
        Reason::GainedPrivilege { from_uid, to_uid } => tagged(6, &[], &[(*from_uid).into(), (*to_uid).into()]),
        Reason::DeletedOwnExecutable { file } => tagged(7, &[*file], &[]),
        Reason::RanUnlinked { file } => tagged(8, &[*file], &[]),
        Reason::EnteredProcess { target } => tagged(9, &[*target], &[]),
        Reason::EnteredKernel => tagged(10, &[], &[]),
        Reason::MassChange { n_files } => tagged(11, &[], &[(*n_files).into()]),
        Reason::CollectedAndSent { bytes } => tagged(12, &[], &[*bytes]),
        Reason::Connects => tagged(13, &[], &[]),
        Reason::DescendsFrom { ancestor } => tagged(14, &[*ancestor], &[]),
        Reason::Started { descendant } => tagged(15, &[*descendant], &[]),
        Reason::TouchedBy { process } => tagged(16, &[*process], &[]),
        Reason::Followed { socket } => tagged(18, &[*socket], &[]),
        Reason::Detected(finding) => {
            tagged(17, &[], &[finding.severity as u64]);
            [&finding.detector, &finding.title, &finding.reason].into_iter().for_each(|text| row.text(text));
            row.u64(finding.techniques.len() as u64);
            finding.techniques.iter().for_each(|technique| row.text(technique));
            row.u64(finding.nodes.len() as u64);
            finding.nodes.iter().for_each(|node| row.u128(node.0));
        }
    }
}

fn read_reason(row: &mut RowReader<'_>) -> Read<Reason> {
    let key = |row: &mut RowReader<'_>| row.u128().map(NodeKey);
    Ok(match row.u64()? {
        0 => Reason::RareOperation { surprise: Millibits(row.u32()?), op: read_op(row)?, what: row.text()?.into() },
        1 => Reason::RareChild { surprise: Millibits(row.u32()?), what: row.text()?.into() },
        2 => Reason::RanOwnWrite { file: key(row)?, writer: key(row)? },
        3 => Reason::ServesNetwork { server: key(row)? },
        4 => Reason::CallsOut { socket: key(row)? },
        5 => Reason::CommandsFromSocket { socket: key(row)? },
        6 => Reason::GainedPrivilege { from_uid: row.u32()?, to_uid: row.u32()? },
        7 => Reason::DeletedOwnExecutable { file: key(row)? },
        8 => Reason::RanUnlinked { file: key(row)? },
        9 => Reason::EnteredProcess { target: key(row)? },
        10 => Reason::EnteredKernel,
        11 => Reason::MassChange { n_files: row.u32()? },
        12 => Reason::CollectedAndSent { bytes: row.u64()? },
        13 => Reason::Connects,
        14 => Reason::DescendsFrom { ancestor: key(row)? },
        15 => Reason::Started { descendant: key(row)? },
        16 => Reason::TouchedBy { process: key(row)? },
        17 => Reason::Detected(Arc::new(read_finding(row)?)),
        18 => Reason::Followed { socket: key(row)? },
        other => return Err(row.corrupt(format!("a reason of kind {other}"))),
    })
}

fn read_finding(row: &mut RowReader<'_>) -> Read<Finding> {
    let severity = row.u64()?;
    let known = FindingSeverity::ALL.into_iter().find(|&known| known as u64 == severity);
    Ok(Finding {
        severity: known.ok_or_else(|| row.corrupt(format!("a finding of severity {severity}")))?,
        detector: row.text()?.into(),
        title: row.text()?.into(),
        reason: row.text()?.into(),
        techniques: (0..row.u64()?).map(|_| row.text().map(Str::from)).collect::<Read<_>>()?,
        nodes: (0..row.u64()?).map(|_| row.u128().map(NodeKey)).collect::<Read<_>>()?,
    })
}
