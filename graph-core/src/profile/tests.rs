use super::*;
use tracewell_model::Protocol;
use tracewell_parameters::Parameters;

const START: u64 = 20_000 * EventNs::DAY;

fn parameters() -> ProfileParameters {
    Parameters::default().profile
}

/// A profile and a clock that moves a second per observation.
struct Lab {
    profile: HostProfile,
    now: u64,
}

impl Lab {
    fn new() -> Self {
        Self { profile: HostProfile::new(&parameters()), now: START }
    }

    fn see(&mut self, exe: &str, op: Operation, object: ObjectLabel<'_>) -> Observation {
        self.now += EventNs::SECOND;
        let subject = self.profile.subject("", exe, Some("/sbin/init"));
        let leaf = self.profile.leaf(subject, op, object).unwrap();
        self.profile.observe(leaf, EventNs(self.now)).unwrap()
    }

    fn bits(&mut self, exe: &str, op: Operation, object: ObjectLabel<'_>) -> u32 {
        self.see(exe, op, object).surprise.0 / 1000
    }

    /// A network server's worker: a few leaves, thousands of times.
    fn server(&mut self, n_rounds: usize) {
        for _ in 0..n_rounds {
            self.see("/usr/sbin/httpd", Operation::Read, ObjectLabel::File("/srv/www/index.html"));
            self.see("/usr/sbin/httpd", Operation::Write, ObjectLabel::File("/var/log/httpd/access.log"));
            self.see("/usr/sbin/httpd", Operation::Accept, inbound());
        }
    }
}

fn inbound() -> ObjectLabel<'static> {
    ObjectLabel::Socket {
        protocol: Protocol::Tcp,
        direction: Direction::Inbound,
        local: "10.0.0.1:80".parse().ok(),
        remote: "93.184.216.34:50123".parse().ok(),
    }
}

fn outbound() -> ObjectLabel<'static> {
    ObjectLabel::Socket {
        protocol: Protocol::Tcp,
        direction: Direction::Outbound,
        local: None,
        remote: "1.2.3.4:443".parse().ok(),
    }
}

#[test]
fn nothing_is_surprising_at_cold_start() {
    let mut lab = Lab::new();
    for i in 0..20u8 {
        let path = format!("/etc/{}", char::from(b'a' + i));
        let exe = format!("/bin/{}", char::from(b'a' + i % 3));
        assert!(lab.bits(&exe, Operation::Open, ObjectLabel::File(&path)) <= 2, "{path}");
    }
    assert!(lab.bits("/bin/new", Operation::Exec, ObjectLabel::Executable("/bin/ls")) <= 3);
}

#[test]
fn a_servers_first_program_and_first_connection_stand_out() {
    let mut lab = Lab::new();
    lab.server(2000);
    assert_eq!(lab.bits("/usr/sbin/httpd", Operation::Read, ObjectLabel::File("/srv/www/index.html")), 0);
    assert!(lab.bits("/usr/sbin/httpd", Operation::Exec, ObjectLabel::Executable("/bin/sh")) >= 10);
    assert!(lab.bits("/usr/sbin/httpd", Operation::Connect, outbound()) >= 10);
    // Also at the level of directories, within a class that is common.
    assert!(lab.bits("/usr/sbin/httpd", Operation::Read, ObjectLabel::File("/etc/shadow")) >= 8);
    // Once seen is not yet usual.
    assert!(lab.bits("/usr/sbin/httpd", Operation::Exec, ObjectLabel::Executable("/bin/sh")) >= 9);
}

#[test]
fn who_invents_all_day_does_not_surprise_by_inventing() {
    let mut lab = Lab::new();
    let mut worst = 0;
    for i in 0..3000u32 {
        // Names without digits, so that no fixed mask helps.
        let name: String = format!("{i:06x}").bytes().map(|b| char::from(b % 26 + b'a')).collect();
        let bits = lab.bits("/usr/bin/build", Operation::Create, ObjectLabel::File(&format!("/work/out/{name}")));
        worst = worst.max(bits);
    }
    assert!(worst <= 2, "{worst} bits");
    // It learned a naming scheme, not that anything goes.
    assert!(lab.bits("/usr/bin/build", Operation::Create, ObjectLabel::File("/etc/cron.d/x")) >= 8);
}

