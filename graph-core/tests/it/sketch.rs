//! Small text traces: one line an event, run through graph, structure, linker and summaries.
//!
//! `SUBJECT OP OBJECT [key=value…]`, one second apart unless `at=SECONDS` says otherwise. A subject or object `p7` is
//! process 7, `/path` a file, `memory:NAME` a memory file, `tcp:ADDR` or `udp:ADDR` a socket to that remote address, `tcp:OWN>ADDR`
//! one of which both ends are known, `unix:/path` a named one, `-`
//! nothing. `is` instead of an operation describes a process: `p7 is /exe uid=0 parent=p1`. Keys: `bytes`, `count`,
//! `errno`, `uid`, `to` (a new path), `surprise` (millibits, as the profile would give), `parent`.

use crate::arbitrary::HOST;
use std::collections::BTreeMap;
use tracewell_graph_core::follow::Connections;
use tracewell_graph_core::graph::{Graph, Inserted, Rare};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::link::Linker;
use tracewell_graph_core::profile::EntryId;
use tracewell_graph_core::structure::Structure;
use tracewell_graph_core::summary::Summariser;
use tracewell_model::{
    AlertUpdate, Detail, Event, EventFlags, EventNs, FarEnd, FileKind, FileRef, Loss, Millibits, NodeKey, Object,
    Operation, ProcessRecord, ProcessRef, Protocol, Reason, SocketRef,
};
use tracewell_parameters::Parameters;

pub struct Sketch {
    pub graph: Graph,
    pub structure: Structure,
    pub linker: Linker,
    pub summariser: Summariser,
    pub connections: Connections,
    names: BTreeMap<NodeKey, String>,
    now: EventNs,
}

