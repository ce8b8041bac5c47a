//! What happens on every machine, whatever its role: cron, log rotation, package updates, and administrators at work.

use super::config::SimulationConfig;
use super::fleet::Service;
use super::machine::Machine;
use super::programs::{Program, SystemFile};
use super::roles::Work;
use std::net::{Ipv4Addr, SocketAddr};
use tracewell_model::{EventNs, Object, Operation, ProcessRef, SocketRef};

/// Commands of daily administration, the first ones most often.
const USUAL: [Program; 10] = [
    Program::Ls,
    Program::Systemctl,
    Program::Cat,
    Program::Grep,
    Program::Ps,
    Program::Df,
    Program::Vi,
    Program::Top,
    Program::Sudo,
    Program::Id,
];
/// Commands that an administrator needs now and then; odd, but no attack.
const ODD: [Program; 9] = [
    Program::Find,
    Program::Curl,
    Program::Strace,
    Program::Tar,
    Program::Tcpdump,
    Program::Perl,
    Program::Rsync,
    Program::Wget,
    Program::Uname,
];
const ADMIN: u32 = 1000;
/// Where administrators come from: a machine that is not part of the recording.
const BASTION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 250);

/// Recurrent work and when each is due next.
#[derive(Debug)]
pub(crate) struct Life {
    cron: Recurrence,
    rotation: Recurrence,
    update: Recurrence,
    visit: Recurrence,
    session: Option<Session>,
    n_rotations: u64,
}

/// Comes about every `every_ns`, give or take a quarter.
#[derive(Debug)]
struct Recurrence {
    every_ns: u64,
    due: EventNs,
}

/// An administrator who is logged in and types a command now and then.
#[derive(Debug)]
struct Session {
    server: ProcessRef,
    shell: ProcessRef,
    socket: SocketRef,
    due: EventNs,
    n_left: u64,
}

impl Recurrence {
    /// As often as in life, or oftener in a short recording, so that it happens at least `times` or so.
    fn new(config: &SimulationConfig, machine: &mut Machine, every_ns: u64, times: u64) -> Self {
        let every_ns = every_ns.min(config.duration_ns / times).max(1000);
        Self { every_ns, due: config.start.after(machine.rng.below(every_ns)) }
    }

    fn is_due(&mut self, machine: &mut Machine) -> bool {
        let is_due = self.due <= machine.clock;
        if is_due {
            self.due = machine.clock.after(self.every_ns / 4 * 3 + machine.rng.below(self.every_ns / 2));
        }
        is_due
    }
}

impl Life {
    pub fn new(config: &SimulationConfig, machine: &mut Machine) -> Self {
        let minute = 60 * EventNs::SECOND;
        Self {
            cron: Recurrence::new(config, machine, 5 * minute, 100),
            rotation: Recurrence::new(config, machine, EventNs::DAY, 4),
            update: Recurrence::new(config, machine, EventNs::DAY, 3),
            visit: Recurrence::new(config, machine, 6 * 60 * minute, 8),
            session: None,
            n_rotations: 0,
        }
    }

    /// Does one thing that is due; false if nothing is.
    pub fn act(&mut self, machine: &mut Machine, work: &mut dyn Work) -> bool {
        if self.session.as_ref().is_some_and(|session| session.due <= machine.clock) {
            self.type_command(machine);
        } else if self.cron.is_due(machine) {
            cron(machine);
        } else if self.rotation.is_due(machine) {
            self.rotate_logs(machine, work);
        } else if self.update.is_due(machine) {
            update(machine, work);
        } else if self.visit.is_due(machine) {
            let port = 40_000 + machine.rng.below(20_000) as u16;
            self.login(machine, SocketAddr::from((BASTION, port)));
        } else {
            return false;
        }
        true
    }

    /// A login over ssh. A second one while an administrator is at work only runs one command.
    pub fn login(&mut self, machine: &mut Machine, from: SocketAddr) {
        let (server, socket) = accept_login(machine, from);
        let shell = machine.run_as(server, Program::Bash, 0);
        machine.read(shell, &machine.file(SystemFile::Bashrc), 3000);
        if self.session.is_some() {
            let program = USUAL[machine.rng.skewed(USUAL.len())];
            let command = machine.run(shell, program);
            machine.exit(command);
            logout(machine, server, shell, &socket);
        } else {
            let n_left = 2 + machine.rng.below(12);
            self.session = Some(Session { server, shell, socket, due: machine.clock, n_left });
        }
    }

    fn type_command(&mut self, machine: &mut Machine) {
        let Some(mut session) = self.session.take() else { return };
        machine.receive(session.server, &session.socket, 40);
        if session.n_left == 0 {
            machine.write(session.shell, &machine.file(SystemFile::BashHistory), 400);
            return logout(machine, session.server, session.shell, &session.socket);
        }
        let odd = machine.rng.permille(40);
        let program = if odd { ODD[machine.rng.skewed(ODD.len())] } else { USUAL[machine.rng.skewed(USUAL.len())] };
        let command = machine.run(session.shell, program);
        match program {
            Program::Cat | Program::Grep => machine.read(command, &machine.file(SystemFile::Syslog), 9000),
            Program::Sudo => {
                machine.append(command, SystemFile::AuthLog);
                machine.syslog(command);
            }
            Program::Curl | Program::Wget => {
                let mirror = machine.connect(command, MIRROR);
                machine.receive(command, &mirror, 20_000);
            }
            Program::Vi => {
                let swap = machine.write_new(command, "/home/admin/.notes.txt.swp", 4096);
                machine.on_file(command, Operation::Unlink, &swap);
            }
            _ => {}
        }
        machine.exit(command);
        machine.send(session.server, &session.socket, 900);
        session.n_left -= 1;
        session.due = machine.clock.after(EventNs::SECOND + machine.rng.below(20 * EventNs::SECOND));
        self.session = Some(session);
    }

