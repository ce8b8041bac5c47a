//! Which programs take secrets without a name, and behind which option.

/// What kind of program a command is, as far as its options go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// Runs another program, which is named among its arguments.
    Wrapper,
    /// The same on another machine; arguments may be whole command lines.
    Remote,
    /// Runs code that is given as an argument.
    Interpreter,
    /// Has a subcommand `login`, and some have `exec`, which makes it a wrapper.
    Registry,
    Curl,
    Ldap,
    Mongo,
    Mysql,
    Openssl,
    Redis,
    SevenZip,
    Sqlcmd,
    Sshpass,
    Zip,
    Other,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Secret,
    /// `user:secret`.
    UserAndSecret,
    /// `pass:secret`, or where to read it (openssl-passphrase-options(1)).
    PassphraseSource,
}

/// A secret behind an option: in the same argument from this byte on, or in the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    Attached(usize, Next),
    Following(Next),
}

#[rustfmt::skip]
const PROGRAMS: [(Program, &[&str]); 14] = [
    (Program::Wrapper, &[
        "busybox", "chroot", "command", "doas", "env", "exec", "flock", "ionice", "nice", "nohup", "nsenter", "parallel",
        "runuser", "setsid", "stdbuf", "strace", "su", "sudo", "systemd-run", "taskset", "time", "timeout", "unshare", "watch",
        "xargs",
    ]),
    (Program::Remote, &["ssh"]),
    (Program::Interpreter, &["lua", "node", "perl", "php", "python", "python2", "python3", "ruby"]),
    (Program::Registry, &[
        "az", "buildah", "crane", "docker", "helm", "kubectl", "nerdctl", "oc", "oras", "podman", "skopeo",
    ]),
    (Program::Curl, &["curl"]),
    (Program::Ldap, &[
        "ldapadd", "ldapcompare", "ldapdelete", "ldapmodify", "ldapmodrdn", "ldappasswd", "ldapsearch", "ldapwhoami",
    ]),
    (Program::Mongo, &["mongo", "mongodump", "mongoexport", "mongoimport", "mongorestore", "mongosh"]),
    (Program::Mysql, &[
        "mariadb", "mariadb-admin", "mariadb-check", "mariadb-dump", "mariadb-import", "mariadb-show", "mysql", "mysqladmin",
        "mysqlbinlog", "mysqlcheck", "mysqldump", "mysqlimport", "mysqlpump", "mysqlshow", "mysqlslap",
    ]),
    (Program::Openssl, &["openssl"]),
    (Program::Redis, &["redis-cli", "valkey-cli"]),
    (Program::SevenZip, &["7z", "7za", "7zr"]),
    (Program::Sqlcmd, &["bcp", "sqlcmd"]),
    (Program::Sshpass, &["sshpass"]),
    (Program::Zip, &["unzip", "zip"]),
];

impl Program {
    /// By the last part of a path; `None` for programs that take no secret without a name.
    pub(super) fn known(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path).trim_start_matches('-');
        PROGRAMS.iter().find(|(_, names)| names.contains(&name)).map(|(program, _)| *program)
    }

    /// The secret behind an option of this program that has a meaning here only.
    pub(super) fn option(self, option: &str, is_login: bool) -> Option<Behind> {
        match self {
            // `-p` alone asks for it, and `-p secret` is `-p` and the name of a database (mysql(1)).
            Self::Mysql | Self::SevenZip => attached(option, "-p", Next::Secret),
            Self::Sshpass | Self::Mongo => short(option, "-p", Next::Secret),
            Self::Registry if is_login => short(option, "-p", Next::Secret),
            Self::Redis => short(option, "-a", Next::Secret),
            Self::Ldap => short(option, "-w", Next::Secret),
            Self::Sqlcmd | Self::Zip => short(option, "-P", Next::Secret),
            Self::Openssl => match option {
                "-passin" | "-passout" | "-pass" => Some(Behind::Following(Next::PassphraseSource)),
                "-k" | "-K" => Some(Behind::Following(Next::Secret)),
                _ => None,
            },
            Self::Curl => curl(option),
            Self::Wrapper | Self::Remote | Self::Interpreter | Self::Registry | Self::Other => None,
        }
    }

    /// Whether the argument behind this one is code rather than a value.
    pub(super) fn runs_next(self, option: &str) -> bool {
        let is_shells = option.strip_prefix('-').is_some_and(|letters| {
            letters.ends_with('c') && letters.len() <= 4 && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        is_shells || self == Self::Interpreter && matches!(option, "-e" | "-E" | "-r" | "-p" | "--eval" | "--print")
    }
}

fn curl(option: &str) -> Option<Behind> {
    let next = Next::UserAndSecret;
    for long in ["--user", "--proxy-user"] {
        match option.strip_prefix(long) {
            Some("") => return Some(Behind::Following(next)),
            Some(rest) if rest.starts_with('=') => return Some(Behind::Attached(long.len() + 1, next)),
            _ => {}
        }
    }
    if let Some(behind) = attached(option, "-u", next).or_else(|| attached(option, "-U", next)) {
        return Some(behind);
    }
    // Several short options in one, of which the last takes a value: `-sSu`.
    let is_cluster = option.strip_prefix('-').is_some_and(|letters| {
        letters.len() <= 8 && letters.ends_with(['u', 'U']) && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    is_cluster.then_some(Behind::Following(next))
}

fn short(option: &str, letter: &str, next: Next) -> Option<Behind> {
    if option == letter { Some(Behind::Following(next)) } else { attached(option, letter, next) }
}

fn attached(option: &str, letter: &str, next: Next) -> Option<Behind> {
    let is_attached = option.len() > letter.len() && option.starts_with(letter);
    is_attached.then_some(Behind::Attached(letter.len(), next))
}
