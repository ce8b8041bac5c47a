//! One computer: its clock, processes, disk and sockets, and the vocabulary in which roles, daily life and attack
//! stories all speak. Each method emits the records that a sensor would have seen.

use super::config::SimulationConfig;
use super::fleet::{Call, Fleet, Service};
use super::programs::{Program, SystemFile, Texts};
use super::rng::Rng;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use tracewell_model::{
    Detail, Event, EventNs, FileKind, FileRef, HostId, HostRecord, Inode, Object, Operation, ProcessRecord, ProcessRef,
    Protocol, Record, SocketRef, Str,
};

/// Pids wrap here, as on Linux by default (`/proc/sys/kernel/pid_max`), so that a long run reuses them.
const PID_MAX: u32 = 32_768;
/// Pids below are not given out again after a wrap (`RESERVED_PIDS` of the Linux kernel).
const PID_RESERVED: u32 = 300;
/// How long a host has been up when the simulation starts.
const UPTIME_NS: u64 = 5 * EventNs::DAY;
/// One clock tick of /proc at 100 Hz.
const CLOCK_TICK_NS: u64 = 10_000_000;
/// Ticks come this often in event time.
const TICK_NS: u64 = 60 * EventNs::SECOND;
/// From one machine of the fleet to another.
const LATENCY_NS: u64 = 200_000;
/// Ports that outgoing connections use, from `ip_local_port_range` of Linux.
const PORTS: Range<u16> = 32_768..60_000;
/// The rest of that range is kept for attacks, so that a port tells their connections from others of the same hosts.
const ATTACK_PORTS: Range<u16> = 60_000..61_000;

/// A record that waits to be emitted, with the attack that caused it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub time: EventNs,
    pub record: Record,
    pub attack: Option<u8>,
}

/// The long-lived processes that others need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Residents {
    pub init: ProcessRef,
    pub journald: ProcessRef,
    pub sshd: ProcessRef,
    pub cron: ProcessRef,
    /// The process that meets strangers: where an attack comes in.
    pub front: ProcessRef,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub index: usize,
    pub host: HostId,
    pub addr: Ipv4Addr,
    pub rng: Rng,
    pub clock: EventNs,
    pub out: VecDeque<Entry>,
    /// The attack that acts now; everything forked, created or connected meanwhile is its work.
    pub attack: Option<u8>,
    pub residents: Residents,
    /// Connections that were opened to other machines of the fleet and not yet delivered.
    pub calls: Vec<Call>,
    texts: Arc<Texts>,
    next_tick: EventNs,
    boot: EventNs,
    step_ns: u64,
    calls_max: u64,
    files: Vec<FileRef>,
    programs: Vec<FileRef>,
    next_ino: u64,
    next_cookie: u64,
    next_port: u16,
    next_attack_port: u16,
    next_pid: u32,
    pids: Vec<u64>,
}

impl Machine {
    /// A freshly booted machine, with its host record and system daemons already in `out`.
    pub fn new(config: &SimulationConfig, index: usize, name: Str, addr: Ipv4Addr, texts: Arc<Texts>) -> Self {
        let host = HostId::from_name(&name);
        let nobody = ProcessRef { pid: 0, start: 0, uuid: None };
        let mut machine = Self {
            index,
            host,
            addr,
            rng: Rng::new(config.seed, index as u64 + 1),
            clock: config.start,
            out: VecDeque::new(),
            attack: None,
            calls: Vec::new(),
            residents: Residents { init: nobody, journald: nobody, sshd: nobody, cron: nobody, front: nobody },
            texts,
            next_tick: EventNs(config.start.0 - config.start.0 % TICK_NS).after(TICK_NS),
            boot: EventNs(config.start.0.saturating_sub(UPTIME_NS)),
            step_ns: (500 * EventNs::SECOND / u64::from(config.events_per_1000_s)).clamp(1, 40_000),
            calls_max: u64::from(config.calls_per_transfer) * 2 - 1,
            files: Vec::new(),
            programs: Vec::new(),
            next_ino: 131_072,
            next_cookie: 1,
            next_port: PORTS.start,
            next_attack_port: ATTACK_PORTS.start,
            next_pid: 1,
            pids: vec![0; PID_MAX as usize / 64],
        };
        let texts = Arc::clone(&machine.texts);
        machine.files =
            texts.files.iter().zip(SystemFile::TABLE).map(|(p, row)| machine.on_disk(p.clone(), row.1)).collect();
        machine.programs = texts.programs.iter().map(|p| machine.on_disk(p.clone(), FileKind::Regular)).collect();
        machine.push(Record::Host(HostRecord { host, name }));
        let init = machine.daemon(None, Program::Init, 0, 0);
        machine.next_pid = PID_RESERVED;
        machine.residents = Residents {
            init,
            journald: machine.daemon(Some(init), Program::Journald, 0, 0),
            sshd: machine.daemon(Some(init), Program::Sshd, 0, 0),
            cron: machine.daemon(Some(init), Program::Cron, 0, 0),
            front: init,
        };
        machine
    }

