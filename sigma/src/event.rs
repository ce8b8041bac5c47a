//! An event in Sigma's words. <https://sigmahq.io/docs/basics/log-sources.html> and the field names of Sysmon, which Sigma uses for Linux.

use rsigma_eval::event::{Event, EventValue};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::net::IpAddr;
use tracewell_graph_core::neighbourhood::{Glimpse, Neighbourhood, Parent};
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

    /// The fields that rules may use, in the order in which they are told.
    pub fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Self::ProcessCreation => &[Image, CommandLine, ProcessId, ParentImage, ParentCommandLine, ParentProcessId],
            Self::FileEvent => {
                &[Image, CommandLine, ProcessId, ParentImage, ParentCommandLine, ParentProcessId, TargetFilename]
            }
            Self::NetworkConnection => &[
                Image,
                CommandLine,
                ProcessId,
                ParentImage,
                ParentCommandLine,
                ParentProcessId,
                Initiated,
                Protocol,
                SourceIp,
                SourcePort,
                DestinationIp,
                DestinationPort,
                DestinationIsIpv6,
            ],
        }
    }

    /// The field that a rule names.
    pub fn field(self, name: &str) -> Option<Field> {
        self.fields().iter().copied().find(|field| field.name() == name)
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Image,
    CommandLine,
    ProcessId,
    ParentImage,
    ParentCommandLine,
    ParentProcessId,
    TargetFilename,
    Initiated,
    Protocol,
    SourceIp,
    SourcePort,
    DestinationIp,
    DestinationPort,
    DestinationIsIpv6,
}

impl Field {
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::CommandLine => "CommandLine",
            Self::ProcessId => "ProcessId",
            Self::ParentImage => "ParentImage",
            Self::ParentCommandLine => "ParentCommandLine",
            Self::ParentProcessId => "ParentProcessId",
            Self::TargetFilename => "TargetFilename",
            Self::Initiated => "Initiated",
            Self::Protocol => "Protocol",
            Self::SourceIp => "SourceIp",
            Self::SourcePort => "SourcePort",
            Self::DestinationIp => "DestinationIp",
            Self::DestinationPort => "DestinationPort",
            Self::DestinationIsIpv6 => "DestinationIsIpv6",
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held<'a> {
    /// It would have to be looked up.
    Unknown,
    /// The event does not have it.
    Nothing,
    Text(&'a str),
    Number(u32),
    Address(IpAddr),
}

impl<'a> Held<'a> {
    /// What the engine matches; `None` where there is nothing to match.
    pub fn value(self) -> Option<EventValue<'a>> {
        match self {
            Self::Unknown | Self::Nothing => None,
            Self::Text(text) => Some(EventValue::Str(Cow::Borrowed(text))),
            Self::Number(number) => Some(EventValue::Int(number.into())),
            Self::Address(ip) => Some(EventValue::Str(Cow::Owned(ip.to_string()))),
        }
    }

    fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

/// The fields of an event.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    category: Category,
    /// Who is told of began it.
    is_outgoing: bool,
    subject: Option<&'a NodeAttrs>,
    parent: Parent<'a>,
    object: Option<&'a NodeAttrs>,
    target: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// As far as they are known before anything is looked up.
    pub fn at_hand(category: Category, op: Operation, glimpse: &Glimpse<'a>) -> Self {
        Self {
            category,
            is_outgoing: op == Operation::Connect,
            subject: glimpse.subject,
            parent: glimpse.parent,
            object: glimpse.object,
            target: glimpse.new_path.or(glimpse.path),
        }
    }

    /// All of them.
    pub fn of(category: Category, seen: &'a Neighbourhood) -> Self {
        let subject = seen.nodes.first();
        let parent = subject.and_then(|subject| seen.nodes.get(subject.from? as usize));
        let object = seen.nodes.get(1).filter(|_| seen.event.has_object);
        let target = match &seen.event.detail {
            Detail::NewPath { path, .. } => Some(path),
            _ => object.and_then(|object| object.state.path()),
        };
        Self {
            category,
            is_outgoing: seen.event.op == Operation::Connect,
            subject: subject.map(|subject| &subject.state.attrs),
            parent: parent.map_or(Parent::None, |parent| Parent::Known(&parent.state.attrs)),
            object: object.map(|object| &object.state.attrs),
            target: target.map(|path| &**path),
        }
    }

    pub fn held(&self, field: Field) -> Held<'a> {
        let of = |process: &'a NodeAttrs| match process {
            NodeAttrs::Process { process, exe, cmdline, .. } => match field {
                Field::Image | Field::ParentImage => Held::text(exe.as_deref()),
                Field::CommandLine | Field::ParentCommandLine => Held::text(cmdline.as_deref()),
                _ => Held::Number(process.pid),
            },
            _ => Held::Nothing,
        };
        // Nobody has looked.
        let Some(subject) = self.subject else { return Held::Unknown };
        match field {
            Field::Image | Field::CommandLine | Field::ProcessId => of(subject),
            Field::ParentImage | Field::ParentCommandLine | Field::ParentProcessId => match self.parent {
                Parent::Unknown => Held::Unknown,
                Parent::None => Held::Nothing,
                Parent::Known(parent) => of(parent),
            },
            Field::TargetFilename => Held::text(self.target),
            _ => self.connection(field),
        }
    }

    fn connection(&self, field: Field) -> Held<'a> {
        let Some(NodeAttrs::Socket { protocol, local, remote, .. }) = self.object else { return Held::Nothing };
        // Who began it is the source.
        let (source, destination) = if self.is_outgoing { (local, remote) } else { (remote, local) };
        let truth = |is| Held::Text(if is { "true" } else { "false" });
        let held = match field {
            Field::Initiated => Some(truth(self.is_outgoing)),
            Field::Protocol => protocol_name(*protocol).map(Held::Text),
            Field::SourceIp => source.map(|address| Held::Address(address.ip().to_canonical())),
            Field::SourcePort => source.map(|address| Held::Number(address.port().into())),
            Field::DestinationIp => destination.map(|address| Held::Address(address.ip().to_canonical())),
            Field::DestinationPort => destination.map(|address| Held::Number(address.port().into())),
            Field::DestinationIsIpv6 => destination.map(|address| truth(address.ip().to_canonical().is_ipv6())),
            _ => None,
        };
        held.unwrap_or(Held::Nothing)
    }

    fn values(&self) -> impl Iterator<Item = (&'static str, EventValue<'a>)> {
        let fields = self.category.fields().iter();
        fields.filter_map(|field| Some((field.name(), self.held(*field).value()?)))
    }

    /// All of them in one line.
    pub fn told(&self) -> String {
        let told = self.values().map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()));
        told.collect::<Vec<_>>().join(", ")
    }
}

impl Event for Fields<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.held(self.category.field(path)?).value()
    }

    fn any_string_value(&self, fits: &dyn Fn(&str) -> bool) -> bool {
        self.values().any(|(_, value)| matches!(value, EventValue::Str(text) if fits(&text)))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let texts = self.values().filter_map(|(_, value)| match value {
            EventValue::Str(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    fn to_json(&self) -> Value {
        let fields = self.values().map(|(name, value)| (name.to_owned(), value.to_json()));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    fn visit_top_level_keys(&self, visit: &mut dyn FnMut(&str)) -> bool {
        let is_there = |field: &&Field| !matches!(self.held(**field), Held::Unknown | Held::Nothing);
        self.category.fields().iter().filter(is_there).for_each(|field| visit(field.name()));
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
