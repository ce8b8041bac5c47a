use super::{Work, stranger};
use crate::simulate::fleet::{Fleet, Service};
use crate::simulate::machine::Machine;
use crate::simulate::pool::Pool;
use crate::simulate::programs::{Program, SystemFile};
use std::net::SocketAddr;
use tracewell_model::{Operation, ProcessRef};

const POSTFIX: u32 = 105;
const VMAIL: u32 = 5000;
const WWW_DATA: u32 = 33;

/// A mail server: SMTP in and out, a spam filter, delivery to mailboxes, IMAP and webmail.
#[derive(Debug)]
pub(crate) struct Mail {
    postfix: ProcessRef,
    smtpd: [ProcessRef; 3],
    spam: ProcessRef,
    dovecot: ProcessRef,
    webmail: ProcessRef,
    mailboxes: Pool,
    rules: Pool,
    n_served: u32,
}

impl Mail {
    pub fn boot(machine: &mut Machine) -> Self {
        let init = machine.residents.init;
        let postfix = machine.daemon(Some(init), Program::Postfix, 0, 0);
        let smtpd = std::array::from_fn(|_| machine.daemon(Some(postfix), Program::Smtpd, 0, POSTFIX));
        let spam = machine.daemon(Some(init), Program::SpamFilter, 0, VMAIL);
        let dovecot = machine.daemon(Some(init), Program::Dovecot, 0, 0);
        let fpm = machine.daemon(Some(init), Program::PhpFpm, 0, 0);
        let webmail = machine.daemon(Some(fpm), Program::PhpFpm, 1, WWW_DATA);
        machine.residents.front = webmail;
        Self {
            postfix,
            smtpd,
            spam,
            dovecot,
            webmail,
            mailboxes: Pool::new(machine, "/var/mail/vhosts/example.org/box-", "/dovecot.index.log", 80, 250),
            rules: Pool::new(machine, "/var/lib/spamassassin/rules-", ".cf", 30, 60),
            n_served: 0,
        }
    }

    /// A message comes in: queued, judged, delivered.
    fn message(&mut self, machine: &mut Machine, from: SocketAddr) {
        let slot = machine.rng.skewed(3);
        self.renew_smtpd(machine, slot);
        let smtpd = self.smtpd[slot];
        let client = machine.accept(smtpd, Service::Smtp as u16, from);
        machine.receive(smtpd, &client, 15_000);
        let queue = format!("/var/spool/postfix/incoming/{:08X}", machine.rng.below(1 << 32));
        let queued = machine.write_new(smtpd, queue.as_str(), 15_000);
        machine.send(smtpd, &client, 200);
        machine.append(smtpd, SystemFile::MailLog);
        machine.read(self.spam, &queued, 15_000);
        let rule = self.rules.pick(machine, self.spam);
        machine.read(self.spam, &rule, 9000);
        let active = machine.rename(self.postfix, &queued, queue.replace("incoming", "active").into(), None);
        let delivery = machine.run_as(self.postfix, Program::Delivery, 0);
        machine.become_user(delivery, VMAIL);
        machine.read(delivery, &active, 15_000);
        let path = format!("/var/mail/vhosts/example.org/new/{:010}.M", machine.rng.below(10_000_000_000));
        machine.write_new(delivery, path, 15_000);
        let mailbox = self.mailboxes.pick(machine, delivery);
        machine.write(delivery, &mailbox, 200);
        machine.append(delivery, SystemFile::MailLog);
        machine.exit(delivery);
        machine.on_file(self.postfix, Operation::Unlink, &active);
    }

    /// A worker serves a hundred messages or so, then a fresh one takes its place.
    fn renew_smtpd(&mut self, machine: &mut Machine, slot: usize) {
        self.n_served += 1;
        if self.n_served.is_multiple_of(100) {
            machine.exit(self.smtpd[slot]);
            self.smtpd[slot] = machine.run_as(self.postfix, Program::Smtpd, 0);
            machine.become_user(self.smtpd[slot], POSTFIX);
        }
    }

    /// A user looks into the mailbox; a process per connection.
    fn fetch(&mut self, machine: &mut Machine, from: SocketAddr) {
        let client = machine.accept(self.dovecot, Service::Imap as u16, from);
        let imap = machine.run_as(self.dovecot, Program::Imap, 0);
        machine.become_user(imap, VMAIL);
        machine.receive(imap, &client, 200);
        for _ in 0..1 + machine.rng.below(4) {
            let mailbox = self.mailboxes.pick(machine, imap);
            machine.read(imap, &mailbox, 12_000);
        }
        machine.send(imap, &client, 20_000);
        machine.append(imap, SystemFile::MailLog);
        machine.exit(imap);
    }

    fn read_webmail(&mut self, machine: &mut Machine) {
        let from = stranger(machine);
        let client = machine.accept(self.webmail, Service::Https as u16, from);
        machine.receive(self.webmail, &client, 800);
        machine.read(self.webmail, &machine.file(SystemFile::WebmailConfig), 3000);
        let mailbox = self.mailboxes.pick(machine, self.webmail);
        machine.read(self.webmail, &mailbox, 12_000);
        machine.send(self.webmail, &client, 30_000);
    }
}

impl Work for Mail {
    fn act(&mut self, machine: &mut Machine, _fleet: &Fleet) {
        let from = stranger(machine);
        match machine.rng.below(100) {
            0..=54 => self.message(machine, from),
            55..=79 => self.fetch(machine, from),
            80..=97 => self.read_webmail(machine),
            _ => machine.syslog(self.postfix),
        }
    }

    fn serve(&mut self, machine: &mut Machine, service: Service, from: SocketAddr) {
        match service {
            Service::Smtp => self.message(machine, from),
            _ => self.fetch(machine, from),
        }
    }

    fn service(&self) -> (Program, &'static [SystemFile]) {
        (Program::Dovecot, &[SystemFile::MailLog])
    }

    fn restart(&mut self, machine: &mut Machine) {
        let init = machine.residents.init;
        machine.signal(init, self.dovecot, 15);
        machine.exit(self.dovecot);
        self.dovecot = machine.run_as(init, Program::Dovecot, 0);
        machine.listen(self.dovecot, Service::Imap as u16);
    }
}
