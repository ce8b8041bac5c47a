use super::{Next, Plot, Stage, beacon, far_end, fetch, ssh, start, then};
use crate::simulate::life;
use crate::simulate::programs::{Program, SystemFile};
use tracewell_model::{Detail, FileKind, FileRef, Object, Operation, ProcessRef, SocketRef};

/// An application in a container is exploited; a mount of the host's disk and a cron entry lead out of it, the host's
/// keys lead to the build host.
#[derive(Debug, Default)]
pub(crate) struct ContainerEscape {
    shell: Option<ProcessRef>,
    tool: Option<FileRef>,
    implant: Option<ProcessRef>,
    lateral: Option<(ProcessRef, SocketRef)>,
}

impl ContainerEscape {
    fn exploit(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(40_404);
        let machine = &mut *stage.machine;
        let app = machine.residents.front;
        let socket = machine.accept(app, 8080, attacker);
        machine.receive(app, &socket, 3000);
        let shell = machine.run_as(app, Program::Sh, 1);
        for program in [Program::Id, Program::Df] {
            let command = machine.run_as(shell, program, 0);
            machine.exit(command);
        }
        machine.send(app, &socket, 900);
        self.shell = Some(shell);
        then(0, 200)
    }

    fn escape(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(8080);
        let (tool, entry) = (stage.path("/tmp", "probe"), stage.path("/etc/cron.d", "probe"));
        let machine = &mut *stage.machine;
        let shell = self.shell.take()?;
        self.tool = Some(fetch(machine, shell, attacker, &tool));
        let disk = machine.on_disk("/dev/sda1", FileKind::Device);
        machine.event(shell, Operation::Mount, Object::File(disk), Detail::None, 0);
        machine.write_new(shell, entry, 60);
        machine.exit(shell);
        then(0, 100)
    }

    /// The host's own cron daemon starts the tool, now as root and outside.
    fn run_outside(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(8443);
        let machine = &mut *stage.machine;
        let shell = machine.run_as(machine.residents.cron, Program::Sh, 0);
        let implant = start(machine, shell, self.tool.as_ref()?);
        beacon(machine, implant, attacker, 300);
        machine.read(implant, &machine.file(SystemFile::KubeletToken), 2000);
        machine.read(implant, &machine.file(SystemFile::Shadow), 1500);
        self.implant = Some(implant);
        then(0, 400)
    }

    fn go_on(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let target = stage.address(1, 22);
        self.lateral = Some(ssh(stage.machine, self.implant?, target));
        then(1, 0)
    }

    /// On the build host: a service of the attacker's own, and the runner's token.
    fn settle(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let from = far_end(&self.lateral.as_ref()?.1);
        let (attacker, path) = (stage.attacker(8443), stage.path("/opt/runner", "helper"));
        let machine = &mut *stage.machine;
        let (server, socket) = life::accept_login(machine, from);
        let shell = machine.run_as(server, Program::Bash, 1);
        let file = fetch(machine, shell, attacker, &path);
        let helper = start(machine, shell, &file);
        machine.read(helper, &machine.file(SystemFile::RunnerToken), 900);
        beacon(machine, helper, attacker, 1200);
        machine.exit(helper);
        life::logout(machine, server, shell, &socket);
        then(0, 10)
    }

    fn leave(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let ((client, socket), implant) = (self.lateral.take()?, self.implant.take()?);
        let machine = &mut *stage.machine;
        machine.receive(client, &socket, 500);
        machine.exit(client);
        machine.on_file(implant, Operation::Unlink, self.tool.as_ref()?);
        machine.exit(implant);
        None
    }
}

impl Plot for ContainerEscape {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        match step {
            0 => self.exploit(stage),
            1 => self.escape(stage),
            2 => self.run_outside(stage),
            3 => self.go_on(stage),
            4 => self.settle(stage),
            _ => self.leave(stage),
        }
    }
}
