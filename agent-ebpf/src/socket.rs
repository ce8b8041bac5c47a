use crate::file::OpenFile;
use crate::kernel::{Ptr, at, read_user};
use crate::record::Record;
use crate::tail::Tail;
use tracewell_event_abi::body::{Body, Socket};
use tracewell_event_abi::head::flag;

pub const AF_UNIX: u16 = 1;
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
/// `struct sockaddr_un` has its path behind the family.
const SUN_PATH: u32 = 2;

/// Reads a socket from its file. A socket that is gone has a namespace of 0.
#[inline(always)]
pub fn read(file: &OpenFile) -> Option<Socket> {
    let socket = file.file.follow(at!(file_private));
    let sk = socket.follow(at!(socket_sk));
    if sk.is_null() {
        return None;
    }
    let family = sk.read::<u16>(at!(sk_family));
    let mut found = Socket {
        ino: file.inode.read(at!(inode_ino)),
        net_namespace: sk.follow(at!(sk_net)).read(at!(net_inum)),
        family,
        kind: socket.read(at!(socket_type)),
        ..Socket::default()
    };
    match family {
        AF_INET => {
            found.local[..4].copy_from_slice(&sk.read::<[u8; 4]>(at!(sk_rcv_saddr)));
            found.remote[..4].copy_from_slice(&sk.read::<[u8; 4]>(at!(sk_daddr)));
            read_ports(&mut found, sk);
        }
        AF_INET6 => {
            found.local = sk.read(at!(sk_v6_rcv_saddr));
            found.remote = sk.read(at!(sk_v6_daddr));
            read_ports(&mut found, sk);
        }
        AF_UNIX => {
            // Both ends of a connection are one channel, known by the lower number.
            // `struct socket_alloc` has the socket first and its inode behind it (include/net/sock.h, `SOCK_INODE`).
            let peer = sk.follow(at!(unix_peer)).follow(at!(sk_socket));
            let ino = peer.plus(at!(socket_alloc_inode)).read::<u64>(at!(inode_ino));
            if !peer.is_null() && ino != 0 && ino < found.ino {
                found.ino = ino;
            }
        }
        _ => {}
    }
    Some(found)
}

#[inline(always)]
fn read_ports(found: &mut Socket, sk: Ptr) {
    found.protocol = sk.read(at!(sk_protocol));
    found.local_port = sk.read(at!(sk_num));
    found.remote_port = u16::from_be(sk.read(at!(sk_dport)));
}

/// Sends a record about a socket, with its path if it has one.
#[inline(always)]
pub fn submit(mut record: Record, file: &OpenFile, found: &Socket) {
    record.body(Body::Socket, found);
    if found.family == AF_UNIX {
        add_unix_path(&mut record, file);
    }
    record.submit();
}

/// Adds the path of a Unix socket, its own or else that of its peer, as a segment.
#[inline(always)]
fn add_unix_path(record: &mut Record, file: &OpenFile) {
    let sk = file.file.follow(at!(file_private)).follow(at!(socket_sk));
    let own = sk.follow(at!(unix_addr));
    let address = if own.is_null() { sk.follow(at!(unix_peer)).follow(at!(unix_addr)) } else { own };
    // An abstract name starts with a zero byte, and so reads as empty.
    if !address.is_null() && address.read::<u32>(at!(unix_address_len)) > SUN_PATH {
        record.kernel_label(address.plus(at!(unix_address_name)).plus(SUN_PATH));
    }
}

/// Takes the peer of an unconnected socket from the address that the process gave or was given.
#[inline(always)]
pub fn read_user_peer(record: &mut Record, found: &mut Socket, address: u64) {
    if address == 0 || found.remote_port != 0 {
        return;
    }
    match found.family {
        AF_INET => {
            let name = read_user::<[u8; 8]>(address);
            found.remote_port = u16::from_be_bytes([name[2], name[3]]);
            found.remote[..4].copy_from_slice(&name[4..8]);
        }
        AF_INET6 => {
            let name = read_user::<[u8; 24]>(address);
            found.remote_port = u16::from_be_bytes([name[2], name[3]]);
            found.remote.copy_from_slice(&name[8..24]);
        }
        _ => return,
    }
    record.head().flags |= flag::FROM_USER;
}
