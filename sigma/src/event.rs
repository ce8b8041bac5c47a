//! An event in Sigma's words. <https://sigmahq.io/docs/basics/log-sources.html> and the field names of Sysmon, which Sigma uses for Linux.

use rsigma_eval::event::{Event, EventValue};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::net::SocketAddr;
use tracewell_graph_core::neighbourhood::Neighbourhood;
use tracewell_model::{Detail, NodeAttrs, Operation, Protocol};

/// What a rule's log source may be, and what is known of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    ProcessCreation,
    FileEvent,
    NetworkConnection,
}

impl Category {
    pub const ALL: [Self; 3] = [Self::ProcessCreation, Self::FileEvent, Self::NetworkConnection];

    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessCreation => "process_creation",
            Self::FileEvent => "file_event",
            Self::NetworkConnection => "network_connection",
        }
    }

    /// The fields that rules may use.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::ProcessCreation => {
                &["Image", "CommandLine", "ProcessId", "ParentImage", "ParentCommandLine", "ParentProcessId"]
            }
            Self::FileEvent => &[
                "TargetFilename",
                "Image",
                "CommandLine",
                "ProcessId",
                "ParentImage",
                "ParentCommandLine",
                "ParentProcessId",
            ],
            Self::NetworkConnection => &[
                "Image",
                "CommandLine",
                "ProcessId",
                "ParentImage",
                "ParentCommandLine",
                "ParentProcessId",
                "Initiated",
                "Protocol",
                "SourceIp",
                "SourcePort",
                "DestinationIp",
                "DestinationPort",
                "DestinationIsIpv6",
            ],
        }
    }

    pub fn of(op: Operation) -> Option<Self> {
        Some(match op {
            Operation::Exec => Self::ProcessCreation,
            Operation::Create | Operation::Rename | Operation::Link => Self::FileEvent,
            Operation::Connect | Operation::Accept => Self::NetworkConnection,
            _ => return None,
        })
    }
}

/// The fields of an event that are known, with their texts borrowed.
pub struct Fields<'a>(Vec<(&'static str, EventValue<'a>)>);

impl<'a> Fields<'a> {
    pub fn of(category: Category, seen: &'a Neighbourhood) -> Self {
        let mut fields = Self(Vec::with_capacity(category.fields().len()));
        let subject = seen.nodes.first();
        let parent = subject.and_then(|subject| seen.nodes.get(subject.from? as usize));
        for (place, [image, command_line, pid]) in [
            (subject, ["Image", "CommandLine", "ProcessId"]),
            (parent, ["ParentImage", "ParentCommandLine", "ParentProcessId"]),
        ] {
            if let Some(NodeAttrs::Process { process, exe, cmdline, .. }) = place.map(|place| &place.state.attrs) {
                fields.text(image, exe.as_deref());
                fields.text(command_line, cmdline.as_deref());
                fields.number(pid, Some(process.pid));
            }
        }
        let object = seen.nodes.get(1).filter(|_| seen.event.has_object);
        match (category, object.map(|object| &object.state.attrs)) {
            (Category::FileEvent, _) => {
                let path = match &seen.event.detail {
                    Detail::NewPath { path, .. } => Some(path),
                    _ => object.and_then(|object| object.state.path()),
                };
                fields.text("TargetFilename", path.map(|path| &**path));
            }
            (Category::NetworkConnection, Some(NodeAttrs::Socket { protocol, local, remote, .. })) => {
                let initiated = seen.event.op == Operation::Connect;
                // Who began it is the source.
                let (source, destination) = if initiated { (local, remote) } else { (remote, local) };
                fields.text("Initiated", Some(if initiated { "true" } else { "false" }));
                fields.text("Protocol", protocol_name(*protocol));
                fields.address("SourceIp", "SourcePort", *source);
                fields.address("DestinationIp", "DestinationPort", *destination);
                let is_ipv6 = destination.map(|address| address.ip().to_canonical().is_ipv6());
                fields.text("DestinationIsIpv6", is_ipv6.map(|is| if is { "true" } else { "false" }));
            }
            _ => {}
        }
        fields
    }

    /// All of them in one line.
    pub fn told(&self) -> String {
        let told = self.0.iter().map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()));
        told.collect::<Vec<_>>().join(", ")
    }

    fn text(&mut self, name: &'static str, text: Option<&'a str>) {
        self.0.extend(text.map(|text| (name, EventValue::Str(Cow::Borrowed(text)))));
    }

    fn number(&mut self, name: &'static str, number: Option<u32>) {
        self.0.extend(number.map(|number| (name, EventValue::Int(number.into()))));
    }

    fn address(&mut self, ip: &'static str, port: &'static str, address: Option<SocketAddr>) {
        let text = address.map(|address| address.ip().to_canonical().to_string());
        self.0.extend(text.map(|text| (ip, EventValue::Str(Cow::Owned(text)))));
        self.number(port, address.map(|address| address.port().into()));
    }
}

impl Event for Fields<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.0.iter().find(|(name, _)| *name == path).map(|(_, value)| match value {
            EventValue::Str(text) => EventValue::Str(Cow::Borrowed(text)),
            other => other.clone(),
        })
    }

    fn any_string_value(&self, fits: &dyn Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(_, value)| matches!(value, EventValue::Str(text) if fits(text)))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let texts = self.0.iter().filter_map(|(_, value)| match value {
            EventValue::Str(text) => Some(Cow::Borrowed(&**text)),
            _ => None,
        });
        texts.collect()
    }

    fn to_json(&self) -> Value {
        let fields = self.0.iter().map(|(name, value)| ((*name).to_owned(), value.to_json()));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    fn visit_top_level_keys(&self, visit: &mut dyn FnMut(&str)) -> bool {
        self.0.iter().for_each(|(name, _)| visit(name));
        true
    }
}

fn protocol_name(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("tcp"),
        Protocol::Udp => Some("udp"),
        _ => None,
    }
}
