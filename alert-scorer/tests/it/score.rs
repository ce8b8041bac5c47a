use crate::sketch::{Sketch, intrusion, key, oddity};
use proptest::prelude::*;
use tracewell_alert_scorer::{Context, Fact, Features, Score, Severity, Tactic};
use tracewell_model::{EventNs, Finding, FindingSeverity, Loss, Millibits, NodeAttrs, NodeRole, Operation, Reason};
use tracewell_parameters::Parameters;

fn score(sketch: &Sketch) -> Score {
    score_in(sketch, Context::default())
}

fn score_in(sketch: &Sketch, context: Context) -> Score {
    Score::of(&Features::of(&[&sketch.0], context), &Parameters::default().score)
}

#[test]
fn an_intrusion_is_near_certain_and_an_oddity_is_low() {
    let (intrusion, oddity) = (score(&intrusion()), score(&oddity()));
    assert_eq!(intrusion.severity, Severity::Critical);
    assert!(intrusion.points > 85_000, "{}", intrusion.points);
    assert_eq!(oddity.severity, Severity::Low);
    assert!(oddity.points < 5_000, "{}", oddity.points);
}

/// Each further fact raises the score, whichever facts they are.
#[test]
fn different_facts_add_up() {
    let full = intrusion();
    let reasons = full.0.nodes[&key(2)].reasons.clone();
    let points = (0..=reasons.len()).map(|n| {
        let mut sketch = full.clone();
        sketch.0.nodes.get_mut(&key(2)).unwrap().reasons.truncate(n);
        score(&sketch).points
    });
    let points: Vec<_> = points.collect();
    assert!(points.is_sorted_by(|a, b| a < b), "{points:?}");
}

/// A thousand processes with one fact are still one fact; a second fact outweighs them.
#[test]
fn the_same_fact_on_many_nodes_counts_once_and_a_little() {
    let many = |n| {
        let reasons = [Reason::EnteredProcess { target: key(0) }];
        (1..=n).fold(Sketch::new(), |sketch, i| sketch.process(i, "/x", NodeRole::Terminal, &reasons))
    };
    let two_facts = Sketch::new().process(
        1,
        "/x",
        NodeRole::Terminal,
        &[Reason::EnteredProcess { target: key(0) }, Reason::DeletedOwnExecutable { file: key(0) }],
    );
    let evidence = |sketch: &Sketch| score(sketch).evidence;
    assert!(evidence(&many(1)) < evidence(&many(2)));
    assert!(evidence(&many(2)) < evidence(&many(8)));
    assert_eq!(evidence(&many(8)), evidence(&many(1000)));
    assert!(evidence(&many(1000)) < evidence(&two_facts));
}

/// A flood that makes the agent lose events must not hide what it covers.
#[test]
fn losses_change_nothing() {
    let mut lossy = intrusion();
    lossy.0.loss = Loss { n_events: 1_000_000, n_gaps: 7 };
    lossy.0.edges.values_mut().for_each(|edge| edge.incomplete = true);
    assert_eq!(score(&lossy), score(&intrusion()));
}

#[test]
fn the_fleet_adds_evidence() {
    let alone = score(&oddity()).evidence;
    let with = |context| score_in(&oddity(), context).evidence.0 - alone.0;
    assert_eq!(with(Context { n_hosts: 4, n_hosts_alike: 1, ..Context::default() }), 2000);
    assert_eq!(with(Context { n_hosts: 4, n_hosts_alike: 4, ..Context::default() }), 0);
    assert_eq!(with(Context { n_hosts_within_day: 8, ..Context::default() }), 6000);
}

#[test]
fn what_detectors_find_adds_evidence_and_is_told() {
    let found = |reasons: &[Reason]| Sketch::new().process(1, "/x", NodeRole::Terminal, reasons);
    let finding = |detector: &str, severity| {
        let finding = Finding {
            detector: detector.into(),
            severity,
            title: "a listener by netcat".into(),
            reason: "".into(),
            techniques: vec![],
            nodes: vec![],
        };
        Reason::Detected(finding.into())
    };
    let (medium, high) = (finding("a", FindingSeverity::Medium), finding("a", FindingSeverity::High));
    let alone = score(&found(&[Reason::Connects])).evidence.0;
    let with = |reasons: &[Reason]| score(&found(reasons)).evidence.0 - alone;
    assert_eq!(with(std::slice::from_ref(&medium)), 8000);
    assert_eq!(with(&[medium.clone(), high.clone()]), 12_000, "the same finding counts at its worst");
    assert_eq!(with(&[high.clone(), finding("b", FindingSeverity::Low)]), 12_300, "two agree");
    let explained = score(&found(&[high, finding("b", FindingSeverity::Low)])).contributions;
    assert_eq!(explained[0].words, "detector a (high): a listener by netcat; and one finding more");
}

#[test]
fn only_other_machines_count_as_reach() {
    let called = |remote: &str| {
        let sketch = Sketch::new().process(1, "/x", NodeRole::Terminal, &[Reason::Connects]).socket(2, remote).edge(
            1,
            Operation::Connect,
            2,
        );
        Features::of(&[&sketch.0], Context::default()).n_machines_called
    };
    let cases = [
        ("203.0.113.7:443", 1),
        ("10.0.0.9:22", 1),
        ("[2001:db8::1]:80", 1),
        ("127.0.0.1:80", 0),
        ("169.254.169.254:80", 0),
        ("0.0.0.0:80", 0),
        ("[::1]:80", 0),
        ("[::ffff:127.0.0.1]:80", 0),
        ("[fe80::1]:80", 0),
        ("224.0.0.1:5353", 0),
    ];
    for (remote, expected) in cases {
        assert_eq!(called(remote), expected, "{remote}");
    }
}

