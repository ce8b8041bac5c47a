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
        let bits = lab.bits("/usr/bin/build", Operation::Create, ObjectLabel::File(&format!("/made/out/{name}")));
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

/// A day-spanning mix of known and new things, told apart by `seed`.
fn step(i: u64, seed: u64) -> (String, Operation, String) {
    let mixed = (i + seed * 1_000_003).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let op = [Operation::Read, Operation::Write, Operation::Exec, Operation::Rename][(mixed % 4) as usize];
    let letter = |n: u64| char::from(b'g' + (n % 16) as u8);
    let (word, name) = (letter(mixed / 4), [letter(mixed >> 8), letter(mixed >> 12), letter(mixed >> 16)]);
    let name: String = name.iter().collect();
    (format!("/bin/tool-{}", char::from(b'a' + seed as u8)), op, format!("/srv/{word}/{name}"))
}

fn run(profile: &mut HostProfile, i: u64, seed: u64) -> Result<Observation, Stale> {
    let (exe, op, path) = step(i, seed);
    let subject = profile.subject("work", &exe, None);
    let leaf = profile.leaf(subject, op, ObjectLabel::File(&path))?;
    profile.observe(leaf, EventNs(START + i * 97 * EventNs::SECOND))
}

#[test]
fn a_busy_first_day_folds_nothing_and_a_later_one_what_did_not_come_back() {
    let mut lab = Lab::new();
    let name = |i: u8| format!("/usr/bin/{}{}", char::from(b'a' + i / 26), char::from(b'a' + i % 26));
    for i in 0..200 {
        assert!(lab.see(&name(i), Operation::Exec, ObjectLabel::Executable(&name(i))).is_new, "subject {i}");
        assert!(lab.see("/bin/sh", Operation::Exec, ObjectLabel::Executable(&name(i))).is_new, "child {i}");
    }
    for _ in 0..2 {
        lab.now += EventNs::DAY;
        (0..20).for_each(|i| assert!(!lab.see("/bin/sh", Operation::Exec, ObjectLabel::Executable(&name(i))).is_new));
    }
    // 208 children are a multiple of 16: that is when the node is looked at.
    for i in 0..10 {
        lab.see("/bin/sh", Operation::Exec, ObjectLabel::Executable(&format!("{}x", name(i))));
    }
    let subject = lab.profile.subject("", "/bin/sh", Some("/sbin/init"));
    let label = |lab: &mut Lab, path: &str| {
        let leaf = lab.profile.leaf(subject, Operation::Exec, ObjectLabel::Executable(path)).unwrap();
        lab.profile.label(leaf).unwrap().to_string()
    };
    assert_eq!(label(&mut lab, &name(3)), name(3));
    assert_eq!(label(&mut lab, &name(150)), "/usr/bin/*");
    assert_eq!(label(&mut lab, "/usr/bin/never"), "/usr/bin/*");
    assert_eq!(label(&mut lab, "/opt/never"), "/opt/never");
}

/// For observations whose outcome is not what a test looks at; none may be stale.
fn once(seen: Result<Observation, Stale>) {
    seen.unwrap();
}

#[test]
fn independent_subjects_may_interleave_as_they_like() {
    let interleaved = |order: &dyn Fn(u64) -> [u64; 3]| {
        let mut profile = HostProfile::new(&parameters());
        (0..4000).for_each(|i| order(i).into_iter().for_each(|seed| once(run(&mut profile, i, seed))));
        (profile.contribution(), profile.readiness_by_scope(), profile.counters(), profile.accounted_bytes())
    };
    let one = interleaved(&|_| [0, 1, 2]);
    assert!(one.0.leaves.len() > 50);
    assert_eq!(one, interleaved(&|_| [2, 0, 1]));
    assert_eq!(one, interleaved(&|i| if i % 3 == 0 { [1, 2, 0] } else { [0, 2, 1] }));
}

#[test]
fn a_restored_profile_decides_as_the_saved_one() {
    let mut parameters = parameters();
    parameters.bytes_max = 120_000;
    let mut saved = HostProfile::new(&parameters);
    (0..3000).for_each(|i| once(run(&mut saved, i, i % 3)));
    let parts = saved.to_parts();
    let mut restored = HostProfile::from_parts(&parameters, &parts).unwrap();
    assert!(restored.to_parts() == parts);
    assert_eq!(restored.accounted_bytes(), saved.accounted_bytes());
    for i in 3000..9000 {
        assert_eq!(run(&mut saved, i, i % 3), run(&mut restored, i, i % 3), "observation {i}");
    }
    assert!(saved.counters().n_forgotten > 0);
    assert!(saved.to_parts() == restored.to_parts());
}