    /// A process that ran before the recording began: a process record and no fork.
    pub fn daemon(&mut self, parent: Option<ProcessRef>, program: Program, command: usize, uid: u32) -> ProcessRef {
        let pid = self.free_pid();
        let process = ProcessRef { pid, start: 100 + u64::from(pid), uuid: None };
        self.describe(process, parent, program, command, uid, None);
        process
    }

    /// Tells what is known of a process.
    pub fn describe(
        &mut self,
        process: ProcessRef,
        parent: Option<ProcessRef>,
        program: Program,
        command: usize,
        uid: u32,
        container: Option<Str>,
    ) {
        self.push(Record::Process(ProcessRecord {
            host: self.host,
            time: self.clock,
            process,
            parent,
            exe: Some(self.texts.programs[program as usize].clone()),
            cmdline: Some(self.texts.commands[program as usize][command].clone()),
            uid: Some(uid),
            container,
        }));
    }

    pub fn fork(&mut self, parent: ProcessRef) -> ProcessRef {
        let start = self.clock.since(self.boot) / CLOCK_TICK_NS;
        let child = ProcessRef { pid: self.free_pid(), start, uuid: None };
        self.event(parent, Operation::Fork, Object::Process(child), Detail::None, 0);
        child
    }

    /// Becomes a known program: the exec, then what its loader and its start-up read.
    pub fn exec(&mut self, process: ProcessRef, program: Program, command: usize) {
        let cmdline = self.texts.commands[program as usize][command].clone();
        self.exec_as(process, program, cmdline);
    }

    pub fn exec_as(&mut self, process: ProcessRef, program: Program, cmdline: Str) {
        let image = self.programs[program as usize].clone();
        self.exec_event(process, &image, cmdline);
        if program == Program::Sudo {
            // A set-user-id executable has its user before its first instruction.
            self.become_user(process, 0);
        }
        self.read_loader_cache(process);
        let spec = &Program::TABLE[program as usize];
        for &library in spec.loads {
            let library = self.file(library);
            self.event(process, Operation::MapExecutable, Object::File(library), Detail::None, 0);
        }
        for &config in spec.reads {
            self.read(process, &self.file(config), 4096);
        }
    }

    /// Becomes any file on the disk; the loader's cache is read, nothing else is assumed.
    pub fn exec_image(&mut self, process: ProcessRef, image: &FileRef, cmdline: Str) {
        self.exec_event(process, image, cmdline);
        self.read_loader_cache(process);
    }

    fn exec_event(&mut self, process: ProcessRef, image: &FileRef, cmdline: Str) {
        let detail = Detail::Exec { cmdline: Some(cmdline), environment: None };
        self.event(process, Operation::Exec, Object::File(image.clone()), detail, 0);
    }

    fn read_loader_cache(&mut self, process: ProcessRef) {
        let cache = self.file(SystemFile::LdCache);
        self.event(process, Operation::Open, Object::File(cache), Detail::None, 0);
    }

    /// Fork and exec with one of the program's usual command lines.
    pub fn run(&mut self, parent: ProcessRef, program: Program) -> ProcessRef {
        let command = self.rng.skewed(Program::TABLE[program as usize].commands.len());
        self.run_as(parent, program, command)
    }

    pub fn run_as(&mut self, parent: ProcessRef, program: Program, command: usize) -> ProcessRef {
        let child = self.fork(parent);
        self.exec(child, program, command);
        child
    }

