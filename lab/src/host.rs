//! A host: a thread that lives in namespaces of its own, with a Debian root of its own, and starts what runs there.
//!
//! Mount, network, pid, UTS, IPC and cgroup namespaces are the thread's, so that whatever it starts is born in them. The root is an
//! overlay whose upper layer is in memory: nothing that a host does outlasts it, and every path that the sensor sees is a path
//! of that root.

use crate::cgroup::Cgroups;
use crate::notes::{Notes, Root};
use crate::program::Program;
use crate::root::{furnish, populate_dev};
use anyhow::{Context, Result, bail, ensure};
use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set, gettid, remove_capability_from_bounding_set};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// For what a host is to have: a minute's job of cron may take that long.
const WAIT_MAX: Duration = Duration::from_secs(90);

type Job = Box<dyn FnOnce() + Send>;

/// Rights that nothing in a host has: they reach beyond its namespaces.
const TAKEN: CapabilitySet = CapabilitySet::SYS_MODULE
    .union(CapabilitySet::SYS_RAWIO)
    .union(CapabilitySet::SYS_TIME)
    .union(CapabilitySet::SYS_BOOT)
    .union(CapabilitySet::SYSLOG)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::AUDIT_CONTROL)
    .union(CapabilitySet::BPF)
    .union(CapabilitySet::PERFMON);

pub struct Host {
    pub name: String,
    cgroup: String,
    pub address: Ipv4Addr,
    /// Whether what it does goes into the recording; an attacker's machine does not.
    pub is_recorded: bool,
    pace: u32,
    /// Thread that lives in the host, as its network namespace is found by.
    pub thread_id: u32,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    cgroups: Arc<Cgroups>,
    notes: Arc<Mutex<Notes>>,
    children: Mutex<Vec<Child>>,
}

/// What a host is made of.
pub struct Making {
    pub name: String,
    /// Its folder among the lab's cgroups: hosts of several scenarios may have the same name.
    pub cgroup: String,
    pub address: Ipv4Addr,
    pub is_recorded: bool,
    /// How many times slower than usual what runs there is to be.
    pub pace: u32,
    /// The unpacked packages: the lower layer of the root.
    pub packages: PathBuf,
    /// An empty folder that the host's layers are mounted over.
    pub folder: PathBuf,
    pub cgroups: Arc<Cgroups>,
    pub notes: Arc<Mutex<Notes>>,
}

impl Host {
    /// # Errors
    /// When the kernel refuses one of the namespaces or mounts.
    pub fn make(making: Making) -> Result<Self> {
        let Making { name, cgroup, address, is_recorded, pace, packages, folder, cgroups, notes } = making;
        let (jobs, to_do) = channel::<Job>();
        let (tell, told) = channel();
        let host_name = name.clone();
        let thread = std::thread::Builder::new().name(name.clone());
        let live = move || {
            let entered = enter(&host_name, &packages, &folder);
            let is_in = entered.is_ok();
            let _ = tell.send(entered.map(|()| gettid().as_raw_nonzero().get().cast_unsigned()));
            if is_in {
                work(&to_do);
            }
        };
        // Its cgroup namespace has for its root where the thread is when it makes it.
        let (thread, thread_id) = cgroups.within_host(&cgroup, || {
            let thread = thread.spawn(live).context("starting a host's thread")?;
            let thread_id = told.recv().context("a host's thread ended")?;
            Ok((Some(thread), thread_id.with_context(|| format!("making host {name}"))?))
        })?;
        let children = Mutex::new(Vec::new());
        let jobs = Some(jobs);
        Ok(Self { name, cgroup, address, is_recorded, pace, thread_id, jobs, thread, cgroups, notes, children })
    }

