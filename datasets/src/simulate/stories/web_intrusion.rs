use super::{Next, Plot, Stage, far_end, fetch, ssh, start, then};
use crate::simulate::life;
use crate::simulate::programs::{Program, SystemFile};
use std::net::SocketAddr;
use tracewell_model::{FileRef, Operation, ProcessRef, SocketRef};

/// A web application is exploited; a dropper brings an implant, which steals a key, logs in to the database host and
/// sends its tables out.
#[derive(Debug, Default)]
pub(crate) struct WebIntrusion {
    shell: Option<ProcessRef>,
    implant: Option<(ProcessRef, SocketRef)>,
    lateral: Option<(ProcessRef, SocketRef)>,
    login: Option<(ProcessRef, SocketRef, ProcessRef)>,
    loot: Option<FileRef>,
}

impl WebIntrusion {
    /// The worker serves the attacker and starts a shell, as no request should.
    fn exploit(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(44_321);
        let machine = &mut *stage.machine;
        let worker = machine.residents.front;
        let socket = machine.accept(worker, 443, attacker);
        machine.receive(worker, &socket, 4000);
        let shell = machine.run_as(worker, Program::Sh, 0);
        for program in [Program::Id, Program::Uname, Program::Ps] {
            let command = machine.run_as(shell, program, 0);
            machine.exit(command);
        }
        machine.send(worker, &socket, 2000);
        self.shell = Some(shell);
        then(0, 50)
    }

    fn drop_implant(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (attacker, path) = (stage.attacker(8080), stage.path("/tmp", ".font-unix"));
        let machine = &mut *stage.machine;
        let shell = self.shell?;
        let file = fetch(machine, shell, attacker, &path);
        let implant = start(machine, shell, &file);
        machine.on_file(implant, Operation::Unlink, &file);
        let control = machine.connect(implant, attacker);
        machine.send(implant, &control, 300);
        machine.receive(implant, &control, 800);
        machine.exit(shell);
        self.implant = Some((implant, control));
        then(0, 200)
    }

    fn steal_key(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (implant, control) = self.implant.clone()?;
        let target = stage.address(1, 22);
        let machine = &mut *stage.machine;
        machine.receive(implant, &control, 400);
        for file in [SystemFile::Passwd, SystemFile::PhpConfig] {
            machine.read(implant, &machine.file(file), 2000);
        }
        self.lateral = Some(ssh(machine, implant, target));
        then(1, 0)
    }

    fn log_in(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let from: SocketAddr = far_end(&self.lateral.as_ref()?.1);
        let path = stage.path("/var/tmp", "dump");
        let machine = &mut *stage.machine;
        let (server, socket) = life::accept_login(machine, from);
        let shell = machine.run_as(server, Program::Bash, 1);
        let dump = machine.run_as(shell, Program::PgDump, 0);
        machine.read(dump, &machine.file(SystemFile::PgHba), 2000);
        let loot = machine.write_new(dump, path, 50_000_000);
        machine.exit(dump);
        self.login = Some((server, socket, shell));
        self.loot = Some(loot);
        then(1, 300)
    }

    fn send_out(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(443);
        let machine = &mut *stage.machine;
        let (server, socket, shell) = self.login.take()?;
        let loot = self.loot.take()?;
        let curl = machine.run_as(shell, Program::Curl, 1);
        machine.read(curl, &loot, 50_000_000);
        let upload = machine.connect(curl, attacker);
        machine.send(curl, &upload, 50_000_000);
        machine.exit(curl);
        let rm = machine.run_as(shell, Program::Rm, 0);
        machine.on_file(rm, Operation::Unlink, &loot);
        machine.exit(rm);
        life::logout(machine, server, shell, &socket);
        then(0, 50)
    }

    fn leave(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let ((ssh, lateral), (implant, control)) = (self.lateral.take()?, self.implant.take()?);
        let machine = &mut *stage.machine;
        machine.receive(ssh, &lateral, 900);
        machine.exit(ssh);
        machine.send(implant, &control, 500);
        machine.exit(implant);
        None
    }
}

impl Plot for WebIntrusion {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        match step {
            0 => self.exploit(stage),
            1 => self.drop_implant(stage),
            2 => self.steal_key(stage),
            3 => self.log_in(stage),
            4 => self.send_out(stage),
            _ => self.leave(stage),
        }
    }
}