    /// Every log gets a new inode; the old one moves to `.1` and is compressed.
    fn rotate_logs(&mut self, machine: &mut Machine, work: &dyn Work) {
        let (shell, rotate) = cron_job(machine, Program::Logrotate);
        self.n_rotations += 1;
        for &log in work.service().1.iter().chain(&[SystemFile::Syslog, SystemFile::AuthLog]) {
            let (path, _) = SystemFile::TABLE[log as usize];
            let old = machine.rename(rotate, &machine.file(log), format!("{path}.1").into(), None);
            let fresh = machine.create(rotate, path);
            machine.replace_file(log, fresh);
            let gzip = machine.run_as(rotate, Program::Gzip, 0);
            machine.read(gzip, &old, 400_000);
            machine.write_new(gzip, format!("{path}.{}.gz", self.n_rotations + 1), 40_000);
            machine.on_file(gzip, Operation::Unlink, &old);
            machine.exit(gzip);
        }
        machine.signal(rotate, machine.residents.journald, 1);
        machine.write(rotate, &machine.file(SystemFile::LogrotateState), 900);
        machine.exit(rotate);
        machine.exit(shell);
    }
}

/// A package mirror that every host knows.
const MIRROR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(198, 19, 0, 10)), 80);

/// The server's side of an ssh login: accept, a child per connection, authentication, the user's rights.
pub(crate) fn accept_login(machine: &mut Machine, from: SocketAddr) -> (ProcessRef, SocketRef) {
    let listener = machine.residents.sshd;
    let socket = machine.accept(listener, Service::Ssh as u16, from);
    let server = machine.run_as(listener, Program::Sshd, 1);
    machine.receive(server, &socket, 2500);
    machine.read(server, &machine.file(SystemFile::Shadow), 1500);
    machine.read(server, &machine.file(SystemFile::AuthorizedKeys), 800);
    machine.send(server, &socket, 2500);
    machine.append(server, SystemFile::AuthLog);
    machine.append(server, SystemFile::Wtmp);
    machine.become_user(server, ADMIN);
    (server, socket)
}

pub(crate) fn logout(machine: &mut Machine, server: ProcessRef, shell: ProcessRef, socket: &SocketRef) {
    machine.exit(shell);
    machine.send(server, socket, 60);
    machine.append(server, SystemFile::Wtmp);
    machine.exit(server);
}

/// The cron daemon starts a shell that starts the program; both must be ended by the caller.
pub(crate) fn cron_job(machine: &mut Machine, program: Program) -> (ProcessRef, ProcessRef) {
    let cron = machine.residents.cron;
    machine.read(cron, &machine.file(SystemFile::Crontab), 1000);
    machine.syslog(cron);
    let shell = machine.run_as(cron, Program::Sh, 0);
    let job = machine.run_as(shell, program, 0);
    (shell, job)
}

/// The small jobs of every few minutes: a health check, a report, cleaning up.
fn cron(machine: &mut Machine) {
    let program = [Program::Python, Program::RunParts, Program::Perl][machine.rng.skewed(3)];
    let (shell, job) = cron_job(machine, program);
    machine.read(job, &machine.file(SystemFile::Loadavg), 30);
    machine.read(job, &machine.file(SystemFile::Meminfo), 1500);
    if program == Program::RunParts {
        let find = machine.run_as(job, Program::Find, 1);
        machine.exit(find);
    }
    machine.exit(job);
    machine.exit(shell);
}

/// An upgrade of some tools and of the role's own service, which is then restarted.
fn update(machine: &mut Machine, work: &mut dyn Work) {
    let (shell, apt) = cron_job(machine, Program::Apt);
    let service = work.service().0;
    for program in [USUAL[machine.rng.skewed(USUAL.len())], ODD[machine.rng.skewed(ODD.len())], service] {
        let package = fetch_package(machine, apt, program);
        install(machine, apt, program, &package);
    }
    work.restart(machine);
    machine.exit(apt);
    machine.exit(shell);
}

pub(crate) fn fetch_package(machine: &mut Machine, apt: ProcessRef, program: Program) -> tracewell_model::FileRef {
    let fetcher = machine.run(apt, Program::AptHttp);
    let mirror = machine.connect(fetcher, MIRROR);
    machine.send(fetcher, &mirror, 300);
    machine.receive(fetcher, &mirror, 900_000);
    let path = format!("/var/cache/apt/archives/package-{}.deb", program as u32);
    let package = machine.write_new(fetcher, path, 900_000);
    machine.exit(fetcher);
    package
}

/// Unpacks beside the old program, then moves the new one into its place.
fn install(machine: &mut Machine, apt: ProcessRef, program: Program, package: &tracewell_model::FileRef) {
    let dpkg = machine.run_as(apt, Program::Dpkg, 0);
    machine.read(dpkg, package, 900_000);
    let old = machine.program(program);
    let path = old.path.clone().expect("programs have paths");
    let unpacked = machine.write_new(dpkg, format!("{path}.dpkg-new"), 800_000);
    machine.on_file(dpkg, Operation::Chmod, &unpacked);
    let new = machine.rename(dpkg, &unpacked, path, Some(old));
    machine.replace_program(program, new);
    machine.write(dpkg, &machine.file(SystemFile::DpkgStatus), 4000);
    machine.append(dpkg, SystemFile::DpkgLog);
    machine.event(dpkg, Operation::Unlink, Object::File(package.clone()), Default::default(), 0);
    machine.exit(dpkg);
}
