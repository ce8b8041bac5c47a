use crate::error::at_most;
use crate::limits::{
    EDGES_MAX, FAR_ENDS_MAX, FRAME_BYTES_MAX, INVENTORY_ENTRIES_MAX, LABELS_MAX, LEAVES_MAX, NODES_MAX, TEXTS_MAX,
    VIEW_NODES_MAX,
};
use crate::scan::{FieldLimit, check_counts, find};
use crate::{Heartbeat, Hello, Inventory, WireError, proto};
use prost::Message as _;
use tracewell_graph_core::fleet::{ContributionDelta, FleetView};
use tracewell_model::{AlertId, AlertUpdate, FarEnd, HostId, LossRecord};

/// The rules by which payloads are read. Raised only by a change that an old reader would misread (docs/wire.md).
pub const VERSION: u32 = 1;

/// One frame's contents: who says it, and as which in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The host that sent it or is meant to get it.
    pub host: HostId,
    /// Counts the host's enrolments and recoveries.
    pub epoch: u32,
    /// Counts the host's messages of one class within the epoch from 1; 0 in messages to the host.
    pub sequence: u64,
    pub payload: Payload,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    Hello(Hello),
    Alert(AlertUpdate),
    Loss(LossRecord),
    Heartbeat(Heartbeat),
    Inventory(Inventory),
    /// The message of this class and sequence is stored and need not be sent again.
    Acknowledgement {
        class: Class,
        sequence: u64,
    },
    /// The content of the message of this class and sequence is of no use to the aggregator: it is lost, and need not be sent again.
    Refused {
        class: Class,
        sequence: u64,
    },
    /// A delta of this alert could not be applied: send the whole graph next. 0 when no revision is known.
    WantWhole {
        alert: AlertId,
        known_revision: u32,
    },
    /// Another host sends under the same identity: start anew with this epoch.
    NewEpoch {
        epoch: u32,
    },
    Profile(ContributionDelta),
    /// The version that a profile delta extends is not known: send the whole next.
    WantProfile,
    FleetView(FleetView),
    /// Ends of connections whose other ends stand in alerts of other hosts: say what is behind those that are this host's.
    Follow(Vec<FarEnd>),
}

/// What is sent first when not everything can be sent, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Control,
    Alert,
    Profile,
    Telemetry,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Control, Self::Alert, Self::Profile, Self::Telemetry];
}

impl Payload {
    pub fn class(&self) -> Class {
        match self {
            Self::Hello(_)
            | Self::Acknowledgement { .. }
            | Self::Refused { .. }
            | Self::WantWhole { .. }
            | Self::NewEpoch { .. }
            | Self::WantProfile
            | Self::Follow(_) => Class::Control,
            Self::Alert(_) => Class::Alert,
            Self::Profile(_) | Self::FleetView(_) => Class::Profile,
            Self::Loss(_) | Self::Heartbeat(_) | Self::Inventory(_) => Class::Telemetry,
        }
    }
}

/// Makes a frame of a message.
///
/// # Errors
/// When a part passes its limit, or an alert or loss is of another host than the message.
pub fn encode(message: &Message) -> Result<Vec<u8>, WireError> {
    let payload = proto::Payload { kind: Some(kind(message)?) }.encode_to_vec();
    let envelope = proto::Envelope {
        version: VERSION,
        host: message.host.0,
        epoch: message.epoch,
        class: class_to_proto(message.payload.class()).into(),
        sequence: message.sequence,
        content_hash: hash(&payload),
        payload,
    };
    let frame = envelope.encode_to_vec();
    at_most("frame", frame.len(), FRAME_BYTES_MAX)?;
    Ok(frame)
}

/// Reads a frame.
///
/// # Errors
/// When the bytes are not a frame of this version, pass a limit, contradict themselves or do not match their hash.
pub fn decode(frame: &[u8]) -> Result<Message, WireError> {
    decode_with_hash(frame).map(|(message, _)| message)
}

/// Reads a frame, and gives the hash of its content, by which a forked host shows.
///
/// # Errors
/// As [`decode`].
pub fn decode_with_hash(frame: &[u8]) -> Result<(Message, u64), WireError> {
    at_most("frame", frame.len(), FRAME_BYTES_MAX)?;
    let envelope = proto::Envelope::decode(frame)?;
    if envelope.version != VERSION {
        return Err(WireError::Version { got: envelope.version, expected: VERSION });
    }
    let got = hash(&envelope.payload);
    if got != envelope.content_hash {
        return Err(WireError::ContentHash { got, expected: envelope.content_hash });
    }
    let payload = payload(&envelope.payload, HostId(envelope.host))?;
    let class = proto::Class::try_from(envelope.class).ok().and_then(class_from_proto);
    if class != Some(payload.class()) {
        let got = u64::from(envelope.class.unsigned_abs());
        return Err(WireError::Invalid { what: "class", got, expected: "the class of the payload" });
    }
    let message = Message { host: HostId(envelope.host), epoch: envelope.epoch, sequence: envelope.sequence, payload };
    Ok((message, got))
}

