//! What ran before the sensor did, from /proc: processes, and the files and sockets they have open.

use crate::sensor::Identifier;
use procfs::net::{TcpState, UnixNetEntry};
use procfs::process::{FDTarget, Process, all_processes};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use tracewell_event_abi::body::FileId;
use tracewell_model::{Operation, Protocol};

/// Processes taken stock of, and open files. What is beyond is repaired when it is heard of.
pub const PROCESSES_MAX: usize = 32_768;
const FILES_MAX: usize = 131_072;

/// What runs, parents before children.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub processes: Vec<Known>,
}

/// What /proc says of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub tgid: u32,
    /// Start in clock ticks since the machine was started.
    pub start_ticks: u64,
    /// The parent and its start.
    pub parent: Option<(u32, u64)>,
    pub exe: Option<String>,
    pub arguments: Option<Vec<String>>,
    pub uid: Option<u32>,
    /// Inode of its mount namespace.
    pub mount_namespace: u32,
    pub files: Vec<(FileId, String)>,
    pub sockets: Vec<KnownSocket>,
}

/// A socket that a process has open, and how it came by it as far as /proc tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSocket {
    pub op: Operation,
    pub ino: u64,
    pub net_namespace: u32,
    pub protocol: Protocol,
    pub local: Option<SocketAddr>,
    pub remote: Option<SocketAddr>,
    pub path: Option<String>,
}

type Sockets = HashMap<u64, KnownSocket>;

/// Takes stock. Processes that end meanwhile are left out.
pub fn take(identifier: &mut Identifier) -> Snapshot {
    let (mut namespaces, mut n_files) = (HashMap::<u32, Sockets>::new(), 0);
    let mut processes: Vec<_> = all_processes()
        .into_iter()
        .flatten()
        .take(PROCESSES_MAX)
        .filter_map(|process| known(&process.ok()?, identifier, &mut namespaces, &mut n_files))
        .collect();
    processes.sort_by_key(|known| (known.start_ticks, known.tgid));
    let starts: HashMap<_, _> = processes.iter().map(|known| (known.tgid, known.start_ticks)).collect();
    for known in &mut processes {
        known.parent = known.parent.and_then(|(tgid, _)| Some((tgid, *starts.get(&tgid)?)));
    }
    Snapshot { processes }
}

impl Known {
    /// One process, without its files. `None` if there is no such process any more.
    pub fn read(tgid: u32) -> Option<Self> {
        let process = Process::new(i32::try_from(tgid).ok()?).ok()?;
        let mut known = Self::of(&process)?;
        let parent = known.parent.and_then(|(tgid, _)| Process::new(i32::try_from(tgid).ok()?).ok()?.stat().ok());
        known.parent = parent.map(|stat| (stat.pid.cast_unsigned(), stat.starttime));
        Some(known)
    }

    fn of(process: &Process) -> Option<Self> {
        let stat = process.stat().ok()?;
        let arguments = process.cmdline().ok().filter(|words| !words.is_empty());
        Some(Self {
            tgid: stat.pid.cast_unsigned(),
            start_ticks: stat.starttime,
            parent: (stat.ppid > 0).then_some((stat.ppid.cast_unsigned(), 0)),
            exe: process.exe().ok().map(|path| path.to_string_lossy().into_owned()),
            arguments,
            uid: process.status().ok().map(|status| status.euid),
            ..Self::default()
        })
    }
}

fn known(
    process: &Process,
    identifier: &mut Identifier,
    namespaces: &mut HashMap<u32, Sockets>,
    n_files: &mut usize,
) -> Option<Known> {
    let mut known = Known::of(process)?;
    let spaces = process.namespaces().ok();
    let space = |name: &str| {
        let number = spaces.as_ref()?.0.get(std::ffi::OsStr::new(name))?.identifier;
        u32::try_from(number).ok()
    };
    known.mount_namespace = space("mnt").unwrap_or(0);
    let net_namespace = space("net").unwrap_or(0);
    let mut seen = HashSet::new();
    for descriptor in process.fd().into_iter().flatten().flatten() {
        match descriptor.target {
            FDTarget::Path(path) if *n_files < FILES_MAX => {
                *n_files += 1;
                let place = format!("/proc/{}/fd/{}", process.pid, descriptor.fd);
                if let Some(file) = identifier.identify(Path::new(&place), true).filter(|file| seen.insert(*file)) {
                    known.files.push((file, path.to_string_lossy().into_owned()));
                }
            }
            FDTarget::Socket(ino) => {
                let sockets = namespaces.entry(net_namespace).or_insert_with(|| sockets(process, net_namespace));
                known.sockets.extend(sockets.get(&ino).cloned());
            }
            _ => {}
        }
    }
    Some(known)
}

/// Sockets of a process's network namespace, by their number.
fn sockets(process: &Process, net_namespace: u32) -> Sockets {
    let tcp: Vec<_> = [process.tcp(), process.tcp6()].into_iter().flatten().flatten().collect();
    let listening: HashSet<u16> =
        tcp.iter().filter(|entry| entry.state == TcpState::Listen).map(|entry| entry.local_address.port()).collect();
    let mut sockets = Sockets::new();
    for entry in tcp {
        let op = match entry.state {
            TcpState::Listen => Operation::Listen,
            // Whoever holds a port that is listened on was called; everybody else called.
            _ if listening.contains(&entry.local_address.port()) => Operation::Accept,
            _ => Operation::Connect,
        };
        let remote = (entry.state != TcpState::Listen).then_some(entry.remote_address);
        sockets.insert(
            entry.inode,
            KnownSocket {
                op,
                ino: entry.inode,
                net_namespace,
                protocol: Protocol::Tcp,
                local: Some(entry.local_address),
                remote,
                path: None,
            },
        );
    }
    for entry in [process.udp(), process.udp6()].into_iter().flatten().flatten() {
        let remote = Some(entry.remote_address).filter(|remote| remote.port() != 0);
        let op = if remote.is_some() { Operation::Connect } else { Operation::Bind };
        let (local, ino) = (Some(entry.local_address), entry.inode);
        let protocol = Protocol::Udp;
        sockets.insert(ino, KnownSocket { op, ino, net_namespace, protocol, local, remote, path: None });
    }
    for entry in process.unix().into_iter().flatten() {
        sockets.insert(entry.inode, unix(&entry, net_namespace));
    }
    sockets
}

/// Only listening Unix sockets with a path are told from others by /proc.
fn unix(entry: &UnixNetEntry, net_namespace: u32) -> KnownSocket {
    KnownSocket {
        op: if entry.path.is_some() { Operation::Bind } else { Operation::Connect },
        ino: entry.inode,
        net_namespace,
        protocol: Protocol::Unix,
        local: None,
        remote: None,
        path: entry.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
    }
}
