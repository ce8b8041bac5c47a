//! What a scenario has at hand: hosts on a switch, chance from a seed, time that can be moved on, and steps of an attack.

use crate::cgroup::Cgroups;
use crate::host::{self, Host};
use crate::network::{INSIDE, OUTSIDE, Switch};
use crate::notes::{AttackNote, Far, MARKS, Notes, Place, StepNote, clock_now};
use crate::program::Program;
use anyhow::{Context, Result, ensure};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::fs;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Hosts of one scenario.
const HOSTS_MAX: usize = 16;
/// What is recorded of each day of a lead-in.
const DAY_RECORDED: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_hours(24);
/// How much slower than beside an attack people and jobs are where life alone is recorded.
const LIFE_PACE: u32 = 20;
/// What passes of a pause where life alone is recorded: a minute of an hour.
const LIFE_PAUSE: u32 = 60;

pub struct Lab {
    scenario: String,
    packages: PathBuf,
    folder: PathBuf,
    rng: ChaCha8Rng,
    days: u32,
    /// Where life alone is recorded: until when.
    life_until: Option<Instant>,
    hosts: Vec<Arc<Host>>,
    switch: Switch,
    cgroups: Arc<Cgroups>,
    pub(crate) notes: Arc<Mutex<Notes>>,
}

/// What a lab is for and made of.
pub struct Making {
    pub scenario: String,
    pub seed: u64,
    /// Of ordinary life before the first attack.
    pub days: u32,
    /// If set: ordinary life alone, for so long, and no attack.
    pub life: Option<Duration>,
    /// The unpacked root of a Debian host.
    pub packages: PathBuf,
    /// What hosts are mounted over.
    pub folder: PathBuf,
    pub cgroups: Arc<Cgroups>,
}

/// Chance of a scenario: no two have names and addresses in common because they have the same seed.
fn chance(scenario: &str, seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(Sha256::digest(format!("{scenario} {seed}")).into())
}

impl Lab {
    /// # Errors
    /// When the kernel refuses namespaces.
    pub fn new(making: Making) -> Result<Self> {
        let Making { scenario, seed, days, life, packages, folder, cgroups } = making;
        let (rng, switch) = (chance(&scenario, seed), Switch::make()?);
        let life_until = life.map(|life| Instant::now() + life);
        let (hosts, notes) = (Vec::new(), Arc::default());
        Ok(Self { scenario, packages, folder, rng, days, life_until, hosts, switch, cgroups, notes })
    }

    /// A host of the company, which is recorded.
    pub fn host(&mut self, name: &str) -> Result<Arc<Host>> {
        let last = u8::try_from(self.hosts.len() + 11)?;
        self.add(name, Ipv4Addr::from(u32::from(INSIDE.0) + u32::from(last)), true)
    }

    /// A machine of somebody else, which is not.
    pub fn outsider(&mut self, name: &str) -> Result<Arc<Host>> {
        loop {
            let last: u8 = self.rng.random_range(20..250);
            let address = Ipv4Addr::from(u32::from(OUTSIDE.0) + u32::from(last));
            if self.hosts.iter().all(|host| host.address != address) {
                return self.add(name, address, false);
            }
        }
    }

