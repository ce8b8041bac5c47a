use super::{Role, Work, stranger};
use crate::simulate::fleet::{Fleet, Service};
use crate::simulate::machine::Machine;
use crate::simulate::pool::Pool;
use crate::simulate::programs::{Program, SystemFile};
use std::net::SocketAddr;
use tracewell_model::{Operation, ProcessRef, SocketRef};

const USER: u32 = 1001;

/// Somebody's workstation: browser, mail, documents, a terminal.
#[derive(Debug)]
pub(crate) struct Desktop {
    session: ProcessRef,
    browser: ProcessRef,
    tabs: [ProcessRef; 4],
    mail: ProcessRef,
    inbox: Option<SocketRef>,
    cache: Pool,
    documents: Pool,
}

impl Desktop {
    pub fn boot(machine: &mut Machine) -> Self {
        let init = machine.residents.init;
        let session = machine.daemon(Some(init), Program::Session, 0, USER);
        let browser = machine.daemon(Some(session), Program::Browser, 0, USER);
        let tabs = std::array::from_fn(|_| machine.daemon(Some(browser), Program::Browser, 1, USER));
        let mail = machine.daemon(Some(session), Program::MailClient, 0, USER);
        machine.residents.front = mail;
        Self {
            session,
            browser,
            tabs,
            mail,
            inbox: None,
            cache: Pool::new(machine, "/home/user/.cache/mozilla/firefox/main/cache2/entries/", "", 100, 300),
            documents: Pool::new(machine, "/home/user/Documents/document-", ".odt", 60, 200),
        }
    }

    /// A page: some connections, the cache, the history.
    fn browse(&mut self, machine: &mut Machine, fleet: &Fleet) {
        let intranet = fleet.free(Role::Web, machine.clock, &mut machine.rng).filter(|_| machine.rng.permille(150));
        let site = match intranet {
            Some(web) => machine.call(self.browser, web, fleet, Service::Https),
            None => {
                let site = stranger(machine);
                machine.connect(self.browser, SocketAddr::new(site.ip(), 443))
            }
        };
        machine.send(self.browser, &site, 900);
        machine.receive(self.browser, &site, 80_000);
        for _ in 0..2 + machine.rng.below(5) {
            let entry = self.cache.pick(machine, self.browser);
            if machine.rng.permille(500) {
                machine.read(self.browser, &entry, 20_000);
            } else {
                machine.write(self.browser, &entry, 20_000);
            }
        }
        let tab = self.tabs[machine.rng.skewed(4)];
        machine.read(tab, &machine.file(SystemFile::Locale), 4000);
        machine.write(self.browser, &machine.file(SystemFile::BrowserProfile), 4000);
    }

    /// The mail client looks for news, over a connection that it keeps.
    fn check_mail(&mut self, machine: &mut Machine, fleet: &Fleet) {
        if self.inbox.is_none() || machine.rng.permille(100) {
            let server = fleet.free(Role::Mail, machine.clock, &mut machine.rng);
            self.inbox =
                server.map(|server| machine.call(self.mail, server, fleet, Service::Imap)).or(self.inbox.take());
        }
        if let Some(inbox) = self.inbox.clone() {
            machine.send(self.mail, &inbox, 100);
            machine.receive(self.mail, &inbox, 4000);
        }
        machine.write(self.mail, &machine.file(SystemFile::MailboxIndex), 9000);
        if machine.rng.permille(50)
            && let Some(server) = fleet.free(Role::Mail, machine.clock, &mut machine.rng)
        {
            let outgoing = machine.call(self.mail, server, fleet, Service::Smtp);
            machine.send(self.mail, &outgoing, 12_000);
        }
    }

    /// A document is opened, edited and saved as editors do: beside the old one, then over it.
    fn write_document(&mut self, machine: &mut Machine) {
        let office = machine.run(self.session, Program::Office);
        let document = self.documents.pick(machine, office);
        machine.read(office, &document, 60_000);
        let path = document.path.clone().expect("pool files have paths");
        let saved = machine.write_new(office, format!("{path}.tmp"), 60_000);
        machine.rename(office, &saved, path, Some(document.clone()));
        self.documents.replace(&document, &saved);
        machine.exit(office);
    }

    fn work_in_terminal(&mut self, machine: &mut Machine, fleet: &Fleet) {
        let shell = machine.run_as(self.session, Program::Bash, 1);
        for _ in 0..1 + machine.rng.below(4) {
            let program = [Program::Ls, Program::Cat, Program::Git, Program::Grep][machine.rng.skewed(4)];
            let command = machine.run(shell, program);
            machine.exit(command);
        }
        if machine.rng.permille(300)
            && let Some(build) = fleet.free(Role::Build, machine.clock, &mut machine.rng)
        {
            let ssh = machine.run_as(shell, Program::Ssh, 0);
            machine.read(ssh, &machine.file(SystemFile::PrivateKey), 400);
            let socket = machine.call(ssh, build, fleet, Service::Ssh);
            machine.send(ssh, &socket, 2500);
            machine.receive(ssh, &socket, 2500);
            machine.exit(ssh);
        }
        machine.exit(shell);
    }

    fn download(&mut self, machine: &mut Machine) {
        let site = stranger(machine);
        let site = machine.connect(self.browser, SocketAddr::new(site.ip(), 443));
        machine.receive(self.browser, &site, 2_000_000);
        let path = format!("/home/user/Downloads/file-{:05x}.part", machine.rng.below(1 << 20));
        let part = machine.write_new(self.browser, path.as_str(), 2_000_000);
        let done = path.trim_end_matches(".part").into();
        machine.rename(self.browser, &part, done, None);
    }
}

impl Work for Desktop {
    fn act(&mut self, machine: &mut Machine, fleet: &Fleet) {
        match machine.rng.below(1000) {
            0..=599 => self.browse(machine, fleet),
            600..=849 => self.check_mail(machine, fleet),
            850..=949 => self.write_document(machine),
            950..=969 => self.download(machine),
            970..=979 => {
                let old = self.tabs[3];
                machine.exit(old);
                self.tabs[3] = machine.run_as(self.browser, Program::Browser, 1);
            }
            980..=989 => {
                let (machine_id, session) = (machine.file(SystemFile::Urandom), self.session);
                machine.on_file(session, Operation::Open, &machine_id);
                machine.syslog(session);
            }
            _ => self.work_in_terminal(machine, fleet),
        }
    }

    /// Desktops offer nothing but ssh, which is answered elsewhere.
    fn serve(&mut self, _machine: &mut Machine, _service: Service, _from: SocketAddr) {}

    fn service(&self) -> (Program, &'static [SystemFile]) {
        (Program::Browser, &[])
    }

    fn restart(&mut self, machine: &mut Machine) {
        for old in self.tabs.into_iter().chain([self.browser]) {
            machine.exit(old);
        }
        self.browser = machine.run_as(self.session, Program::Browser, 0);
        self.tabs = std::array::from_fn(|_| machine.run_as(self.browser, Program::Browser, 1));
    }
}
