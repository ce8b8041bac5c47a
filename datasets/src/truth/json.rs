//! The JSON form, field by field in docs/truth-format.md.

use super::{Attack, NodePattern, Step, Truth, Window};
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::io::{self, Write};
use std::str::FromStr;
use tracewell_model::{EventNs, NodeKind};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthJson {
    label_set: String,
    label_kinds: Vec<Kind>,
    attacks: Vec<AttackJson>,
    #[serde(default)]
    ignored: Vec<Node>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttackJson {
    id: String,
    name: String,
    #[serde(default)]
    windows: Vec<WindowJson>,
    /// Those of no step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<Node>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepJson {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    techniques: Vec<String>,
    window: WindowJson,
    nodes: Vec<Node>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowJson {
    from: Time,
    to: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uuid: Option<AsText<tracewell_model::Uuid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<AsText<super::PathPattern>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local: Option<AsText<super::Remote>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote: Option<AsText<super::Remote>>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Process,
    File,
    Socket,
}

/// A string that is parsed and shown by the type itself.
struct AsText<T>(T);

impl<T: Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for AsText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// RFC 3339 or nanoseconds since the Unix epoch.
struct Time(EventNs);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_nanosecond(self.0.0.into()) {
            Ok(time) => serializer.collect_str(&time),
            Err(_) => serializer.serialize_u64(self.0.0),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Time;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time in RFC 3339 or nanoseconds since 1970")
            }
            fn visit_u64<E: de::Error>(self, ns: u64) -> Result<Time, E> {
                Ok(Time(EventNs(ns)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let time: Option<jiff::Timestamp> = text.parse().ok();
                let ns = time.and_then(|time| u64::try_from(time.as_nanosecond()).ok());
                ns.map(|ns| Time(EventNs(ns))).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Truth> {
    let json: TruthJson = serde_json::from_slice(bytes)?;
    Ok(Truth {
        label_set: json.label_set,
        label_kinds: json.label_kinds.into_iter().map(Into::into).collect(),
        attacks: json.attacks.into_iter().map(Into::into).collect(),
        ignored: json.ignored.into_iter().map(Into::into).collect(),
    })
}

pub(super) fn write(truth: &Truth, mut out: impl Write) -> io::Result<()> {
    let json = TruthJson {
        label_set: truth.label_set.clone(),
        label_kinds: truth.label_kinds.iter().map(|&kind| kind.into()).collect(),
        attacks: truth.attacks.iter().map(attack_json).collect(),
        ignored: truth.ignored.iter().map(node_json).collect(),
    };
    serde_json::to_writer_pretty(&mut out, &json)?;
    out.write_all(b"\n")?;
    out.flush()
}

pub(super) fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Process => "process",
        NodeKind::File => "file",
        NodeKind::Socket => "socket",
    }
}

fn attack_json(attack: &Attack) -> AttackJson {
    AttackJson {
        id: attack.id.clone(),
        name: attack.name.clone(),
        windows: attack.windows.iter().map(window_json).collect(),
        nodes: attack
            .nodes
            .iter()
            .filter(|node| !attack.steps.iter().any(|step| step.nodes.contains(node)))
            .map(node_json)
            .collect(),
        steps: attack.steps.iter().map(step_json).collect(),
    }
}

fn step_json(step: &Step) -> StepJson {
    StepJson {
        name: step.name.clone(),
        techniques: step.techniques.clone(),
        window: window_json(&step.window),
        nodes: step.nodes.iter().map(node_json).collect(),
    }
}

fn window_json(window: &Window) -> WindowJson {
    WindowJson { from: Time(window.from), to: Time(window.to) }
}

fn node_json(node: &NodePattern) -> Node {
    Node {
        kind: node.kind.into(),
        uuid: node.uuid.map(AsText),
        host: node.host.clone(),
        pid: node.pid,
        start: node.start,
        path: node.path.clone().map(AsText),
        local: node.local.map(AsText),
        remote: node.remote.map(AsText),
    }
}

impl From<AttackJson> for Attack {
    fn from(json: AttackJson) -> Self {
        let steps: Vec<Step> = json.steps.into_iter().map(Into::into).collect();
        let mut nodes: Vec<NodePattern> = json.nodes.into_iter().map(Into::into).collect();
        for node in steps.iter().flat_map(|step| &step.nodes) {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        Self { id: json.id, name: json.name, windows: json.windows.iter().map(window_of).collect(), nodes, steps }
    }
}

impl From<StepJson> for Step {
    fn from(json: StepJson) -> Self {
        Self {
            name: json.name,
            techniques: json.techniques,
            window: window_of(&json.window),
            nodes: json.nodes.into_iter().map(Into::into).collect(),
        }
    }
}

fn window_of(json: &WindowJson) -> Window {
    Window { from: json.from.0, to: json.to.0 }
}

impl From<Node> for NodePattern {
    fn from(json: Node) -> Self {
        Self {
            kind: json.kind.into(),
            uuid: json.uuid.map(|uuid| uuid.0),
            host: json.host,
            pid: json.pid,
            start: json.start,
            path: json.path.map(|path| path.0),
            local: json.local.map(|local| local.0),
            remote: json.remote.map(|remote| remote.0),
        }
    }
}

impl From<Kind> for NodeKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Process => Self::Process,
            Kind::File => Self::File,
            Kind::Socket => Self::Socket,
        }
    }
}

impl From<NodeKind> for Kind {
    fn from(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Process => Self::Process,
            NodeKind::File => Self::File,
            NodeKind::Socket => Self::Socket,
        }
    }
}