fn kind(message: &Message) -> Result<proto::payload::Kind, WireError> {
    use proto::payload::Kind;
    let of_this_host = |what, host: HostId| match host == message.host {
        true => Ok(()),
        false => Err(WireError::Invalid { what, got: host.0, expected: "the host of the message" }),
    };
    Ok(match &message.payload {
        Payload::Hello(hello) => Kind::Hello(hello.try_into()?),
        Payload::Alert(update) => {
            of_this_host("host of the alert", update.graph.host)?;
            Kind::Alert(update.try_into()?)
        }
        Payload::Loss(loss) => {
            of_this_host("host of the loss", loss.host)?;
            Kind::Loss(loss.into())
        }
        Payload::Heartbeat(heartbeat) => Kind::Heartbeat(heartbeat.into()),
        Payload::Inventory(inventory) => Kind::Inventory(inventory.try_into()?),
        &Payload::Acknowledgement { class, sequence } => {
            let class = class_to_proto(class) as u32;
            Kind::Acknowledgement(proto::Acknowledgement { class, sequence, refused: false })
        }
        &Payload::Refused { class, sequence } => {
            let class = class_to_proto(class) as u32;
            Kind::Acknowledgement(proto::Acknowledgement { class, sequence, refused: true })
        }
        &Payload::WantWhole { alert, known_revision } => {
            Kind::WantWhole(proto::WantWhole { alert: alert.0, known_revision })
        }
        &Payload::NewEpoch { epoch } => Kind::NewEpoch(proto::NewEpoch { epoch }),
        Payload::Profile(delta) => Kind::Profile(delta.try_into()?),
        Payload::WantProfile => Kind::WantProfile(proto::WantProfile {}),
        Payload::FleetView(view) => Kind::FleetView(view.try_into()?),
        Payload::Follow(ends) => Kind::Follow(ends.try_into()?),
    })
}

/// The repeated fields that take more memory than bytes, by the tag of their message in `Payload`.
const LIMITS: [(u64, &[FieldLimit]); 5] = [
    (
        2,
        &[
            FieldLimit { tag: 10, max: TEXTS_MAX, what: "texts of the alert" },
            FieldLimit { tag: 12, max: NODES_MAX, what: "nodes of the alert" },
            FieldLimit { tag: 13, max: EDGES_MAX, what: "edges of the alert" },
        ],
    ),
    (
        8,
        &[
            FieldLimit { tag: 4, max: LABELS_MAX, what: "labels of the profile" },
            FieldLimit { tag: 5, max: LEAVES_MAX, what: "leaves of the profile" },
            FieldLimit { tag: 6, max: LABELS_MAX, what: "removed labels of the profile" },
            FieldLimit { tag: 7, max: LEAVES_MAX, what: "removed paths of the profile" },
        ],
    ),
    (10, &[FieldLimit { tag: 2, max: VIEW_NODES_MAX, what: "nodes of the fleet's view" }]),
    (11, &[FieldLimit { tag: 1, max: FAR_ENDS_MAX, what: "connections to follow" }]),
    (
        12,
        &[
            FieldLimit { tag: 3, max: INVENTORY_ENTRIES_MAX, what: "detectors of the inventory" },
            FieldLimit { tag: 6, max: INVENTORY_ENTRIES_MAX, what: "complaints of the inventory" },
        ],
    ),
];

fn payload(bytes: &[u8], host: HostId) -> Result<Payload, WireError> {
    use proto::payload::Kind;
    for (tag, limits) in LIMITS {
        if let Some(content) = find(bytes, tag)? {
            check_counts(content, limits)?;
        }
    }
    let kind = proto::Payload::decode(bytes)?.kind.ok_or(WireError::Missing { what: "payload of a known kind" })?;
    Ok(match kind {
        Kind::Hello(hello) => Payload::Hello(hello.try_into()?),
        Kind::Alert(update) => Payload::Alert(update.of_host(host)?),
        Kind::Loss(loss) => Payload::Loss(loss.of_host(host)),
        Kind::Heartbeat(heartbeat) => Payload::Heartbeat(heartbeat.try_into()?),
        Kind::Inventory(inventory) => Payload::Inventory(inventory.try_into()?),
        Kind::Acknowledgement(ack) => {
            let class = i32::try_from(ack.class).ok().and_then(|n| proto::Class::try_from(n).ok());
            let class = class.and_then(class_from_proto).ok_or(WireError::Invalid {
                what: "class of an acknowledgement",
                got: ack.class.into(),
                expected: "a class",
            })?;
            match ack.refused {
                false => Payload::Acknowledgement { class, sequence: ack.sequence },
                true => Payload::Refused { class, sequence: ack.sequence },
            }
        }
        Kind::WantWhole(want) => Payload::WantWhole { alert: AlertId(want.alert), known_revision: want.known_revision },
        Kind::NewEpoch(new) => Payload::NewEpoch { epoch: new.epoch },
        Kind::Profile(delta) => Payload::Profile(delta.try_into()?),
        Kind::WantProfile(_) => Payload::WantProfile,
        Kind::FleetView(view) => Payload::FleetView(view.try_into()?),
        Kind::Follow(follow) => Payload::Follow(follow.try_into()?),
    })
}

pub(crate) fn class_to_proto(class: Class) -> proto::Class {
    match class {
        Class::Control => proto::Class::Control,
        Class::Alert => proto::Class::Alert,
        Class::Profile => proto::Class::Profile,
        Class::Telemetry => proto::Class::Telemetry,
    }
}

pub(crate) fn class_from_proto(class: proto::Class) -> Option<Class> {
    match class {
        proto::Class::Unspecified => None,
        proto::Class::Control => Some(Class::Control),
        proto::Class::Alert => Some(Class::Alert),
        proto::Class::Profile => Some(Class::Profile),
        proto::Class::Telemetry => Some(Class::Telemetry),
    }
}

pub(crate) fn hash(payload: &[u8]) -> u64 {
    u64::from_le_bytes(*blake3::hash(payload).as_bytes().first_chunk().expect("a hash has 32 bytes"))
}
