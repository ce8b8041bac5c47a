use super::{Next, Plot, Stage, beacon, far_end, ssh, then};
use crate::simulate::life;
use crate::simulate::programs::{Program, SystemFile};
use tracewell_model::{ProcessRef, SocketRef};

/// What is taken from the build host, one file a step.
const WANTED: [SystemFile; 8] = [
    SystemFile::Passwd,
    SystemFile::Hosts,
    SystemFile::RunnerConfig,
    SystemFile::RunnerLog,
    SystemFile::KnownHosts,
    SystemFile::BashHistory,
    SystemFile::RunnerToken,
    SystemFile::PrivateKey,
];

/// A script that a job left behind takes one file at a time, long apart, and at last visits the database host.
#[derive(Debug, Default)]
pub(crate) struct LowAndSlow {
    script: Option<ProcessRef>,
    lateral: Option<(ProcessRef, SocketRef)>,
}

impl LowAndSlow {
    fn settle(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let path = stage.path("/opt/runner/_work", "cache") + ".py";
        let machine = &mut *stage.machine;
        let shell = machine.run_as(machine.residents.front, Program::Bash, 1);
        let file = machine.write_new(shell, path, 2000);
        let script = machine.run_as(shell, Program::Python, 1);
        machine.read(script, &file, 2000);
        machine.exit(shell);
        self.script = Some(script);
        then(0, 100)
    }

    fn take_one(&mut self, file: SystemFile, stage: &mut Stage<'_>) -> Option<Next> {
        let (script, attacker) = (self.script?, stage.attacker(443));
        stage.machine.read(script, &stage.machine.file(file), 1500);
        beacon(stage.machine, script, attacker, 1500);
        then(0, 90)
    }

    fn go_on(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let target = stage.address(1, 22);
        self.lateral = Some(ssh(stage.machine, self.script?, target));
        then(1, 0)
    }

    fn visit(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let from = far_end(&self.lateral.as_ref()?.1);
        let machine = &mut *stage.machine;
        let (server, socket) = life::accept_login(machine, from);
        let shell = machine.run_as(server, Program::Bash, 0);
        let cat = machine.run_as(shell, Program::Cat, 2);
        machine.read(cat, &machine.file(SystemFile::PgHba), 4000);
        machine.exit(cat);
        machine.send(server, &socket, 4000);
        life::logout(machine, server, shell, &socket);
        then(0, 90)
    }

    fn leave(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let ((client, socket), script) = (self.lateral.take()?, self.script.take()?);
        let attacker = stage.attacker(443);
        let machine = &mut *stage.machine;
        machine.receive(client, &socket, 4000);
        machine.exit(client);
        beacon(machine, script, attacker, 4000);
        machine.exit(script);
        None
    }
}

impl Plot for LowAndSlow {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        const GO_ON: u32 = 1 + WANTED.len() as u32;
        const VISIT: u32 = GO_ON + 1;
        match step {
            0 => self.settle(stage),
            GO_ON => self.go_on(stage),
            VISIT => self.visit(stage),
            1..GO_ON => self.take_one(WANTED[step as usize - 1], stage),
            _ => self.leave(stage),
        }
    }
}
