//! Strings of a source: borrowed while parsing, normalised, then shared.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::Deref;
use tracewell_model::Str;

/// A JSON string that borrows from the line unless it has escapes.
///
/// `Option<Cow<str>>` would always copy.
#[derive(Clone, Debug)]
pub(crate) struct Text<'a>(pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Gives equal strings one allocation most of the time, in constant memory.
///
/// Direct-mapped: a new string takes the place of whatever had its slot.
pub(crate) struct Interner {
    slots: Vec<Option<Str>>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl Interner {
    const SLOTS: usize = 4096;
    /// Longer strings are not kept.
    const TEXT_BYTES_MAX: usize = 512;

    pub fn new() -> Self {
        Self { slots: vec![None; Self::SLOTS], hasher: BuildHasherDefault::default() }
    }

    pub fn get(&mut self, text: &str) -> Str {
        if text.len() > Self::TEXT_BYTES_MAX {
            return text.into();
        }
        let slot = &mut self.slots[self.hasher.hash_one(text) as usize % Self::SLOTS];
        match slot {
            Some(known) if **known == *text => Str::clone(known),
            _ => Str::clone(slot.insert(text.into())),
        }
    }

    /// An absolute path without `.`, `..` and `//`; a relative one as it is; `None` for an empty one.
    ///
    /// `..` is resolved lexically, which errs where the directory before it is a symbolic link.
    pub fn path(&mut self, path: &str) -> Option<Str> {
        (!path.is_empty()).then(|| self.get(&normalise(path)))
    }
}

fn normalise(path: &str) -> Cow<'_, str> {
    let Some(rest) = path.strip_prefix('/') else { return Cow::Borrowed(path) };
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    if rest.is_empty() || !rest.split('/').any(odd) {
        return Cow::Borrowed(path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    Cow::Owned(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised() {
        for (path, expected) in [
            ("/./var/tmp/x", "/var/tmp/x"),
            ("/a//b/", "/a/b"),
            ("/a/../../b", "/b"),
            ("/", "/"),
            ("//", "/"),
            ("/..", "/"),
            ("a/./b", "a/./b"),
            ("./a", "./a"),
            ("../a/../b", "../a/../b"),
            ("plain", "plain"),
            ("/already/fine", "/already/fine"),
            ("/dots.in/..names/.hidden", "/dots.in/..names/.hidden"),
        ] {
            assert_eq!(normalise(path), expected, "{path}");
            assert_eq!(normalise(expected), expected, "normalising {expected} again");
        }
    }

    #[test]
    fn equal_strings_share_one_allocation() {
        let mut interner = Interner::new();
        let first = interner.get("/bin/sh");
        assert!(std::sync::Arc::ptr_eq(&first, &interner.get("/bin/sh")));
        assert_eq!(&*interner.get("/bin/ls"), "/bin/ls");
    }
}
