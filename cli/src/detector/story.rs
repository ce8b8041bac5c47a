//! Test stories: small files that say who did what, one thing a line, and what a detector is to find in it.
//!
//! `docs/detectors.md` describes the format.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileKind, FileRef, FindingSeverity, HostId, HostRecord, Mode, Object,
    Operation, ProcessRecord, ProcessRef, Protocol, Record, SocketRef,
};

pub struct Story {
    pub records: Vec<Record>,
    /// In the order in which they are to be found, each once.
    pub expected: Vec<(FindingSeverity, String)>,
}

/// 2023-11-14, 22:13:20 UTC.
const START: EventNs = EventNs(1_700_000_000 * EventNs::SECOND);
const HOST: &str = "story";

struct Teller {
    host: HostId,
    now: EventNs,
    story: Story,
    /// Process ids, given out in the order in which names come up.
    pids: BTreeMap<String, u32>,
    /// When a connection was first spoken of.
    opened: BTreeMap<String, EventNs>,
}

impl Story {
    /// # Errors
    /// With the line, what was expected there, and what stands there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let host = HostId::from_name(HOST);
        let records = vec![Record::Host(HostRecord { host, name: HOST.into() })];
        let story = Self { records, expected: Vec::new() };
        let mut teller = Teller { host, now: START, story, pids: BTreeMap::new(), opened: BTreeMap::new() };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                teller.line(line).map_err(|why| format!("line {number}: {why}"))?;
            }
        }
        let (host, time) = (teller.host, teller.now.after(60 * EventNs::SECOND));
        teller.story.records.push(Record::Tick { host, time });
        Ok(teller.story)
    }
}

