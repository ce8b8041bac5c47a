//! What a scenario has at hand: hosts on a switch, chance from a seed, time that can be moved on, and steps of an attack.

use crate::cgroup::Cgroups;
use crate::host::{Host, Making};
use crate::network::{INSIDE, OUTSIDE, Switch};
use crate::notes::{AttackNote, MARKS, Notes, StepNote, clock_now};
use crate::program::Program;
use anyhow::{Context, Result, ensure};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Hosts of one scenario.
const HOSTS_MAX: usize = 16;
/// What is recorded of each day of a lead-in.
const DAY_RECORDED: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_hours(24);

pub struct Lab {
    packages: PathBuf,
    folder: PathBuf,
    rng: ChaCha8Rng,
    days: u32,
    hosts: Vec<Arc<Host>>,
    switch: Switch,
    cgroups: Arc<Cgroups>,
    pub(crate) notes: Arc<Mutex<Notes>>,
}

impl Lab {
    /// `packages` is the unpacked root, `folder` is for what hosts are mounted over; before the first attack there are `days` days
    /// of ordinary life.
    ///
    /// # Errors
    /// When the kernel has no cgroups or refuses namespaces.
    pub fn new(packages: PathBuf, folder: PathBuf, seed: u64, days: u32) -> Result<Self> {
        Ok(Self {
            packages,
            folder,
            rng: ChaCha8Rng::seed_from_u64(seed),
            days,
            hosts: Vec::new(),
            switch: Switch::make()?,
            cgroups: Arc::new(Cgroups::find()?),
            notes: Arc::default(),
        })
    }

    /// A host of the company, which is recorded.
    pub fn host(&mut self, name: &str) -> Result<Arc<Host>> {
        let last = u8::try_from(self.hosts.len() + 11)?;
        self.add(name, Ipv4Addr::from(u32::from(INSIDE.0) + u32::from(last)), true)
    }

    /// A machine of somebody else, which is not.
    pub fn outsider(&mut self, name: &str) -> Result<Arc<Host>> {
        let last: u8 = self.rng.random_range(20..250);
        self.add(name, Ipv4Addr::from(u32::from(OUTSIDE.0) + u32::from(last)), false)
    }

    fn add(&mut self, name: &str, address: Ipv4Addr, is_recorded: bool) -> Result<Arc<Host>> {
        ensure!(self.hosts.len() < HOSTS_MAX, "a scenario has at most {HOSTS_MAX} hosts");
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let (packages, cgroups, notes) = (self.packages.clone(), Arc::clone(&self.cgroups), Arc::clone(&self.notes));
        let name = name.to_owned();
        let host = Host::make(Making { name, address, is_recorded, packages, folder, cgroups, notes })?;
        self.switch.plug_in(host.thread_id)?;
        host.start("init.scope", &Program::new(["/sbin/init"]))?;
        host.wait_for_file("/run/booted")?;
        let other = if is_recorded { OUTSIDE } else { INSIDE };
        let bits = if is_recorded { INSIDE.1 } else { OUTSIDE.1 };
        host.run(
            "networking.service",
            &Program::shell(&format!(
                "ip addr add {address}/{bits} dev eth0; ip link set eth0 up; ip route add {}/{} dev eth0",
                other.0, other.1
            )),
        )?;
        let host = Arc::new(host);
        self.hosts.push(Arc::clone(&host));
        self.tell_names().with_context(|| format!("telling the hosts of {}", host.name)).map(|()| host)
    }

    /// Every host knows the others by name.
    fn tell_names(&self) -> Result<()> {
        let mut names = "127.0.0.1 localhost\n".to_owned();
        for host in &self.hosts {
            names += &format!("{} {}\n", host.address, host.name);
        }
        self.hosts.iter().try_for_each(|host| host.put("/etc/hosts", &names, 0o644))
    }

    pub fn recorded_hosts(&self) -> Vec<String> {
        self.hosts.iter().filter(|host| host.is_recorded).map(|host| host.name.clone()).collect()
    }

