//! What must be alike in two recordings of a scenario, whatever their seeds.

use tracewell_datasets::truth::{NodePattern, Truth};
use tracewell_model::NodeKind;

/// Of each attack its steps, and of each step its techniques and how many nodes of each kind it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    pub attacks: Vec<Vec<StepStructure>>,
    /// Processes, files, connections of all attacks: one that is of several steps counts once.
    pub nodes: [u32; 3],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStructure {
    pub name: String,
    pub techniques: Vec<String>,
    /// Processes, files, connections.
    pub nodes: [u32; 3],
}

/// By how much the nodes of a kind may differ: a third of them and two more, since seeds choose some commands.
const SHARE: u32 = 3;
const MORE: u32 = 2;

impl Structure {
    pub fn of(truth: &Truth) -> Self {
        let count = |nodes: &[NodePattern]| {
            [NodeKind::Process, NodeKind::File, NodeKind::Socket]
                .map(|kind| nodes.iter().filter(|node| node.kind == kind).count() as u32)
        };
        let attacks = truth.attacks.iter().map(|attack| {
            let steps = attack.steps.iter().map(|step| StepStructure {
                name: step.name.clone(),
                techniques: step.techniques.clone(),
                nodes: count(&step.nodes),
            });
            steps.collect()
        });
        let of_all = truth.attacks.iter().map(|attack| count(&attack.nodes));
        let nodes = of_all.fold([0; 3], |sum, of| [0, 1, 2].map(|kind| sum[kind] + of[kind]));
        Self { attacks: attacks.collect(), nodes }
    }

    /// What is not alike; empty if nothing is.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        if self.attacks.len() != other.attacks.len() {
            return vec![format!("{} attacks and {}", self.attacks.len(), other.attacks.len())];
        }
        let mut differences = Vec::new();
        for (one, two) in self.attacks.iter().zip(&other.attacks) {
            if one.len() != two.len() {
                differences.push(format!("{} steps and {}", one.len(), two.len()));
            }
            for (one, two) in one.iter().zip(two) {
                let is_close = one.nodes.iter().zip(two.nodes).all(|(&a, b)| is_close(a, b));
                if (&one.name, &one.techniques) != (&two.name, &two.techniques) || !is_close {
                    differences.push(format!("{one:?} and {two:?}"));
                }
            }
        }
        differences
    }

    /// Both, a line a step: processes, files and connections of one and of the other.
    pub fn beside(&self, other: &Self) -> Vec<String> {
        let steps = self.attacks.iter().flatten().zip(other.attacks.iter().flatten());
        let line = |(one, two): (&StepStructure, &StepStructure)| {
            let [processes, files, connections] =
                [0, 1, 2].map(|kind| format!("{} / {}", one.nodes[kind], two.nodes[kind]));
            format!("{:<44} {processes:>11} {files:>11} {connections:>11}", one.name)
        };
        let head = format!("{:<44} {:>11} {:>11} {:>11}", "step", "processes", "files", "connections");
        std::iter::once(head).chain(steps.map(line)).collect()
    }

    pub fn in_words(&self) -> String {
        let [processes, files, connections] = self.nodes;
        let attacks = match self.attacks.len() {
            0 => return "no attack".into(),
            1 => "1 attack".to_owned(),
            n => format!("{n} attacks"),
        };
        let steps = self.attacks.iter().flatten().count();
        format!("{attacks} in {steps} steps with {processes} processes, {files} files, {connections} connections")
    }
}

/// None of a kind is alike only to none, but for the odd file that a shell makes.
fn is_close(a: u32, b: u32) -> bool {
    a.abs_diff(b) <= a.max(b) / SHARE + MORE
}
