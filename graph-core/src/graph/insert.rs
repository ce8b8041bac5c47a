use super::{EdgeIdx, Graph, NodeIdx, NodeState, Role};
use crate::history::{EdgeRow, HistoryError};
use tracewell_model::{
    Event, EventFlags, EventNs, FileKind, FileRef, Mode, NodeAttrs, NodeKey, NodeKind, Object, Operation,
    ProcessRecord, ProcessRef, SocketRef,
};

/// Where an event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    pub subject: NodeIdx,
    pub object: Option<NodeIdx>,
    /// `None` for events without an object, with the subject as its own object, or that failed.
    pub edge: Option<EdgeIdx>,
    /// Whether the edge was made for this event rather than repeated by it.
    pub is_new: bool,
    /// Whether the operation had an effect.
    pub succeeded: bool,
    /// Whether it told of a file's attributes what no operation before it did, though it may repeat an edge.
    pub is_news: bool,
    /// What was known of the file's mode before it.
    pub mode_before: Option<Mode>,
}

impl Graph {
    /// Adds an event, whose time the caller has vetted. O(1) but for what must be spilled or read back.
    ///
    /// # Errors
    /// When the history fails; the event is then not in the graph.
    pub fn insert(&mut self, event: &Event) -> Result<Inserted, HistoryError> {
        self.make_room()?;
        let count = u64::from(event.count.max(1));
        let subject_key = self.keys.process(&event.subject);
        let subject = self.touch(subject_key, event.time, &event.subject)?;
        let object = match &event.object {
            Object::None => None,
            Object::Process(process) => {
                let key = self.keys.process(process);
                Some(self.touch(key, event.time, process)?)
            }
            Object::File(file) => {
                let key = self.keys.file(file);
                Some(self.touch(key, event.time, file)?)
            }
            Object::Socket(socket) => {
                let key = self.keys.socket(socket);
                Some(self.touch(key, event.time, socket)?)
            }
        };
        self.counts.events += count;
        if event.flags != EventFlags::NONE {
            self.arena.state_mut(subject).incomplete = true;
        }
        // An attempt to connect tells the other side something even if nobody answers.
        let succeeded = event.errno == 0 || event.op == Operation::Connect;
        if !succeeded {
            self.counts.failed += count;
        }
        let (mut is_news, mut mode_before) = (false, None);
        let (edge, is_new) = match object.filter(|&object| succeeded && object != subject) {
            None => (None, false),
            Some(object) => {
                if let Role::File(file) = &mut self.arena.state_mut(object).role {
                    file.collapsed = false;
                    mode_before = file.mode;
                    is_news = file.set_attributes(event);
                }
                let (from, to) = if event.op.flows_inward() { (object, subject) } else { (subject, object) };
                let (edge, is_new) = self.connect(from, to, event, count)?;
                (Some(edge), is_new)
            }
        };
        if event.op == Operation::Exit
            && let Some(process) = self.process_mut(subject)
        {
            process.exited = true;
        }
        Ok(Inserted { subject, object, edge, is_new, succeeded, is_news, mode_before })
    }

