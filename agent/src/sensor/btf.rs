//! Field offsets of the running kernel, from its BTF (Documentation/bpf/btf.rst of the kernel).

use std::collections::HashMap;

/// Types by their number, and structures by name.
pub struct Btf<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
    /// Where each type starts in `bytes`; number 0 is `void`.
    types: Vec<usize>,
    structures: HashMap<&'a [u8], Vec<u32>>,
    typedefs: HashMap<&'a [u8], u32>,
}

#[derive(Debug, thiserror::Error)]
#[error("the kernel's BTF cannot be read: {0}")]
pub struct BtfError(&'static str);

const MAGIC: u16 = 0xeb9f;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const FUNC_PROTO: u32 = 13;
/// Anonymous members inside anonymous members; the kernel has three.
const DEPTH_MAX: u32 = 8;

impl<'a> Btf<'a> {
    /// # Errors
    /// When the bytes are not BTF of version 1 in this machine's byte order.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let word = |at: usize| u32_at(bytes, at).ok_or(BtfError("it ends early"));
        if bytes.get(..2).is_none_or(|magic| u16::from_ne_bytes([magic[0], magic[1]]) != MAGIC) {
            return Err(BtfError("it does not start as BTF does"));
        }
        let header_len = word(4)? as usize;
        let (types_at, types_len) = (header_len + word(8)? as usize, word(12)? as usize);
        let (strings_at, strings_len) = (header_len + word(16)? as usize, word(20)? as usize);
        let strings = bytes.get(strings_at..strings_at + strings_len).ok_or(BtfError("its strings end early"))?;
        let mut btf = Self { bytes, strings, types: vec![0], structures: HashMap::new(), typedefs: HashMap::new() };
        let mut at = types_at;
        while at < types_at + types_len {
            let number = btf.types.len() as u32;
            btf.types.push(at);
            let (info, name) = (word(at + 4)?, btf.string(word(at)?));
            let n = (info & 0xffff) as usize;
            match kind_of(info) {
                STRUCT => btf.structures.entry(name).or_default().push(number),
                TYPEDEF => _ = btf.typedefs.insert(name, number),
                _ => {}
            }
            at += 12
                + match kind_of(info) {
                    1 | 14 | 17 => 4,
                    3 => 12,
                    STRUCT | UNION | 15 | 19 => n * 12,
                    6 | FUNC_PROTO => n * 8,
                    PTR | 7..=12 | 16 | 18 => 0,
                    _ => return Err(BtfError("it holds a kind of type that is not known")),
                };
        }
        Ok(btf)
    }

    /// The offset in bytes of `structure.field.field`, anonymous members looked through. `@name/n` is 0 if the
    /// tracepoint `name` has more than `n` arguments. `None` where there is no such thing, or where it is a bit field.
    pub fn find(&self, path: &str) -> Option<u32> {
        if let Some((name, n)) = path.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
            return (self.tracepoint_arguments(name)? > n.parse().ok()?).then_some(0);
        }
        let mut names = path.split('.');
        let structure = names.next()?;
        let fields: Vec<_> = names.collect();
        let candidates = self.structures.get(structure.as_bytes())?;
        let bits = candidates.iter().find_map(|&number| self.walk(number, &fields))?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// Arguments of a tracepoint: those of the `btf_trace_` type that the kernel keeps for it, less its own first one.
    fn tracepoint_arguments(&self, name: &str) -> Option<u32> {
        let typedef = *self.typedefs.get(format!("btf_trace_{name}").as_bytes())?;
        let mut number = typedef;
        for _ in 0..DEPTH_MAX {
            let at = *self.types.get(number as usize)?;
            let info = u32_at(self.bytes, at + 4)?;
            if kind_of(info) == FUNC_PROTO {
                return (info & 0xffff).checked_sub(1);
            }
            number = u32_at(self.bytes, at + 8)?;
        }
        None
    }

    fn walk(&self, number: u32, fields: &[&str]) -> Option<u32> {
        let Some((field, rest)) = fields.split_first() else { return Some(0) };
        let (offset, of) = self.member(number, field, DEPTH_MAX)?;
        match rest {
            [] => Some(offset),
            _ => Some(offset + self.walk(self.plain(of)?, rest)?),
        }
    }

    /// A member of a structure or union and its type; the offset is in bits.
    fn member(&self, number: u32, name: &str, depth: u32) -> Option<(u32, u32)> {
        let at = *self.types.get(number as usize)?;
        let info = u32_at(self.bytes, at + 4)?;
        if !matches!(kind_of(info), STRUCT | UNION) || depth == 0 {
            return None;
        }
        let has_bit_fields = info >> 31 == 1;
        (0..(info & 0xffff) as usize).find_map(|n| {
            let member = at + 12 + n * 12;
            let (member_name, of) = (self.string(u32_at(self.bytes, member)?), u32_at(self.bytes, member + 4)?);
            let offset = u32_at(self.bytes, member + 8)?;
            let (bits, offset) = if has_bit_fields { (offset >> 24, offset & 0xff_ffff) } else { (0, offset) };
            if member_name == name.as_bytes() {
                return (bits == 0).then_some((offset, of));
            }
            if !member_name.is_empty() {
                return None;
            }
            let (inner, of) = self.member(self.plain(of)?, name, depth - 1)?;
            Some((offset + inner, of))
        })
    }

    /// The type behind typedefs and qualifiers.
    fn plain(&self, mut number: u32) -> Option<u32> {
        for _ in 0..DEPTH_MAX {
            let at = *self.types.get(number as usize)?;
            match kind_of(u32_at(self.bytes, at + 4)?) {
                TYPEDEF | 9 | 10 | 11 | 18 => number = u32_at(self.bytes, at + 8)?,
                _ => return Some(number),
            }
        }
        None
    }

    fn string(&self, at: u32) -> &'a [u8] {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        rest.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

fn kind_of(info: u32) -> u32 {
    info >> 24 & 0x1f
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().expect("it is four bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `struct a { u32 x; union { struct { u64 y; }; u64 z; }; }` with offsets 0 and 64 bits.
    fn sample() -> Vec<u8> {
        let strings = b"\0a\0x\0y\0z\0u32\0";
        let name = |text: &str| {
            let needle: Vec<u8> = [b"\0", text.as_bytes(), b"\0"].concat();
            strings.windows(needle.len()).position(|window| window == needle).unwrap() as u32 + 1
        };
        let kind = |kind: u32, n: u32| kind << 24 | n;
        let mut types = Vec::new();
        types.extend([name("u32"), kind(1, 0), 4, 32]);
        types.extend([0, kind(STRUCT, 1), 8, name("y"), 1, 0]);
        types.extend([0, kind(UNION, 2), 8, 0, 2, 0, name("z"), 1, 0]);
        types.extend([name("a"), kind(STRUCT, 2), 16, name("x"), 1, 0, 0, 3, 64]);
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut bytes = Vec::from(MAGIC.to_ne_bytes());
        bytes.extend([1, 0]);
        let header = [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32];
        bytes.extend(header.into_iter().flat_map(u32::to_ne_bytes));
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn fields_are_found_through_anonymous_members() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.find("a.x"), Some(0));
        assert_eq!(btf.find("a.y"), Some(8));
        assert_eq!(btf.find("a.z"), Some(8));
        assert_eq!(btf.find("a.none"), None);
        assert_eq!(btf.find("b.x"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(at in 0usize..200, value: u8, len in 0usize..250) {
            let mut bytes = sample();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(len);
            if let Ok(btf) = Btf::parse(&bytes) {
                for path in ["a.x", "a.y.z", "@a/1", "a"] {
                    btf.find(path);
                }
            }
        }
    }
}
