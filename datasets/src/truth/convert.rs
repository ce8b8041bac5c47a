//! From the label files that others publish to one form.

mod captain;
mod e1;
mod node_list;

use super::{Truth, TruthError, read_whole};
use crate::input::Input;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A form of labels that can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFormat {
    /// `attack-processes.json`: processes of attack sessions in the CADETS trace of engagement 1.
    E1Processes,
    /// CAPTAIN's readable ground truth: windows with patterns of process and file names and addresses.
    Captain,
    /// Lists of `uuid,{'kind': 'text'},id`, one attack per file; a directory of them is taken as one label set.
    NodeList,
}

impl LabelFormat {
    pub const ALL: [Self; 3] = [Self::E1Processes, Self::Captain, Self::NodeList];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::E1Processes => "e1-processes",
            Self::Captain => "captain",
            Self::NodeList => "node-list",
        }
    }
}

impl fmt::Display for LabelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LabelFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            format!("unknown label format {text:?}, expected one of: {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// Makes ground truth out of a label file.
///
/// # Errors
/// When it cannot be read, is not of the format, or holds labels that cannot be expressed.
pub fn convert(format: LabelFormat, path: &Path) -> Result<Truth, TruthError> {
    let name = path.display().to_string();
    let truth = match format {
        LabelFormat::NodeList => node_list::convert(path)?,
        LabelFormat::E1Processes | LabelFormat::Captain => {
            let bytes = read_whole(Input::open(path)?)?;
            let converted = if format == LabelFormat::Captain { captain::convert(&bytes) } else { e1::convert(&bytes) };
            converted.map_err(|problem| TruthError::Convert { name: name.clone(), format, problem })?
        }
    };
    truth.validate().map_err(|problem| TruthError::Convert { name, format, problem })?;
    Ok(truth)
}
