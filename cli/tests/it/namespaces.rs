//! Namespaces in place of machines: each has addresses of its own and hangs on one bridge, or has a small disk of its own. No cable
//! leads out, so that what runs there reaches nothing else; the last thread and process that leaves takes all of it away.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Uid, gettid};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// For documentation and examples (RFC 5737, TEST-NET-1); here it is a network of its own.
const NETWORK: [u8; 3] = [192, 0, 2];
const PREFIX_LEN: u8 = 24;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that lives in a namespace, and does there what it is told. Clones are the same one.
#[derive(Clone)]
pub struct Namespace {
    jobs: Sender<Job>,
    thread: i32,
}

impl Namespace {
    /// `None`, said loudly, where this user or machine may have none.
    fn make(of: CloneFlags, furnish: impl FnOnce() -> Result<(), String> + Send + 'static) -> Option<Self> {
        if !Uid::effective().is_root() {
            println!("SKIPPED: namespaces need root");
            return None;
        }
        let (jobs, to_do) = channel::<Job>();
        let (tell, told) = channel();
        thread::spawn(move || {
            let made = unshare(of).map_err(|error| format!("unshare: {error}")).and_then(|()| furnish());
            let _ = tell.send(made.map(|()| gettid().as_raw()));
            to_do.iter().for_each(|job| job());
        });
        let made = told.recv().expect("the thread says how it went");
        let thread = made.inspect_err(|why| println!("SKIPPED: no namespace: {why}")).ok()?;
        Some(Self { jobs, thread })
    }

    fn network() -> Option<Self> {
        Self::make(CloneFlags::CLONE_NEWNET, || ip("link set lo up"))
    }

    /// With a disk of so many bytes over a folder, which nobody else sees.
    pub fn small_disk(folder: &str, bytes: u64) -> Option<Self> {
        let folder = folder.to_owned();
        Self::make(CloneFlags::CLONE_NEWNS, move || {
            let (none, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
            let options = format!("size={bytes}");
            mount(none, "/", none, private, none)
                .and_then(|()| {
                    mount(Some("tmpfs"), folder.as_str(), Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))
                })
                .map_err(|error| format!("mount: {error}"))
        })
    }

    /// Sockets that are made and programs that are started meanwhile are of the namespace.
    pub fn inside<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        self.jobs.send(Box::new(move || drop(tell.send(act())))).expect("its thread runs");
        told.recv().expect("what was done there does not panic")
    }
}

/// A bridge, in a namespace of its own.
pub struct Network {
    bridge: Namespace,
    n_cables: u8,
}

impl Network {
    pub fn make() -> Option<Self> {
        let bridge = Namespace::network()?;
        let made = bridge.inside(|| ip("link add name bridge type bridge").and_then(|()| ip("link set bridge up")));
        made.inspect_err(|why| println!("SKIPPED: no bridge: {why}")).ok()?;
        Some(Self { bridge, n_cables: 0 })
    }

    /// A machine with an address of its own.
    pub fn machine(&mut self) -> (Namespace, Ipv4Addr) {
        self.n_cables += 1;
        let [a, b, c] = NETWORK;
        let (n, address) = (self.n_cables, Ipv4Addr::new(a, b, c, self.n_cables));
        let machine = Namespace::network().expect("the bridge has one too");
        let thread = machine.thread;
        let plugged_in = self.bridge.inside(move || {
            ip(&format!("link add name port{n} type veth peer name eth0 netns {thread}"))?;
            ip(&format!("link set port{n} master bridge up"))
        });
        let addressed = machine.inside(move || {
            ip(&format!("address add {address}/{PREFIX_LEN} dev eth0"))?;
            ip("link set eth0 up")
        });
        plugged_in.and(addressed).expect("the bridge was made by the same program");
        (machine, address)
    }
}

/// Where hosts find an aggregator that has this address.
pub fn hosts_port(address: Ipv4Addr) -> SocketAddr {
    (address, 7443).into()
}

fn ip(line: &str) -> Result<(), String> {
    let output = Command::new("ip").args(line.split(' ')).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("ip (iproute2): {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