impl Teller {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(expected) = line.strip_prefix("expect ") {
            let (severity, title) = expected.trim().split_once(' ').ok_or("expected a severity and a title")?;
            let severity = FindingSeverity::from_name(severity);
            let severity = severity.ok_or_else(|| format!("{expected:?} does not begin with a severity"))?;
            self.story.expected.push((severity, title.trim().to_owned()));
            return Ok(());
        }
        let words = words(line)?;
        let mut words = words.iter().map(String::as_str);
        let first = words.next().ok_or("expected a process or `wait`")?;
        if first == "wait" {
            let seconds = words.next().and_then(|time| time.strip_suffix('s')?.parse::<u64>().ok());
            self.now = self.now.after(seconds.ok_or("expected a time as in `wait 60s`")? * EventNs::SECOND);
            return Ok(());
        }
        let verb = words.next().ok_or("expected what the process is or did")?;
        if verb == "is" {
            return self.describe(first, words);
        }
        let op = Operation::from_name(verb).ok_or_else(|| format!("{verb:?} is no operation"))?;
        self.event(first, op, words)
    }

    /// `NAME is EXECUTABLE [cmd=TEXT] [uid=N] [container=NAME] [parent=NAME]`
    fn describe<'a>(&mut self, name: &str, mut words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let exe = words.next().ok_or("expected the path of its executable")?;
        let mut record = ProcessRecord {
            host: self.host,
            time: self.now,
            process: self.process(name),
            parent: None,
            exe: Some(exe.into()),
            cmdline: Some(exe.into()),
            uid: Some(0),
            container: None,
        };
        for word in words {
            match word.split_once('=') {
                Some(("cmd", text)) => record.cmdline = Some(text.into()),
                Some(("uid", uid)) => record.uid = Some(number(uid)?),
                Some(("container", container)) => record.container = Some(container.into()),
                Some(("parent", parent)) => record.parent = Some(self.process(parent)),
                _ => return Err(format!("{word:?}, expected cmd=, uid=, container= or parent=")),
            }
        }
        self.story.records.push(Record::Process(record));
        Ok(())
    }

    /// `NAME OPERATION [OBJECT] [MORE] [bytes=N] [count=N] [errno=N]`
    fn event<'a>(&mut self, name: &str, op: Operation, words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        self.now = self.now.after(EventNs::SECOND);
        let mut event = Event {
            time: self.now,
            host: self.host,
            subject: self.process(name),
            op,
            object: Object::None,
            detail: Detail::None,
            amount_bytes: 0,
            count: 1,
            errno: 0,
            flags: EventFlags::NONE,
        };
        let (counts, said): (Vec<_>, Vec<_>) =
            words.partition(|word| ["bytes=", "count=", "errno="].iter().any(|name| word.starts_with(name)));
        for word in counts {
            match word.split_once('=') {
                Some(("bytes", n)) => event.amount_bytes = number(n)?,
                Some(("count", n)) => event.count = number(n)?,
                Some((_, n)) => event.errno = number(n)?,
                None => {}
            }
        }
        match (op, &said[..]) {
            (Operation::Exit | Operation::BpfLoad | Operation::IoUring | Operation::Namespace, []) => {}
            (Operation::ChangeCredentials, [uid]) => event.detail = Detail::Credentials { uid: number(uid)? },
            (Operation::Fork | Operation::Ptrace, [other]) => event.object = Object::Process(self.process(other)),
            (Operation::Signal, [other, signal]) => {
                event.object = Object::Process(self.process(other));
                event.detail = Detail::Signal { number: number(signal)? };
            }
            (Operation::Exec, [path, rest @ ..]) => {
                event.object = self.object(path)?;
                let cmdline = if rest.is_empty() { (*path).to_owned() } else { rest.join(" ") };
                event.detail = Detail::Exec { cmdline: Some(cmdline.into()), environment: None };
            }
            (Operation::Rename | Operation::Link, [path, new_path]) => {
                event.object = self.object(path)?;
                event.detail = Detail::NewPath { path: (*new_path).into(), replaced: None };
            }
            (Operation::Exit | Operation::ChangeCredentials | Operation::Rename | Operation::Link, _) => {
                return Err(format!("{} was given {} words", op.name(), said.len()));
            }
            (Operation::Chmod, [object, mode]) => {
                event.object = self.object(object)?;
                event.detail = Detail::Mode { set: self::mode(mode)?, before: None };
            }
            (Operation::SetTimes, [object, age]) => {
                event.object = self.object(object)?;
                let age_ns = seconds(age)?.saturating_mul(EventNs::SECOND);
                let modified_ns = i64::try_from(self.now.0.saturating_sub(age_ns)).unwrap_or(i64::MAX);
                event.detail = Detail::Times { modified_ns };
            }
            (_, [object]) => event.object = self.object(object)?,
            _ => return Err(format!("{} was given {} words, expected what it was done to", op.name(), said.len())),
        }
        self.story.records.push(Record::Event(event));
        Ok(())
    }

    fn process(&mut self, name: &str) -> ProcessRef {
        let next = 100 + u32::try_from(self.pids.len()).expect("a story has fewer processes");
        let pid = *self.pids.entry(name.to_owned()).or_insert(next);
        ProcessRef { pid, start: pid.into(), uuid: None }
    }

    /// `/path`, `folder:PATH`, `memfd:NAME`, `pipe:NAME`, `device:PATH`, `unix:PATH`, or `tcp:` or `udp:` and `LOCAL>REMOTE` or one of both.
    fn object(&mut self, text: &str) -> Result<Object, String> {
        let named = |kind| Object::File(FileRef { path: Some(text.into()), kind, ..FileRef::default() });
        let (kind, rest) = text.split_once(':').filter(|_| !text.starts_with('/')).unwrap_or(("file", text));
        Ok(match kind {
            "file" if text.starts_with('/') => named(FileKind::Regular),
            "memfd" => named(FileKind::Memory),
            "pipe" => named(FileKind::Pipe),
            "folder" => {
                Object::File(FileRef { path: Some(rest.into()), kind: FileKind::Directory, ..FileRef::default() })
            }
            "device" => Object::File(FileRef { path: Some(rest.into()), kind: FileKind::Device, ..FileRef::default() }),
            "unix" => {
                Object::Socket(SocketRef { protocol: Protocol::Unix, path: Some(rest.into()), ..SocketRef::default() })
            }
            "tcp" | "udp" => {
                let protocol = if kind == "tcp" { Protocol::Tcp } else { Protocol::Udp };
                let (local, remote) = match rest.split_once('>') {
                    Some((local, remote)) => (local, remote),
                    None => (rest, ""),
                };
                let address = |text: &str| match text {
                    "" => Ok(None),
                    text => {
                        text.parse::<SocketAddr>().map(Some).map_err(|_| format!("{text:?} is no address and port"))
                    }
                };
                let opened = self.opened.entry(text.to_owned()).or_insert(self.now).0;
                let (local, remote) = (address(local)?, address(remote)?);
                Object::Socket(SocketRef { protocol, local, remote, opened, ..SocketRef::default() })
            }
            _ => {
                return Err(format!(
                    "{text:?} is no object: expected /PATH, folder:, tcp:, udp:, unix:, memfd:, pipe: or device:"
                ));
            }
        })
    }
}