    pub fn exit(&mut self, process: ProcessRef) {
        self.event(process, Operation::Exit, Object::None, Detail::None, 0);
        self.pids[process.pid as usize / 64] &= !(1 << (process.pid % 64));
    }

    pub fn become_user(&mut self, process: ProcessRef, uid: u32) {
        self.event(process, Operation::ChangeCredentials, Object::None, Detail::Credentials { uid }, 0);
    }

    pub fn signal(&mut self, process: ProcessRef, target: ProcessRef, number: u32) {
        self.event(process, Operation::Signal, Object::Process(target), Detail::Signal { number }, 0);
    }

    /// The file that now stands under a fixed name.
    pub fn file(&self, file: SystemFile) -> FileRef {
        self.files[file as usize].clone()
    }

    pub fn program(&self, program: Program) -> FileRef {
        self.programs[program as usize].clone()
    }

    /// A file that was there before anybody looked: an inode of its own, no record.
    pub fn on_disk(&mut self, path: impl Into<Str>, kind: FileKind) -> FileRef {
        self.next_ino += 1;
        let inode = Inode { dev: self.host.0 & 0xfff | 0x800, ino: self.next_ino, generation: 1 };
        FileRef { uuid: None, inode: Some(inode), path: Some(path.into()), kind }
    }

    pub fn create(&mut self, process: ProcessRef, path: impl Into<Str>) -> FileRef {
        let file = self.on_disk(path, FileKind::Regular);
        self.on_file(process, Operation::Create, &file);
        file
    }

    /// An operation on a file that moves no bytes.
    pub fn on_file(&mut self, process: ProcessRef, op: Operation, file: &FileRef) {
        self.event(process, op, Object::File(file.clone()), Detail::None, 0);
    }

    pub fn read(&mut self, process: ProcessRef, file: &FileRef, bytes: u64) {
        self.on_file(process, Operation::Open, file);
        self.transfer(process, Operation::Read, &Object::File(file.clone()), bytes);
    }

    /// Writes through a descriptor that is already open.
    pub fn write(&mut self, process: ProcessRef, file: &FileRef, bytes: u64) {
        self.transfer(process, Operation::Write, &Object::File(file.clone()), bytes);
    }

    pub fn write_new(&mut self, process: ProcessRef, path: impl Into<Str>, bytes: u64) -> FileRef {
        let file = self.create(process, path);
        self.write(process, &file, bytes);
        file
    }

    pub fn append(&mut self, process: ProcessRef, log: SystemFile) {
        let bytes = 80 + self.rng.below(120);
        self.event(process, Operation::Write, Object::File(self.file(log)), Detail::None, bytes);
    }

    /// Moves `file` to a new path; a file that stood there is replaced.
    pub fn rename(&mut self, process: ProcessRef, file: &FileRef, path: Str, replaced: Option<FileRef>) -> FileRef {
        let detail = Detail::NewPath { path: path.clone(), replaced };
        self.event(process, Operation::Rename, Object::File(file.clone()), detail, 0);
        FileRef { path: Some(path), ..file.clone() }
    }

    /// Puts a new version in the place of a fixed file, as an editor or a rotation does: a new inode, an old path.
    pub fn replace_file(&mut self, file: SystemFile, new: FileRef) {
        self.files[file as usize] = new;
    }

    pub fn replace_program(&mut self, program: Program, new: FileRef) {
        self.programs[program as usize] = new;
    }

    /// Opens a TCP connection and returns this end of it.
    pub fn connect(&mut self, process: ProcessRef, remote: SocketAddr) -> SocketRef {
        let (next, ports) = match self.attack {
            None => (&mut self.next_port, PORTS),
            Some(_) => (&mut self.next_attack_port, ATTACK_PORTS),
        };
        let local = SocketAddr::from((self.addr, *next));
        *next = if *next + 1 < ports.end { *next + 1 } else { ports.start };
        let socket = self.socket(local, remote);
        self.event(process, Operation::Connect, Object::Socket(socket.clone()), Detail::None, 0);
        socket
    }

