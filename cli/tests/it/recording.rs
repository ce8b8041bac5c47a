//! An invented recording: a server that answers for an hour, and one request that it should not have taken.

use std::fmt::Write;

/// `HostId::from_name("web")` as the format writes it.
pub fn host(name: &str) -> String {
    tracewell_model::HostId::from_name(name).to_string()
}

const SECOND: u64 = 1_000_000_000;
pub const START: u64 = 1_600_000_000 * SECOND;
/// When the intrusion begins and ends.
pub const ATTACK: (u64, u64) = (START + 3000 * SECOND, START + 3060 * SECOND);

pub struct Recording {
    lines: String,
    host: String,
}

impl Recording {
    fn new(name: &str) -> Self {
        let host = host(name);
        let lines = format!("{{\"tracewell\":1}}\n{{\"host\":{{\"host\":\"{host}\",\"name\":\"{name}\"}}}}\n");
        Self { lines, host }
    }

    fn event(&mut self, time: u64, pid: u32, op: &str, rest: &str) {
        let host = &self.host;
        let subject = format!("{{\"pid\":{pid},\"start\":{pid}}}");
        let _ = writeln!(
            self.lines,
            "{{\"event\":{{\"time\":{time},\"host\":\"{host}\",\"subject\":{subject},\"op\":\"{op}\"{rest}}}}}"
        );
    }

    fn process(&mut self, time: u64, pid: u32, exe: &str) {
        let host = &self.host;
        let _ = writeln!(
            self.lines,
            "{{\"process\":{{\"time\":{time},\"host\":\"{host}\",\"process\":{{\"pid\":{pid},\"start\":{pid}}},\"exe\":\"{exe}\"}}}}"
        );
    }

    fn fork(&mut self, time: u64, parent: u32, child: u32) {
        self.event(time, parent, "fork", &format!(",\"object\":{{\"process\":{{\"pid\":{child},\"start\":{child}}}}}"));
    }

    fn file(&mut self, time: u64, pid: u32, op: &str, path: &str) {
        let object = format!(",\"object\":{{\"file\":{{\"path\":\"{path}\",\"kind\":\"regular\"}}}},\"bytes\":100");
        self.event(time, pid, op, &object);
    }

    fn socket(&mut self, time: u64, pid: u32, op: &str, opened: u64, remote: &str) {
        let object = format!(
            ",\"object\":{{\"socket\":{{\"opened\":{opened},\"protocol\":\"tcp\",\"local\":\"10.0.0.1:80\",\"remote\":\"{remote}\"}}}}"
        );
        self.event(time, pid, op, &object);
    }

    fn finish(self) -> String {
        self.lines
    }
}

/// An hour of a server that takes requests and reads pages.
pub fn benign(name: &str) -> String {
    daily_life(name).finish()
}

/// The same with a request that makes the server run what it wrote.
pub fn attacked(name: &str) -> String {
    let mut recording = daily_life(name);
    let time = |second: u64| ATTACK.0 + second * SECOND;
    recording.socket(time(0), 100, "accept", time(0), "203.0.113.66:4444");
    recording.fork(time(1), 100, 666);
    recording.file(time(2), 666, "exec", "/bin/sh");
    recording.file(time(3), 666, "create", "/tmp/payload");
    recording.file(time(4), 666, "write", "/tmp/payload");
    recording.file(time(5), 666, "chmod", "/tmp/payload");
    recording.fork(time(6), 666, 667);
    recording.file(time(7), 667, "exec", "/tmp/payload");
    recording.socket(time(8), 667, "connect", time(8), "203.0.113.66:8080");
    for n in 0..5 {
        recording.fork(time(10 + n), 667, 700 + n as u32);
        recording.file(time(11 + n), 700 + n as u32, "exec", "/bin/id");
        recording.file(time(12 + n), 700 + n as u32, "read", "/etc/shadow");
    }
    recording.file(time(30), 667, "unlink", "/tmp/payload");
    recording.socket(time(40), 667, "send", time(8), "203.0.113.66:8080");
    // Life goes on, so that the window of the attack closes.
    for n in 0..100 {
        request(&mut recording, ATTACK.1 + n * 6 * SECOND, 10_000 + n);
    }
    recording.finish()
}

fn daily_life(name: &str) -> Recording {
    let mut recording = Recording::new(name);
    recording.process(START, 1, "/sbin/init");
    recording.process(START, 100, "/usr/sbin/server");
    for n in 0..480 {
        request(&mut recording, START + n * 6 * SECOND, n);
    }
    recording
}

fn request(recording: &mut Recording, time: u64, n: u64) {
    recording.socket(time, 100, "accept", time, &format!("198.51.100.{}:5000", n % 200 + 1));
    recording.file(time + 1, 100, "read", &format!("/srv/page{}.html", n % 7));
    recording.file(time + 2, 100, "write", "/var/log/access.log");
    recording.socket(time + 3, 100, "send", time, &format!("198.51.100.{}:5000", n % 200 + 1));
}

/// What the attack made; the server itself is mixed behaviour.
pub fn truth() -> String {
    let process = |pid: u32| format!("{{\"kind\":\"process\",\"host\":\"web\",\"pid\":{pid}}}");
    let nodes: Vec<_> = [666, 667, 700, 701, 702, 703, 704].map(process).to_vec();
    let (from, to) = ATTACK;
    format!(
        "{{\"label_set\":\"invented\",\"label_kinds\":[\"process\"],\"attacks\":[{{\"id\":\"one\",\"name\":\"payload\",\
         \"windows\":[{{\"from\":{from},\"to\":{to}}}],\"nodes\":[{},{}]}}],\"ignored\":[{}]}}",
        nodes.join(","),
        process(4242),
        process(100)
    )
}
