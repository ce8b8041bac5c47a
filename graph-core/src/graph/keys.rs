//! Keys of what was named lately. A key costs a cryptographic hash, and events name the same few things again and again.

use tracewell_model::{FileRef, HostId, Inode, NodeKey, ProcessRef, SocketRef};

/// Remembers the last key in each of its places.
pub(super) struct Keys {
    host: HostId,
    places: Vec<Option<(Name, NodeKey)>>,
}

/// What alone a key is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Uuid(u128),
    Process(u32, u64),
    Inode(Inode),
    Cookie(u64, u64),
}

/// 64 KB a host.
const N_PLACES: usize = 1024;

impl Keys {
    pub(super) fn new(host: HostId) -> Self {
        Self { host, places: vec![None; N_PLACES] }
    }

    pub(super) fn process(&mut self, process: &ProcessRef) -> NodeKey {
        let name = match process.uuid {
            Some(uuid) => Name::Uuid(uuid.0),
            None => Name::Process(process.pid, process.start),
        };
        self.key(name, |host| process.key(host))
    }

    pub(super) fn file(&mut self, file: &FileRef) -> NodeKey {
        match (file.uuid, file.inode) {
            (Some(uuid), _) => self.key(Name::Uuid(uuid.0), |host| file.key(host)),
            (None, Some(inode)) => self.key(Name::Inode(inode), |host| file.key(host)),
            (None, None) => file.key(self.host),
        }
    }

    pub(super) fn socket(&mut self, socket: &SocketRef) -> NodeKey {
        match (socket.uuid, socket.cookie) {
            (Some(uuid), _) => self.key(Name::Uuid(uuid.0), |host| socket.key(host)),
            (None, Some((namespace, cookie))) if socket.unix_name().is_none() => {
                self.key(Name::Cookie(namespace, cookie), |host| socket.key(host))
            }
            (None, _) => socket.key(self.host),
        }
    }

    fn key(&mut self, name: Name, make: impl FnOnce(HostId) -> NodeKey) -> NodeKey {
        let place = &mut self.places[name.place()];
        match place {
            Some((known, key)) if *known == name => *key,
            _ => place.insert((name, make(self.host))).1,
        }
    }
}

impl Name {
    fn place(self) -> usize {
        let bits = match self {
            Self::Uuid(uuid) => uuid as u64 ^ (uuid >> 64) as u64,
            Self::Process(pid, start) => start.rotate_left(32) ^ u64::from(pid),
            Self::Inode(inode) => inode.ino ^ inode.dev.rotate_left(32) ^ u64::from(inode.generation).rotate_left(48),
            Self::Cookie(namespace, cookie) => cookie ^ namespace.rotate_left(32),
        };
        // The upper bits of a product depend on all bits (Knuth, TAOCP 3, 6.4).
        (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - N_PLACES.ilog2())) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::Uuid;

    /// Three times as many names as places, each asked for twice.
    #[test]
    fn a_key_is_the_same_whether_it_was_remembered_or_not() {
        let host = HostId(7);
        let mut keys = Keys::new(host);
        for i in (0..N_PLACES as u64).flat_map(|i| [i, i]) {
            let process = ProcessRef { pid: 1, start: i, uuid: None };
            let inode = Inode { dev: 1, ino: i, generation: 0 };
            let file = FileRef { inode: Some(inode), ..FileRef::default() };
            let socket = SocketRef { cookie: Some((1, i)), ..SocketRef::default() };
            assert_eq!(keys.process(&process), process.key(host));
            assert_eq!(keys.file(&file), file.key(host));
            assert_eq!(keys.socket(&socket), socket.key(host));
            let named = FileRef { uuid: Some(Uuid(i.into())), ..file };
            assert_eq!(keys.file(&named), named.key(host));
        }
    }
}
