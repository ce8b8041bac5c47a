//! Nothing in code or parameters may know a name: with every path, command and address of the recorded attack replaced,
//! the incidents must be the same.

use crate::run::{Place, shared, tracewell};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::{ReadOptions, open};
use tracewell_model::{Detail, FileRef, Object, Record, SocketRef, Str};

#[test]
fn names_decide_nothing() {
    let Some(e1) = shared("darpa-tc-e1-cadets/stretch-am.json.xz") else { return };
    let folder = Place::new();
    let renamed = folder.path("renamed.jsonl");
    rename(&e1, &renamed);
    tracewell(&["replay", &e1.display().to_string(), "--out", &folder.path("as-recorded")]).ok();
    tracewell(&["replay", &renamed, "--host", "stretch-am", "--out", &folder.path("as-renamed")]).ok();
    let (recorded, renamed) = (ranking(&folder, "as-recorded"), ranking(&folder, "as-renamed"));
    assert!(!recorded.is_empty(), "the recorded attack is found");
    assert_eq!(recorded, renamed);
}

/// What must stay: the incidents in their order, with score, severity, span, and each node by its recorded uuid.
fn ranking(folder: &Place, out: &str) -> Vec<Value> {
    let alerts = folder.json(&format!("{out}/alerts.json"));
    let incidents = alerts["incidents"].as_array().expect("alerts.json lists incidents");
    incidents
        .iter()
        .map(|incident| {
            let mut uuids: Vec<_> =
                incident["nodes"].as_array().expect("nodes").iter().map(|node| node["uuid"].to_string()).collect();
            uuids.sort();
            serde_json::json!({
                "id": incident["id"], "score": incident["score"], "severity": incident["severity"],
                "first": incident["first"], "last": incident["last"], "repeats": incident["repeats"], "uuids": uuids,
            })
        })
        .collect()
}

fn rename(from: &Path, to: &str) {
    let file = std::fs::File::create(to).expect("the folder is ours");
    let mut writer = TracewellWriter::new(std::io::BufWriter::new(file)).expect("a first line");
    let mut names = Names::default();
    for record in open(from, None, &ReadOptions::default()).expect("a recording") {
        let mut record = record.expect("a good record");
        names.replace(&mut record);
        writer.write(&record).expect("a line");
    }
    writer.finish().expect("an end");
}

/// Replacements, made as names come up. Kept of a name: its length, where it has digits, capitals and punctuation, and
/// whether its letters could be hexadecimal, which are the classes that generalisation tells apart.
#[derive(Default)]
struct Names {
    words: BTreeMap<String, String>,
    networks: BTreeMap<[u8; 3], [u8; 3]>,
}

impl Names {
    fn replace(&mut self, record: &mut Record) {
        match record {
            Record::Process(process) => {
                self.text(&mut process.exe);
                self.text(&mut process.cmdline);
                self.text(&mut process.container);
            }
            Record::Event(event) => {
                match &mut event.object {
                    Object::File(FileRef { path, .. }) => self.text(path),
                    Object::Socket(SocketRef { path, local, remote, .. }) => {
                        self.text(path);
                        self.address(local);
                        self.address(remote);
                    }
                    Object::Process(_) | Object::None => {}
                }
                match &mut event.detail {
                    Detail::Exec { cmdline, environment } => {
                        self.text(cmdline);
                        self.text(environment);
                    }
                    Detail::NewPath { path, replaced } => {
                        *path = self.words_of(path);
                        if let Some(file) = replaced {
                            self.text(&mut file.path);
                        }
                    }
                    Detail::None
                    | Detail::Credentials { .. }
                    | Detail::Signal { .. }
                    | Detail::Mode { .. }
                    | Detail::Times { .. } => {}
                }
            }
            Record::Host(_)
            | Record::Tick { .. }
            | Record::Loss(_)
            | Record::Finding(_)
            | Record::Checkpoint(_)
            | Record::History(_) => {}
        }
    }

    fn text(&mut self, text: &mut Option<Str>) {
        *text = text.as_ref().map(|text| self.words_of(text));
    }

    fn words_of(&mut self, text: &str) -> Str {
        let mut out = String::with_capacity(text.len());
        for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            out.push_str(&self.word(word));
            out.push_str(&part[word.len()..]);
        }
        out.into()
    }

    /// Another word of the same class, never one that was given out before.
    fn word(&mut self, word: &str) -> String {
        if word.bytes().all(|b| b.is_ascii_digit()) {
            return word.to_owned();
        }
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let renamed = (1..u64::MAX)
            .map(|shift| shifted(word, shift))
            .find(|renamed| !self.words.values().any(|taken| taken == renamed))
            .expect("there are more words than are used");
        self.words.insert(word.to_owned(), renamed.clone());
        renamed
    }

    fn address(&mut self, address: &mut Option<SocketAddr>) {
        let Some(SocketAddr::V4(v4)) = address else { return };
        let [a, b, c, d] = v4.ip().octets();
        if v4.ip().is_loopback() || v4.ip().is_unspecified() {
            return;
        }
        let n = self.networks.len() as u8;
        // 198.18.0.0/15 is set aside for tests (RFC 2544).
        let [a, b, c] = *self.networks.entry([a, b, c]).or_insert([198, 18, n]);
        *address = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), v4.port()));
    }
}

/// Moves each letter on within its class, the first by `shift`, the next by more.
fn shifted(word: &str, shift: u64) -> String {
    let is_hex = word.bytes().all(|b| b.is_ascii_hexdigit());
    let alphabet: &[u8] = if is_hex { b"abcdef" } else { b"ghijklmnopqrstuvwxyz" };
    let mut carry = shift;
    let letter = |b: u8| {
        if b.is_ascii_digit() {
            return char::from(b);
        }
        let n = alphabet.len() as u64;
        let moved = alphabet[((u64::from(b.to_ascii_lowercase()) + carry) % n) as usize];
        carry = carry / n + carry % n * 7 + 1;
        char::from(if b.is_ascii_uppercase() { moved.to_ascii_uppercase() } else { moved })
    };
    word.bytes().map(letter).collect()
}
