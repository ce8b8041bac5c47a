//! The JSON form of a record. Strings borrow in both directions; what has its default value is left out.

use super::names;
use super::packed::Packed;
use crate::text::Text;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use tracewell_model as model;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line<'a> {
    #[serde(borrow)]
    Host(Host<'a>),
    #[serde(borrow)]
    Process(Process<'a>),
    #[serde(borrow)]
    Event(Event<'a>),
    Tick(Tick),
    Loss(Loss),
    #[serde(borrow)]
    Finding(Finding<'a>),
    Checkpoint(Checkpoint),
    History(History),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Host<'a> {
    pub host: names::Host,
    #[serde(borrow)]
    pub name: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process<'a> {
    pub time: u64,
    pub host: names::Host,
    pub process: ProcessRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ProcessRef>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event<'a> {
    pub time: u64,
    pub host: names::Host,
    pub subject: ProcessRef,
    pub op: names::Op,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Object<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub bytes: u64,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: NonZeroU32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub errno: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: names::Flags,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tick {
    pub time: u64,
    pub host: names::Host,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loss {
    pub time: u64,
    pub host: names::Host,
    #[serde(with = "names::LossCause")]
    pub cause: model::LossCause,
    pub events: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding<'a> {
    pub time: u64,
    pub host: names::Host,
    pub process: ProcessRef,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Object<'a>>,
    #[serde(borrow)]
    pub detector: Text<'a>,
    #[serde(with = "names::FindingSeverity")]
    pub severity: model::FindingSeverity,
    #[serde(borrow)]
    pub title: Text<'a>,
    #[serde(borrow)]
    pub reason: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    pub host: names::Host,
    #[serde(default, skip_serializing_if = "is_default")]
    pub part: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub last: bool,
    pub zstd: Packed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    pub host: names::Host,
    pub zstd: Packed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessRef {
    pub pid: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub start: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<names::Uuid>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Object<'a> {
    Process(ProcessRef),
    #[serde(borrow)]
    File(File<'a>),
    #[serde(borrow)]
    Socket(Socket<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<names::Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<Inode>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
    #[serde(with = "names::FileKind", default, skip_serializing_if = "is_default")]
    pub kind: model::FileKind,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inode {
    pub dev: u64,
    pub ino: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub generation: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Socket<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<names::Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Cookie>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub opened: u64,
    #[serde(with = "names::Protocol", default, skip_serializing_if = "is_default")]
    pub protocol: model::Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<SocketAddr>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cookie {
    pub namespace: u64,
    pub cookie: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Detail<'a> {
    #[serde(borrow)]
    Exec(Exec<'a>),
    #[serde(borrow)]
    NewPath(NewPath<'a>),
    Credentials(Credentials),
    Signal(Signal),
    Mode(Mode),
    Times(Times),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exec<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPath<'a> {
    #[serde(borrow)]
    pub path: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<File<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    pub uid: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signal {
    pub number: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mode {
    pub set: names::Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<names::Mode>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    pub modified: i64,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn is_one(count: &NonZeroU32) -> bool {
    *count == NonZeroU32::MIN
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