/// `4755` or `04755`.
fn mode(text: &str) -> Result<Mode, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= Mode::BITS.into());
    mode.map(Mode::of).ok_or_else(|| format!("{text:?} is no mode in octal digits"))
}

/// `60s` or `400d`.
fn seconds(text: &str) -> Result<u64, String> {
    let unit = |suffix, seconds: u64| text.strip_suffix(suffix)?.parse::<u64>().ok()?.checked_mul(seconds);
    unit("s", 1).or_else(|| unit("d", 86_400)).ok_or_else(|| format!("{text:?} is no age as in 60s or 400d"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// Words between spaces; double quotes hold a word together, also within one, as in `cmd="a b"`.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if is_quoted { Err("a quote is not closed".to_owned()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_becomes_records() {
        let story = Story::parse(
            "# A person at work.\nsh is /bin/sh uid=1000\nsh fork nc\nnc exec /usr/bin/nc \"nc -l\"\nwait 5s\n\
             nc listen tcp:0.0.0.0:8888\nnc send tcp:10.0.0.1:8888>10.0.0.2:5 bytes=7\nexpect high netcat listens\n",
        )
        .unwrap();
        assert_eq!(story.expected, [(FindingSeverity::High, "netcat listens".to_owned())]);
        let times: Vec<_> = story.records.iter().filter_map(Record::time).map(|time| time.since(START)).collect();
        assert_eq!(times, [0, 1, 2, 8, 9, 69].map(|seconds| seconds * EventNs::SECOND));
        let Some(Record::Event(Event { amount_bytes: 7, object: Object::Socket(socket), .. })) = story.records.get(5)
        else {
            panic!("{:?}", story.records.get(5));
        };
        assert_eq!(socket.remote, Some("10.0.0.2:5".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("sh", "line 1: expected what"),
            ("\nsh runs /bin/ls", "line 2: \"runs\" is no operation"),
            ("sh read", "line 1: read was given 0 words"),
            ("sh read etc", "line 1: \"etc\" is no object"),
            ("sh connect tcp:1.2.3.4", "line 1: \"1.2.3.4\" is no address and port"),
            ("sh exec \"/bin/ls", "line 1: a quote is not closed"),
            ("wait long", "line 1: expected a time"),
            ("expect loud noise", "line 1: \"loud noise\" does not begin with a severity"),
            ("sh chmod /tmp/x u+s", "line 1: \"u+s\" is no mode"),
            ("sh set-times /tmp/x long", "line 1: \"long\" is no age"),
            ("sh is /bin/sh uid=root", "line 1: \"root\" is no number"),
        ];
        for (text, why) in cases {
            let said = Story::parse(text).err().unwrap();
            assert!(said.starts_with(why), "{said:?}, expected {why:?}");
        }
    }
}