#[test]
fn tactics_count_in_the_order_of_an_intrusion() {
    let facts = [
        (1, Reason::ServesNetwork { server: key(9) }),
        (2, Reason::RanOwnWrite { file: key(9), writer: key(9) }),
        (3, Reason::GainedPrivilege { from_uid: 1, to_uid: 0 }),
        (4, Reason::CollectedAndSent { bytes: 1 }),
    ];
    let tactics = |times: [u64; 4]| {
        let sketch = facts.iter().zip(times).fold(Sketch::new(), |sketch, ((n, reason), time)| {
            sketch.process(*n, "/x", NodeRole::Terminal, std::slice::from_ref(reason)).at(*n, time)
        });
        Features::of(&[&sketch.0], Context::default()).tactics
    };
    use Tactic::{Execution, Exfiltration, InitialAccess, PrivilegeEscalation};
    assert_eq!(tactics([1, 2, 3, 4]), [InitialAccess, Execution, PrivilegeEscalation, Exfiltration]);
    assert_eq!(tactics([1, 3, 2, 4]), [InitialAccess, PrivilegeEscalation, Exfiltration]);
    assert_eq!(tactics([4, 3, 2, 1]), [Exfiltration]);
    assert_eq!(tactics([5, 5, 5, 5]), [InitialAccess, Execution, PrivilegeEscalation, Exfiltration]);
}

#[test]
fn the_class_is_the_weightiest_fact() {
    let class = |sketch: &Sketch| Features::of(&[&sketch.0], Context::default()).class(&Parameters::default().score);
    assert_eq!(class(&oddity()), Some(Fact::RareOperation));
    assert_eq!(class(&Sketch::new()), None);
}

/// Bands are by points alone, and their edges belong to the higher band.
#[test]
fn bands_begin_where_the_parameters_say() {
    let parameters = Parameters::default().score;
    let band = |points| Severity::of(points, &parameters);
    assert_eq!(band(parameters.medium_min - 1), Severity::Low);
    assert_eq!(band(parameters.medium_min), Severity::Medium);
    assert_eq!(band(parameters.high_min), Severity::High);
    assert_eq!(band(parameters.critical_min), Severity::Critical);
    assert!(parameters.medium_min < parameters.high_min && parameters.high_min < parameters.critical_min);
}

/// Nothing that decides knows a program, a path or an address.
#[test]
fn names_change_nothing() {
    let mut renamed = intrusion();
    for (n, node) in renamed.0.nodes.values_mut().enumerate() {
        node.general = format!("/other/{n}").into();
        match &mut node.attrs {
            NodeAttrs::Process { exe, .. } => *exe = Some(format!("/other/{n}").into()),
            NodeAttrs::File { path, .. } => *path = None,
            NodeAttrs::Socket { remote, .. } => *remote = Some(([198, 51, 100, 9], 8080).into()),
        }
    }
    assert_eq!(score(&renamed), score(&intrusion()));
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        any::<u32>().prop_map(|n| Reason::RareOperation {
            surprise: Millibits(n),
            op: Operation::Open,
            what: "a".into()
        }),
        any::<u32>().prop_map(|n| Reason::RareChild { surprise: Millibits(n), what: "a".into() }),
        Just(Reason::RanOwnWrite { file: key(1), writer: key(2) }),
        Just(Reason::ServesNetwork { server: key(1) }),
        Just(Reason::CallsOut { socket: key(1) }),
        Just(Reason::EnteredKernel),
        Just(Reason::MassChange { n_files: 3 }),
        Just(Reason::Connects),
    ]
}

proptest! {
    #[test]
    fn an_explanation_adds_up_and_a_score_stays_on_its_scale(
        nodes in proptest::collection::vec(proptest::collection::vec(reason(), 0..4), 0..20),
        surprise in any::<u32>(), n_hosts in any::<u32>(), alike in any::<u32>(), within in any::<u32>(),
    ) {
        let mut sketch = nodes.iter().enumerate().fold(Sketch::new(), |sketch, (n, reasons)| {
            sketch.process(n as u128, "/x", NodeRole::Terminal, reasons).at(n as u128, n as u64 * 7 % 5)
        });
        sketch.0.surprise = Millibits(surprise);
        let context = Context { n_hosts, n_hosts_alike: alike, n_hosts_within_day: within };
        let score = score_in(&sketch, context);
        prop_assert!(score.points <= 100_000);
        prop_assert_eq!(score.contributions.iter().map(|part| part.points).sum::<u32>(), score.points);
        prop_assert!(score.contributions.is_sorted_by(|a, b| a.points >= b.points));
        prop_assert_eq!(score.severity, Severity::of(score.points, &Parameters::default().score));
    }

    /// Where things happened and when does not move the score, only what happened in which order.
    #[test]
    fn a_shift_in_time_changes_nothing(shift in 0..u64::MAX / 2) {
        let mut later = intrusion();
        for node in later.0.nodes.values_mut() {
            node.first = EventNs(node.first.0 + shift);
        }
        prop_assert_eq!(score(&later), score(&intrusion()));
    }
}
