//! What leaves the host: whole graphs first, then what changed, bounded, each part with its reason.

use crate::sketch::Sketch;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Write;
use tracewell_model::{AlertGraph, AlertUpdate, Loss, NodeKind};
use tracewell_parameters::{LinkParameters, Parameters};

const INTRUSION: &str = "
    p1 exec /usr/sbin/httpd
    p1 accept tcp:203.0.113.5:4000
    p1 fork p2
    p2 exec /bin/sh
    p2 write /tmp/x
    p2 fork p3
    p3 exec /tmp/x
    p3 connect tcp:198.51.100.7:80
    p3 read /etc/shadow surprise=10000
";

fn one(mut updates: Vec<AlertUpdate>) -> AlertUpdate {
    assert_eq!(updates.len(), 1, "{updates:#?}");
    updates.remove(0)
}

/// A graph as an analyst would read it, in the order in which the trace named things.
fn draw(sketch: &mut Sketch, graph: &AlertGraph, names: &[&str]) -> String {
    let mut text =
        format!("{} of {} nodes, {}\n", graph.nodes.len(), graph.nodes.len() as u32 + graph.n_omitted, graph.surprise);
    let keys: Vec<_> = names.iter().map(|name| sketch.key(name)).collect();
    for (name, key) in names.iter().zip(&keys) {
        let Some(node) = graph.nodes.get(key) else { continue };
        let reasons: Vec<_> = node.reasons.iter().map(|reason| sketch.words(reason)).collect();
        writeln!(text, "{name} {:?}: {}", node.role, reasons.join(", ")).unwrap();
    }
    for (from, from_key) in names.iter().zip(&keys) {
        for (to, to_key) in names.iter().zip(&keys) {
            for (edge_key, edge) in graph.edges.iter().filter(|(edge, _)| (edge.from, edge.to) == (*from_key, *to_key))
            {
                let reasons: Vec<_> = edge.reasons.iter().map(|reason| sketch.words(reason)).collect();
                writeln!(text, "{from} -{}-> {to}: {}", edge_key.op.name(), reasons.join(", ")).unwrap();
            }
        }
    }
    text
}

#[test]
fn an_intrusion_is_told_with_its_reasons() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(INTRUSION);
    let update = one(sketch.emit(Loss::default()));
    assert_eq!((update.extends, update.graph.revision), (0, 1));
    let names = [
        "p1",
        "p2",
        "p3",
        "/usr/sbin/httpd",
        "/bin/sh",
        "/tmp/x",
        "tcp:203.0.113.5:4000",
        "tcp:198.51.100.7:80",
        "/etc/shadow",
    ];
    let expected = "7 of 7 nodes, 18.0 bits
p1 Context: touched by p3
p2 Context: serves for p1, touched by p3
p3 Terminal: serves for p1, ran /tmp/x written by p2, calls out to tcp:198.51.100.7:80, rare /etc/shadow 10000
/tmp/x Context: touched by p3
tcp:203.0.113.5:4000 Context: touched by p1
tcp:198.51.100.7:80 Context: touched by p3
/etc/shadow Context: touched by p3
p1 -fork-> p2: descends from p1
p2 -fork-> p3: descends from p2
p2 -write-> /tmp/x: touched by p2
p3 -connect-> tcp:198.51.100.7:80: calls out to tcp:198.51.100.7:80
/tmp/x -exec-> p3: ran /tmp/x written by p2
tcp:203.0.113.5:4000 -accept-> p1: touched by p1
/etc/shadow -read-> p3: rare /etc/shadow 10000
";
    assert_eq!(draw(&mut sketch, &update.graph, &names), expected);
}

#[test]
fn nothing_new_is_not_sent_again() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(INTRUSION);
    one(sketch.emit(Loss::default()));
    assert!(sketch.emit(Loss::default()).is_empty());
    // Known against a member already, and no part of the graph.
    sketch.run("p8 read /etc/other");
    assert!(sketch.emit(Loss::default()).is_empty());
}

#[test]
fn growth_is_sent_as_what_changed() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(INTRUSION);
    let mut known = one(sketch.emit(Loss::default())).graph;
    sketch.run("p3 unlink /tmp/x");
    let update = one(sketch.emit(Loss::default()));
    assert_eq!((update.extends, update.graph.revision), (1, 2));
    assert!(update.graph.nodes.len() < known.nodes.len(), "a part, not the whole");
    known.apply(update).unwrap();
    let mut whole = whole(&mut sketch, "p3");
    whole.revision = known.revision;
    assert_eq!(known, whole);
}

