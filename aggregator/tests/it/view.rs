//! What is drawn at first sight.

use crate::host::{HOUR, incidents_of, intrusion, key, with_edge, with_file, with_process};
use tracewell_aggregator::View;
use tracewell_model::{AlertGraph, NodeRole, Operation, Reason};

/// An intrusion that read so many files whose names differ only in what generalisation masks.
fn reader(id: u64, n_files: u64) -> AlertGraph {
    let process = key(id, 1);
    (0..n_files).fold(intrusion(id, id * HOUR, "/bin/a"), |mut graph, n| {
        let file = key(id, 100 + n);
        graph = with_file(graph, file, &format!("/srv/{n}"));
        graph.nodes.get_mut(&file).unwrap().general = "/srv/*".into();
        with_edge(graph, file, Operation::Read, process)
    })
}

fn view(graphs: impl IntoIterator<Item = AlertGraph>) -> View {
    incidents_of(graphs).shown[0].view(50)
}

#[test]
fn siblings_that_are_alike_are_drawn_as_one() {
    let view = view([reader(1, 40)]);
    assert_eq!((view.n_drawn, view.nodes.len(), view.n_left_out), (3, 42, 0));
    let [group] = &view.groups[..] else { panic!("{} groups", view.groups.len()) };
    assert_eq!((group.nodes.len(), &*group.label), (40, "/srv/0 and 39 like it"));
    assert!(view.nodes.iter().filter(|node| node.group == Some(0)).all(|node| group.nodes.contains(&node.key)));
}

#[test]
fn what_hangs_elsewhere_or_shows_a_fact_is_no_sibling() {
    let mut graph = reader(1, 10);
    graph = with_edge(graph, key(1, 1), Operation::Unlink, key(1, 100));
    graph.nodes.get_mut(&key(1, 101)).unwrap().reasons.push(Reason::EnteredKernel);
    let view = view([graph]);
    assert_eq!(view.groups[0].nodes.len(), 8);
    assert_eq!(view.n_drawn, 5);
}

#[test]
fn repeats_are_counted_and_not_drawn() {
    let once = view([reader(1, 3)]);
    let thrice = view([reader(1, 3), reader(2, 3), reader(3, 3)]);
    assert_eq!((once.n_drawn, once.n_repeats_folded), (thrice.n_drawn, 0));
    assert_eq!(thrice.n_repeats_folded, 2);
}

#[test]
fn no_more_is_drawn_than_fits_and_the_rest_is_counted() {
    let mut graph = intrusion(1, HOUR, "/bin/a");
    for n in 0..80 {
        graph = with_process(graph, key(1, 100 + n), &format!("/bin/{n}"), NodeRole::Context, &[]);
    }
    let view = view([graph]);
    assert_eq!((view.n_drawn, view.nodes.len(), view.n_left_out), (50, 50, 32));
    assert_eq!(view.nodes[0].label, "/bin/a", "what stands out is drawn first");
    let drawn: std::collections::BTreeSet<_> = view.nodes.iter().map(|node| node.key).collect();
    assert!(view.edges.iter().all(|edge| drawn.contains(&edge.key.from) && drawn.contains(&edge.key.to)));
}

#[test]
fn nodes_and_edges_say_why() {
    let view = view([intrusion(1, HOUR, "/bin/a")]);
    let nodes: Vec<_> = view.nodes.iter().map(|node| format!("{}: {}", node.label, node.reasons.join(", "))).collect();
    let edges: Vec<_> = view.edges.iter().map(|edge| edge.sentence.clone()).collect();
    insta::assert_snapshot!([nodes, edges].concat().join("\n"), @r"
    /bin/a: ran /tmp/payload, which a had written, went from user 33 to user 0, deleted its own executable /tmp/payload
    /tmp/payload: 
    a executed /tmp/payload
    ");
}
