use super::{Work, stranger};
use crate::simulate::fleet::{Fleet, Service};
use crate::simulate::machine::Machine;
use crate::simulate::pool::Pool;
use crate::simulate::programs::{Program, SystemFile};
use crate::simulate::roles::Role;
use std::net::SocketAddr;
use tracewell_model::ProcessRef;

const WWW_DATA: u32 = 33;

/// A web server in front of an application: nginx, PHP workers, uploads, sessions, queries to a database host.
#[derive(Debug)]
pub(crate) struct Web {
    master: ProcessRef,
    workers: [ProcessRef; 4],
    php: [ProcessRef; 6],
    pages: Pool,
    uploads: Pool,
    sessions: Pool,
}

impl Web {
    pub fn boot(machine: &mut Machine) -> Self {
        let init = machine.residents.init;
        let master = machine.daemon(Some(init), Program::Nginx, 0, 0);
        let workers = std::array::from_fn(|_| machine.daemon(Some(master), Program::Nginx, 1, WWW_DATA));
        let fpm = machine.daemon(Some(init), Program::PhpFpm, 0, 0);
        let php = std::array::from_fn(|_| machine.daemon(Some(fpm), Program::PhpFpm, 1, WWW_DATA));
        machine.residents.front = php[0];
        Self {
            master,
            workers,
            php,
            pages: Pool::new(machine, "/var/www/html/page-", ".php", 60, 200),
            uploads: Pool::new(machine, "/var/www/uploads/image-", ".jpg", 40, 400),
            sessions: Pool::new(machine, "/var/lib/php/sessions/sess_", "", 30, 300),
        }
    }

    /// A request from outside: accepted by a worker, answered from disk or by PHP.
    fn request(&mut self, machine: &mut Machine, fleet: Option<&Fleet>, from: SocketAddr) {
        let worker = self.workers[machine.rng.skewed(4)];
        let client = machine.accept(worker, Service::Https as u16, from);
        machine.receive(worker, &client, 600);
        if machine.rng.permille(550) {
            let image = self.uploads.pick(machine, worker);
            machine.read(worker, &image, 40_000);
        } else {
            self.dynamic(machine, fleet);
        }
        machine.send(worker, &client, 30_000);
        machine.append(worker, SystemFile::NginxAccess);
    }

    fn dynamic(&mut self, machine: &mut Machine, fleet: Option<&Fleet>) {
        let php = self.php[machine.rng.skewed(6)];
        let page = self.pages.pick(machine, php);
        machine.read(php, &machine.file(SystemFile::PhpIndex), 2000);
        machine.read(php, &page, 8000);
        let session = self.sessions.pick(machine, php);
        machine.read(php, &session, 300);
        if let Some(database) = fleet.and_then(|fleet| fleet.free(Role::Database, machine.clock, &mut machine.rng)) {
            let fleet = fleet.expect("it named the database");
            machine.read(php, &machine.file(SystemFile::PhpConfig), 900);
            let socket = machine.call(php, database, fleet, Service::Postgres);
            machine.send(php, &socket, 400);
            machine.receive(php, &socket, 6000);
        }
        machine.write(php, &session, 300);
    }

    /// A picture comes in: to a temporary file, then under its name.
    fn upload(&mut self, machine: &mut Machine) {
        let worker = self.workers[machine.rng.skewed(4)];
        let from = stranger(machine);
        let client = machine.accept(worker, Service::Https as u16, from);
        machine.receive(worker, &client, 300_000);
        let php = self.php[machine.rng.skewed(6)];
        let path = format!("/tmp/php{:06x}", machine.rng.below(1 << 24));
        let temporary = machine.write_new(php, path, 300_000);
        let image = self.uploads.pick(machine, php);
        machine.rename(php, &temporary, image.path.clone().expect("pool files have paths"), Some(image.clone()));
        self.uploads.replace(&image, &temporary);
        machine.send(worker, &client, 200);
        machine.append(worker, SystemFile::NginxAccess);
    }
}

impl Work for Web {
    fn act(&mut self, machine: &mut Machine, fleet: &Fleet) {
        let from = stranger(machine);
        match machine.rng.below(1000) {
            0..=949 => self.request(machine, Some(fleet), from),
            950..=989 => self.upload(machine),
            _ => {
                let worker = self.workers[0];
                machine.append(worker, SystemFile::NginxError);
                machine.syslog(worker);
            }
        }
    }

    fn serve(&mut self, machine: &mut Machine, _service: Service, from: SocketAddr) {
        self.request(machine, None, from);
    }

    fn service(&self) -> (Program, &'static [SystemFile]) {
        (Program::Nginx, &[SystemFile::NginxAccess, SystemFile::NginxError])
    }

    fn restart(&mut self, machine: &mut Machine) {
        let init = machine.residents.init;
        for old in self.workers.into_iter().chain([self.master]) {
            machine.signal(init, old, 15);
            machine.exit(old);
        }
        self.master = machine.run_as(init, Program::Nginx, 0);
        machine.listen(self.master, Service::Https as u16);
        self.workers = std::array::from_fn(|_| {
            let worker = machine.fork(self.master);
            machine.become_user(worker, WWW_DATA);
            worker
        });
    }
}