impl Sketch {
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            graph: Graph::new(HOST, &parameters.graph, Box::new(MemoryHistory::new())),
            structure: Structure::new(&parameters.structure, 4000),
            linker: Linker::new(&parameters.link),
            summariser: Summariser::new(&parameters.link, &parameters.structure),
            connections: Connections::default(),
            names: BTreeMap::new(),
            now: EventNs::ZERO,
        }
    }

    pub fn run(&mut self, trace: &str) {
        for line in trace.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line);
        }
    }

    /// The key of what a trace calls `name`.
    pub fn key(&mut self, name: &str) -> NodeKey {
        let key = object(name).key(HOST).expect("a name is of a node");
        self.names.insert(key, name.to_owned());
        key
    }

    /// Tells what a process was started with, and gives its key.
    pub fn command(&mut self, process: &str, command: &str) -> NodeKey {
        let Object::Process(subject) = object(process) else { panic!("{process} is no process") };
        let (parent, exe, cmdline, uid, container) = (None, None, Some(command.into()), None, None);
        let record =
            ProcessRecord { host: HOST, time: self.now, process: subject, parent, exe, cmdline, uid, container };
        self.graph.describe(&record).unwrap();
        self.key(process)
    }

    /// The facts known of a process, in the words of the trace.
    pub fn facts(&mut self, process: &str) -> Vec<String> {
        let key = self.key(process);
        let facts = match self.graph.state(key).unwrap() {
            Some(state) => state.role.process().expect("named as a process").facts.clone(),
            None => Vec::new(),
        };
        facts.iter().map(|fact| self.words(fact)).collect()
    }

    pub fn words(&self, reason: &Reason) -> String {
        let name = |key: &NodeKey| self.names.get(key).map_or("?", String::as_str);
        match reason {
            Reason::RareOperation { surprise, what, .. } => format!("rare {what} {}", surprise.0),
            Reason::RareChild { surprise, what } => format!("rare child {what} {}", surprise.0),
            Reason::RanOwnWrite { file, writer } => format!("ran {} written by {}", name(file), name(writer)),
            Reason::ServesNetwork { server } => format!("serves for {}", name(server)),
            Reason::CallsOut { socket } => format!("calls out to {}", name(socket)),
            Reason::CommandsFromSocket { socket } => format!("commanded over {}", name(socket)),
            Reason::GainedPrivilege { from_uid, to_uid } => format!("user {from_uid} became {to_uid}"),
            Reason::DeletedOwnExecutable { file } => format!("deleted its own {}", name(file)),
            Reason::RanUnlinked { file } => format!("ran unlinked {}", name(file)),
            Reason::EnteredProcess { target } => format!("entered {}", name(target)),
            Reason::EnteredKernel => "entered the kernel".into(),
            Reason::Followed { .. } => "followed".into(),
            Reason::MassChange { n_files } => format!("changed {n_files} files"),
            Reason::CollectedAndSent { bytes } => format!("sent {bytes} bytes"),
            Reason::Connects => "connects".into(),
            Reason::DescendsFrom { ancestor } => format!("descends from {}", name(ancestor)),
            Reason::Started { descendant } => format!("started {}", name(descendant)),
            Reason::TouchedBy { process } => format!("touched by {}", name(process)),
            Reason::Detected(finding) => format!("{} found {}", finding.detector, finding.title),
        }
    }

    /// The id of the hopset that a process belongs to once all news is settled, 0 for none.
    pub fn hopset_of(&mut self, process: &str) -> u64 {
        self.linker.settle(&mut self.graph).unwrap();
        let key = self.key(process);
        self.graph.state(key).unwrap().map_or(0, |state| state.role.process().expect("named as a process").hopset)
    }

    /// The members of the hopset of a process, by name.
    pub fn members(&mut self, process: &str) -> Vec<String> {
        let id = self.hopset_of(process);
        let keys: Vec<_> = self.linker.hopset(&mut self.graph, id).unwrap().members.keys().copied().collect();
        let mut names: Vec<_> = keys.iter().map(|key| self.names.get(key).cloned().unwrap_or("?".into())).collect();
        names.sort();
        names
    }

    /// Shows what is at this host's ends of connections, as of the last event.
    pub fn follow(&mut self, ends: &[FarEnd], slack_ns: u64) {
        self.connections.ask(ends.to_vec());
        let link = (&self.structure, &mut self.linker);
        self.connections.follow(&mut self.graph, link, (EventNs::MAX, self.now), slack_ns).unwrap();
    }

    /// Closes the window and hands out the updates.
    pub fn emit(&mut self, loss: Loss) -> Vec<AlertUpdate> {
        let ids = self.linker.close_window(&mut self.graph, self.now).unwrap();
        let mut updates = Vec::new();
        for id in ids {
            let update =
                self.summariser.summarise(&mut self.graph, &self.structure, &mut self.linker, id, |_, _| loss).unwrap();
            updates.extend(update);
        }
        updates
    }

    fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let [subject_name, op, object_name] = [(); 3].map(|()| words.next().expect("a line has three words"));
        let keys: BTreeMap<_, _> = words.map(|word| word.split_once('=').expect("then come pairs")).collect();
        let number = |key: &str| keys.get(key).map(|value| value.parse::<u64>().expect("a number"));
        self.now = number("at").map_or(self.now.after(EventNs::SECOND), |at| EventNs(at * EventNs::SECOND));
        self.key(subject_name);
        let Object::Process(subject) = object(subject_name) else { panic!("{subject_name} is no process") };
        let uid = number("uid").map(|uid| u32::try_from(uid).unwrap());
        if op == "is" {
            let parent = keys.get("parent").map(|name| match object(name) {
                Object::Process(process) => process,
                _ => panic!("{name} is no process"),
            });
            let exe = Some(object_name.into());
            let (cmdline, container) = (None, None);
            let record =
                ProcessRecord { host: HOST, time: self.now, process: subject, parent, exe, cmdline, uid, container };
            self.graph.describe(&record).unwrap();
            return;
        }
        if object_name != "-" {
            self.key(object_name);
        }
        let op = Operation::from_name(op).expect("an operation");
        let detail = match (op, keys.get("to")) {
            (_, Some(path)) => Detail::NewPath { path: (*path).into(), replaced: None },
            (Operation::Exec, _) => Detail::Exec { cmdline: None, environment: None },
            (Operation::ChangeCredentials, _) => Detail::Credentials { uid: uid.expect("a new user") },
            _ => Detail::None,
        };
        let event = Event {
            time: self.now,
            host: HOST,
            subject,
            op,
            object: object(object_name),
            detail,
            amount_bytes: number("bytes").unwrap_or(0),
            count: 1,
            errno: number("errno").unwrap_or(0) as u32,
            flags: EventFlags::NONE,
        };
        let millibits = |key| number(key).map(|value| Millibits(value as u32));
        let rare = millibits("surprise").map(|surprise| Rare {
            surprise,
            own: millibits("own").unwrap_or(surprise),
            op,
            what: object_name.into(),
            entry: EntryId(number("entry").unwrap_or(0)),
        });
        self.step(&event, rare);
    }

    /// What the agent's pipeline does, with the profile's answer given.
    fn step(&mut self, event: &Event, rare: Option<Rare>) {
        let inserted = self.graph.insert(event).unwrap();
        let mut stands_out = false;
        if let (Some(edge), Some(rare)) = (inserted.edge.filter(|_| inserted.is_new), rare) {
            self.graph.set_surprise(edge, rare.surprise.0);
            stands_out = self.structure.observe_rare(&mut self.graph, inserted.subject, rare);
        }
        if let (true, Operation::Accept | Operation::Connect, Some(socket)) =
            (inserted.is_new, event.op, inserted.object)
        {
            self.connections.note(&self.graph, socket);
        }
        stands_out |= observe(&self.structure, &mut self.graph, event, inserted, false);
        if let (Operation::Fork, Object::Process(_), Some(child)) = (event.op, &event.object, inserted.object) {
            self.linker.inherit(&mut self.graph, inserted.subject, child, event.time).unwrap();
        }
        if stands_out {
            self.linker.raise(&mut self.graph, &self.structure, inserted.subject, event.time).unwrap();
        }
    }
}

