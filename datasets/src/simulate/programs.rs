//! The programs and system files that every host knows, each interned once for the whole fleet.

use tracewell_model::{FileKind, Str};

/// Declares an enum with one row of facts per variant, so that the two cannot drift apart.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident: $row:ty { $($variant:ident = $value:expr;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),* }

        impl $name {
            pub const TABLE: &'static [$row] = &[$($value),*];
        }
    };
}

const fn file(path: &'static str) -> (&'static str, FileKind) {
    (path, FileKind::Regular)
}

table! {
    /// Files that programs read or write under a fixed name.
    SystemFile: (&'static str, FileKind) {
        LdCache = file("/etc/ld.so.cache");
        Libc = file("/usr/lib/x86_64-linux-gnu/libc.so.6");
        Libm = file("/usr/lib/x86_64-linux-gnu/libm.so.6");
        Libz = file("/usr/lib/x86_64-linux-gnu/libz.so.1");
        Libssl = file("/usr/lib/x86_64-linux-gnu/libssl.so.3");
        Libcrypto = file("/usr/lib/x86_64-linux-gnu/libcrypto.so.3");
        Libpam = file("/usr/lib/x86_64-linux-gnu/libpam.so.0");
        Libstdcxx = file("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
        Libselinux = file("/usr/lib/x86_64-linux-gnu/libselinux.so.1");
        Passwd = file("/etc/passwd");
        Shadow = file("/etc/shadow");
        Group = file("/etc/group");
        Nsswitch = file("/etc/nsswitch.conf");
        ResolvConf = file("/etc/resolv.conf");
        Hosts = file("/etc/hosts");
        Localtime = file("/etc/localtime");
        Locale = file("/usr/lib/locale/locale-archive");
        Crontab = file("/etc/crontab");
        LogrotateConf = file("/etc/logrotate.conf");
        LogrotateState = file("/var/lib/logrotate/status");
        SshdConfig = file("/etc/ssh/sshd_config");
        SshHostKey = file("/etc/ssh/ssh_host_ed25519_key");
        AuthorizedKeys = file("/home/admin/.ssh/authorized_keys");
        KnownHosts = file("/home/admin/.ssh/known_hosts");
        PrivateKey = file("/home/admin/.ssh/id_ed25519");
        Bashrc = file("/home/admin/.bashrc");
        BashHistory = file("/home/admin/.bash_history");
        DpkgStatus = file("/var/lib/dpkg/status");
        DpkgLog = file("/var/log/dpkg.log");
        AptLists = file("/var/lib/apt/lists/archive_main_Packages");
        Wtmp = file("/var/log/wtmp");
        Urandom = ("/dev/urandom", FileKind::Device);
        Syslog = file("/var/log/syslog");
        AuthLog = file("/var/log/auth.log");
        Journal = file("/var/log/journal/system.journal");
        Loadavg = file("/proc/loadavg");
        Meminfo = file("/proc/meminfo");
        Mounts = file("/proc/self/mounts");
        NginxConf = file("/etc/nginx/nginx.conf");
        NginxAccess = file("/var/log/nginx/access.log");
        NginxError = file("/var/log/nginx/error.log");
        PhpIni = file("/etc/php/8.2/fpm/php.ini");
        PhpIndex = file("/var/www/html/index.php");
        PhpConfig = file("/var/www/html/config.php");
        PgConf = file("/var/lib/postgresql/15/main/postgresql.conf");
        PgHba = file("/var/lib/postgresql/15/main/pg_hba.conf");
        PgLog = file("/var/log/postgresql/postgresql-15-main.log");
        PgWal = file("/var/lib/postgresql/15/main/pg_wal/000000010000000000000001");
        MailLog = file("/var/log/mail.log");
        PostfixConf = file("/etc/postfix/main.cf");
        DovecotConf = file("/etc/dovecot/dovecot.conf");
        WebmailConfig = file("/etc/roundcube/config.inc.php");
        BrowserProfile = file("/home/user/.mozilla/firefox/main/places.sqlite");
        MailboxIndex = file("/home/user/.thunderbird/main/global-messages-db.sqlite");
        RunnerConfig = file("/opt/runner/.runner");
        RunnerToken = file("/opt/runner/.credentials");
        RunnerLog = file("/var/log/runner.log");
        ContainerdConf = file("/etc/containerd/config.toml");
        ContainerdSock = file("/run/containerd/containerd.sock");
        KubeletToken = file("/var/lib/kubelet/pki/kubelet-client-current.pem");
        ContainerLog = file("/var/log/containers/app.log");
    }
}

/// What a program is on disk, what it loads and reads when it starts, and the command lines it is known by.
pub(crate) struct ProgramSpec {
    pub path: &'static str,
    pub loads: &'static [SystemFile],
    pub reads: &'static [SystemFile],
    pub commands: &'static [&'static str],
}

const fn program(
    path: &'static str,
    loads: &'static [SystemFile],
    reads: &'static [SystemFile],
    commands: &'static [&'static str],
) -> ProgramSpec {
    ProgramSpec { path, loads, reads, commands }
}

