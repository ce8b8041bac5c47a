//! Who serves whom, who calls out, who is led by what comes over a socket.

use super::{Step, Structure, ancestors};
use crate::graph::{Graph, ProcessState, Role};
use crate::history::HistoryError;
use std::net::IpAddr;
use tracewell_model::{NodeAttrs, Protocol, Reason};

impl Structure {
    pub(super) fn accepted(&self, graph: &mut Graph, step: &Step<'_>) -> Option<Reason> {
        let (socket, _) = step.object?;
        graph.change(socket, |state| {
            if let Role::Socket(socket) = &mut state.role {
                socket.inbound = true;
                socket.opener = Some(step.subject);
            }
        });
        // Also over loopback, or a named Unix socket: a service behind a proxy of its own machine is led from outside all the same.
        let is_fed = graph.hot(socket).role.socket().is_some_and(|socket| socket.fed_by_server);
        if is_fed || peer(&graph.hot(socket).attrs).is_some() {
            graph.process_mut(step.inserted.subject)?.serves = true;
        }
        None
    }

    /// A call to another machine by a program that a server started, or any call by one that its own lineage wrote.
    pub(super) fn connected(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((socket, key)) = step.object else { return Ok(None) };
        let serves = graph.hot(step.inserted.subject).role.process().is_some_and(|process| process.serves);
        graph.change(socket, |state| {
            if let Role::Socket(socket) = &mut state.role {
                socket.opener = socket.opener.or(Some(step.subject));
                socket.fed_by_server |= serves;
            }
        });
        let attrs = &graph.hot(socket).attrs;
        if peer(attrs).is_none() || matches!(attrs, NodeAttrs::Socket { protocol: Protocol::Udp, .. }) {
            return Ok(None);
        }
        let is_outside = is_other_machine(attrs);
        let calls = self.is_own_work(graph, step)? || is_outside && self.foreign_server(graph, step)?.is_some();
        Ok(calls.then_some(Reason::CallsOut { socket: key }))
    }

    /// Whether the process, or one between it and the server above it, runs what its own lineage wrote.
    fn is_own_work(&self, graph: &mut Graph, step: &Step<'_>) -> Result<bool, HistoryError> {
        let ran_own = |process: &ProcessState| {
            process.known_facts().any(|fact| matches!(fact, Reason::RanOwnWrite { .. } | Reason::RanUnlinked { .. }))
        };
        let Some(process) = graph.hot(step.inserted.subject).role.process() else { return Ok(false) };
        let Some(server) = process.server.filter(|_| !ran_own(process)) else { return Ok(ran_own(process)) };
        for ancestor in ancestors(graph, step.subject)?.into_iter().take_while(|ancestor| *ancestor != server) {
            let state = graph.state(ancestor)?;
            if state.is_some_and(|state| state.role.process().is_some_and(ran_own)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Remembers when a process reads from another machine through a socket that another program opened for it.
    pub(super) fn read(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((object, key)) = step.object else { return Ok(None) };
        let amount = step.event.amount_bytes;
        let Some(socket) = graph.hot(object).role.socket() else {
            if let Some(process) = graph.process_mut(step.inserted.subject) {
                process.bytes_read = process.bytes_read.saturating_add(amount);
            }
            return Ok(None);
        };
        let Some(opener) = socket.opener else {
            graph.change(object, |state| {
                if let Role::Socket(socket) = &mut state.role {
                    socket.opener = Some(step.subject);
                }
            });
            return Ok(None);
        };
        if opener == step.subject || !step.inserted.is_new || !is_other_machine(&graph.hot(object).attrs) {
            return Ok(None);
        }
        let opener_exe = graph.state(opener)?.and_then(|state| state.exe().cloned());
        let own_exe = graph.hot(step.inserted.subject).exe();
        if own_exe.is_some()
            && opener_exe.is_some()
            && own_exe != opener_exe.as_ref()
            && let Some(process) = graph.process_mut(step.inserted.subject)
        {
            process.input_socket = Some(key);
        }
        Ok(None)
    }

    /// Adds up what leaves for other machines; much read and much sent by one that is no server is a fact.
    pub(super) fn sent(&self, graph: &mut Graph, step: &Step<'_>) -> Option<Reason> {
        let (object, _) = step.object?;
        if !is_other_machine(&graph.hot(object).attrs) {
            return None;
        }
        let min = self.parameters.collected_min_bytes;
        let process = graph.process_mut(step.inserted.subject)?;
        process.bytes_sent = process.bytes_sent.saturating_add(step.event.amount_bytes);
        let bytes = process.bytes_sent;
        (bytes >= min && process.bytes_read >= min && !process.serves).then_some(Reason::CollectedAndSent { bytes })
    }
}

/// The address of a socket's other end, where it is known.
fn peer(attrs: &NodeAttrs) -> Option<IpAddr> {
    let NodeAttrs::Socket { remote: Some(remote), .. } = attrs else { return None };
    Some(remote.ip().to_canonical()).filter(|ip| !ip.is_unspecified())
}

/// Whether a socket's other end is known and lies on another machine.
pub fn is_other_machine(attrs: &NodeAttrs) -> bool {
    peer(attrs).is_some_and(|ip| !ip.is_loopback())
}