/// Takes up all that an event tells of its subject. Returns whether any of it is evidence.
pub fn observe(structure: &Structure, graph: &mut Graph, event: &Event, inserted: Inserted, is_usual: bool) -> bool {
    let facts = structure.observe(graph, event, inserted).unwrap();
    let take_up = |fact| structure.take_up(graph, inserted.subject, fact, |_, _, _| Ok(is_usual)).unwrap();
    facts.into_iter().map(take_up).fold(false, |any, is_evidence| any | is_evidence)
}

fn object(name: &str) -> Object {
    let socket = |protocol, addr: &str| {
        let (local, remote) = addr.split_once('>').map_or((None, addr), |(local, remote)| (Some(local), remote));
        let local = local.map(|local| local.parse().expect("an address"));
        let remote = Some(remote.parse().expect("an address"));
        Object::Socket(SocketRef { protocol, local, remote, ..SocketRef::default() })
    };
    match name.split_once(':') {
        _ if name == "-" => Object::None,
        _ if name.starts_with('/') => Object::File(FileRef::at_path(name)),
        Some(("memory", _)) => Object::File(FileRef { kind: FileKind::Memory, ..FileRef::at_path(name) }),
        Some(("tcp", addr)) => socket(Protocol::Tcp, addr),
        Some(("udp", addr)) => socket(Protocol::Udp, addr),
        Some(("unix", path)) => {
            Object::Socket(SocketRef { protocol: Protocol::Unix, path: Some(path.into()), ..SocketRef::default() })
        }
        _ => {
            let pid = name.strip_prefix('p').and_then(|pid| pid.parse().ok()).expect("a process is p and a number");
            Object::Process(ProcessRef { pid, start: 0, uuid: None })
        }
    }
}
