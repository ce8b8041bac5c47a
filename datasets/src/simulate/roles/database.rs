use super::Work;
use crate::simulate::fleet::{Fleet, Service};
use crate::simulate::machine::Machine;
use crate::simulate::pool::Pool;
use crate::simulate::programs::{Program, SystemFile};
use std::net::SocketAddr;
use tracewell_model::{Operation, ProcessRef};

const POSTGRES: u32 = 114;

/// A PostgreSQL server: a backend per connection, tables, write-ahead log, vacuum, and a dump by night.
#[derive(Debug)]
pub(crate) struct Database {
    postmaster: ProcessRef,
    writer: ProcessRef,
    tables: Pool,
    dumps: Pool,
}

impl Database {
    pub fn boot(machine: &mut Machine) -> Self {
        let init = machine.residents.init;
        let postmaster = machine.daemon(Some(init), Program::Postgres, 0, POSTGRES);
        let writer = machine.daemon(Some(postmaster), Program::Postgres, 2, POSTGRES);
        machine.residents.front = postmaster;
        Self {
            postmaster,
            writer,
            tables: Pool::new(machine, "/var/lib/postgresql/15/main/base/16384/", "", 120, 300),
            dumps: Pool::new(machine, "/var/backups/app-", ".dump", 4, 8),
        }
    }

    fn query(&mut self, machine: &mut Machine, from: SocketAddr) {
        let client = machine.accept(self.postmaster, Service::Postgres as u16, from);
        let backend = machine.fork(self.postmaster);
        machine.receive(backend, &client, 400);
        for _ in 0..1 + machine.rng.below(4) {
            let table = self.tables.pick(machine, backend);
            machine.read(backend, &table, 16_384);
            if machine.rng.permille(300) {
                machine.write(backend, &table, 8192);
                machine.write(backend, &machine.file(SystemFile::PgWal), 8192);
            }
        }
        machine.send(backend, &client, 6000);
        if machine.rng.permille(100) {
            machine.append(backend, SystemFile::PgLog);
        }
        machine.exit(backend);
    }

    /// Dirty pages go to disk.
    fn checkpoint(&mut self, machine: &mut Machine) {
        for _ in 0..8 {
            let table = self.tables.pick(machine, self.writer);
            machine.write(self.writer, &table, 65_536);
        }
        machine.append(self.writer, SystemFile::PgLog);
    }

    fn vacuum(&mut self, machine: &mut Machine) {
        let vacuum = machine.fork(self.postmaster);
        let table = self.tables.pick(machine, vacuum);
        machine.read(vacuum, &table, 500_000);
        machine.write(vacuum, &table, 200_000);
        let path = format!("/var/lib/postgresql/15/main/base/pgsql_tmp/pgsql_tmp{}", vacuum.pid);
        let temporary = machine.write_new(vacuum, path, 100_000);
        machine.on_file(vacuum, Operation::Unlink, &temporary);
        machine.exit(vacuum);
    }

    /// The backup job of the host itself: a dump over the local socket's backend.
    fn dump(&mut self, machine: &mut Machine) {
        let (shell, dump) = crate::simulate::life::cron_job(machine, Program::PgDump);
        let backend = machine.fork(self.postmaster);
        for _ in 0..10 {
            let table = self.tables.pick(machine, backend);
            machine.read(backend, &table, 500_000);
        }
        machine.exit(backend);
        let file = self.dumps.make(machine, dump);
        machine.on_file(dump, Operation::Chmod, &file);
        machine.exit(dump);
        machine.exit(shell);
    }
}

impl Work for Database {
    fn act(&mut self, machine: &mut Machine, _fleet: &Fleet) {
        match machine.rng.below(1000) {
            // Clients that are not part of the recording, such as a reporting tool.
            0..=799 => {
                let port = 30_000 + machine.rng.below(30_000) as u16;
                self.query(machine, SocketAddr::from(([10, 0, 1, 7], port)));
            }
            800..=949 => self.checkpoint(machine),
            950..=997 => self.vacuum(machine),
            _ => self.dump(machine),
        }
    }

    fn serve(&mut self, machine: &mut Machine, _service: Service, from: SocketAddr) {
        self.query(machine, from);
    }

    fn service(&self) -> (Program, &'static [SystemFile]) {
        (Program::Postgres, &[SystemFile::PgLog])
    }

    fn restart(&mut self, machine: &mut Machine) {
        let init = machine.residents.init;
        for old in [self.writer, self.postmaster] {
            machine.signal(init, old, 2);
            machine.exit(old);
        }
        self.postmaster = machine.run_as(init, Program::Postgres, 0);
        machine.become_user(self.postmaster, POSTGRES);
        machine.listen(self.postmaster, Service::Postgres as u16);
        self.writer = machine.fork(self.postmaster);
        machine.residents.front = self.postmaster;
    }
}
