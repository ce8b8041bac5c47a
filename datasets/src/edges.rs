//! Attack slices as CSV: `source uuid, event type, destination uuid, event uuid, time in ns`, without a header.
//!
//! An edge points where information flows, so the process stands on either side. What the nodes are is in a node list
//! beside it: `node_X.csv` for `event_X.csv`, or the file given in [`ReadOptions::nodes`]. Slices are not in the order
//! of time; they are sorted here, in runs of bounded length.

mod edge;

use crate::input::Input;
use crate::lines::Lines;
use crate::nodes::NodeLine;
use crate::reader::{Counts, ReadOptions, Source};
use crate::{Format, ReadError};
use edge::{Edge, Translator};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use tracewell_model::{Record, Uuid};

pub(crate) const NAME: &str = "edges";

/// Edges that are sorted together. The published slices have a few thousand.
const RUN_EDGES_MAX: usize = 262_144;
/// Nodes with attributes.
const NODES_MAX: usize = 1_000_000;

pub(crate) fn looks_like(head: &[u8]) -> bool {
    let line = &head[..memchr::memchr(b'\n', head).unwrap_or(head.len())];
    Edge::parse(line.trim_ascii_end()).is_ok()
}

pub(crate) fn open(input: Input, options: &ReadOptions) -> Result<Box<dyn Source>, ReadError> {
    let host = options.host.clone().unwrap_or_else(|| slice_name(&input.stem).to_owned());
    let beside = || input.path.as_deref().and_then(node_list_beside);
    let nodes = match options.nodes.clone().or_else(beside) {
        Some(path) => read_nodes(&path)?,
        None => BTreeMap::new(),
    };
    let lines = Lines::new(input);
    Ok(Box::new(Edges { lines, run: VecDeque::new(), at_end: false, translator: Translator::new(&host, nodes) }))
}

struct Edges {
    lines: Lines,
    /// Sorted by time.
    run: VecDeque<Edge>,
    at_end: bool,
    translator: Translator,
}

impl Source for Edges {
    fn read(&mut self, out: &mut VecDeque<Record>, counts: &mut Counts) -> Result<bool, ReadError> {
        if self.run.is_empty() && !self.at_end {
            self.fill(counts)?;
        }
        match self.run.pop_front() {
            Some(edge) => self.translator.translate(&edge, out, counts),
            None => return Ok(!self.at_end),
        }
        Ok(true)
    }
}

impl Edges {
    /// Reads the next run. What was read stays there when a line is bad.
    fn fill(&mut self, counts: &mut Counts) -> Result<(), ReadError> {
        let mut bad = None;
        while self.run.len() < RUN_EDGES_MAX && bad.is_none() {
            match self.lines.next() {
                Ok(Some(line)) if line.bytes.trim_ascii().is_empty() => {}
                Ok(Some(line)) => {
                    counts.source_records += 1;
                    match Edge::parse(line.bytes) {
                        Ok(edge) => self.run.push_back(edge),
                        Err(problem) => bad = Some(line.bad(problem)),
                    }
                }
                Ok(None) => {
                    self.at_end = true;
                    break;
                }
                Err(error) => bad = Some(error),
            }
        }
        // Stable, so that edges of one moment keep their order.
        self.run.make_contiguous().sort_by_key(|edge| edge.time);
        bad.map_or(Ok(()), Err)
    }
}

fn slice_name(stem: &str) -> &str {
    stem.strip_prefix("event_").unwrap_or(stem)
}

fn node_list_beside(edges: &Path) -> Option<PathBuf> {
    let name = edges.file_name()?.to_str()?.strip_prefix("event_")?;
    Some(edges.with_file_name(format!("node_{name}"))).filter(|path| path.is_file())
}

fn read_nodes(path: &Path) -> Result<BTreeMap<Uuid, NodeLine>, ReadError> {
    let input = Input::open(path)?;
    let name = input.name.clone();
    let mut lines = Lines::new(input);
    let mut nodes = BTreeMap::new();
    while let Some(line) = lines.next()? {
        let node = NodeLine::parse(line.bytes).map_err(|problem| line.bad(problem))?;
        nodes.insert(node.uuid, node);
        if nodes.len() > NODES_MAX {
            let problem = format!("it lists more than {NODES_MAX} nodes");
            return Err(ReadError::Unreadable { name, format: Format::Edges, problem });
        }
    }
    Ok(nodes)
}
