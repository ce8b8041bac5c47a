//! Names and number forms of the model's words in JSON.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::fmt;
use tracewell_model as model;

/// 16 hex digits.
pub(super) struct Host(pub model::HostId);

/// Lower case with hyphens.
pub(super) struct Uuid(pub model::Uuid);

pub(super) struct Op(pub model::Operation);

/// Permission bits as `chmod` takes them: four octal digits.
pub(super) struct Mode(pub model::Mode);

/// A list of names; bits without a name stand in it as their number.
#[derive(Default, PartialEq)]
pub(super) struct Flags(pub model::EventFlags);

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "model::FileKind", rename_all = "kebab-case")]
pub(super) enum FileKind {
    Unknown,
    Regular,
    Directory,
    Device,
    Pipe,
    Memory,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "model::Protocol", rename_all = "kebab-case")]
pub(super) enum Protocol {
    Unknown,
    Tcp,
    Udp,
    Unix,
    Other,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "model::LossCause", rename_all = "kebab-case")]
pub(super) enum LossCause {
    RingFull,
    Throttled,
    Oversize,
    MapFull,
    Gap,
    Unknown,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "model::FindingSeverity", rename_all = "kebab-case")]
pub(super) enum FindingSeverity {
    None,
    Low,
    Medium,
    High,
    Critical,
}

const FLAGS: [(&str, model::EventFlags); 4] = [
    ("truncated", model::EventFlags::TRUNCATED),
    ("after-loss", model::EventFlags::AFTER_LOSS),
    ("repaired", model::EventFlags::REPAIRED),
    ("clamped", model::EventFlags::CLAMPED),
];

/// Deserialises from a string by a function, without copying it.
struct FromText<F>(&'static str, F);

impl<'de, T, F: FnOnce(&str) -> Option<T>> de::Visitor<'de> for FromText<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let unexpected = de::Unexpected::Str(text);
        (self.1)(text).ok_or_else(|| E::invalid_value(unexpected, &self.0))
    }
}

impl Serialize for Host {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| {
            let hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            u64::from_str_radix(text, 16).ok().filter(|_| hex).map(|id| Self(model::HostId(id)))
        };
        deserializer.deserialize_str(FromText("a host id of 16 hex digits", parse))
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText("a uuid of 32 hex digits", |text: &str| text.parse().ok().map(Self)))
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| model::Operation::from_name(text).map(Self);
        deserializer.deserialize_str(FromText("the name of an operation", parse))
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| {
            let is_mode = text.len() == 4 && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
            u32::from_str_radix(text, 8).ok().filter(|_| is_mode).map(|mode| Self(model::Mode::of(mode)))
        };
        deserializer.deserialize_str(FromText("a mode of four octal digits", parse))
    }
}

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(None)?;
        let mut unnamed = self.0.0;
        for (name, flag) in FLAGS {
            if self.0.contains(flag) {
                names.serialize_element(name)?;
                unnamed &= !flag.0;
            }
        }
        if unnamed != 0 {
            names.serialize_element(&unnamed)?;
        }
        names.end()
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Flags;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of flags")
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Flags, A::Error> {
                let mut flags = model::EventFlags::NONE;
                while let Some(Flag(flag)) = list.next_element()? {
                    flags = flags | flag;
                }
                Ok(Flags(flags))
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

struct Flag(model::EventFlags);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Flag;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("truncated, after-loss, repaired, clamped or the number of a bit set")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Flag, E> {
                let found = FLAGS.iter().find(|(name, _)| *name == text);
                found.map(|(_, flag)| Flag(*flag)).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: de::Error>(self, bits: u64) -> Result<Flag, E> {
                let flag = u8::try_from(bits).map(|bits| Flag(model::EventFlags(bits)));
                flag.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(bits), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
