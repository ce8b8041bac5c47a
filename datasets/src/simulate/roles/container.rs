use super::{Role, Work, stranger};
use crate::simulate::fleet::{Fleet, Service};
use crate::simulate::machine::Machine;
use crate::simulate::pool::Pool;
use crate::simulate::programs::{Program, SystemFile};
use std::net::SocketAddr;
use tracewell_model::{Object, Operation, ProcessRef, Str};

const APP: u32 = 10_001;

/// A container host: kubelet and containerd, some long-lived application containers, and short job containers.
#[derive(Debug)]
pub(crate) struct Container {
    kubelet: ProcessRef,
    containerd: ProcessRef,
    /// Shim and application of each service container, with its name.
    services: Vec<(ProcessRef, ProcessRef, Str)>,
    layers: Pool,
    data: Pool,
    n_jobs: u64,
}

impl Container {
    pub fn boot(machine: &mut Machine) -> Self {
        let init = machine.residents.init;
        let kubelet = machine.daemon(Some(init), Program::Kubelet, 0, 0);
        let containerd = machine.daemon(Some(init), Program::Containerd, 0, 0);
        let services: Vec<_> = (0..4)
            .map(|i| {
                let shim = machine.daemon(Some(init), Program::Shim, 0, 0);
                let app = machine.daemon(Some(shim), Program::App, 0, APP);
                let name: Str = format!("shop/app-{i}").into();
                machine.describe(app, Some(shim), Program::App, 0, APP, Some(name.clone()));
                (shim, app, name)
            })
            .collect();
        machine.residents.front = services[0].1;
        Self {
            kubelet,
            containerd,
            services,
            layers: Pool::new(machine, "/var/lib/containerd/snapshots/", "/fs/app.bin", 40, 120),
            data: Pool::new(machine, "/var/lib/containers/volumes/shop/data-", ".db", 40, 150),
            n_jobs: 0,
        }
    }

    /// A request to one of the applications.
    fn request(&mut self, machine: &mut Machine) {
        let app = self.services[machine.rng.skewed(self.services.len())].1;
        let from = stranger(machine);
        let client = machine.accept(app, 8080, from);
        machine.receive(app, &client, 500);
        for _ in 0..1 + machine.rng.below(3) {
            let data = self.data.pick(machine, app);
            machine.read(app, &data, 9000);
            if machine.rng.permille(250) {
                machine.write(app, &data, 2000);
            }
        }
        machine.send(app, &client, 7000);
        machine.append(app, SystemFile::ContainerLog);
    }

    /// The kubelet looks after its containers.
    fn probe(&mut self, machine: &mut Machine) {
        machine.read(self.kubelet, &machine.file(SystemFile::Meminfo), 1500);
        machine.on_file(self.kubelet, Operation::Open, &machine.file(SystemFile::ContainerdSock));
        machine.on_file(self.containerd, Operation::Open, &machine.file(SystemFile::ContainerdSock));
        machine.syslog(self.kubelet);
    }

    /// A job container: image from the registry, mount, shim, runc, the job itself, clean-up.
    fn run_job(&mut self, machine: &mut Machine, fleet: &Fleet) {
        if machine.rng.permille(300)
            && let Some(registry) = fleet.free(Role::Build, machine.clock, &mut machine.rng)
        {
            let socket = machine.call(self.containerd, registry, fleet, Service::Registry);
            machine.send(self.containerd, &socket, 300);
            machine.receive(self.containerd, &socket, 4_000_000);
        }
        let layer = self.layers.pick(machine, self.containerd);
        machine.event(self.containerd, Operation::Mount, Object::File(layer.clone()), Default::default(), 0);
        let shim = machine.run_as(self.containerd, Program::Shim, 0);
        let runc = machine.run_as(shim, Program::Runc, 0);
        let job = machine.fork(runc);
        machine.become_user(job, APP);
        machine.exec(job, Program::App, 1);
        self.n_jobs += 1;
        let name = format!("shop/job-{}", self.n_jobs % 16).into();
        machine.describe(job, Some(runc), Program::App, 1, APP, Some(name));
        machine.exit(runc);
        machine.read(job, &layer, 100_000);
        let data = self.data.pick(machine, job);
        machine.read(job, &data, 9000);
        let path = format!("/var/lib/containers/scratch/{:06x}", machine.rng.below(1 << 24));
        let scratch = machine.write_new(job, path, 50_000);
        machine.exit(job);
        machine.on_file(shim, Operation::Unlink, &scratch);
        machine.exit(shim);
    }
}

impl Work for Container {
    fn act(&mut self, machine: &mut Machine, fleet: &Fleet) {
        match machine.rng.below(1000) {
            0..=849 => self.request(machine),
            850..=949 => self.probe(machine),
            _ => self.run_job(machine, fleet),
        }
    }

    /// Applications are called from outside the fleet only.
    fn serve(&mut self, _machine: &mut Machine, _service: Service, _from: SocketAddr) {}

    fn service(&self) -> (Program, &'static [SystemFile]) {
        (Program::App, &[SystemFile::ContainerLog])
    }

    fn restart(&mut self, machine: &mut Machine) {
        let (shim, old, name) = self.services.pop().expect("there are four service containers");
        machine.signal(shim, old, 15);
        machine.exit(old);
        let runc = machine.run_as(shim, Program::Runc, 1);
        let app = machine.fork(runc);
        machine.become_user(app, APP);
        machine.exec(app, Program::App, 0);
        machine.describe(app, Some(runc), Program::App, 0, APP, Some(name.clone()));
        machine.exit(runc);
        machine.listen(app, 8080);
        self.services.push((shim, app, name));
    }
}