    /// Takes up what a source says of a process, its parent included.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn describe(&mut self, record: &ProcessRecord) -> Result<NodeIdx, HistoryError> {
        self.make_room()?;
        let parent = record.parent.map(|parent| self.keys.process(&parent));
        let key = self.keys.process(&record.process);
        let node = self.touch(key, record.time, &record.process)?;
        self.arena.change(node, |state| {
            if let NodeAttrs::Process { exe, cmdline, uid, container, .. } = &mut state.attrs {
                for (known, news) in [(exe, &record.exe), (cmdline, &record.cmdline), (container, &record.container)] {
                    if news.is_some() {
                        known.clone_from(news);
                    }
                }
                *uid = record.uid.or(*uid);
            }
            if let Some(process) = state.role.process_mut() {
                process.parent = process.parent.or(parent);
                process.was_root |= record.uid == Some(0);
                // Found anew under what is known now, as after a reload.
                process.subject = None;
            }
        });
        Ok(node)
    }

    /// Gives a rise to `surprise` on a hot edge.
    pub fn set_surprise(&mut self, edge: EdgeIdx, surprise: u32) {
        let edge = self.arena.edge_mut(edge);
        edge.surprise = edge.surprise.max(surprise);
    }

    /// Changes a hot node's state, strings included.
    pub fn change<T>(&mut self, node: NodeIdx, change: impl FnOnce(&mut NodeState) -> T) -> T {
        self.arena.change(node, change)
    }

    /// Finds a node hot, reads it back or makes it, and adds what `named` knows of it.
    fn touch(&mut self, key: NodeKey, time: EventNs, named: &impl Named) -> Result<NodeIdx, HistoryError> {
        let node = match self.arena.find(key) {
            Some(node) => {
                self.arena.touch(node);
                node
            }
            None => match self.read_back(key)? {
                Some(node) => node,
                None => {
                    let attrs = named.attrs();
                    match attrs.kind() {
                        NodeKind::Process => self.counts.processes += 1,
                        NodeKind::File => self.counts.files += 1,
                        NodeKind::Socket => self.counts.sockets += 1,
                    }
                    return Ok(self.arena.add_node(key, NodeState::new(attrs, time)));
                }
            },
        };
        let state = self.arena.state_mut(node);
        state.last = state.last.max(time);
        if named.has_news(&state.attrs) {
            let news = named.attrs();
            if state.attrs.kind() == NodeKind::File && news.kind() == NodeKind::Socket {
                self.counts.files -= 1;
                self.counts.sockets += 1;
            }
            self.arena.change(node, |state| add_news(state, news));
        }
        Ok(node)
    }

    /// Repeats the standing edge if its source learned nothing since and its subject still runs, else makes a new one.
    fn connect(
        &mut self,
        from: NodeIdx,
        to: NodeIdx,
        event: &Event,
        count: u64,
    ) -> Result<(EdgeIdx, bool), HistoryError> {
        let head = match self.arena.head(from, to, event.op) {
            _ if self.has_exited(from, to, event.op) => None,
            Some(head) => Some(head),
            None => {
                let head = self.read_back_head(from, to, event.op)?;
                self.trim(from, to)?;
                head
            }
        };
        let from_version = self.arena.node(from).state.version;
        if let Some(head) = head {
            let edge = self.arena.edge_mut(head);
            if edge.from_version == from_version {
                edge.in_use = true;
                edge.last = edge.last.max(event.time);
                edge.count = edge.count.saturating_add(count);
                edge.amount_bytes = edge.amount_bytes.saturating_add(event.amount_bytes);
                edge.flags = edge.flags | event.flags;
                return Ok((head, false));
            }
        }
        let source = self.arena.state_mut(from);
        source.emitted = true;
        source.n_out = source.n_out.saturating_add(1);
        let target = self.arena.state_mut(to);
        target.version += u32::from(target.emitted);
        target.emitted = false;
        target.n_in = target.n_in.saturating_add(1);
        let row = EdgeRow {
            from: self.key(from),
            to: self.key(to),
            op: event.op,
            seq: self.next_seq,
            first: event.time,
            last: event.time,
            count,
            amount_bytes: event.amount_bytes,
            from_version,
            to_version: self.arena.node(to).state.version,
            flags: event.flags,
            surprise: 0,
        };
        self.next_seq += 1;
        self.counts.edges += 1;
        let edge = self.arena.add_edge(from, to, &row);
        self.trim(from, to)?;
        Ok((edge, true))
    }
}

/// What a reference says of the node it names.
trait Named {
    fn attrs(&self) -> NodeAttrs;
    /// Whether `attrs()` would add something to `known`. Called for every event.
    fn has_news(&self, known: &NodeAttrs) -> bool;
}

impl Named for ProcessRef {
    fn attrs(&self) -> NodeAttrs {
        NodeAttrs::Process { process: *self, exe: None, cmdline: None, uid: None, container: None, environment: None }
    }

    fn has_news(&self, known: &NodeAttrs) -> bool {
        matches!(known, NodeAttrs::Process { process, .. } if process.pid == 0 && self.pid != 0)
    }
}

impl Named for FileRef {
    fn attrs(&self) -> NodeAttrs {
        NodeAttrs::File { uuid: self.uuid, path: self.path.clone(), kind: self.kind }
    }

    fn has_news(&self, known: &NodeAttrs) -> bool {
        match known {
            NodeAttrs::File { path, kind, .. } => {
                path.is_none() && self.path.is_some() || *kind == FileKind::Unknown && self.kind != FileKind::Unknown
            }
            _ => false,
        }
    }
}

impl Named for SocketRef {
    fn attrs(&self) -> NodeAttrs {
        NodeAttrs::Socket {
            uuid: self.uuid,
            protocol: self.protocol,
            local: self.local,
            remote: self.remote,
            path: self.path.clone(),
        }
    }

    fn has_news(&self, known: &NodeAttrs) -> bool {
        match known {
            NodeAttrs::Socket { local, remote, path, .. } => {
                local.is_none() && self.local.is_some()
                    || remote.is_none() && self.remote.is_some()
                    || path.is_none() && self.path.is_some()
            }
            NodeAttrs::File { kind, .. } => *kind == FileKind::Unknown,
            NodeAttrs::Process { .. } => false,
        }
    }
}

/// Fills gaps and replaces "unknown"; what is known stays.
fn add_news(state: &mut NodeState, news: NodeAttrs) {
    match (&mut state.attrs, news) {
        (NodeAttrs::Process { process, .. }, NodeAttrs::Process { process: named, .. }) => process.pid = named.pid,
        (NodeAttrs::File { path, kind, .. }, NodeAttrs::File { path: new_path, kind: new_kind, .. }) => {
            *path = path.take().or(new_path);
            if *kind == FileKind::Unknown {
                *kind = new_kind;
            }
        }
        (
            NodeAttrs::Socket { protocol, local, remote, path, .. },
            NodeAttrs::Socket { protocol: p, local: l, remote: r, path: at, .. },
        ) => {
            if *protocol == tracewell_model::Protocol::Unknown {
                *protocol = p;
            }
            *local = local.or(l);
            *remote = remote.or(r);
            *path = path.take().or(at);
        }
        (attrs @ NodeAttrs::File { .. }, socket @ NodeAttrs::Socket { .. }) => {
            *attrs = socket;
            state.role = Role::Socket(super::SocketState::default());
        }
        _ => {}
    }
}
