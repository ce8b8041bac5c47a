//! System calls that no library makes safe: requests through io_uring, `int $0x80`, mappings, bpf(2).

#![expect(unsafe_code, reason = "raw addresses are given to the kernel")]

use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous};
use std::arch::asm;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

const PAGE: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not zero");

/// Who carries out a request: the process that submits it as far as it need not wait, or a worker of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    Submitter,
    Worker,
}

/// A ring with one request at a time: each call returns when its request is complete, so that what it points to is there
/// until then.
pub struct Ring {
    ring: IoUring,
    by: By,
}

impl Ring {
    pub fn new(by: By) -> io::Result<Self> {
        Ok(Self { ring: IoUring::new(4)?, by })
    }

    pub fn open(&mut self, path: &CStr, flags: i32) -> io::Result<File> {
        let request = opcode::OpenAt::new(Fd(libc::AT_FDCWD), path.as_ptr()).flags(flags | libc::O_CLOEXEC).mode(0o600);
        let fd = self.complete(request.build())?;
        // SAFETY: the kernel just made it.
        Ok(unsafe { File::from_raw_fd(fd) })
    }

    pub fn read(&mut self, fd: impl AsFd, bytes: &mut [u8]) -> io::Result<i32> {
        self.complete(opcode::Read::new(of(&fd), bytes.as_mut_ptr(), bytes.len() as u32).build())
    }

    pub fn write(&mut self, fd: impl AsFd, bytes: &[u8]) -> io::Result<i32> {
        self.complete(opcode::Write::new(of(&fd), bytes.as_ptr(), bytes.len() as u32).build())
    }

    pub fn connect(&mut self, socket: impl AsFd, address: SocketAddrV4) -> io::Result<()> {
        let name = name_of(address);
        self.complete(opcode::Connect::new(of(&socket), (&raw const name).cast(), size_of_val(&name) as u32).build())?;
        Ok(())
    }

    pub fn accept(&mut self, listener: impl AsFd) -> io::Result<OwnedFd> {
        let (address, len) = (std::ptr::null_mut(), std::ptr::null_mut());
        let fd = self.complete(opcode::Accept::new(of(&listener), address, len).build())?;
        // SAFETY: the kernel just made it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub fn send(&mut self, socket: impl AsFd, bytes: &[u8]) -> io::Result<i32> {
        self.complete(opcode::Send::new(of(&socket), bytes.as_ptr(), bytes.len() as u32).build())
    }

    pub fn receive(&mut self, socket: impl AsFd, bytes: &mut [u8]) -> io::Result<i32> {
        self.complete(opcode::Recv::new(of(&socket), bytes.as_mut_ptr(), bytes.len() as u32).build())
    }

    fn complete(&mut self, request: Entry) -> io::Result<i32> {
        let request = if self.by == By::Worker { request.flags(Flags::ASYNC) } else { request };
        // SAFETY: what it points to is borrowed by the callers, which wait here for its end.
        unsafe { self.ring.submission().push(&request) }.map_err(io::Error::other)?;
        self.ring.submit_and_wait(1)?;
        let result = self.ring.completion().next().ok_or(io::ErrorKind::UnexpectedEof)?.result();
        if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
    }
}

fn of(fd: &impl AsFd) -> Fd {
    Fd(fd.as_fd().as_raw_fd())
}

fn name_of(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}

/// Maps the first page of a file as code, as a dynamic loader does with a library. It stays until the process ends.
pub fn map_executable(file: &File) -> io::Result<()> {
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_EXEC;
    // SAFETY: at no address that is in use; nobody touches it.
    unsafe { mmap(None, PAGE, protection, MapFlags::MAP_PRIVATE, file, 0) }?;
    Ok(())
}

/// Loads a filter for sockets that lets nothing through, which is gone at once.
pub fn load_filter(name: &str) -> io::Result<()> {
    const BPF_PROG_LOAD: i32 = 5;
    const BPF_PROG_TYPE_SOCKET_FILTER: u32 = 1;
    /// r0 = 0; exit (Documentation/bpf/standardization/instruction-set.rst).
    const PROGRAM: [u64; 2] = [0xb7, 0x95];
    /// The beginning of `union bpf_attr` of include/uapi/linux/bpf.h.
    #[repr(C)]
    #[derive(Default)]
    struct Attr {
        kind: u32,
        n_instructions: u32,
        instructions: u64,
        license: u64,
        log: [u64; 2],
        kernel_and_flags: u64,
        name: [u8; 16],
    }
    let mut attr = Attr {
        kind: BPF_PROG_TYPE_SOCKET_FILTER,
        n_instructions: PROGRAM.len() as u32,
        instructions: PROGRAM.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        ..Attr::default()
    };
    let len = name.len().min(attr.name.len() - 1);
    attr.name[..len].copy_from_slice(&name.as_bytes()[..len]);
    // SAFETY: the kernel reads what the attributes point to, which outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attr, size_of::<Attr>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made it.
    drop(unsafe { OwnedFd::from_raw_fd(fd as i32) });
    Ok(())
}

/// What 32-bit system calls can point to: memory below 4 GiB, zeroed. It stays until the process ends.
pub struct Low {
    page: &'static mut [u8],
    len: usize,
}

impl Low {
    pub fn new() -> io::Result<Self> {
        let (protection, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_32BIT);
        // SAFETY: at no address that is in use, and never unmapped.
        let page = unsafe {
            let page = mmap_anonymous(None, PAGE, protection, flags | MapFlags::MAP_PRIVATE)?;
            std::slice::from_raw_parts_mut(page.cast::<u8>().as_ptr(), PAGE.get())
        };
        Ok(Self { page, len: 0 })
    }

    /// Puts something there; gives its address.
    pub fn put(&mut self, bytes: &[u8]) -> u32 {
        let start = self.len;
        self.len = (start + bytes.len()).next_multiple_of(8);
        self.page[start..start + bytes.len()].copy_from_slice(bytes);
        (self.page.as_ptr() as usize + start) as u32
    }

    pub fn put_words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<_> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.put(&bytes)
    }

    /// `struct sockaddr_in`.
    pub fn put_address(&mut self, port: u16) -> u32 {
        let family = (libc::AF_INET as u16).to_ne_bytes();
        self.put(&[&family[..], &port.to_be_bytes(), &Ipv4Addr::LOCALHOST.octets(), &[0; 8]].concat())
    }
}

/// A system call as a 32-bit program makes it (arch/x86/entry/syscalls/syscall_32.tbl). Arguments are numbers, or
/// addresses in [`Low`], which stays. The fourth is 0.
pub fn narrow_call(number: u32, arguments: [u32; 3]) -> io::Result<i32> {
    let mut result = number;
    // SAFETY: the kernel keeps all registers but those named; what it reads and writes is in `Low`.
    unsafe {
        asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inout(reg) u64::from(arguments[0]) => _,
            inout("eax") result,
            in("ecx") arguments[1],
            in("edx") arguments[2],
            in("esi") 0,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    let result = result.cast_signed();
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

/// A descriptor that a 32-bit system call made.
pub fn descriptor(made: i32) -> OwnedFd {
    // SAFETY: the caller has it from the kernel, and nobody else does.
    unsafe { OwnedFd::from_raw_fd(made) }
}
