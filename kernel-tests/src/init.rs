//! What the first process of a virtual machine has to do before anything else works.

use anyhow::{Context, Result};
use rustix::fs::sync;
use rustix::mount::{MountFlags, mount};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
use rustix::system::{RebootCommand, reboot};
use std::fs;

/// Filesystem and folder, in the order in which they can be mounted. A kernel may lack those that are not required.
const MOUNTS: &[(&str, &str, Need)] = &[
    ("proc", "/proc", Need::Required),
    ("sysfs", "/sys", Need::Required),
    ("devtmpfs", "/dev", Need::Required),
    ("tmpfs", "/tmp", Need::Required),
    ("bpf", "/sys/fs/bpf", Need::Optional),
    ("securityfs", "/sys/kernel/security", Need::Optional),
    ("tracefs", "/sys/kernel/tracing", Need::Optional),
    ("cgroup2", "/sys/fs/cgroup", Need::Optional),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

/// Mounts the filesystems and brings up the loopback device.
pub fn prepare() -> Result<()> {
    for (kind, folder, need) in MOUNTS {
        // Those in /sys are there if they can be mounted.
        let _ = fs::create_dir_all(folder);
        match mount(*kind, *folder, *kind, MountFlags::empty(), None) {
            Err(error) if *need == Need::Required => {
                return Err(error).with_context(|| format!("mounting {kind} on {folder}"));
            }
            Err(error) => println!("no {kind} on {folder}: {error}"),
            Ok(()) => {}
        }
    }
    bring_up_loopback().context("bringing up the loopback device")
}

/// Ends the virtual machine.
pub fn power_off() -> ! {
    sync();
    let error = reboot(RebootCommand::PowerOff);
    panic!("the machine cannot be switched off: {error:?}");
}

/// `RTM_NEWLINK` with `IFF_UP`, as in rtnetlink(7): the one thing here that has no file.
fn bring_up_loopback() -> Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST: u16 = 1;
    const LOOPBACK: i32 = 1;
    const IFF_UP: u32 = 1;
    const BYTES: u32 = 32;
    let mut message = Vec::new();
    // struct nlmsghdr
    message.extend(BYTES.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    // struct ifinfomsg: family and type, index, flags, which of them change
    message.extend([0; 4]);
    message.extend(LOOPBACK.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    // The protocol 0 of netlink is that of routes and devices.
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    sendto(&netlink, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    Ok(())
}