    fn add(&mut self, name: &str, address: Ipv4Addr, is_recorded: bool) -> Result<Arc<Host>> {
        ensure!(self.hosts.len() < HOSTS_MAX, "a scenario has at most {HOSTS_MAX} hosts");
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let (packages, cgroups, notes) = (self.packages.clone(), Arc::clone(&self.cgroups), Arc::clone(&self.notes));
        let (name, cgroup) = (name.to_owned(), format!("{}/{name}", self.scenario));
        let pace = self.pace();
        let making = host::Making { name, cgroup, address, is_recorded, pace, packages, folder, cgroups, notes };
        let host = Host::make(making)?;
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

    /// How many times slower than usual life is; programs of hosts find it in `PACE`.
    pub fn pace(&self) -> u32 {
        if self.life_until.is_some() { LIFE_PACE } else { 1 }
    }

    /// Lets life go on for a while.
    pub fn wait(&mut self, seconds: Range<u32>) {
        let millis = self.rng.random_range(seconds.start * 1000..seconds.end * 1000);
        self.live(Duration::from_millis(millis.into()) * self.pace());
    }

    /// What people do again and again: so many times, or until the end where life alone is recorded.
    pub fn rounds(&self, times: usize) -> impl Iterator<Item = ()> + use<> {
        let until = self.life_until;
        (0..).take_while(move |n| until.map_or(*n < times, |until| Instant::now() < until)).map(drop)
    }

    /// No longer than life alone is recorded.
    fn live(&self, time: Duration) {
        sleep(self.life_left().map_or(time, |left| time.min(left)));
    }

    fn life_left(&self) -> Option<Duration> {
        self.life_until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// From now on, events are so much later. Between, nothing happens in the recording; the index says how often and how long.
    /// Where life alone is recorded it goes on meanwhile, a minute for an hour, and nothing is moved on.
    pub fn pause(&mut self, time: Duration) {
        if self.life_until.is_some() {
            return self.live(time / LIFE_PAUSE);
        }
        // What is under way before has the old time.
        sleep(Duration::from_millis(200));
        self.notes.lock().expect("nobody panics with it").pause(time);
    }

    /// The scenario is over, whatever its hosts still do. Where life alone is recorded it goes on to its end.
    pub fn end(&self) {
        self.life_left().into_iter().for_each(sleep);
        self.notes.lock().expect("nobody panics with it").end = Some(clock_now());
    }

    // Truth.

    /// What the following steps belong to. What was life until now goes on for the days of the lead-in.
    ///
    /// # Errors
    /// [`LifeOnly`] where there is to be no attack.
    pub fn attack(&mut self, name: &str) -> Result<Attack> {
        ensure!(self.life_until.is_none(), LifeOnly);
        for _ in 0..std::mem::take(&mut self.days) {
            sleep(DAY_RECORDED);
            self.pause(DAY.saturating_sub(DAY_RECORDED));
        }
        let mut notes = self.notes.lock().expect("nobody panics with it");
        let idx = notes.attacks.len();
        let id = format!("attack-{}", idx + 1);
        notes.attacks.push(AttackNote { id, name: name.into(), steps: Vec::new() });
        drop(notes);
        Ok(Attack { idx, notes: Arc::clone(&self.notes) })
    }
}

/// Ends a scenario before its attack.
#[derive(Debug)]
pub struct LifeOnly;

impl std::fmt::Display for LifeOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("only ordinary life is recorded")
    }
}

impl std::error::Error for LifeOnly {}

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
            brought: Vec::new(),
            infected: Vec::new(),
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
        self.note(|step| step.files.push(place(host, path)));
    }

    /// A file that a service of the host writes for the attacker: what writes it served nobody else meanwhile.
    pub fn brought(&self, host: &Host, path: &str) {
        self.note(|step| step.brought.push(place(host, path)));
    }

    /// A file that programs of others load: what they do then is theirs and the attack's.
    pub fn infected(&self, host: &Host, path: &str) {
        self.note(|step| step.infected.push(place(host, path)));
    }

    /// Connections of a host with an address that only the attacker has.
    pub fn remote(&self, host: &Host, other: &Host) {
        self.note(|step| step.remotes.push(Far { host: host.name.clone(), address: other.address }));
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

fn place(host: &Host, path: &str) -> Place {
    Place { host: host.name.clone(), path: path.to_owned() }
}

/// A scenario takes its time, as life does; what can be waited for is waited for.
#[expect(clippy::disallowed_methods, reason = "life goes on for a while, and other programs are asked again and again")]
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;
    use std::collections::BTreeSet;

    #[test]
    fn scenarios_with_one_seed_have_other_names_and_addresses() {
        let words: BTreeSet<_> = SCENARIOS.iter().map(|scenario| chance(scenario.name, 1).random::<u64>()).collect();
        assert_eq!(words.len(), SCENARIOS.len());
        assert_eq!(chance("shop", 1).random::<u64>(), chance("shop", 1).random::<u64>());
        assert_ne!(chance("shop", 1).random::<u64>(), chance("shop", 2).random::<u64>());
    }
}