    // Chance.

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        of.choose(&mut self.rng).expect("there is something to choose from")
    }

    pub fn number(&mut self, range: Range<u32>) -> u32 {
        self.rng.random_range(range)
    }

    /// Letters that mean nothing.
    pub fn word(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(self.rng.random_range(b'a'..=b'z'))).collect()
    }

    /// A seed for a script that has a chance of its own.
    pub fn seed(&mut self) -> String {
        self.rng.random::<u32>().to_string()
    }

    // Time.

    /// Lets life go on for a while.
    pub fn wait(&mut self, seconds: Range<u32>) {
        let millis = self.rng.random_range(seconds.start * 1000..seconds.end * 1000);
        sleep(Duration::from_millis(millis.into()));
    }

    /// From now on, events are so much later. Between, nothing happens in the recording; the index says how often and how long.
    pub fn pause(&mut self, time: Duration) {
        // What is under way before has the old time.
        sleep(Duration::from_millis(200));
        let mut notes = self.notes.lock().expect("nobody panics with it");
        let before = notes.shifts.last().map_or(0, |(_, shift)| *shift);
        let more = u64::try_from(time.as_nanos()).expect("a pause is shorter than 584 years");
        notes.shifts.push((clock_now(), before + more));
    }

    // Truth.

    /// What the following steps belong to. What was life until now goes on for the days of the lead-in.
    pub fn attack(&mut self, name: &str) -> Attack {
        for _ in 0..std::mem::take(&mut self.days) {
            sleep(DAY_RECORDED);
            self.pause(DAY.saturating_sub(DAY_RECORDED));
        }
        let mut notes = self.notes.lock().expect("nobody panics with it");
        let idx = notes.attacks.len();
        let id = format!("attack-{}", idx + 1);
        notes.attacks.push(AttackNote { id, name: name.into(), steps: Vec::new() });
        drop(notes);
        Attack { idx, notes: Arc::clone(&self.notes) }
    }
}

/// An attack that is being carried out.
pub struct Attack {
    idx: usize,
    notes: Arc<Mutex<Notes>>,
}

impl Attack {
    /// A step begins; it ends with what it gives.
    pub fn step(&self, name: &str, techniques: &[&str]) -> Step {
        let now = clock_now();
        let mut notes = self.notes.lock().expect("nobody panics with it");
        let steps = &mut notes.attacks[self.idx].steps;
        steps.push(StepNote {
            name: name.into(),
            techniques: techniques.iter().map(|technique| (*technique).to_owned()).collect(),
            from: now,
            to: now,
            files: Vec::new(),
            remotes: Vec::new(),
        });
        let place = (self.idx, steps.len() - 1);
        notes.marks.push(place);
        Step { place, mark: notes.marks.len() - 1, notes: Arc::clone(&self.notes) }
    }
}

/// A step that is being carried out. Dropped when it is done.
pub struct Step {
    place: (usize, usize),
    mark: usize,
    notes: Arc<Mutex<Notes>>,
}

impl Step {
    /// It begins only now; what it needs was made before.
    pub fn begin(&self) {
        let now = clock_now();
        self.note(|step| step.from = now);
    }

    /// What a process of a host opens to say that it belongs to this step from now on, with all that it starts.
    pub fn mark_file(&self, host: &Host) -> Result<String> {
        self.mark_file_below(host, "")
    }

    fn mark_file_below(&self, host: &Host, root: &str) -> Result<String> {
        let path = format!("{MARKS}{}", self.mark);
        host.put(&format!("{root}{path}"), "", 0o644)?;
        Ok(path)
    }

    /// The same as a command for a shell, to be put in front of its commands. It starts no process.
    pub fn mark(&self, host: &Host) -> Result<String> {
        Ok(format!(": <{};", self.mark_file(host)?))
    }

    /// The same for commands that see a folder of the host as their root.
    pub fn mark_below(&self, host: &Host, root: &str) -> Result<String> {
        Ok(format!(": <{};", self.mark_file_below(host, root)?))
    }

    /// A file of the attack, by the path that it has on a host.
    pub fn file(&self, host: &Host, path: &str) {
        self.note(|step| step.files.push((host.name.clone(), path.to_owned())));
    }

    /// Connections of a host with an address that only the attacker has.
    pub fn remote(&self, host: &Host, other: &Host) {
        self.note(|step| step.remotes.push((host.name.clone(), other.address)));
    }

    fn note(&self, act: impl FnOnce(&mut StepNote)) {
        let mut notes = self.notes.lock().expect("nobody panics with it");
        act(&mut notes.attacks[self.place.0].steps[self.place.1]);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let now = clock_now();
        self.note(|step| step.to = now);
    }
}

/// A scenario takes its time, as life does; what can be waited for is waited for.
#[expect(clippy::disallowed_methods, reason = "life goes on for a while, and other programs are asked again and again")]
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}
