use crate::{NodeKey, Str};

/// How bad what a detector found is, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FindingSeverity {
    /// Nothing to tell anybody.
    #[default]
    None,
    Low,
    Medium,
    High,
    Critical,
}

/// What a detector found in the neighbourhood of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// Id of the detector, without its version: a finding stays the same finding when the detector gets a new one.
    pub detector: Str,
    pub severity: FindingSeverity,
    /// What was found; with `detector` it tells the findings about one process apart.
    pub title: Str,
    pub reason: Str,
    /// MITRE ATT&CK techniques.
    pub techniques: Vec<Str>,
    /// What it is about.
    pub nodes: Vec<NodeKey>,
}

impl FindingSeverity {
    pub const ALL: [Self; 5] = [Self::None, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in files and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }

    /// From 0 for none to 4 for critical.
    pub fn steps(self) -> u32 {
        self as u32
    }
}

impl Finding {
    /// Whether both say the same of a process; how bad it is may have risen.
    pub fn is_same(&self, other: &Self) -> bool {
        self.detector == other.detector && self.title == other.title
    }
}
