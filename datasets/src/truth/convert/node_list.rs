//! Node lists: the attack's nodes by uuid, a file per attack, without times.

use super::super::{Attack, NodePattern, Truth, TruthError};
use super::LabelFormat;
use crate::ReadError;
use crate::input::Input;
use crate::lines::Lines;
use crate::nodes::NodeLine;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tracewell_model::NodeKind;

/// Files of one label set.
const FILES_MAX: usize = 1000;

pub(super) fn convert(path: &Path) -> Result<Truth, TruthError> {
    let files = if path.is_dir() { lists_in(path)? } else { vec![path.to_owned()] };
    let attacks: Vec<Attack> = files.iter().map(|file| attack(file)).collect::<Result<_, _>>()?;
    let kinds: BTreeSet<NodeKind> = attacks.iter().flat_map(|attack| &attack.nodes).map(|node| node.kind).collect();
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Truth {
        label_set: format!("node-list {name}"),
        label_kinds: kinds.into_iter().collect(),
        attacks,
        ignored: Vec::new(),
    })
}

/// In the order of their names, so that the result does not depend on the directory.
fn lists_in(directory: &Path) -> Result<Vec<PathBuf>, TruthError> {
    let name = directory.display().to_string();
    let open = |source| ReadError::Open { name: name.clone(), source };
    let mut files = BTreeSet::new();
    for entry in directory.read_dir().map_err(open)? {
        let path = entry.map_err(open)?.path();
        if path.to_string_lossy().contains(".csv") {
            files.insert(path);
        }
    }
    if files.is_empty() || files.len() > FILES_MAX {
        let problem = format!("it holds {} node lists (.csv), expected 1 to {FILES_MAX}", files.len());
        return Err(TruthError::Convert { name, format: LabelFormat::NodeList, problem });
    }
    Ok(files.into_iter().collect())
}

fn attack(path: &Path) -> Result<Attack, TruthError> {
    let input = Input::open(path)?;
    let id = input.stem.strip_prefix("node_").unwrap_or(&input.stem).to_owned();
    let mut lines = Lines::new(input);
    let mut nodes = Vec::new();
    while let Some(line) = lines.next()? {
        let node = NodeLine::parse(line.bytes).map_err(|problem| line.bad(problem))?;
        nodes.push(NodePattern { uuid: Some(node.uuid), ..NodePattern::any(node.kind) });
    }
    Ok(Attack { name: id.replace('_', " "), id, windows: Vec::new(), nodes, steps: Vec::new() })
}
