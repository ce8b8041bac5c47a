//! Which file or socket is meant. SysFlow names files by container and path, so a rename must be followed here.

use super::fields::Fields;
use super::process::Oid;
use crate::text::Interner;
use lru::LruCache;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use tracewell_model::{FileKind, FileRef, HostId, Object, Protocol, SocketRef, Str, Uuid};

const FILES_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
const RENAMED_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
const CONNECTIONS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

#[derive(Clone)]
struct File {
    container: Option<Str>,
    /// As the source has it: of a Unix socket its kernel addresses and its path.
    text: Str,
    path: Option<Str>,
    /// The type character of libsinsp: f file, d directory, p pipe, u Unix socket, others for anonymous descriptors.
    restype: u8,
}

pub(super) struct Objects {
    files: LruCache<[u8; 20], File>,
    /// What now stands at a name that was renamed to or from.
    renamed: LruCache<Uuid, Uuid>,
    connections: LruCache<Tuple, Connection>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Tuple {
    protocol: i64,
    source: SocketAddr,
    destination: SocketAddr,
    process: Oid,
}

#[derive(Clone, Copy)]
struct Connection {
    opened: u64,
    accepted: bool,
}

impl Objects {
    pub fn new() -> Self {
        Self {
            files: LruCache::new(FILES_MAX),
            renamed: LruCache::new(RENAMED_MAX),
            connections: LruCache::new(CONNECTIONS_MAX),
        }
    }

    pub fn describe(&mut self, fields: &Fields<'_>, strings: &mut Interner) -> Result<(), String> {
        let text = fields.text("path")?;
        let restype = u8::try_from(fields.integer("restype")?).unwrap_or(b'?');
        // "ffff…->ffff… /run/some.sock" or "pipe:[…]"
        let path = text.rsplit(' ').next().filter(|_| restype == b'u').unwrap_or(text);
        let path = path.starts_with(['/', '.']).then(|| strings.path(path)).flatten();
        let container = fields.optional_text("containerId").map(|id| strings.get(id));
        self.files.put(fields.file_id("oid")?, File { container, text: strings.get(text), path, restype });
        Ok(())
    }

    /// The object behind a file id, as this process sees it.
    pub fn file(&mut self, id: [u8; 20], process: Oid, host: HostId) -> Object {
        let Some(file) = self.files.get(&id).cloned() else {
            let uuid = u128::from_be_bytes(id[..16].try_into().expect("16 of 20 bytes"));
            return Object::File(FileRef { uuid: Some(Uuid(uuid)), ..FileRef::default() });
        };
        let uuid = if file.text.is_empty() {
            // Every anonymous descriptor of a container has this one id. Two processes must not seem to share it.
            place(host, file.container.as_deref(), &format!("{}/{}/{}", process.pid, process.created, file.restype))
        } else {
            let place = place(host, file.container.as_deref(), file.path.as_deref().unwrap_or(&file.text));
            self.renamed.get(&place).copied().unwrap_or(place)
        };
        let kind = match file.restype {
            b'u' => {
                let (uuid, protocol) = (Some(uuid), Protocol::Unix);
                return Object::Socket(SocketRef { uuid, protocol, path: file.path, ..SocketRef::default() });
            }
            b'f' => FileKind::Regular,
            b'd' => FileKind::Directory,
            b'p' => FileKind::Pipe,
            _ => FileKind::Unknown,
        };
        Object::File(FileRef { uuid: Some(uuid), inode: None, path: file.path, kind })
    }

    /// The file at a path that an exec names.
    pub fn executable(&mut self, path: Str, container: Option<&str>, host: HostId) -> FileRef {
        let place = place(host, container, &path);
        let uuid = self.renamed.get(&place).copied().unwrap_or(place);
        FileRef { uuid: Some(uuid), inode: None, path: Some(path), kind: FileKind::Regular }
    }

    /// After a rename the new name means the old file, and the old name means something new.
    pub fn rename(&mut self, from: [u8; 20], to: [u8; 20], time: u64, host: HostId) {
        let (Some(from), Some(to)) = (self.files.peek(&from).cloned(), self.files.peek(&to).cloned()) else { return };
        let place = |file: &File| place(host, file.container.as_deref(), file.path.as_deref().unwrap_or(&file.text));
        let (old, new) = (place(&from), place(&to));
        let moved = self.renamed.get(&old).copied().unwrap_or(old);
        self.renamed.put(new, moved);
        self.renamed.put(old, Uuid(old.0 ^ u128::from(time)));
    }

    pub fn path(&self, id: [u8; 20]) -> Option<Str> {
        self.files.peek(&id).map(|file| file.path.clone().unwrap_or_else(|| Str::clone(&file.text)))
    }

    /// The socket of a flow, and whether the source says which side it is.
    pub fn connection(
        &mut self,
        flow: &Fields<'_>,
        process: Oid,
        ops: super::flow::Ops,
    ) -> Result<(SocketRef, bool), String> {
        let protocol = flow.integer("proto")?;
        let source = address(flow.integer("sip")?, flow.integer("sport")?)?;
        let destination = address(flow.integer("dip")?, flow.integer("dport")?)?;
        let tuple = Tuple { protocol, source, destination, process };
        let said = ops.accepts() || ops.connects();
        let known = self.connections.get(&tuple).copied().filter(|_| !said);
        let connection = known.unwrap_or(Connection { opened: flow.time("ts")?, accepted: ops.accepts() });
        if ops.closes() {
            self.connections.pop(&tuple);
        } else {
            self.connections.put(tuple, connection);
        }
        // The source of a flow is the side that connected.
        let (local, remote) = if connection.accepted { (destination, source) } else { (source, destination) };
        let protocol = match protocol {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            _ => Protocol::Other,
        };
        let socket = SocketRef {
            opened: connection.opened,
            protocol,
            local: Some(local),
            remote: Some(remote),
            ..SocketRef::default()
        };
        Ok((socket, said || known.is_some()))
    }
}

/// The identity of a path inside a container, or of one on the host.
fn place(host: HostId, container: Option<&str>, path: &str) -> Uuid {
    let within = container.map_or(host, |container| HostId(host.0 ^ HostId::from_name(container).0));
    Uuid(FileRef::at_path(path).key(within).0)
}

/// IPv4 in network byte order within a little-endian integer.
fn address(ip: i64, port: i64) -> Result<SocketAddr, String> {
    let ip = i32::try_from(ip).map_err(|_| format!("address {ip} is not of IPv4"))?;
    let port = u16::try_from(port).map_err(|_| format!("port {port} is out of range"))?;
    Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip.to_le_bytes())), port))
}
