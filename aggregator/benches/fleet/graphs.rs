//! What hosts find: alert graphs of eight nodes, made up. One host's story differs from another's, or repeats it elsewhere and later.

use crate::host::{intrusion, key, with_edge, with_file, with_process, with_socket};
use crate::sessions::BEGIN;
use std::net::SocketAddr;
use tracewell_model::{AlertGraph, EventNs, HostId, Millibits, NodeAttrs, NodeRole, Operation, Reason};

/// Stories that repeats are of.
const STORIES: u64 = 20;

/// The `n`th of a host, a story that no other tells.
pub fn distinct(host: HostId, n: u64) -> AlertGraph {
    story(host, n, n)
}

/// The same, and it leads to a machine beside the host: all connected hosts are asked what they have there.
pub fn followed(host: HostId, n: u64) -> AlertGraph {
    let mut graph = distinct(host, n);
    let (local, remote) =
        (SocketAddr::from(([10, 0, 0, 7], 41_000)), SocketAddr::from(([198, 51, 100, 9], n as u16 | 1)));
    for node in graph.nodes.values_mut() {
        if let NodeAttrs::Socket { local: from, remote: to, .. } = &mut node.attrs {
            (*from, *to) = (Some(local), Some(remote));
        }
    }
    graph
}

/// Distinct ones, but 19 of 20 tell a story that was told before.
pub fn mostly_repeated(host: HostId, n: u64) -> AlertGraph {
    story(host, n, if n.is_multiple_of(20) { n } else { n % STORIES })
}

/// A shell of a service that fetches a program, runs it as root and has it call out.
fn story(host: HostId, n: u64, story: u64) -> AlertGraph {
    let (id, first) = (n + 1, BEGIN + n * EventNs::SECOND / 10);
    let rare = |what: String| Reason::RareChild { surprise: Millibits::bits(12), what: what.into() };
    let made = intrusion(id, first, &format!("/tmp/.cache/tool-{story}"));
    let [process, file, shell, service, page, socket, secret, log] = std::array::from_fn(|n| key(id, n as u64 + 1));
    let made = with_process(made, shell, "/bin/dash", NodeRole::Connector, &[rare(format!("/srv/app-{story}/serve"))]);
    let made = with_process(made, service, &format!("/srv/app-{story}/serve"), NodeRole::Connector, &[]);
    let made = with_file(made, page, &format!("/srv/app-{story}/uploads/page.php"));
    let made = with_file(made, secret, "/etc/shadow");
    let made = with_file(made, log, &format!("/var/log/app-{story}.log"));
    let made = with_socket(made, socket, "127.0.0.1:41000", &format!("127.0.0.1:{}", story % 250 + 1));
    let made = with_edge(made, service, Operation::Fork, shell);
    let made = with_edge(made, shell, Operation::Fork, process);
    let made = with_edge(made, page, Operation::Read, service);
    let made = with_edge(made, shell, Operation::Write, file);
    let made = with_edge(made, secret, Operation::Read, process);
    let made = with_edge(made, process, Operation::Connect, socket);
    let mut made = with_edge(made, process, Operation::Unlink, log);
    (made.host, made.surprise) = (host, Millibits::bits(60));
    made
}
