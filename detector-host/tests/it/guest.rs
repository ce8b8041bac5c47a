//! Real guests, written as WebAssembly text and made into components here, so that each does exactly one wrong thing.

use std::path::Path;
use tracewell_graph_core::neighbourhood::OperationSet;
use tracewell_model::Operation;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A guest to be. What is not said is as in one that finds nothing.
pub struct Guest {
    pub id: &'static str,
    pub name: String,
    pub description: String,
    pub version: &'static str,
    pub techniques: Vec<&'static str>,
    pub operations: OperationSet,
    pub paths: Vec<&'static str>,
    /// Body of `detect`; must leave an `i32`, the place of a list of findings. `(i32.const 0)` is an empty one.
    pub detect: String,
    /// What else stands in the module.
    pub more: &'static str,
    /// Findings in memory; [`FINDINGS`] is the place of their list.
    pub findings: Vec<Said>,
    pub memory_pages: u32,
    /// Parameters of `detect` as they are passed.
    pub parameters: &'static str,
    /// The contract that it is made for, in place of ours.
    pub wit: Option<&'static str>,
    /// Name of the interface in it.
    pub interface: &'static str,
}

/// A finding as a guest lays it out.
pub struct Said {
    pub severity: u8,
    pub title: Vec<u8>,
    /// Place and length, instead of the title's own.
    pub title_at: Option<(u32, u32)>,
    pub reason: &'static str,
    pub nodes: Vec<u32>,
}

/// How a neighbourhood is passed: by its place in memory.
const NEIGHBOURHOOD: &str = "(param i32)";
/// Where the list of findings lies.
pub const FINDINGS: u32 = 16;
/// Where texts begin.
const TEXTS: u32 = 1024;

impl Guest {
    pub fn new(id: &'static str, detect: &str) -> Self {
        Self {
            id,
            name: "A guest".into(),
            description: "Made for a test.".into(),
            version: "1.2.3",
            techniques: vec!["T1059"],
            operations: [Operation::Exec].into_iter().collect(),
            paths: vec![],
            detect: detect.into(),
            more: "",
            findings: vec![],
            memory_pages: 2,
            parameters: NEIGHBOURHOOD,
            wit: None,
            interface: "tracewell:detector/detector@0.3.0",
        }
    }

    /// One that returns these findings.
    pub fn saying(id: &'static str, findings: Vec<Said>) -> Self {
        Self { findings, ..Self::new(id, &format!("(i32.const {FINDINGS})")) }
    }

    pub fn build(&self) -> Vec<u8> {
        let mut core = self.core_module();
        let mut resolve = Resolve::default();
        let package = match self.wit {
            Some(wit) => resolve.push_str("other.wit", wit).unwrap(),
            None => resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../detectors/wit")).unwrap().0,
        };
        let world = resolve.select_world(&[package], None).unwrap();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().validate(true).module(&core).unwrap().encode().unwrap()
    }

    pub fn core_module(&self) -> Vec<u8> {
        let mut memory = Memory { bytes: Vec::new() };
        let info = self.lay_out_info(&mut memory);
        let findings = self.lay_out_findings(&mut memory);
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let Self { interface, detect, more, memory_pages, parameters, .. } = self;
        let wat = format!(
            r#"(module
                {more}
                (memory (export "memory") {memory_pages})
                (data (i32.const {FINDINGS}) "{}")
                (data (i32.const {TEXTS}) "{}")
                (func (export "{interface}#info") (result i32) (i32.const {info}))
                (func (export "{interface}#detect") {parameters} (result i32) {detect})
                (global $next (mut i32) (i32.const 65536))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))))"#,
            escaped(&findings),
            escaped(&memory.bytes),
        );
        wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}\n{wat}"))
    }

    /// The record of the contract, field after field.
    fn lay_out_info(&self, memory: &mut Memory) -> u32 {
        let texts = [self.id, &self.name, &self.description, self.version, "A. Tester", "a@example.org", "MIT"];
        let texts: Vec<_> = texts.iter().map(|text| memory.text(text.as_bytes())).collect();
        let techniques = memory.texts(&self.techniques);
        let paths = memory.texts(&self.paths);
        let mut trigger = Words::default();
        trigger.word(self.operations.0);
        [(0, 0), (0, 0), paths, (0, 0), (0, 0)].into_iter().for_each(|list| trigger.list(list));
        // No facts and no conditions.
        trigger.word(0);
        let trigger = memory.place(&trigger.0);
        let mut info = Words::default();
        texts.into_iter().for_each(|text| info.list(text));
        info.list(techniques);
        info.list((trigger, 1));
        [1, 64, 128, OperationSet::ALL.0].into_iter().for_each(|word| info.word(word));
        memory.place(&info.0)
    }

    fn lay_out_findings(&self, memory: &mut Memory) -> Vec<u8> {
        let mut records = Words::default();
        for said in &self.findings {
            let title = memory.text(&said.title);
            let reason = memory.text(said.reason.as_bytes());
            let mut nodes = Words::default();
            said.nodes.iter().for_each(|&node| nodes.word(node));
            let nodes = (memory.place(&nodes.0), said.nodes.len() as u32);
            records.word(said.severity.into());
            [said.title_at.unwrap_or(title), reason, nodes, (0, 0)].into_iter().for_each(|l| records.list(l));
        }
        let mut list = Words::default();
        list.list((memory.place(&records.0), self.findings.len() as u32));
        list.0
    }
}

impl Said {
    pub fn high(title: &str, nodes: &[u32]) -> Self {
        Self { severity: 3, title: title.into(), title_at: None, reason: "For a test.", nodes: nodes.to_vec() }
    }
}

#[derive(Default)]
struct Words(Vec<u8>);

impl Words {
    fn word(&mut self, word: u32) {
        self.0.extend(word.to_le_bytes());
    }

    fn list(&mut self, (place, len): (u32, u32)) {
        self.word(place);
        self.word(len);
    }
}

struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    fn place(&mut self, bytes: &[u8]) -> u32 {
        let at = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(at, 0);
        self.bytes.extend(bytes);
        TEXTS + at as u32
    }

    fn text(&mut self, text: &[u8]) -> (u32, u32) {
        (self.place(text), text.len() as u32)
    }

    fn texts(&mut self, texts: &[&str]) -> (u32, u32) {
        let mut list = Words::default();
        for text in texts {
            let text = self.text(text.as_bytes());
            list.list(text);
        }
        (self.place(&list.0), texts.len() as u32)
    }
}
