//! The disk of the aggregator or of a host is full: what fails says so, what was accepted stays, and it goes on when there is room again.

use crate::fleet::{Fleet, RECORDINGS, Running, Setup, TALKATIVE, recording, same};
use crate::namespaces::Namespace;
use crate::run::{Place, tracewell};
use std::fs::{self, File};
use std::io::Write;

const HOST: (&str, &str) = RECORDINGS[1];
/// One with so many frames that it takes room to note that they are gone; with its id.
const TALKATIVE_HOST: (&str, &str) = ("web-1", "65949ea69e568bc4");
/// RocksDB goes on by itself once more than a write buffer is free (64 MiB), and takes as much for its log where it can.
const AGGREGATOR_BYTES: u64 = 160 << 20;
const AGGREGATOR_BYTES_LEFT: u64 = 40 << 20;
const HOST_BYTES: u64 = 48 << 20;
/// What is left to a host at first, by turns: from too little for its store to enough for all that it finds.
const HOST_BYTES_LEFT: [u64; 8] = [0, 60 << 10, 80 << 10, 90 << 10, 100 << 10, 110 << 10, 120 << 10, 1 << 20];
/// What the system says.
const FULL: &str = "No space left on device";
const FILLER: &str = "filler";

/// A folder of a place as a small disk.
struct Disk {
    namespace: Namespace,
    filler: String,
}

impl Disk {
    fn make(place: &Place, folder: &str, bytes: u64) -> Option<Self> {
        let path = place.path(folder);
        fs::create_dir_all(&path).expect("it can be made");
        let namespace = Namespace::small_disk(&path, bytes)?;
        Some(Self { namespace, filler: format!("{path}/{FILLER}") })
    }

    /// Leaves so many bytes free.
    fn fill(&self, left: u64) {
        let filler = self.filler.clone();
        self.namespace.inside(move || {
            let mut file = File::create(&filler).expect("it can be made");
            let block = vec![0; 64 << 10];
            while file.write_all(&block).is_ok() {}
            let n_bytes = file.metadata().expect("it is there").len();
            file.set_len(n_bytes.saturating_sub(left)).expect("it can be shorter");
        });
    }

    fn make_room(&self) {
        let filler = self.filler.clone();
        self.namespace.inside(move || fs::remove_file(filler).expect("it is there"));
    }
}

#[test]
fn an_aggregator_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let place = Place::new();
    let Some(disk) = Disk::make(&place, "state", AGGREGATOR_BYTES) else { return };
    disk.fill(AGGREGATOR_BYTES_LEFT);
    let Some(mut fleet) =
        Fleet::with(Setup { place, within: Some(disk.namespace.clone()), parameters: TALKATIVE, ..Setup::default() })
    else {
        return;
    };
    let (host, recording) = HOST;
    assert!(fleet.enrol(host, &fleet.token(1)).status.success());

    disk.fill(0);
    let replay = fleet.replay(host, recording);
    let said = fleet.said("the store cannot be written; hosts wait");
    assert!(said.contains(FULL), "{said}");
    // Nobody is told that there is a token if there is none.
    fleet.ask(&["fleet", "token"]).failed(1, FULL);
    disk.make_room();
    let (is_well, said) = replay.end();
    assert!(is_well, "{said:#?}");
    let expected = fleet.expected(&[recording]);
    same(&fleet.incidents(), &expected);
    assert_eq!(fleet.hosts()[0]["missing_frames"], 0);

    // Also what was acknowledged before the disk was full, over a kill meanwhile.
    disk.fill(0);
    fleet.kill_aggregator();
    disk.make_room();
    fleet.run_aggregator();
    same(&fleet.incidents(), &expected);
    fleet.token(1);
}

#[test]
fn a_host_whose_disk_is_full_says_so_and_sends_the_rest_when_there_is_room() {
    let Some(fleet) = Fleet::with(Setup { parameters: TALKATIVE, ..Setup::default() }) else { return };
    let (host, recording) = HOST;
    let Some(disk) = Disk::make(&fleet.place, host, HOST_BYTES) else { return };
    let run = |mut command: std::process::Command| disk.namespace.inside(move || Running::start(&mut command));
    let (is_well, said) = run(fleet.enrolling(host, &fleet.token(1), &fleet.listen)).end();
    assert!(is_well, "{said:#?}");

    // It is full at once, while the store is opened, or while something is found.
    let mut n_failed = 0;
    for left in HOST_BYTES_LEFT {
        disk.fill(left);
        let (is_well, said) = run(fleet.replaying(host, recording, &fleet.listen)).end();
        disk.make_room();
        println!("{left} bytes left: {is_well}, {:?}", said.last());
        assert!(is_well || said.iter().any(|line| line.contains(FULL)), "{left} bytes left: {said:#?}");
        n_failed += usize::from(!is_well);
    }
    assert!((1..HOST_BYTES_LEFT.len()).contains(&n_failed), "{n_failed} failed");
    same(&fleet.incidents(), &fleet.expected(&[recording]));
}

/// What is acknowledged is not sent again and again, nor is it forgotten to be removed.
#[test]
fn what_a_full_disk_does_not_let_go_of_is_let_go_when_there_is_room() {
    let (host, id) = TALKATIVE_HOST;
    let Some(mut fleet) = Fleet::with(Setup { parameters: TALKATIVE, ..Setup::default() }) else { return };
    let Some(disk) = Disk::make(&fleet.place, host, HOST_BYTES) else { return };
    let run = |mut command: std::process::Command| disk.namespace.inside(move || Running::start(&mut command));
    let (is_well, said) = run(fleet.enrolling(host, &fleet.token(1), &fleet.listen)).end();
    assert!(is_well, "{said:#?}");
    let all = fleet.place.path("all.jsonl");
    tracewell(&["convert", &recording("lateral-1"), "--to", &all]).ok();
    let all = fs::read_to_string(&all).expect("it was written");
    let own: Vec<_> =
        all.lines().enumerate().filter(|(n, line)| *n == 0 || line.contains(id)).map(|(_, line)| line).collect();
    let own = fleet.place.file("own.jsonl", own.join("\n") + "\n");

    fleet.kill_aggregator();
    // Enough for all that it finds, and not for as long a log as its store would like.
    disk.fill(1 << 20);
    let mut replay = run(fleet.replaying(host, &own, &fleet.listen));
    // It says so after ten seconds; all is in the spool by then.
    replay.said("no connection to the aggregator");
    disk.fill(0);
    fleet.run_aggregator();
    let said = replay.said("an acknowledged frame cannot be removed");
    assert!(said.contains(FULL), "{said}");
    assert!(replay.is_running());
    disk.make_room();
    let (is_well, said) = replay.end();
    assert!(is_well && said.len() < 10, "{said:#?}");
    same(&fleet.incidents(), &fleet.expected(&[&own]));
    let hosts = fleet.hosts();
    assert!(hosts[0]["forked"] == false && hosts[0]["missing_frames"] == 0, "{hosts:#?}");
}