    /// Connects to a service of another machine of the fleet, which will see the same tuple from its side.
    pub fn call(&mut self, process: ProcessRef, to: usize, fleet: &Fleet, service: Service) -> SocketRef {
        let socket = self.connect(process, fleet.address(to, service));
        let from = socket.local.expect("connect sets both ends");
        self.calls.push(Call { at: self.clock.after(LATENCY_NS), to, from, service });
        socket
    }

    /// Takes a connection that came from `remote` and returns this end of it.
    pub fn accept(&mut self, process: ProcessRef, port: u16, remote: SocketAddr) -> SocketRef {
        let socket = self.socket(SocketAddr::from((self.addr, port)), remote);
        self.event(process, Operation::Accept, Object::Socket(socket.clone()), Detail::None, 0);
        socket
    }

    pub fn send(&mut self, process: ProcessRef, socket: &SocketRef, bytes: u64) {
        self.transfer(process, Operation::Send, &Object::Socket(socket.clone()), bytes);
    }

    pub fn receive(&mut self, process: ProcessRef, socket: &SocketRef, bytes: u64) {
        self.transfer(process, Operation::Receive, &Object::Socket(socket.clone()), bytes);
    }

    /// Starts to take connections at a port.
    pub fn listen(&mut self, process: ProcessRef, port: u16) {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let socket = SocketRef { remote: None, ..self.socket(SocketAddr::from((self.addr, port)), any) };
        self.event(process, Operation::Bind, Object::Socket(socket.clone()), Detail::None, 0);
        self.event(process, Operation::Listen, Object::Socket(socket), Detail::None, 0);
    }

    /// A line in the journal: the process sends it, the journal daemon receives and stores it.
    pub fn syslog(&mut self, process: ProcessRef) {
        let path = Some(self.texts.journal_socket.clone());
        let socket = SocketRef { cookie: Some((0, 0)), protocol: Protocol::Unix, path, ..SocketRef::default() };
        let journald = self.residents.journald;
        self.event(process, Operation::Send, Object::Socket(socket.clone()), Detail::None, 120);
        self.event(journald, Operation::Receive, Object::Socket(socket), Detail::None, 120);
        self.append(journald, SystemFile::Journal);
    }

    /// Emits the ticks that are due by now.
    pub fn tick(&mut self) {
        while self.next_tick <= self.clock {
            let (host, time) = (self.host, self.next_tick);
            self.out.push_back(Entry { time, record: Record::Tick { host, time }, attack: None });
            self.next_tick = self.next_tick.after(TICK_NS);
        }
    }

    pub fn next_tick(&self) -> EventNs {
        self.next_tick
    }

    pub fn event(&mut self, subject: ProcessRef, op: Operation, object: Object, detail: Detail, amount_bytes: u64) {
        self.clock = self.clock.after(1 + self.rng.below(self.step_ns));
        let event = Event::new(self.clock, self.host, subject, op, object);
        self.push(Record::Event(Event { detail, amount_bytes, ..event }));
    }

    fn push(&mut self, record: Record) {
        if self.next_tick <= self.clock {
            self.tick();
        }
        self.out.push_back(Entry { time: self.clock, record, attack: self.attack });
    }

    /// Some calls of the same operation on the same object: what a copy loop or a slow peer looks like.
    fn transfer(&mut self, process: ProcessRef, op: Operation, object: &Object, bytes: u64) {
        let n_calls = 1 + self.rng.below(self.calls_max);
        for _ in 0..n_calls {
            self.event(process, op, object.clone(), Detail::None, bytes / n_calls);
        }
    }

    fn socket(&mut self, local: SocketAddr, remote: SocketAddr) -> SocketRef {
        self.next_cookie += 1;
        SocketRef {
            cookie: Some((0, self.next_cookie)),
            protocol: Protocol::Tcp,
            local: Some(local),
            remote: Some(remote),
            ..SocketRef::default()
        }
    }

    /// The next pid that no living process has; a machine keeps far fewer processes alive than there are pids.
    fn free_pid(&mut self) -> u32 {
        loop {
            let pid = self.next_pid;
            self.next_pid = if pid + 1 < PID_MAX { pid + 1 } else { PID_RESERVED };
            let (word, bit) = (&mut self.pids[pid as usize / 64], 1 << (pid % 64));
            if *word & bit == 0 {
                *word |= bit;
                return pid;
            }
        }
    }
}