/// The whole of a hopset, as it is sent to a receiver that lost track.
/// What a program reads by itself says little; what it was told to read is what somebody wanted.
#[test]
fn of_what_was_only_read_that_is_drawn_which_the_command_names() {
    let mut sketch = Sketch::new(&Parameters::default());
    let reads = "
        p3 read /etc/shadow surprise=10000
        p3 read /etc/services surprise=10000
        p3 read /srv/key surprise=10000
        p3 write /tmp/made surprise=10000
    ";
    sketch.run(INTRUSION.rsplit_once("p3 read").expect("it reads").0);
    sketch.command("p3", "/tmp/x --also=/etc/shadow ../srv/key");
    sketch.run(reads);
    let drawn = one(sketch.emit(Loss::default())).graph.nodes;
    let files = ["/etc/shadow", "/etc/services", "/srv/key", "/tmp/made"];
    assert_eq!(files.map(|file| drawn.contains_key(&sketch.key(file))), [true, false, true, true]);
}

fn whole(sketch: &mut Sketch, process: &str) -> AlertGraph {
    let id = sketch.hopset_of(process);
    sketch.linker.forget_emitted(&mut sketch.graph, id).unwrap();
    let update = one(sketch.emit(Loss::default()));
    assert_eq!(update.extends, 0);
    update.graph
}

#[test]
fn losses_nearby_are_shown() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(INTRUSION);
    let loss = Loss { n_events: 12, n_gaps: 1 };
    assert_eq!(one(sketch.emit(loss)).graph.loss, loss);
}

#[test]
fn what_finds_no_place_is_counted_and_the_heaviest_stay() {
    let shipped = Parameters::default();
    let link = LinkParameters { alert_nodes_max: 4, ..shipped.link };
    let mut sketch = Sketch::new(&Parameters { link, ..shipped });
    sketch.run(INTRUSION);
    let graph = one(sketch.emit(Loss::default())).graph;
    assert_eq!(graph.nodes.len(), 4);
    assert!(graph.n_omitted > 0);
    let p3 = sketch.key("p3");
    assert!(graph.nodes.contains_key(&p3), "the heaviest terminal is shown");
}

/// What members of a growing story do; each letter is one step of one of six processes.
fn steps() -> impl Strategy<Value = Vec<Vec<(u32, u32)>>> {
    vec(vec((2..8u32, 0..9u32), 1..6), 1..6)
}

fn step((process, what): (u32, u32)) -> String {
    match what {
        0 => format!("p{process} fork p{}", process + 10),
        1 => format!("p{process} exec memory:{process}"),
        2 => format!("p{process} connect tcp:198.51.100.{process}:80"),
        3 => format!("p{process} write /tmp/{process} surprise=9000"),
        4 => format!("p{process} read /tmp/{} surprise=9000", process - 1),
        5 => format!("p{process} exec /tmp/{process}"),
        6 => format!("p{process} module-load /lib/m.ko"),
        7 => format!("p{process} unlink memory:{process}"),
        _ => format!("p{process} ptrace p{}", process + 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A receiver that applied every update knows the whole, as long as nothing had to be left out.
    #[test]
    fn updates_add_up_to_the_whole(windows in steps()) {
        let mut known = std::collections::BTreeMap::<_, AlertGraph>::new();
        let (mut sender, mut twin) = (story(), story());
        for window in windows {
            for line in window.into_iter().map(step) {
                sender.run(&line);
                twin.run(&line);
            }
            for update in sender.emit(Loss::default()) {
                check(&update.graph)?;
                let id = update.graph.id;
                match known.get_mut(&id) {
                    Some(graph) => graph.apply(update).unwrap(),
                    None => {
                        prop_assert_eq!(update.extends, 0);
                        known.insert(id, update.graph);
                    }
                }
                // The twin is always asked for the whole.
                twin.linker.forget_emitted(&mut twin.graph, id.0).unwrap();
            }
            for whole in twin.emit(Loss::default()) {
                prop_assert_eq!(whole.extends, 0);
                prop_assert_eq!(&known[&whole.graph.id], &whole.graph);
            }
        }
    }
}

/// A server with six children, and room for all that they may do.
fn story() -> Sketch {
    let shipped = Parameters::default();
    let link = LinkParameters { alert_nodes_max: 1_000, ..shipped.link };
    let mut sketch = Sketch::new(&Parameters { link, ..shipped });
    sketch.run("p1 exec /srv\n p1 accept tcp:203.0.113.5:4000");
    (2..8).for_each(|pid| sketch.run(&format!("p1 fork p{pid}\n p{pid} exec /bin/{pid}")));
    sketch
}

/// What holds for every graph that is sent.
fn check(graph: &AlertGraph) -> Result<(), TestCaseError> {
    prop_assert!(graph.first <= graph.last);
    prop_assert!(graph.nodes.values().all(|node| !node.reasons.is_empty() && node.first <= node.last));
    prop_assert!(graph.edges.values().all(|edge| !edge.reasons.is_empty() && edge.count > 0));
    let kind = |key| graph.nodes.get(key).map(|node| node.attrs.kind());
    for key in graph.edges.keys() {
        let ends = [kind(&key.from), kind(&key.to)];
        prop_assert!(
            ends.iter().all(Option::is_none) || ends.contains(&Some(NodeKind::Process)) || ends.contains(&None)
        );
    }
    Ok(())
}
