use super::{Next, Plot, Stage, beacon, far_end, fetch, ssh, start, then};
use crate::simulate::life;
use crate::simulate::programs::{Program, SystemFile};
use tracewell_model::{ProcessRef, SocketRef};

/// Calls home before the attacker acts.
const N_BEACONS: u32 = 12;

/// A mailed document starts a shell; the implant settles in the session, calls home, and looks at the mail server.
#[derive(Debug, Default)]
pub(crate) struct Phishing {
    implant: Option<ProcessRef>,
    lateral: Option<(ProcessRef, SocketRef)>,
}

impl Phishing {
    fn open_attachment(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(443);
        let document = stage.path("/home/user/Downloads", "invoice") + ".odt";
        let path = stage.path("/home/user/.cache", "session-helper");
        let machine = &mut *stage.machine;
        let mail = machine.residents.front;
        let document = machine.write_new(mail, document, 90_000);
        let office = machine.run_as(mail, Program::Office, 0);
        machine.read(office, &document, 90_000);
        let shell = machine.run_as(office, Program::Sh, 0);
        let file = fetch(machine, shell, attacker, &path);
        self.implant = Some(start(machine, shell, &file));
        machine.exit(shell);
        machine.exit(office);
        then(0, 20)
    }

    fn persist(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let implant = self.implant?;
        let path = stage.path("/home/user/.config/autostart", "helper") + ".desktop";
        let machine = &mut *stage.machine;
        machine.write_new(implant, path, 300);
        machine.write(implant, &machine.file(SystemFile::Bashrc), 60);
        then(0, 50)
    }

    fn call_home(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(443);
        beacon(stage.machine, self.implant?, attacker, 300);
        then(0, 60)
    }

    fn go_on(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (implant, target) = (self.implant?, stage.address(1, 22));
        let machine = &mut *stage.machine;
        machine.read(implant, &machine.file(SystemFile::MailboxIndex), 900_000);
        self.lateral = Some(ssh(machine, implant, target));
        then(1, 0)
    }

    /// On the mail server: the configuration and the mail log are read and sent back through the login.
    fn look_around(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let from = far_end(&self.lateral.as_ref()?.1);
        let machine = &mut *stage.machine;
        let (server, socket) = life::accept_login(machine, from);
        let shell = machine.run_as(server, Program::Bash, 0);
        let tar = machine.run_as(shell, Program::Tar, 0);
        for file in [SystemFile::DovecotConf, SystemFile::WebmailConfig, SystemFile::MailLog] {
            machine.read(tar, &machine.file(file), 200_000);
        }
        machine.exit(tar);
        machine.send(server, &socket, 400_000);
        life::logout(machine, server, shell, &socket);
        then(0, 30)
    }

    fn send_out(&mut self, stage: &mut Stage<'_>) -> Option<Next> {
        let (implant, attacker) = (self.implant?, stage.attacker(443));
        let (client, socket) = self.lateral.take()?;
        let machine = &mut *stage.machine;
        machine.receive(client, &socket, 400_000);
        machine.exit(client);
        beacon(machine, implant, attacker, 1_300_000);
        machine.exit(implant);
        None
    }
}

impl Plot for Phishing {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        const GO_ON: u32 = 2 + N_BEACONS;
        const LOOK_AROUND: u32 = GO_ON + 1;
        match step {
            0 => self.open_attachment(stage),
            1 => self.persist(stage),
            GO_ON => self.go_on(stage),
            LOOK_AROUND => self.look_around(stage),
            2..GO_ON => self.call_home(stage),
            _ => self.send_out(stage),
        }
    }
}