#[test]
fn a_broken_checkpoint_is_refused() {
    let mut profile = HostProfile::new(&parameters());
    (0..100).for_each(|i| once(run(&mut profile, i, 0)));
    let good = profile.to_parts();
    let refuse = |change: &dyn Fn(&mut ProfileParts), expected: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = HostProfile::from_parts(&parameters(), &bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refuse(&|bad| bad.nodes.clear(), "got 0 nodes");
    refuse(&|bad| bad.nodes[5].parent = 5, "node 5 cannot lie under node 5");
    refuse(&|bad| bad.nodes[5].rank = NodeRank::Root, "node 5 cannot lie");
    refuse(&|bad| bad.nodes[6].born = bad.nodes[5].born, "node 6 was born");
    refuse(&|bad| bad.nodes.push(bad.nodes.last().cloned().unwrap()), "was born");
    refuse(&|bad| bad.scopes[0].0 = 9999, "scope 9999");
}

#[test]
fn a_contribution_keeps_to_its_budget_and_prefers_what_is_established() {
    let mut lab = Lab::new();
    for _ in 0..3 {
        lab.server(5);
        lab.now += EventNs::DAY;
    }
    (2_680..3_480).for_each(|i| once(run(&mut lab.profile, i, 1)));
    lab.profile.parameters.contribution_bytes_max = 2_000;
    let contribution = lab.profile.contribution();
    assert!((1_500..=2_000).contains(&contribution.encoded_bytes()), "{}", contribution.encoded_bytes());
    let established = contribution.leaves.iter().filter(|leaf| leaf.days == 3).count();
    assert_eq!(established, 3);
    assert_eq!(contribution.since_day, 20_000);
}

#[test]
fn a_subjects_unseen_mass_falls_as_it_repeats_itself() {
    let mut lab = Lab::new();
    let subject = lab.profile.subject("", "/usr/sbin/httpd", Some("/sbin/init"));
    assert_eq!(lab.profile.unseen_permille(subject), Ok(1000));
    lab.server(1);
    assert_eq!(lab.profile.unseen_permille(subject), Ok(1000));
    lab.server(99);
    assert_eq!(lab.profile.unseen_permille(subject), Ok(0));
    lab.see("/usr/sbin/httpd", Operation::Read, ObjectLabel::File("/etc/hosts"));
    assert_eq!(lab.profile.unseen_permille(subject), Ok(3));
}

#[test]
fn a_workload_settles_and_drifts() {
    let mut lab = Lab::new();
    assert_eq!(lab.profile.readiness(""), Readiness { state: State::Learning, percent: 0, new_ppm: 1_000_000 });
    for day in 1..=3 {
        lab.server(2_000);
        lab.now = START + day * EventNs::DAY;
        lab.profile.advance(EventNs(lab.now));
    }
    // The first day had three new leaves among 6000, fewer than one in a thousand: calm already.
    assert_eq!(lab.profile.readiness(""), Readiness { state: State::Settled, percent: 100, new_ppm: 0 });
    for i in 0..2_000u32 {
        let name: String = format!("{i:05x}").bytes().map(|b| char::from(b.max(b'W') - b'W' + b'g')).collect();
        lab.see("/bin/odd", Operation::Read, ObjectLabel::File(&format!("/srv/{name}/{}", i % 7)));
        lab.see(
            "/bin/odd",
            Operation::Write,
            ObjectLabel::File(&format!("/opt/{}", char::from(b'a' + (i % 26) as u8))),
        );
    }
    lab.profile.advance(EventNs(START + 4 * EventNs::DAY));
    assert_eq!(lab.profile.readiness("").state, State::Drifting);
    assert_eq!(lab.profile.readiness("never seen").state, State::Learning);
}

#[test]
fn stale_ids_are_told() {
    let mut lab = Lab::new();
    let subject = lab.profile.subject("", "/bin/x", None);
    let leaf = lab.profile.leaf(subject, Operation::Read, ObjectLabel::File("/a")).unwrap();
    lab.profile.parameters.bytes_max = 0;
    lab.profile.subject("", "/bin/y", None);
    assert_eq!(lab.profile.observe(leaf, EventNs(START)), Err(Stale));
    assert_eq!(lab.profile.label(leaf), Err(Stale));
    assert_eq!(lab.profile.leaf(subject, Operation::Read, ObjectLabel::None), Err(Stale));
    assert_eq!(lab.profile.unseen_permille(subject), Err(Stale));
}

proptest::proptest! {
    #[test]
    fn any_strings_and_times_in_any_order_are_survived(
        steps in proptest::collection::vec((".{0,40}", "(/|[a-z0-9*#.\u{e4}]{0,9}){0,8}", 0..28usize, proptest::prelude::any::<u64>()), 1..60),
    ) {
        let mut profile = HostProfile::new(&parameters());
        for (name, path, op, time) in &steps {
            let subject = profile.subject(name, path, Some(name));
            let op = Operation::ALL[*op];
            for object in [ObjectLabel::File(path), ObjectLabel::Unix(name), ObjectLabel::Process(name)] {
                let leaf = profile.leaf(subject, op, object).unwrap();
                match profile.observe(leaf, EventNs(*time)) {
                    Ok(seen) => proptest::prop_assert!(seen.surprise.0 <= parameters().surprise_max_millibits),
                    // Years may have passed since the subject was made.
                    Err(Stale) => break,
                }
            }
        }
        let parts = profile.to_parts();
        proptest::prop_assert_eq!(HostProfile::from_parts(&parameters(), &parts).unwrap().to_parts(), parts);
    }
}

#[test]
fn evidence_is_usual_once_it_counted_often_enough() {
    let parameters = parameters();
    let n_usual = u64::from(parameters.evidence_usual_from);
    let mut profile = HostProfile::new(&parameters);
    let mut see = |quantum: u64, ns: u64, exe: &str, parent: &str, label: &str| {
        let subject = profile.subject("", exe, Some(parent));
        let time = EventNs(START + quantum * parameters.evidence_quantum_ns + ns);
        profile.observe_evidence(subject, label, time).unwrap()
    };
    for quantum in 0..n_usual {
        // A burst is one observation.
        for ns in 0..100 {
            assert_eq!(see(quantum, ns, "/bin/sh", "/usr/sbin/cron", "x"), Usual::Not, "quantum {quantum}");
        }
    }
    assert_eq!(see(n_usual, 0, "/bin/sh", "/usr/sbin/cron", "x"), Usual::OnHost);
    assert_eq!(see(n_usual, 1, "/bin/sh", "/usr/sbin/cron", "x"), Usual::OnHost);
    assert_eq!(see(n_usual, 2, "/bin/sh", "/usr/sbin/cron", "y"), Usual::Not, "of another label");
    assert_eq!(see(n_usual, 3, "/bin/sh", "/usr/sbin/httpd", "x"), Usual::Not, "of another parent");
    assert_eq!(see(n_usual, 4, "/bin/dash", "/usr/sbin/cron", "x"), Usual::Not, "of another executable");
    // One observation is forgotten after three half-lives, this handful after some more.
    let a_year = 365 * EventNs::DAY / parameters.evidence_quantum_ns;
    assert_eq!(see(a_year, 0, "/bin/sh", "/usr/sbin/cron", "x"), Usual::Not);
}

#[test]
fn evidence_changes_no_surprise_of_what_any_subject_does() {
    let surprise = |with_evidence: bool| {
        let mut lab = Lab::new();
        lab.server(20);
        let subject = lab.profile.subject("", "/bin/other", Some("/sbin/init"));
        if with_evidence {
            lab.profile.observe_evidence(subject, "x", EventNs(lab.now)).unwrap();
        }
        lab.see("/usr/sbin/httpd", Operation::Read, ObjectLabel::File("/etc/shadow")).surprise
    };
    assert_eq!(surprise(true), surprise(false));
}

#[test]
fn evidence_is_usual_where_most_of_the_fleet_vouches_for_it() {
    let mut fleet = crate::fleet::FleetMap::default();
    for host in 0..3 {
        let mut profile = HostProfile::new(&parameters());
        for day in 0..3 {
            let subject = profile.subject("", "/usr/bin/runc", Some("/usr/bin/containerd"));
            profile.observe_evidence(subject, "x", EventNs(START + day * EventNs::DAY)).unwrap();
        }
        let contribution = profile.contribution();
        let entry = crate::fleet::HostEntry { contribution, ..Default::default() };
        fleet.offer(tracewell_model::HostId(host), entry, &parameters()).unwrap();
    }
    let mut profile = HostProfile::new(&parameters());
    profile.set_fleet(Arc::new(FleetView::of(&fleet, &parameters())));
    let mut see = |label| {
        let subject = profile.subject("", "/usr/bin/runc", Some("/usr/bin/containerd"));
        profile.observe_evidence(subject, label, EventNs(START)).unwrap()
    };
    assert_eq!([see("x"), see("y")], [Usual::InFleet, Usual::Not]);
}