    /// Does something inside: paths, addresses and children are the host's.
    pub fn inside<T: Send + 'static>(&self, act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (tell, told) = channel();
        let job: Job = Box::new(move || drop(tell.send(act())));
        let jobs = self.jobs.as_ref().context("the host has ended")?;
        jobs.send(job).ok().context("the host's thread has ended")?;
        told.recv().context("the host's thread has ended")?
    }

    /// Puts a file there, as the machine's installation would have.
    pub fn put(&self, path: &str, text: &str, mode: u32) -> Result<()> {
        self.put_as(path, text, mode, 0)
    }

    pub fn put_as(&self, path: &str, text: &str, mode: u32, owner: u32) -> Result<()> {
        let (path, text) = (PathBuf::from(path), text.to_owned());
        self.inside(move || {
            use std::os::unix::fs::{PermissionsExt, chown};
            let folder = path.parent().context("a file has a folder")?;
            if !folder.is_dir() {
                fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
                chown(folder, Some(owner), Some(owner))?;
            }
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            chown(&path, Some(owner), Some(owner)).with_context(|| format!("giving away {}", path.display()))
        })
    }

    /// Starts a program as a service of the host.
    pub fn start(&self, unit: &str, program: &Program) -> Result<()> {
        let child = self.spawn(unit, program.clone())?;
        self.children.lock().expect("nobody panics with it").push(child);
        Ok(())
    }

    /// Runs a program to its end and gives what it said; one that ends badly is an error.
    pub fn run(&self, unit: &str, program: &Program) -> Result<String> {
        let (said, is_good) = self.try_run(unit, program)?;
        ensure!(is_good, "{} on {} failed: {said}", program.shown(), self.name);
        Ok(said)
    }

    /// Runs a program to its end as part of the host's installation: that is not recorded.
    pub fn prepare(&self, program: &Program) -> Result<String> {
        let program = program.clone().taken();
        let shown = program.shown();
        let output = self.inside(move || Ok(program.command()?.output()?))?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{shown} on {} failed: {said}", self.name);
        Ok(said)
    }

    /// Like [`Self::run`], and whether it ended well.
    pub fn try_run(&self, unit: &str, program: &Program) -> Result<(String, bool)> {
        let output = self.spawn(unit, program.clone().taken())?.wait_with_output().context("waiting for a program")?;
        let said = [output.stdout, output.stderr].concat();
        Ok((String::from_utf8_lossy(&said).into_owned(), output.status.success()))
    }

    fn spawn(&self, unit: &str, program: Program) -> Result<Child> {
        let shown = program.shown();
        let program = if self.pace == 1 { program } else { program.set("PACE", &self.pace.to_string()) };
        let start = move || program.command()?.spawn().with_context(|| format!("starting {shown}"));
        let child = self.cgroups.within(&self.cgroup, unit, || self.inside(start))?;
        if self.is_recorded {
            let root = Root::of(child.id(), &self.name)?;
            self.notes.lock().expect("nobody panics with it").roots.push(root);
        }
        Ok(child)
    }

    /// Waits until something listens on a port.
    pub fn wait_for_port(&self, port: u16) -> Result<()> {
        // A socket that listens has state 0A.
        self.wait_for_socket("tcp", port, "0A")
    }

    /// Waits until something takes datagrams on a port.
    pub fn wait_for_udp(&self, port: u16) -> Result<()> {
        self.wait_for_socket("udp", port, "07")
    }

    fn wait_for_socket(&self, protocol: &str, port: u16, state: &str) -> Result<()> {
        let table = format!("/proc/self/task/{}/net/{protocol}", self.thread_id);
        let table6 = format!("{table}6");
        self.wait_for(&format!("{protocol} port {port}"), || {
            let is_there = |file: &str| {
                fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| is_open(line, port, state)))
            };
            Ok(is_there(&table) || is_there(&table6))
        })
    }

    /// Waits until a file is there.
    pub fn wait_for_file(&self, path: &str) -> Result<()> {
        self.wait_for(path, || {
            let path = path.to_owned();
            self.inside(move || Ok(Path::new(&path).exists()))
        })
    }

    fn wait_for(&self, what: &str, mut is_there: impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + WAIT_MAX;
        while !is_there()? {
            if Instant::now() > end {
                bail!("host {} has no {what} after {} s", self.name, WAIT_MAX.as_secs());
            }
            crate::lab::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.cgroups.end(&self.cgroup);
        // The first process last: it ends only when nothing of the others is left.
        for child in self.children.get_mut().expect("nobody panics with it").iter_mut().rev() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(jobs: &Receiver<Job>) {
    jobs.iter().for_each(|job| job());
}

/// A line of /proc/net/tcp or udp (Documentation/networking/proc_net_tcp.rst).
fn is_open(line: &str, port: u16, state: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    words.get(3) == Some(&state) && words[1].ends_with(&format!(":{port:04X}"))
}

/// Moves the calling thread into a host.
fn enter(name: &str, packages: &Path, folder: &Path) -> Result<()> {
    let spaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP
        | CloneFlags::CLONE_NEWPID;
    unshare(spaces).context("leaving the machine's namespaces")?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).context("keeping mounts private")?;
    tmpfs(folder, "size=1g")?;
    for part in ["upper", "work", "root"] {
        fs::create_dir(folder.join(part))?;
    }
    let (upper, work, root) = (folder.join("upper"), folder.join("work"), folder.join("root"));
    let layers = format!("lowerdir={},upperdir={},workdir={}", packages.display(), upper.display(), work.display());
    let layers = std::ffi::CString::new(layers)?;
    mount("overlay", &root, "overlay", MountFlags::empty(), Some(layers.as_c_str())).context("mounting an overlay")?;
    tmpfs(&root.join("dev"), "mode=755")?;
    populate_dev(&root.join("dev"))?;
    tmpfs(&root.join("run"), "mode=755")?;
    std::env::set_current_dir(&root)?;
    rustix::process::pivot_root(".", ".").context("changing the root")?;
    unmount(".", UnmountFlags::DETACH).context("leaving the machine's root")?;
    std::env::set_current_dir("/")?;
    rustix::system::sethostname(name.as_bytes()).context("naming the host")?;
    for capability in TAKEN.iter() {
        // What this kernel does not know nobody has.
        if capability_is_in_bounding_set(capability).unwrap_or(false) {
            remove_capability_from_bounding_set(capability).context("giving up rights")?;
        }
    }
    furnish(name)
}

fn tmpfs(place: &Path, options: &str) -> Result<()> {
    let options = std::ffi::CString::new(options)?;
    mount("tmpfs", place, "tmpfs", MountFlags::NOSUID, Some(options.as_c_str()))
        .with_context(|| format!("mounting memory at {}", place.display()))
}
