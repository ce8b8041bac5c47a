use super::{Next, Plot, Stage, beacon, start, then};
use crate::simulate::life;
use crate::simulate::programs::{Program, SystemFile};
use tracewell_model::{Operation, ProcessRef};

/// The hosts of the cast, one after the other.
const N_HOSTS: usize = 3;

/// An update brings a poisoned package to several hosts; its service waits, calls home and takes what keys there are.
///
/// The download and cron's part in it are benign and stay unlabelled: up to the unpacking nothing differs from any
/// other update.
#[derive(Debug, Default)]
pub(crate) struct SupplyChain {
    implants: [Option<ProcessRef>; N_HOSTS],
}

impl SupplyChain {
    fn install(&mut self, actor: usize, stage: &mut Stage<'_>) -> Option<Next> {
        let attacker = stage.attacker(443);
        let (tool, unit) = (stage.path("/usr/lib", "metrics-agent"), stage.path("/etc/cron.d", "metrics-agent"));
        let machine = &mut *stage.machine;
        let attack = machine.attack.take();
        let (shell, apt) = life::cron_job(machine, Program::Apt);
        let package = life::fetch_package(machine, apt, Program::Python);
        machine.attack = attack;
        let dpkg = machine.run_as(apt, Program::Dpkg, 0);
        machine.read(dpkg, &package, 900_000);
        let tool = machine.write_new(dpkg, tool, 400_000);
        machine.on_file(dpkg, Operation::Chmod, &tool);
        machine.write_new(dpkg, unit, 120);
        let script = machine.run_as(dpkg, Program::Sh, 0);
        let implant = start(machine, script, &tool);
        beacon(machine, implant, attacker, 200);
        machine.exit(script);
        machine.exit(dpkg);
        machine.attack = None;
        machine.exit(apt);
        machine.exit(shell);
        self.implants[actor] = Some(implant);
        if actor + 1 < N_HOSTS { then(actor + 1, 30) } else { then(0, 400) }
    }

    fn collect(&mut self, actor: usize, stage: &mut Stage<'_>) -> Option<Next> {
        let (implant, attacker) = (self.implants[actor].take()?, stage.attacker(443));
        let machine = &mut *stage.machine;
        let secret = [SystemFile::RunnerToken, SystemFile::PhpConfig, SystemFile::KubeletToken][actor];
        for file in [SystemFile::Passwd, SystemFile::Shadow, SystemFile::PrivateKey, secret] {
            machine.read(implant, &machine.file(file), 2000);
        }
        beacon(machine, implant, attacker, 9000);
        machine.exit(implant);
        if actor + 1 < N_HOSTS { then(actor + 1, 150) } else { None }
    }
}

impl Plot for SupplyChain {
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next> {
        let step = step as usize;
        if step < N_HOSTS { self.install(step, stage) } else { self.collect(step - N_HOSTS, stage) }
    }
}
