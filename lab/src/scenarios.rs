//! All scenarios. Each is one file with one function; its half is decided here, once and for all.

mod brute_force;
mod builds;
mod container_path;
mod container_socket;
mod containers;
mod crates;
mod database;
mod dns_theft;
mod injection;
mod lateral;
mod lateral_quiet;
mod living_off_the_land;
mod log_wiping;
mod mail;
mod office;
mod persistence;
mod preload;
mod ransom;
mod ransom_quiet;
mod redis;
mod setuid_helper;
mod shop;
mod slow_theft;
mod supply_chain;
mod upload_shell;
mod visits;
mod web_shell;
mod web_shell_quiet;

use crate::Lab;
use anyhow::{Context, Result};

pub struct Scenario {
    pub name: &'static str,
    /// For people, in one line.
    pub about: &'static str,
    pub half: Half,
    pub run: fn(&mut Lab) -> Result<()>,
}

/// Parameters may be chosen with the first in view, and are judged by the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Development,
    Test,
}

impl Half {
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Test => "test",
        }
    }
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "database",
        about: "a database under load, its administrator and dumps",
        half: Half::Development,
        run: database::run,
    },
    Scenario {
        name: "redis",
        about: "a cache and the service in front of it",
        half: Half::Development,
        run: redis::run,
    },
    Scenario {
        name: "office",
        about: "documents, administrators, and a backup to another host",
        half: Half::Development,
        run: office::run,
    },
    Scenario {
        name: "containers",
        about: "containers, one of which fails again and again, and their administrator",
        half: Half::Development,
        run: containers::run,
    },
    Scenario {
        name: "mail",
        about: "two servers of mail, people who write, and a backup",
        half: Half::Development,
        run: mail::run,
    },
    Scenario { name: "visits", about: "a web site with scripts and uploads", half: Half::Test, run: visits::run },
    Scenario {
        name: "builds",
        about: "a C project is compiled, packages are installed",
        half: Half::Test,
        run: builds::run,
    },
    Scenario {
        name: "web-shell",
        about: "command injection in a CGI script, to a web shell, to data theft",
        half: Half::Development,
        run: web_shell::run,
    },
    Scenario {
        name: "lateral",
        about: "from a web server over two stolen keys to the database: three hosts",
        half: Half::Development,
        run: lateral::run,
    },
    Scenario {
        name: "preload",
        about: "a library in a profile is loaded by all that its owner starts",
        half: Half::Development,
        run: preload::run,
    },
    Scenario {
        name: "injection",
        about: "a tool makes a worker run a shell in its place",
        half: Half::Development,
        run: injection::run,
    },
    Scenario {
        name: "container-path",
        about: "out of a container through a folder of the host",
        half: Half::Development,
        run: container_path::run,
    },
    Scenario {
        name: "web-shell-quiet",
        about: "a web shell that imitates the site, and calls nobody",
        half: Half::Test,
        run: web_shell_quiet::run,
    },
    Scenario {
        name: "supply-chain",
        about: "a poisoned package fetches a second part and leaves a job",
        half: Half::Development,
        run: supply_chain::run,
    },
    Scenario {
        name: "slow-theft",
        about: "documents leave in small pieces over days, by what is there",
        half: Half::Development,
        run: slow_theft::run,
    },
    Scenario {
        name: "upload-shell",
        about: "an uploaded script calls back and runs a program from memory",
        half: Half::Development,
        run: upload_shell::run,
    },
    Scenario {
        name: "brute-force",
        about: "passwords are tried, a key and jobs are left, logs are cleaned",
        half: Half::Development,
        run: brute_force::run,
    },
    Scenario {
        name: "ransom",
        about: "documents are encrypted after a login with a stolen key",
        half: Half::Development,
        run: ransom::run,
    },
    Scenario {
        name: "setuid-helper",
        about: "a helper that runs as root is made to run another program",
        half: Half::Development,
        run: setuid_helper::run,
    },
    Scenario {
        name: "crates",
        about: "a Rust crate is built, packages come by apt",
        half: Half::Test,
        run: crates::run,
    },
    Scenario {
        name: "shop",
        about: "a shop in PHP with a database, a service in Node, tcpdump",
        half: Half::Test,
        run: shop::run,
    },
    Scenario {
        name: "container-socket",
        about: "out of a container through the engine's socket",
        half: Half::Test,
        run: container_socket::run,
    },
    Scenario {
        name: "living-off-the-land",
        about: "from a shop to its database and away, without a new file",
        half: Half::Test,
        run: living_off_the_land::run,
    },
    Scenario {
        name: "log-wiping",
        about: "logs forget line by line what was done",
        half: Half::Test,
        run: log_wiping::run,
    },
    Scenario {
        name: "persistence",
        about: "a key, a job and a unit are left, and used hours later",
        half: Half::Test,
        run: persistence::run,
    },
    Scenario {
        name: "dns-theft",
        about: "a document leaves as names that are asked for",
        half: Half::Test,
        run: dns_theft::run,
    },
    Scenario {
        name: "ransom-quiet",
        about: "documents are encrypted as the office edits them",
        half: Half::Test,
        run: ransom_quiet::run,
    },
    Scenario {
        name: "lateral-quiet",
        about: "to a second host by an administrator's and a backup's habits",
        half: Half::Test,
        run: lateral_quiet::run,
    },
];

/// # Errors
/// When there is no scenario of a name.
pub fn find(names: &[&str]) -> Result<Vec<&'static Scenario>> {
    let all: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let find = |name: &&str| {
        let found = SCENARIOS.iter().find(|scenario| scenario.name == *name);
        found.with_context(|| format!("there is no scenario {name:?}; there are {}", all.join(", ")))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_used_once_and_both_halves_have_some() {
        let names: BTreeSet<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        for half in [Half::Development, Half::Test] {
            assert!(SCENARIOS.iter().any(|scenario| scenario.half == half), "{half:?}");
        }
        assert!(find(&["nothing"]).is_err());
    }
}
