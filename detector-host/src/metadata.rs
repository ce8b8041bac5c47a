//! What a detector says of itself, checked.

use crate::contract;
use crate::limits::TECHNIQUES_MAX;
use std::fmt;
use tracewell_graph_core::neighbourhood::{Conditions, EDGES_MAX, HOPS_MAX, NODES_MAX, OperationSet, Reach};
use tracewell_model::Operation;

/// Who a detector is and when it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub id: String,
    pub name: String,
    pub description: String,
    pub version: Version,
    pub author: String,
    pub contact: String,
    pub licence: String,
    pub techniques: Vec<String>,
    pub triggers: Vec<Trigger>,
    pub reach: Reach,
}

/// Major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

/// Which events a detector is called for. All that is named must fit; what is empty fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    pub operations: OperationSet,
    pub executables: Vec<String>,
    pub command_lines: Vec<String>,
    pub paths: Vec<String>,
    /// First and last port, both included.
    pub ports: Vec<(u16, u16)>,
    pub users: Vec<u32>,
    pub facts: FactSet,
    pub conditions: Conditions,
}

/// Facts about a process, one bit each in the order of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactSet(pub(crate) u16);

impl FactSet {
    /// As the contract names them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        FACTS.iter().enumerate().filter(move |(bit, _)| self.0 & 1 << bit != 0).map(|(_, name)| *name)
    }

    pub(crate) fn contains(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}

const FACTS: [&str; 11] = [
    "ran-own-write",
    "serves-network",
    "calls-out",
    "commands-from-socket",
    "gained-privilege",
    "deleted-own-executable",
    "ran-unlinked",
    "entered-process",
    "entered-kernel",
    "mass-change",
    "collected-and-sent",
];
const CONDITIONS: [(Conditions, &str); 9] = [
    (Conditions::IN_CONTAINER, "in-container"),
    (Conditions::BELOW_SERVER, "below-server"),
    (Conditions::WRITTEN, "written"),
    (Conditions::PIPE, "pipe"),
    (Conditions::OTHER_MACHINE, "other-machine"),
    (Conditions::OWN_EXECUTABLE, "own-executable"),
    (Conditions::SET_ID, "set-id"),
    (Conditions::SET_BACK, "set-back"),
    (Conditions::OTHERS_FILE, "others-file"),
];

impl Trigger {
    /// Its conditions as the contract names them.
    pub fn condition_names(&self) -> impl Iterator<Item = &'static str> {
        CONDITIONS.iter().filter(|(condition, _)| self.conditions.contains(*condition)).map(|(_, name)| *name)
    }
}

const ID_BYTES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 80;
const DESCRIPTION_BYTES_MAX: usize = 2_000;
const ORIGIN_BYTES_MAX: usize = 200;
const TRIGGERS_MAX: usize = 16;
const ITEMS_MAX: usize = 64;
const GLOB_BYTES_MAX: usize = 256;

impl Metadata {
    /// # Errors
    /// What is missing or wrong, as a clause that names the field.
    pub(crate) fn check(said: contract::Metadata) -> Result<Self, String> {
        let is_id = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let id = text("id", said.id, ID_BYTES_MAX)?;
        if !id.bytes().all(is_id) || !id.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("id is {id:?}, expected `a` to `z`, `0` to `9` and `-`, a letter first"));
        }
        if said.techniques.len() > TECHNIQUES_MAX {
            return Err(format!("{} techniques, expected at most {TECHNIQUES_MAX}", said.techniques.len()));
        }
        said.techniques.iter().try_for_each(|technique| check_technique(technique))?;
        if said.triggers.is_empty() || said.triggers.len() > TRIGGERS_MAX {
            return Err(format!("{} triggers, expected 1 to {TRIGGERS_MAX}", said.triggers.len()));
        }
        Ok(Self {
            id,
            name: text("name", said.name, NAME_BYTES_MAX)?,
            description: text("description", said.description, DESCRIPTION_BYTES_MAX)?,
            version: Version::parse(&said.version)?,
            author: text("author", said.author, ORIGIN_BYTES_MAX)?,
            contact: text("contact", said.contact, ORIGIN_BYTES_MAX)?,
            licence: text("licence", said.licence, ORIGIN_BYTES_MAX)?,
            techniques: said.techniques,
            triggers: said.triggers.into_iter().map(trigger).collect::<Result<_, _>>()?,
            reach: reach(said.reach)?,
        })
    }
}

