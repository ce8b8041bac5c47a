//! The programs themselves: an aggregator and hosts that are fed by recordings, over QUIC on loopback.
//!
//! A replay within one process over the same recordings is the truth: what reaches the aggregator must be the same, whatever
//! is killed on the way.

use crate::namespaces::Namespace;
use crate::run::{Place, Ran, tracewell};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No step takes longer than this, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// A program beside the one that is tested here, or `None`, said loudly, where it was not built.
fn program(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_tracewell")).with_file_name(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} was not built (cargo build --workspace)", path.display());
    None
}

/// One of the shipped ones by its name, or any by its path.
pub fn recording(name: &str) -> String {
    if name.starts_with('/') {
        return name.into();
    }
    format!("{}/../datasets/recordings/{name}.jsonl.xz", env!("CARGO_MANIFEST_DIR"))
}

pub struct Fleet {
    agent: PathBuf,
    aggregator: PathBuf,
    pub place: Place,
    /// Where the aggregator runs, if not here.
    within: Option<Namespace>,
    /// And with which environment beside the usual one.
    environment: Vec<(String, String)>,
    /// The file with the parameters of all.
    parameters: String,
    /// Where it listens for hosts.
    pub listen: String,
    /// And for operators.
    pub api: String,
    running: Option<Running>,
}

/// What a fleet is to be made of.
pub struct Setup {
    pub place: Place,
    pub within: Option<Namespace>,
    pub environment: Vec<(String, String)>,
    pub listen: String,
    /// Laid over the built-in ones.
    pub parameters: &'static str,
    /// Of the aggregator, beside what its command line says.
    pub configuration: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        let (place, environment) = (Place::new(), Vec::new());
        Self { place, within: None, environment, listen: "127.0.0.1:0".into(), parameters: "", configuration: "" }
    }
}

/// Nearly everything is an alert and grows often: hosts have ten times as much to say, and what has to keep fleets quiet does not.
pub const TALKATIVE: &str = "
[structure]
rare_min_millibits = 1_000
rare_discount_millibits = 0
[link]
window_ns = 100_000_000
terminal_min_millibits = 500
alert_min_millibits = 500
[score]
shown_min = 0
followed_min = 100_001
";

/// A program that runs; killed with -9 when it is dropped.
pub struct Running {
    child: Child,
    log: Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = child.stderr.take().expect("it is piped");
        let (tell, log) = channel();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        Self { child, log }
    }

    /// The first line of its log that holds a word.
    pub fn said(&self, word: &str) -> String {
        let mut said = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(word) {
                return line;
            }
            said.push(line);
        }
        panic!("it did not say {word:?}: {said:#?}")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// With -9; it is gone when this returns.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended; gives whether it ended well, and what it said.
    pub fn end(mut self) -> (bool, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("it can be asked") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it does not end"),
            }
            thread::park_timeout(Duration::from_millis(10));
        };
        (status.success(), self.log.try_iter().collect())
    }
}