use SystemFile as F;
const PLAIN: &[F] = &[F::Libc];
const CORE: &[F] = &[F::Libselinux, F::Libc];
const CRYPTO: &[F] = &[F::Libssl, F::Libcrypto, F::Libz, F::Libc];
const LOGIN: &[F] = &[F::Libpam, F::Libcrypto, F::Libc];
const CPP: &[F] = &[F::Libstdcxx, F::Libm, F::Libc];
const LOCALE: &[F] = &[F::Locale];
const USERS: &[F] = &[F::Nsswitch, F::Passwd, F::Group];
const NAMES: &[F] = &[F::Nsswitch, F::ResolvConf, F::Hosts];

table! {
    /// Programs that benign life and attacks both use.
    Program: ProgramSpec {
        Init = program("/usr/lib/systemd/systemd", CORE, USERS, &["/sbin/init"]);
        Journald = program("/usr/lib/systemd/systemd-journald", CORE, &[], &["/usr/lib/systemd/systemd-journald"]);
        Sshd = program("/usr/sbin/sshd", LOGIN, &[F::SshdConfig, F::SshHostKey], &["sshd: /usr/sbin/sshd -D", "sshd: admin [priv]"]);
        Cron = program("/usr/sbin/cron", LOGIN, &[F::Crontab, F::Localtime], &["/usr/sbin/cron -f"]);
        Sh = program("/usr/bin/dash", PLAIN, &[], &["sh -c", "/bin/sh", "sh"]);
        Bash = program("/usr/bin/bash", PLAIN, USERS, &["-bash", "bash", "bash -l"]);
        Ls = program("/usr/bin/ls", CORE, LOCALE, &["ls -la", "ls /var/log", "ls", "ls -lt /tmp"]);
        Cat = program("/usr/bin/cat", PLAIN, LOCALE, &["cat /etc/hosts", "cat /proc/loadavg", "cat"]);
        Grep = program("/usr/bin/grep", PLAIN, LOCALE, &["grep -i error /var/log/syslog", "grep -r listen /etc"]);
        Ps = program("/usr/bin/ps", PLAIN, &[F::Localtime], &["ps aux", "ps -ef"]);
        Id = program("/usr/bin/id", CORE, USERS, &["id", "id -u"]);
        Uname = program("/usr/bin/uname", PLAIN, LOCALE, &["uname -a", "uname -r"]);
        Df = program("/usr/bin/df", PLAIN, &[F::Mounts], &["df -h"]);
        Top = program("/usr/bin/top", PLAIN, &[F::Loadavg, F::Meminfo], &["top -b -n 1", "top"]);
        Vi = program("/usr/bin/vim.basic", CORE, LOCALE, &["vim /etc/hosts", "vim notes.txt"]);
        Sudo = program("/usr/bin/sudo", LOGIN, &[F::Passwd, F::Shadow, F::Group], &["sudo -i", "sudo systemctl status"]);
        Systemctl = program("/usr/bin/systemctl", CORE, &[], &["systemctl restart", "systemctl status", "systemctl list-units"]);
        Tar = program("/usr/bin/tar", CORE, USERS, &["tar czf backup.tar.gz", "tar xf"]);
        Gzip = program("/usr/bin/gzip", PLAIN, &[], &["gzip", "gzip -9"]);
        Rm = program("/usr/bin/rm", PLAIN, LOCALE, &["rm -f", "rm -rf"]);
        Chmod = program("/usr/bin/chmod", PLAIN, LOCALE, &["chmod +x", "chmod 644"]);
        Find = program("/usr/bin/find", CORE, LOCALE, &["find / -xdev -type f -mtime -1", "find /var/tmp -mtime +7"]);
        Curl = program("/usr/bin/curl", CRYPTO, NAMES, &["curl -fsS https://status.example.net/health", "curl -O"]);
        Wget = program("/usr/bin/wget", CRYPTO, NAMES, &["wget -q -O -"]);
        Ssh = program("/usr/bin/ssh", CRYPTO, NAMES, &["ssh build", "ssh -o BatchMode=yes"]);
        Rsync = program("/usr/bin/rsync", CRYPTO, NAMES, &["rsync -a --delete"]);
        Python = program("/usr/bin/python3.11", &[F::Libm, F::Libz, F::Libc], LOCALE, &["python3 /usr/lib/monitor/check.py", "python3"]);
        Perl = program("/usr/bin/perl", &[F::Libm, F::Libc], LOCALE, &["perl -w /usr/lib/report.pl"]);
        Tcpdump = program("/usr/bin/tcpdump", CRYPTO, USERS, &["tcpdump -c 100 -i eth0"]);
        Strace = program("/usr/bin/strace", PLAIN, &[], &["strace -f -p"]);
        Apt = program("/usr/bin/apt-get", CPP, &[F::AptLists, F::DpkgStatus], &["apt-get -y upgrade"]);
        AptHttp = program("/usr/lib/apt/methods/http", CRYPTO, NAMES, &["/usr/lib/apt/methods/http"]);
        Dpkg = program("/usr/bin/dpkg", CORE, &[F::DpkgStatus], &["/usr/bin/dpkg --unpack", "/usr/bin/dpkg --configure -a"]);
        Logrotate = program("/usr/sbin/logrotate", CORE, &[F::LogrotateConf, F::LogrotateState], &["logrotate /etc/logrotate.conf"]);
        RunParts = program("/usr/bin/run-parts", PLAIN, &[], &["run-parts --report /etc/cron.hourly"]);
        Nginx = program("/usr/sbin/nginx", CRYPTO, &[F::NginxConf], &["nginx: master process", "nginx: worker process"]);
        PhpFpm = program("/usr/sbin/php-fpm8.2", CRYPTO, &[F::PhpIni], &["php-fpm: master process", "php-fpm: pool www"]);
        Postgres = program("/usr/lib/postgresql/15/bin/postgres", CRYPTO, &[F::PgConf, F::PgHba], &["postgres -D main", "postgres: app app", "postgres: autovacuum worker"]);
        Psql = program("/usr/lib/postgresql/15/bin/psql", CRYPTO, NAMES, &["psql -c select"]);
        PgDump = program("/usr/lib/postgresql/15/bin/pg_dump", CRYPTO, NAMES, &["pg_dump app"]);
        Postfix = program("/usr/lib/postfix/sbin/master", CRYPTO, &[F::PostfixConf], &["/usr/lib/postfix/sbin/master -w"]);
        Smtpd = program("/usr/lib/postfix/sbin/smtpd", CRYPTO, &[F::PostfixConf], &["smtpd -n smtp -t inet"]);
        Delivery = program("/usr/lib/dovecot/dovecot-lda", CRYPTO, &[F::DovecotConf], &["dovecot-lda -d user"]);
        Dovecot = program("/usr/sbin/dovecot", CRYPTO, &[F::DovecotConf], &["/usr/sbin/dovecot -F"]);
        Imap = program("/usr/lib/dovecot/imap", CRYPTO, &[F::DovecotConf], &["dovecot/imap"]);
        SpamFilter = program("/usr/bin/spamd", &[F::Libm, F::Libc], LOCALE, &["/usr/bin/spamd --max-children 5"]);
        Session = program("/usr/lib/gnome-session-binary", CORE, USERS, &["gnome-session"]);
        Browser = program("/usr/lib/firefox/firefox", CPP, &[F::BrowserProfile, F::Localtime], &["firefox", "firefox -contentproc -childID"]);
        MailClient = program("/usr/lib/thunderbird/thunderbird", CPP, &[F::MailboxIndex], &["thunderbird"]);
        Office = program("/usr/lib/libreoffice/program/soffice.bin", CPP, LOCALE, &["soffice.bin --writer", "soffice.bin --calc"]);
        Git = program("/usr/bin/git", &[F::Libz, F::Libc], &[F::Localtime], &["git fetch", "git checkout", "git status"]);
        Runner = program("/opt/runner/bin/runner", CPP, &[F::RunnerConfig], &["runner listen", "runner job"]);
        Make = program("/usr/bin/make", PLAIN, LOCALE, &["make -j4", "make test"]);
        Gcc = program("/usr/bin/x86_64-linux-gnu-gcc-12", PLAIN, LOCALE, &["gcc -O2 -c"]);
        Cc1 = program("/usr/lib/gcc/x86_64-linux-gnu/12/cc1", &[F::Libm, F::Libz, F::Libc], LOCALE, &["cc1 -quiet -O2"]);
        As = program("/usr/bin/x86_64-linux-gnu-as", &[F::Libz, F::Libc], &[], &["as --64"]);
        Ld = program("/usr/bin/x86_64-linux-gnu-ld.bfd", &[F::Libz, F::Libc], &[], &["ld -o"]);
        Npm = program("/usr/bin/node", CPP, NAMES, &["npm ci", "node build.js"]);
        Containerd = program("/usr/bin/containerd", PLAIN, &[F::ContainerdConf], &["/usr/bin/containerd"]);
        Shim = program("/usr/bin/containerd-shim-runc-v2", PLAIN, &[], &["containerd-shim-runc-v2 -namespace k8s.io"]);
        Runc = program("/usr/sbin/runc", PLAIN, &[], &["runc create", "runc start"]);
        Kubelet = program("/usr/bin/kubelet", PLAIN, &[F::KubeletToken], &["/usr/bin/kubelet"]);
        App = program("/srv/app/server", CPP, NAMES, &["/srv/app/server", "/srv/app/job"]);
    }
}

/// The strings of the tables above, made once and shared by all hosts.
#[derive(Debug)]
pub(crate) struct Texts {
    pub files: Vec<Str>,
    pub programs: Vec<Str>,
    pub commands: Vec<Vec<Str>>,
    pub journal_socket: Str,
}

impl Texts {
    pub fn new() -> Self {
        Self {
            files: SystemFile::TABLE.iter().map(|row| row.0.into()).collect(),
            programs: Program::TABLE.iter().map(|row| row.path.into()).collect(),
            commands: Program::TABLE.iter().map(|row| row.commands.iter().map(|&c| c.into()).collect()).collect(),
            journal_socket: "/run/systemd/journal/dev-log".into(),
        }
    }
}