impl Version {
    fn parse(said: &str) -> Result<Self, String> {
        let parts: Vec<_> = said.split('.').map(|part| part.parse::<u32>().ok()).collect();
        match parts[..] {
            [Some(major), Some(minor), Some(patch)] => Ok(Self(major, minor, patch)),
            _ => Err(format!("version is {:?}, expected three numbers as in 1.2.3", shortened(said))),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// `T` and four digits, and perhaps a dot and three more.
pub(crate) fn check_technique(technique: &str) -> Result<(), String> {
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|c| c.is_ascii_digit());
    let is_technique = technique.strip_prefix('T').is_some_and(|number| match number.split_once('.') {
        None => digits(number, 4),
        Some((number, sub)) => digits(number, 4) && digits(sub, 3),
    });
    match is_technique {
        true => Ok(()),
        false => Err(format!("technique is {:?}, expected one of ATT&CK as in T1059.004", shortened(technique))),
    }
}

fn text(what: &str, said: String, max: usize) -> Result<String, String> {
    match said.len() {
        0 => Err(format!("{what} is missing")),
        len if len > max => Err(format!("{what} has {len} bytes, expected at most {max}")),
        _ if said.chars().any(|c| c.is_control() && c != '\n') => Err(format!("{what} holds control characters")),
        _ => Ok(said),
    }
}

fn trigger(said: contract::Trigger) -> Result<Trigger, String> {
    let operations = operations(said.operations);
    if operations == OperationSet::default() {
        return Err("a trigger names no operation".to_owned());
    }
    for (what, n) in [("ports", said.ports.len()), ("users", said.users.len())] {
        if n > ITEMS_MAX {
            return Err(format!("a trigger names {n} {what}, expected at most {ITEMS_MAX}"));
        }
    }
    Ok(Trigger {
        operations,
        executables: globs("executables", said.executables)?,
        command_lines: globs("command lines", said.command_lines)?,
        paths: globs("paths", said.paths)?,
        ports: said.ports.into_iter().map(|range| (range.first, range.last)).collect(),
        users: said.users,
        facts: facts(said.facts),
        conditions: Conditions(bits(&said.conditions.as_array()) as u16 & Conditions::ALL.0),
    })
}

pub(crate) fn facts(said: contract::Facts) -> FactSet {
    const { assert!(FACTS.len() <= u16::BITS as usize) };
    FactSet(bits(&said.as_array()) as u16 & ((1 << FACTS.len()) - 1))
}

/// The first 32 flags.
fn bits<const WORDS: usize>(words: &[u32; WORDS]) -> u32 {
    words.first().copied().unwrap_or(0)
}

/// What is wrong with a glob itself is found when it is compiled.
fn globs(what: &str, globs: Vec<String>) -> Result<Vec<String>, String> {
    if globs.len() > ITEMS_MAX {
        return Err(format!("a trigger names {} {what}, expected at most {ITEMS_MAX}", globs.len()));
    }
    match globs.iter().find(|glob| glob.len() > GLOB_BYTES_MAX) {
        Some(glob) => Err(format!("a glob of {what} has {} bytes, expected at most {GLOB_BYTES_MAX}", glob.len())),
        None => Ok(globs),
    }
}

fn reach(said: contract::Reach) -> Result<Reach, String> {
    if said.nodes_max == 0 || said.edges_max == 0 {
        return Err("reach has no room: nodes and edges are 0, expected 1 and up".to_owned());
    }
    Ok(Reach {
        hops: said.hops.min(HOPS_MAX),
        nodes_max: said.nodes_max.min(NODES_MAX),
        edges_max: said.edges_max.min(EDGES_MAX),
        operations: operations(said.operations),
    })
}

/// The contract lists operations in the order of [`Operation::ALL`].
fn operations(said: contract::Operations) -> OperationSet {
    const { assert!(Operation::ALL.len() == 30) };
    OperationSet(bits(&said.as_array()) & OperationSet::ALL.0)
}

pub(crate) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}