#[test]
fn what_the_host_knows_is_less_surprising_than_what_nobody_knows() {
    let mut lab = Lab::new();
    for exe in ["/bin/a", "/bin/b", "/bin/c", "/bin/d"] {
        for _ in 0..50 {
            lab.see(exe, Operation::Read, ObjectLabel::File("/etc/resolv.conf"));
            lab.see(exe, Operation::Read, ObjectLabel::File("/usr/lib/libc.so"));
        }
    }
    for _ in 0..500 {
        lab.see("/bin/e", Operation::Read, ObjectLabel::File("/usr/lib/libc.so"));
    }
    let mut other = Lab { profile: lab.profile.clone(), now: lab.now };
    let known = lab.see("/bin/e", Operation::Read, ObjectLabel::File("/etc/resolv.conf")).surprise;
    let unknown = other.see("/bin/e", Operation::Read, ObjectLabel::File("/opt/secret")).surprise;
    assert!(known + Millibits(500) < unknown, "{known} {unknown}");
}

#[test]
fn a_loop_is_one_observation() {
    let mut lab = Lab::new();
    lab.server(100);
    let subject = lab.profile.subject("", "/usr/sbin/httpd", Some("/sbin/init"));
    let leaf = lab.profile.leaf(subject, Operation::Exec, ObjectLabel::Executable("/bin/sh")).unwrap();
    let first = lab.profile.observe(leaf, EventNs(lab.now)).unwrap();
    let before = lab.profile.counters().n_counted;
    for i in 0..100_000 {
        let again = lab.profile.observe(leaf, EventNs(lab.now + i)).unwrap();
        assert_eq!((again.surprise, again.is_counted, again.is_new), (first.surprise, false, false));
    }
    assert_eq!(lab.profile.counters().n_counted, before);
    assert!(first.is_new && first.is_counted);
}

#[test]
fn labels_are_the_general_object() {
    let mut lab = Lab::new();
    let subject = lab.profile.subject("", "x", None);
    for (object, expected) in [
        (ObjectLabel::File("/home/alice/a1.txt"), "/home/#/a#.txt"),
        (outbound(), "tcp/443/internet/1.2.3.#"),
        (ObjectLabel::None, "-"),
    ] {
        let leaf = lab.profile.leaf(subject, Operation::Connect, object).unwrap();
        assert_eq!(&*lab.profile.label(leaf).unwrap(), expected);
    }
}

#[test]
fn decay_forgets_what_is_no_longer_done() {
    let mut lab = Lab::new();
    lab.server(10);
    let subject = lab.profile.subject("", "/usr/sbin/httpd", Some("/sbin/init"));
    let leaf = lab.profile.leaf(subject, Operation::Accept, inbound()).unwrap();
    lab.profile.advance(EventNs(START + 14 * 20 * EventNs::DAY));
    assert_eq!(lab.profile.observe(leaf, EventNs(START + 14 * 20 * EventNs::DAY)), Err(Stale));
    assert!(lab.profile.contribution().leaves.is_empty());
}

#[test]
fn a_flood_of_hostile_names_stays_within_the_budget_and_spares_what_is_established() {
    let mut lab = Lab::new();
    lab.profile.parameters.bytes_max = 400_000;
    for _ in 0..4 {
        lab.server(50);
        lab.now += EventNs::DAY;
    }
    for i in 0..60_000u64 {
        let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let word = |bits: u64| -> String { (0..9).map(|k| char::from(b'g' + (bits >> (4 * k) & 15) as u8)).collect() };
        let path = format!("/{}/{}/{}", word(mixed), word(mixed >> 13), word(mixed >> 27));
        let exe = format!("/tmp/{}", word(mixed >> 7));
        let exe = if i % 3 == 0 { exe.as_str() } else { "/usr/sbin/httpd" };
        lab.now += EventNs::SECOND / 100;
        let subject = lab.profile.subject("", exe, None);
        if let Ok(leaf) = lab.profile.leaf(subject, Operation::Read, ObjectLabel::File(&path)) {
            lab.profile.observe(leaf, EventNs(lab.now)).unwrap();
        }
        assert!(lab.profile.accounted_bytes() <= 400_000);
    }
    assert!(!lab.see("/usr/sbin/httpd", Operation::Read, ObjectLabel::File("/srv/www/index.html")).is_new);
}

#[test]
fn an_attackers_star_is_not_the_wildcard() {
    let mut lab = Lab::new();
    lab.see("/bin/x", Operation::Create, ObjectLabel::File("/tmp/*"));
    assert!(lab.see("/bin/x", Operation::Create, ObjectLabel::File("/tmp/other")).is_new);
}
