use super::{Next, Plot, Stage, beacon, far_end, then};
use crate::simulate::programs::{Program, SystemFile};
use tracewell_model::{FileKind, FileRef, Object, Operation, ProcessRef, SocketRef};

/// A web shell on the mail host traces the login server for passwords, then asks the database for all of its hashes.
#[derive(Debug, Default)]
pub(crate) struct CredentialTheft {
    web_shell: Option<FileRef>,
    shell: Option<ProcessRef>,
    client: Option<(ProcessRef, SocketRef)>,
}

impl CredentialTheft {
    fn plant(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (attacker, path) = (stage.attacker(51_000), stage.path("/usr/share/roundcube/skins", "watermark") + ".php");
        let machine = &mut *stage.machine;
        let webmail = machine.residents.front;
        let socket = machine.accept(webmail, 443, attacker);
        machine.receive(webmail, &socket, 9000);
        self.web_shell = Some(machine.write_new(webmail, path, 1800));
        machine.send(webmail, &socket, 200);
        then(0, 250)
    }

    fn listen_in(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (attacker, path) = (stage.attacker(51_002), stage.path("/dev/shm", ".trace"));
        let machine = &mut *stage.machine;
        let webmail = machine.residents.front;
        let socket = machine.accept(webmail, 443, attacker);
        machine.receive(webmail, &socket, 500);
        machine.read(webmail, self.web_shell.as_ref()?, 1800);
        let shell = machine.run_as(webmail, Program::Sh, 0);
        let sudo = machine.run_as(shell, Program::Sudo, 0);
        let strace = machine.run_as(sudo, Program::Strace, 0);
        let sshd = machine.residents.sshd;
        machine.event(strace, Operation::Ptrace, Object::Process(sshd), Default::default(), 0);
        let trace = machine.write_new(strace, path, 60_000);
        machine.exit(strace);
        machine.exit(sudo);
        let grep = machine.run_as(shell, Program::Grep, 0);
        machine.read(grep, &trace, 60_000);
        machine.exit(grep);
        machine.read(shell, &machine.file(SystemFile::WebmailConfig), 3000);
        machine.send(webmail, &socket, 400);
        self.shell = Some(shell);
        then(0, 400)
    }

    fn query(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let target = stage.address(1, 5432);
        let machine = &mut *stage.machine;
        let psql = machine.run_as(self.shell?, Program::Psql, 0);
        let socket = machine.connect(psql, target);
        machine.send(psql, &socket, 300);
        self.client = Some((psql, socket));
        then(1, 0)
    }

    /// On the database host: a backend of its own for the attacker's connection reads the table of roles.
    fn answer(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let from = far_end(&self.client.as_ref()?.1);
        let machine = &mut *stage.machine;
        let postmaster = machine.residents.front;
        let socket = machine.accept(postmaster, 5432, from);
        let backend = machine.fork(postmaster);
        machine.receive(backend, &socket, 300);
        machine.read(backend, &machine.file(SystemFile::PgHba), 4000);
        let roles = machine.on_disk("/var/lib/postgresql/15/main/global/1260", FileKind::Regular);
        machine.read(backend, &roles, 16_384);
        machine.send(backend, &socket, 16_384);
        machine.append(backend, SystemFile::PgLog);
        machine.exit(backend);
        then(0, 10)
    }

    fn send_out(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (attacker, path) = (stage.attacker(443), stage.path("/dev/shm", ".roles"));
        let ((psql, socket), shell) = (self.client.take()?, self.shell.take()?);
        let machine = &mut *stage.machine;
        machine.receive(psql, &socket, 16_384);
        let loot = machine.write_new(psql, path, 16_384);
        machine.exit(psql);
        let curl = machine.run_as(shell, Program::Curl, 1);
        machine.read(curl, &loot, 16_384);
        beacon(machine, curl, attacker, 16_384);
        machine.exit(curl);
        machine.on_file(shell, Operation::Unlink, &loot);
        machine.exit(shell);
        None
    }
}

impl Plot for CredentialTheft {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        match step {
            0 => self.plant(stage),
            1 => self.listen_in(stage),
            2 => self.query(stage),
            3 => self.answer(stage),
            _ => self.send_out(stage),
        }
    }
}
