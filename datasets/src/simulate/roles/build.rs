use super::{Work, stranger};
use crate::simulate::fleet::{Fleet, Service};
use crate::simulate::machine::Machine;
use crate::simulate::pool::Pool;
use crate::simulate::programs::{Program, SystemFile};
use std::net::SocketAddr;
use tracewell_model::{FileRef, Operation, ProcessRef};

const RUNNER: u32 = 998;

/// A build host: a runner takes jobs, fetches sources, compiles, tests and keeps images for others.
#[derive(Debug)]
pub(crate) struct Build {
    runner: ProcessRef,
    registry: ProcessRef,
    sources: Pool,
    headers: Pool,
    packages: Pool,
    images: Pool,
    job: Option<Job>,
}

/// A job under way: one file is compiled per turn, so that other life comes between.
#[derive(Debug)]
struct Job {
    shell: ProcessRef,
    make: ProcessRef,
    objects: Vec<FileRef>,
    n_left: u64,
}

impl Build {
    pub fn boot(machine: &mut Machine) -> Self {
        let init = machine.residents.init;
        let runner = machine.daemon(Some(init), Program::Runner, 0, RUNNER);
        let registry = machine.daemon(Some(init), Program::App, 0, RUNNER);
        machine.residents.front = runner;
        Self {
            runner,
            registry,
            sources: Pool::new(machine, "/srv/build/tree/src/module-", ".c", 150, 400),
            headers: Pool::new(machine, "/srv/build/tree/include/header-", ".h", 150, 300),
            packages: Pool::new(machine, "/srv/build/tree/node_modules/package-", "/index.js", 100, 300),
            images: Pool::new(machine, "/srv/registry/layers/", ".tar.gz", 20, 60),
            job: None,
        }
    }

    fn begin(&mut self, machine: &mut Machine) {
        let forge = stranger(machine);
        let control = machine.connect(self.runner, SocketAddr::new(forge.ip(), 443));
        machine.receive(self.runner, &control, 3000);
        machine.append(self.runner, SystemFile::RunnerLog);
        let shell = machine.run_as(self.runner, Program::Bash, 1);
        let git = machine.run_as(shell, Program::Git, 0);
        let remote = machine.connect(git, SocketAddr::new(forge.ip(), 443));
        machine.receive(git, &remote, 200_000);
        for _ in 0..1 + machine.rng.below(6) {
            let source = self.sources.pick(machine, git);
            machine.write(git, &source, 9000);
        }
        machine.exit(git);
        let make = machine.run_as(shell, Program::Make, 0);
        self.job = Some(Job { shell, make, objects: Vec::new(), n_left: 3 + machine.rng.below(20) });
    }

    /// One compilation: driver, compiler, assembler, a temporary file between them.
    fn compile(&mut self, machine: &mut Machine, make: ProcessRef) -> FileRef {
        let gcc = machine.run_as(make, Program::Gcc, 0);
        let cc1 = machine.run_as(gcc, Program::Cc1, 0);
        let source = self.sources.pick(machine, cc1);
        machine.read(cc1, &source, 9000);
        for _ in 0..4 + machine.rng.below(16) {
            let header = self.headers.pick(machine, cc1);
            machine.read(cc1, &header, 4000);
        }
        let path = format!("/tmp/cc{:06x}.s", machine.rng.below(1 << 24));
        let assembly = machine.write_new(cc1, path, 40_000);
        machine.exit(cc1);
        let assembler = machine.run_as(gcc, Program::As, 0);
        machine.read(assembler, &assembly, 40_000);
        let source = source.path.expect("pool files have paths");
        let object = machine.write_new(assembler, format!("{}o", source.trim_end_matches('c')), 30_000);
        machine.exit(assembler);
        machine.on_file(gcc, Operation::Unlink, &assembly);
        machine.exit(gcc);
        object
    }

    fn finish(&mut self, machine: &mut Machine, job: &Job) {
        let linker = machine.run_as(job.make, Program::Ld, 0);
        for object in &job.objects {
            machine.read(linker, object, 30_000);
        }
        let program = machine.write_new(linker, "/srv/build/tree/out/program", 2_000_000);
        machine.on_file(linker, Operation::Chmod, &program);
        machine.exit(linker);
        let test = machine.fork(job.make);
        machine.exec_image(test, &program, "out/program --test".into());
        machine.read(test, &machine.file(SystemFile::Libc), 4000);
        machine.exit(test);
        machine.exit(job.make);
        if machine.rng.permille(300) {
            let tar = machine.run_as(job.shell, Program::Tar, 0);
            machine.read(tar, &program, 2_000_000);
            self.images.make(machine, tar);
            machine.exit(tar);
        }
        machine.exit(job.shell);
        machine.append(self.runner, SystemFile::RunnerLog);
    }

    fn bundle(&mut self, machine: &mut Machine) {
        let shell = machine.run_as(self.runner, Program::Bash, 1);
        let npm = machine.run(shell, Program::Npm);
        for _ in 0..10 + machine.rng.below(20) {
            let package = self.packages.pick(machine, npm);
            machine.read(npm, &package, 6000);
        }
        machine.exit(npm);
        machine.exit(shell);
    }
}

impl Work for Build {
    fn act(&mut self, machine: &mut Machine, _fleet: &Fleet) {
        match self.job.take() {
            Some(job) if job.n_left == 0 => self.finish(machine, &job),
            Some(mut job) => {
                let object = self.compile(machine, job.make);
                job.objects.push(object);
                job.n_left -= 1;
                self.job = Some(job);
            }
            None if machine.rng.permille(200) => self.bundle(machine),
            None => self.begin(machine),
        }
    }

    /// Somebody pulls an image.
    fn serve(&mut self, machine: &mut Machine, _service: Service, from: SocketAddr) {
        let client = machine.accept(self.registry, Service::Registry as u16, from);
        machine.receive(self.registry, &client, 300);
        let image = self.images.pick(machine, self.registry);
        machine.read(self.registry, &image, 4_000_000);
        machine.send(self.registry, &client, 4_000_000);
    }

    fn service(&self) -> (Program, &'static [SystemFile]) {
        (Program::App, &[SystemFile::RunnerLog])
    }

    fn restart(&mut self, machine: &mut Machine) {
        let init = machine.residents.init;
        machine.signal(init, self.registry, 15);
        machine.exit(self.registry);
        self.registry = machine.run_as(init, Program::App, 0);
        machine.listen(self.registry, Service::Registry as u16);
    }
}