/// Of a line of the aggregator's log.
fn address(line: &str) -> String {
    line.split("address=").nth(1).and_then(|rest| rest.split(' ').next()).expect("it says where").to_owned()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Fleet {
    pub fn start() -> Option<Self> {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Option<Self> {
        let (agent, aggregator) = (program("tracewell-agent")?, program("tracewell-aggregator")?);
        let Setup { place, within, environment, listen, parameters, configuration } = setup;
        place.file("aggregator.toml", configuration);
        let parameters = place.file("parameters.toml", parameters);
        place.file("agent.toml", format!("[pipeline]\nparameters = {parameters:?}\n"));
        let api = String::new();
        let mut fleet = Self { agent, aggregator, place, within, environment, parameters, listen, api, running: None };
        fleet.run_aggregator();
        Some(fleet)
    }

    /// Starts the aggregator, at the address that it had before.
    pub fn run_aggregator(&mut self) {
        let mut command = Command::new(&self.aggregator);
        command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").envs(self.environment.iter().cloned());
        command.args(["--config", &self.place.path("aggregator.toml")]);
        command.args(["run", "--listen", &self.listen, "--state", &self.place.path("state")]);
        command.args(["--parameters", &self.parameters]);
        command.args(["--control", &self.place.path("socket"), "--api", "127.0.0.1:0"]);
        let running = match &self.within {
            Some(namespace) => namespace.inside(move || Running::start(&mut command)),
            None => Running::start(&mut command),
        };
        // In the order in which it says so.
        self.api = address(&running.said("answering operators"));
        self.listen = address(&running.said("listening"));
        self.running = Some(running);
    }

    /// The first line of the aggregator's log from now on that holds a word.
    pub fn said(&self, word: &str) -> String {
        self.running.as_ref().expect("it runs").said(word)
    }

    /// Kills it with -9.
    pub fn kill_aggregator(&mut self) {
        self.running = None;
    }

    /// Asks at the local socket.
    pub fn ask(&self, args: &[&str]) -> Ran {
        let socket = format!("unix:{}", self.place.path("socket"));
        tracewell(&[args, &["--server", &socket]].concat())
    }

    pub fn token(&self, uses: u32) -> String {
        self.ask(&["fleet", "token", "--uses", &uses.to_string(), "--label", "role=test"]).ok().trim().to_owned()
    }

    pub fn hosts(&self) -> Vec<Value> {
        let answer: Value = serde_json::from_str(&self.ask(&["fleet", "hosts", "--json"]).ok()).expect("it is JSON");
        answer["hosts"].as_array().expect("it is a list").clone()
    }

    fn agent(&self) -> Command {
        let mut command = Command::new(&self.agent);
        command.env_remove("RUST_LOG").env_remove("STATE_DIRECTORY");
        command.arg("--config").arg(self.place.path("agent.toml"));
        command
    }

    pub fn enrol(&self, host: &str, token: &str) -> Output {
        self.enrolling(host, token, &self.listen).output().expect("it starts")
    }

    pub fn enrolling(&self, host: &str, token: &str, server: &str) -> Command {
        let mut command = self.agent();
        command.args(["enrol", "--server", server, "--token", token, "--host", host]);
        command.args(["--history", &self.place.path(host)]);
        command
    }

    pub fn replay(&self, host: &str, recording_name: &str) -> Running {
        Running::start(&mut self.replaying(host, recording_name, &self.listen))
    }

    pub fn replaying(&self, host: &str, recording_name: &str, server: &str) -> Command {
        let mut command = self.agent();
        command.args(["replay", "--server", server, "--history", &self.place.path(host)]);
        command.arg(recording(recording_name));
        command
    }

    /// The document that a replay within one process gives of these recordings.
    pub fn expected(&self, recordings: &[&str]) -> String {
        self.expected_with(recordings, &[])
    }

    pub fn expected_with(&self, recordings: &[&str], options: &[&str]) -> String {
        let out = self.place.path("expected");
        let recordings: Vec<_> = recordings.iter().map(|name| recording(name)).collect();
        let mut args = vec!["replay"];
        args.extend(recordings.iter().map(String::as_str));
        args.extend(["--parameters", &self.parameters, "--out", &out]);
        args.extend(options);
        tracewell(&args).ok();
        std::fs::read_to_string(Path::new(&out).join("alerts.json")).expect("it was written")
    }

    pub fn incidents(&self) -> String {
        self.ask(&["alerts", "export"]).ok()
    }
}

pub const RECORDINGS: [(&str, &str); 2] = [("shell-1", "brute-force-1"), ("shell-4", "injection-1")];

pub fn same(found: &str, expected: &str) {
    if found != expected {
        let (found, expected): (Value, Value) =
            (serde_json::from_str(found).expect("JSON"), serde_json::from_str(expected).expect("JSON"));
        let titles = |alerts: &Value| {
            let incidents = alerts["incidents"].as_array().cloned().unwrap_or_default();
            let of = |incident: Value| format!("{} {} {}", incident["score"], incident["hosts"], incident["title"]);
            incidents.into_iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(titles(&found), titles(&expected));
        panic!("the incidents have the same titles and differ within");
    }
}

#[test]
fn what_hosts_send_gives_the_incidents_of_a_replay() {
    let Some(mut fleet) = Fleet::start() else { return };
    let token = fleet.token(2);
    for (host, _) in RECORDINGS {
        let enrolled = fleet.enrol(host, &token);
        assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
    }
    let refused = fleet.enrol("one-too-many", &token);
    assert_eq!(refused.status.code(), Some(3));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("refuses to enrol this machine; its log says why"), "{message}");
    let reason = fleet.said("refused to enrol");
    assert!(reason.contains("was used as often as it may be"), "{reason}");

    let running = RECORDINGS.map(|(host, recording)| fleet.replay(host, recording));
    for running in running {
        let (is_well, said) = running.end();
        assert!(is_well, "{said:#?}");
    }
    let expected = fleet.expected(&RECORDINGS.map(|(_, recording)| recording));
    assert!(expected.contains("\"severity\""), "there is something to find: {expected}");
    same(&fleet.incidents(), &expected);

    // What was acknowledged is there after a kill, too; and to say it all again changes nothing.
    fleet.kill_aggregator();
    fleet.run_aggregator();
    same(&fleet.incidents(), &expected);
    let (host, recording) = RECORDINGS[0];
    assert!(fleet.replay(host, recording).end().0);
    same(&fleet.incidents(), &expected);

    let hosts = fleet.hosts();
    let names: Vec<_> = hosts.iter().filter_map(|host| host["name"].as_str()).collect();
    assert_eq!(names.len(), 2, "{hosts:#?}");
    assert!(hosts.iter().all(|host| host["labels"]["role"] == "test" && host["forked"] == false), "{hosts:#?}");
    assert!(hosts.iter().all(|host| host["same_address"] == 1), "one machine is both: {hosts:#?}");
}

/// A backup is made while hosts send. What it becomes goes on where it was: what hosts say again is not doubled, and what they let go
/// since is lost, and nothing else.
#[test]
fn a_backup_takes_the_place_of_what_was_lost() {
    let Some(mut fleet) = Fleet::start() else { return };
    let token = fleet.token(3);
    for (host, _) in RECORDINGS {
        assert!(fleet.enrol(host, &token).status.success());
    }
    let [(first, first_recording), (second, second_recording)] = RECORDINGS;
    assert!(fleet.replay(first, first_recording).end().0);
    // Also while there is work.
    let running = fleet.replay(second, second_recording);
    let backup = fleet.place.path("backup");
    let socket = fleet.place.path("socket");
    let made = Command::new(&fleet.aggregator).args(["backup", &backup, "--control", &socket]).output();
    let made = made.expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fleet.ask(&["fleet", "backup", &backup]).failed(2, "making a backup in");
    let state = fleet.place.path("state");
    fleet.ask(&["fleet", "backup", &format!("{state}/backup-1")]).ok();
    fleet.ask(&["fleet", "backup", &format!("{state}/store/backup-1")]).failed(2, "expected a folder outside it");
    let busy = Command::new(&fleet.aggregator).args(["check", &state]).output();
    let said = String::from_utf8_lossy(&busy.expect("it starts").stderr).into_owned();
    assert!(said.contains("an aggregator runs on"), "{said}");
    assert!(running.end().0);
    let lost = fleet.place.path("lost");
    fleet.kill_aggregator();
    std::fs::rename(fleet.place.path("state"), &lost).expect("it can be moved");

    let program = |args: &[&str]| Command::new(&fleet.aggregator).args(args).output().expect("it starts");
    let checked = program(&["check", &backup]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("2 hosts, 1 tokens") && said.contains(" 0 faults"), "{said}");
    assert!(!program(&["restore", &backup, "--state", &lost]).status.success(), "it is not empty");
    // One whose tables were damaged on its medium.
    let damaged = format!("{lost}/backup-1");
    for table in std::fs::read_dir(format!("{damaged}/store")).expect("it is there").flatten().map(|entry| entry.path())
    {
        if table.extension().is_some_and(|extension| extension == "sst") {
            // Files of a backup may be links.
            let mut bytes = std::fs::read(&table).expect("it can be read");
            bytes[20] ^= 1;
            std::fs::remove_file(&table).expect("it can be removed");
            std::fs::write(&table, bytes).expect("it can be written");
        }
    }
    let output = program(&["restore", &damaged, "--state", &state]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("--with-faults"), "{said}");
    assert!(!Path::new(&state).exists(), "nothing is half-restored");
    let restored = program(&["restore", &backup, "--state", &state]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let said = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(said.contains("1 tokens are void"), "{said}");
    let checked = program(&["check", &state]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    fleet.run_aggregator();
    assert_ne!(fleet.enrol("third", &token).status.code(), Some(0), "a token that was used since would count again");
    for (host, recording) in RECORDINGS {
        let (is_well, said) = fleet.replay(host, recording).end();
        assert!(is_well, "{said:#?}");
    }
    same(&fleet.incidents(), &fleet.expected(&RECORDINGS.map(|(_, recording)| recording)));
    assert!(fleet.hosts().iter().all(|host| host["forked"] == false));
    // A restore that was cut off is not taken for one.
    fleet.kill_aggregator();
    std::fs::write(Path::new(&fleet.place.path("state")).join("restoring"), "").expect("it can be written");
    let output = Command::new(&fleet.aggregator).args(["run", "--state", &fleet.place.path("state")]).output();
    let said = String::from_utf8_lossy(&output.expect("it starts").stderr).into_owned();
    assert!(said.contains("was not restored to the end"), "{said}");
}

#[test]
fn a_revoked_host_is_not_let_in() {
    let Some(fleet) = Fleet::start() else { return };
    let (host, recording) = RECORDINGS[0];
    assert!(fleet.enrol(host, &fleet.token(1)).status.success());
    let id = fleet.hosts()[0]["id"].as_str().expect("it has an id").to_owned();
    fleet.ask(&["fleet", "revoke", &id]).ok();
    let running = fleet.replay(host, recording);
    running.said("closed the connection: Refused");
    let reason = fleet.said("refused a host");
    assert!(reason.contains("is revoked"), "{reason}");
    drop(running);
    fleet.ask(&["fleet", "revoke", "0000000000000001"]).failed(2, "host 0000000000000001 is not enrolled");
    // A token for this very host enrols it again.
    let token = fleet.ask(&["fleet", "token", "--host", &id]).ok();
    let again = fleet.enrol(host, token.trim());
    assert_eq!(again.status.code(), Some(2), "it has a certificate, if one of no use");
    let mut command = fleet.agent();
    command.args(["enrol", "--again", "--server", &fleet.listen, "--token", token.trim(), "--host", host]);
    let again = command.args(["--history", &fleet.place.path(host)]).output().expect("it starts");
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(fleet.replay(host, recording).end().0);
    assert_eq!(fleet.hosts()[0]["enrolments"], 2);
}
