use super::{Next, Plot, Stage, beacon, far_end, fetch, ssh, start, then};
use crate::simulate::life;
use crate::simulate::machine::Machine;
use crate::simulate::programs::Program;
use tracewell_model::{FileKind, Operation, ProcessRef, SocketRef};

/// Files that are encrypted on each host, in batches.
const FILES_PER_BATCH: u64 = 25;
const N_BATCHES: u32 = 4;

/// A mailed document brings a program that encrypts the desktop's archive, logs in to a web server and goes on there.
///
/// The archive is cold: daily life does not touch it, so that nobody reads what is no longer there.
#[derive(Debug, Default)]
pub(crate) struct Ransom {
    locker: Option<ProcessRef>,
    lateral: Option<(ProcessRef, SocketRef)>,
    login: Option<(ProcessRef, SocketRef, ProcessRef)>,
    n_files: u64,
}

impl Ransom {
    fn arrive(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (attacker, path) = (stage.attacker(443), stage.path("/home/user/.local", "update"));
        let machine = &mut *stage.machine;
        let office = machine.run_as(machine.residents.front, Program::Office, 1);
        let shell = machine.run_as(office, Program::Sh, 0);
        let file = fetch(machine, shell, attacker, &path);
        let locker = start(machine, shell, &file);
        beacon(machine, locker, attacker, 100);
        machine.exit(shell);
        machine.exit(office);
        self.locker = Some(locker);
        then(0, 100)
    }

    /// One batch of files: read, written anew under another name, removed.
    fn lock(&mut self, machine: &mut Machine, folder: &str) -> Option<()> {
        let locker = self.locker?;
        for _ in 0..FILES_PER_BATCH {
            self.n_files += 1;
            let path = format!("{folder}/archive-{:05}", self.n_files);
            let locked = format!("{path}.locked-{:02x}", machine.attack.unwrap_or_default());
            let file = machine.on_disk(path, FileKind::Regular);
            machine.read(locker, &file, 200_000);
            machine.write_new(locker, locked, 200_000);
            machine.on_file(locker, Operation::Unlink, &file);
        }
        Some(())
    }

    fn lock_desktop(&mut self, is_last: bool, stage: &mut Stage<'_>) -> Option<Next> {
        let (note, target) = (stage.path("/home/user", "READ-ME"), stage.address(1, 22));
        self.lock(stage.machine, "/home/user/Archive")?;
        if !is_last {
            return then(0, 50);
        }
        let locker = self.locker.take()?;
        stage.machine.write_new(locker, note, 900);
        self.lateral = Some(ssh(stage.machine, locker, target));
        stage.machine.exit(locker);
        then(1, 0)
    }

    fn log_in(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let from = far_end(&self.lateral.as_ref()?.1);
        let (attacker, path) = (stage.attacker(443), stage.path("/home/admin", "update"));
        let machine = &mut *stage.machine;
        let (server, socket) = life::accept_login(machine, from);
        let shell = machine.run_as(server, Program::Bash, 1);
        let file = fetch(machine, shell, attacker, &path);
        self.locker = Some(start(machine, shell, &file));
        self.login = Some((server, socket, shell));
        then(1, 50)
    }

    fn lock_server(&mut self, is_last: bool, stage: &mut Stage<'_>) -> Option<Next> {
        let note = stage.path("/var/www", "READ-ME");
        self.lock(stage.machine, "/var/www/archive")?;
        if !is_last {
            return then(1, 50);
        }
        let (server, socket, shell) = self.login.take()?;
        let locker = self.locker.take()?;
        stage.machine.write_new(locker, note, 900);
        stage.machine.exit(locker);
        life::logout(stage.machine, server, shell, &socket);
        then(0, 10)
    }

    fn leave(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (client, socket) = self.lateral.take()?;
        stage.machine.receive(client, &socket, 300);
        stage.machine.exit(client);
        None
    }
}

impl Plot for Ransom {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        const DESKTOP_DONE: u32 = N_BATCHES;
        const LOG_IN: u32 = DESKTOP_DONE + 1;
        const LOGGED_IN: u32 = LOG_IN + 1;
        const SERVER_DONE: u32 = LOG_IN + N_BATCHES;
        match step {
            0 => self.arrive(stage),
            1..=DESKTOP_DONE => self.lock_desktop(step == DESKTOP_DONE, stage),
            LOG_IN => self.log_in(stage),
            LOGGED_IN..=SERVER_DONE => self.lock_server(step == SERVER_DONE, stage),
            _ => self.leave(stage),
        }
    }
}
