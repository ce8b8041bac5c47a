//! Who is who: stable identities of hosts, processes, files and sockets.
//!
//! A reference ([`ProcessRef`], [`FileRef`], [`SocketRef`]) is what a source can say about a thing; its [`NodeKey`] is
//! the 128-bit stable hash of the part that identifies it, the same in every run and on every machine.

use crate::Str;
use std::fmt;
use std::net::SocketAddr;

/// A host, as a stable 64-bit hash of its enrolled id or, in a replay, of its name in the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u64);

impl HostId {
    pub fn from_name(name: &str) -> Self {
        let hash = blake3::hash(name.as_bytes());
        Self(u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes")))
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// An identifier that the source itself assigned (CADETS, CDM). Unique over kinds within a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e] = [
            self.0 >> 96,
            (self.0 >> 80) & 0xffff,
            (self.0 >> 64) & 0xffff,
            (self.0 >> 48) & 0xffff,
            self.0 & 0xffff_ffff_ffff,
        ];
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

impl std::str::FromStr for Uuid {
    type Err = String;

    /// Reads 32 hexadecimal digits in either case, with or without hyphens.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut value, mut n_digits) = (0u128, 0);
        for byte in text.bytes().filter(|&b| b != b'-') {
            let digit = char::from(byte).to_digit(16).filter(|_| n_digits < 32);
            let digit = digit.ok_or_else(|| format!("expected a uuid of 32 hex digits, got {text:?}"))?;
            value = value << 4 | u128::from(digit);
            n_digits += 1;
        }
        if n_digits == 32 { Ok(Self(value)) } else { Err(format!("expected a uuid of 32 hex digits, got {text:?}")) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    Process,
    File,
    Socket,
}

/// The stable identity of a node: a 128-bit BLAKE3 prefix over host, kind and identifying fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey(pub u128);

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A process as a source names it.
///
/// Identified by `uuid` if the source has one, else by pid and start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessRef {
    /// Thread-group id in the initial pid namespace; 0 when unknown.
    pub pid: u32,
    /// Start in the source's own unit (clock ticks of `start_boottime` for the live agent); 0 when unknown.
    pub start: u64,
    pub uuid: Option<Uuid>,
}

/// A file's place in its filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode {
    /// Device or superblock identity.
    pub dev: u64,
    pub ino: u64,
    pub generation: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// The source does not say; may turn out to be a socket.
    #[default]
    Unknown,
    Regular,
    Directory,
    Device,
    Pipe,
    /// Anonymous memory with a descriptor (memfd).
    Memory,
}

/// A file as a source names it.
///
/// Identified by `uuid`, else `inode`, else by `path` alone (DESIGN.md, "Words and identity").
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileRef {
    pub uuid: Option<Uuid>,
    pub inode: Option<Inode>,
    /// `None` where the source has none or only a placeholder.
    pub path: Option<Str>,
    pub kind: FileKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    #[default]
    Unknown,
    Tcp,
    Udp,
    Unix,
    Other,
}

/// A socket as a source names it.
///
/// Identified by `uuid`; else a Unix socket with a name by that name in its network namespace, so that both ends of all its
/// connections are one thing, through which clients lead the server; else `cookie` in its network namespace; else the tuple
/// with its first-seen time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketRef {
    pub uuid: Option<Uuid>,
    /// Network namespace inode and socket cookie.
    pub cookie: Option<(u64, u64)>,
    /// First-seen time of the tuple in ns, where neither `uuid` nor `cookie` is known; else 0.
    pub opened: u64,
    pub protocol: Protocol,
    pub local: Option<SocketAddr>,
    pub remote: Option<SocketAddr>,
    /// Path of a Unix socket.
    pub path: Option<Str>,
}

impl ProcessRef {
    pub fn key(&self, host: HostId) -> NodeKey {
        match self.uuid {
            Some(uuid) => uuid_key(host, uuid),
            None => KeyBytes::new(host, b'p').u64(self.pid.into()).u64(self.start).key(),
        }
    }
}

impl FileRef {
    pub fn at_path(path: impl Into<Str>) -> Self {
        Self { path: Some(path.into()), kind: FileKind::Regular, ..Self::default() }
    }

    pub fn key(&self, host: HostId) -> NodeKey {
        match (self.uuid, self.inode) {
            (Some(uuid), _) => uuid_key(host, uuid),
            (None, Some(inode)) => {
                KeyBytes::new(host, b'i').u64(inode.dev).u64(inode.ino).u64(inode.generation.into()).key()
            }
            (None, None) => KeyBytes::new(host, b'f').text(self.path.as_deref().unwrap_or("")).key(),
        }
    }
}

impl SocketRef {
    /// The name of a Unix socket, with the network namespace that it counts in, 0 where that is not known.
    pub fn unix_name(&self) -> Option<(u64, &Str)> {
        let name = self.path.as_ref().filter(|name| self.protocol == Protocol::Unix && !name.is_empty())?;
        Some((self.cookie.map_or(0, |(namespace, _)| namespace), name))
    }

    pub fn key(&self, host: HostId) -> NodeKey {
        match (self.uuid, self.unix_name(), self.cookie) {
            (Some(uuid), ..) => uuid_key(host, uuid),
            (None, Some((namespace, name)), _) => KeyBytes::new(host, b'n').u64(namespace).text(name).key(),
            (None, None, Some((namespace, cookie))) => KeyBytes::new(host, b'c').u64(namespace).u64(cookie).key(),
            (None, None, None) => KeyBytes::new(host, b's')
                .u64(self.opened)
                .u64(self.protocol as u64)
                .addr(self.local)
                .addr(self.remote)
                .text(self.path.as_deref().unwrap_or(""))
                .key(),
        }
    }
}

/// Kind is not part of a uuid's key: a source may name a socket by uuid alone and be read as a file of unknown kind.
fn uuid_key(host: HostId, uuid: Uuid) -> NodeKey {
    KeyBytes::new(host, b'u').u64(uuid.0 as u64).u64((uuid.0 >> 64) as u64).key()
}

/// The bytes under a key: short identities stay in one BLAKE3 block, long texts are streamed.
struct KeyBytes {
    buffer: [u8; 64],
    len: usize,
    long: Option<Box<blake3::Hasher>>,
}

impl KeyBytes {
    fn new(host: HostId, tag: u8) -> Self {
        let bytes = Self { buffer: [0; 64], len: 0, long: None };
        bytes.bytes(&[tag]).u64(host.0)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        if self.long.is_none() && self.len + bytes.len() <= self.buffer.len() {
            self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
            self.len += bytes.len();
        } else {
            let (buffer, len) = (&self.buffer, self.len);
            let hasher = self.long.get_or_insert_with(|| {
                let mut hasher = Box::new(blake3::Hasher::new());
                hasher.update(&buffer[..len]);
                hasher
            });
            hasher.update(bytes);
        }
        self
    }

    fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn addr(self, addr: Option<SocketAddr>) -> Self {
        match addr {
            None => self.bytes(&[0]),
            Some(SocketAddr::V4(v4)) => self.bytes(&[4]).bytes(&v4.ip().octets()).bytes(&v4.port().to_le_bytes()),
            Some(SocketAddr::V6(v6)) => self.bytes(&[6]).bytes(&v6.ip().octets()).bytes(&v6.port().to_le_bytes()),
        }
    }

    fn key(self) -> NodeKey {
        let hash = match self.long {
            Some(hasher) => hasher.finalize(),
            None => blake3::hash(&self.buffer[..self.len]),
        };
        NodeKey(u128::from_le_bytes(hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes")))
    }
}
