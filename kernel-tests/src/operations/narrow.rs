//! System calls of 32-bit programs, made by a 64-bit process through `int $0x80`: the kernel takes them for the same.

use super::Operation;
use crate::raw::{Low, descriptor, narrow_call};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
const WRITE: u32 = 4;
const OPEN: u32 = 5;
const UNLINK: u32 = 10;
const CHMOD: u32 = 15;
const UTIME: u32 = 30;
const SOCKETCALL: u32 = 102;
const FUTIMESAT: u32 = 299;
const UTIMENSAT: u32 = 320;
const SOCKET: u32 = 359;
const CONNECT: u32 = 362;
const UTIMENSAT_TIME64: u32 = 412;
/// Those of `socketcall`: include/uapi/linux/net.h.
mod call {
    pub const SOCKET: u32 = 1;
    pub const BIND: u32 = 2;
    pub const CONNECT: u32 = 3;
    pub const LISTEN: u32 = 4;
    pub const ACCEPT: u32 = 5;
    pub const SEND: u32 = 9;
    pub const RECEIVE: u32 = 10;
}
const AF_INET: u32 = 2;
const SOCK_STREAM: u32 = 1;
/// `sizeof(struct sockaddr_in)`.
const ADDRESS_BYTES: u32 = 16;

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "a file by 32-bit system calls",
        edges: &[
            "p0 create ~/a",
            "p0 write ~/a, 4 B",
            "p0 chmod ~/a from 0600 to 0700 | p0 chmod ~/a to 0700",
            "p0 set-times ~/a to 1000000000000000000",
            "p0 set-times ~/a to 1000000001000002000",
            "p0 set-times ~/a to 1000000002000000003",
            "p0 set-times ~/a to 1000000003000000004",
            "p0 unlink ~/a",
        ],
        run: file,
    },
    Operation {
        name: "TCP by 32-bit system calls",
        edges: &[
            "p0 bind tcp 127.0.0.1:A > *",
            "p0 listen tcp 127.0.0.1:A > *",
            "p0 connect tcp 127.0.0.1:B > 127.0.0.1:A",
        ],
        run: connect,
    },
    Operation {
        name: "TCP by socketcall",
        edges: &[
            "p0 bind tcp 127.0.0.1:A > *",
            "p0 listen tcp 127.0.0.1:A > *",
            "p0 connect tcp 127.0.0.1:B > 127.0.0.1:A",
            "p0 accept tcp 127.0.0.1:A > 127.0.0.1:B",
            "p0 send tcp 127.0.0.1:B > 127.0.0.1:A, 4 B",
            "p0 receive tcp 127.0.0.1:A > 127.0.0.1:B, 4 B",
        ],
        run: socketcall,
    },
];

/// A kernel without them kills who tries. `/proc/sys/abi/vsyscall32` is there with them (arch/x86/entry/vdso/vdso32-setup.c).
fn low() -> io::Result<Low> {
    if !Path::new("/proc/sys/abi/vsyscall32").exists() {
        let reason = "this kernel has no 32-bit system calls: CONFIG_IA32_EMULATION";
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    Low::new()
}

fn file(folder: &Path) -> io::Result<()> {
    let mut low = low()?;
    let path = low.put(&[folder.join("a").as_os_str().as_bytes(), b"\0"].concat());
    let text = low.put(b"text");
    let file = descriptor(narrow_call(OPEN, [path, (libc::O_CREAT | libc::O_WRONLY) as u32, 0o600])?);
    narrow_call(WRITE, [number(&file), text, 4])?;
    narrow_call(CHMOD, [path, 0o700, 0])?;
    // Of two times the second is that of the last modification.
    let here = libc::AT_FDCWD.cast_unsigned();
    let seconds = 1_000_000_000;
    let times = low.put_words(&[0, seconds]);
    narrow_call(UTIME, [path, times, 0])?;
    let times = low.put_words(&[0, 0, seconds + 1, 2]);
    narrow_call(FUTIMESAT, [here, path, times])?;
    let times = low.put_words(&[0, 0, seconds + 2, 3]);
    narrow_call(UTIMENSAT, [here, path, times])?;
    let times = low.put_words(&[0, 0, 0, 0, seconds + 3, 0, 4, 0]);
    narrow_call(UTIMENSAT_TIME64, [here, path, times])?;
    narrow_call(UNLINK, [path, 0, 0]).map(drop)
}

fn connect(_: &Path) -> io::Result<()> {
    let mut low = low()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = low.put_address(listener.local_addr()?.port());
    let client = descriptor(narrow_call(SOCKET, [AF_INET, SOCK_STREAM, 0])?);
    narrow_call(CONNECT, [number(&client), address, ADDRESS_BYTES]).map(drop)
}

fn socketcall(_: &Path) -> io::Result<()> {
    let mut low = low()?;
    let call = |low: &mut Low, number, arguments: &[u32]| {
        let arguments = low.put_words(arguments);
        narrow_call(SOCKETCALL, [number, arguments, 0])
    };
    let listener = descriptor(call(&mut low, call::SOCKET, &[AF_INET, SOCK_STREAM, 0])?);
    let any = low.put_address(0);
    call(&mut low, call::BIND, &[number(&listener), any, ADDRESS_BYTES])?;
    call(&mut low, call::LISTEN, &[number(&listener), 1])?;
    let listener = TcpListener::from(listener);
    let address = low.put_address(listener.local_addr()?.port());
    let client = descriptor(call(&mut low, call::SOCKET, &[AF_INET, SOCK_STREAM, 0])?);
    call(&mut low, call::CONNECT, &[number(&client), address, ADDRESS_BYTES])?;
    let server = descriptor(call(&mut low, call::ACCEPT, &[listener.as_raw_fd().cast_unsigned(), 0, 0])?);
    let text = low.put(b"text");
    call(&mut low, call::SEND, &[number(&client), text, 4, 0])?;
    call(&mut low, call::RECEIVE, &[number(&server), text, 4, 0]).map(drop)
}

fn number(fd: &OwnedFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}
