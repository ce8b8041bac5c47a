//! The formats, and how one is told from another.

use crate::input::Input;
use crate::reader::{ReadOptions, Source};
use crate::{ReadError, cadets, captain, edges, sysflow, tracewell};
use std::fmt;
use std::str::FromStr;

/// Makes the enum and the dispatch to the modules, so that a new format is one file and one line here.
///
/// Each module has `NAME`, `looks_like(head) -> bool` and `open(input, &options) -> Result<Box<dyn Source>, _>`.
/// Detection asks in the order of the lines; the most particular formats stand first.
macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $module:ident,)*) => {
        /// A format that can be read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Format { $($(#[$doc])* $variant,)* }

        impl Format {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $module::NAME,)* }
            }

            fn looks_like(self, head: &[u8]) -> bool {
                match self { $(Self::$variant => $module::looks_like(head),)* }
            }

            pub(crate) fn open(self, input: Input, options: &ReadOptions) -> Result<Box<dyn Source>, ReadError> {
                match self { $(Self::$variant => $module::open(input, options),)* }
            }
        }
    };
}

formats! {
    /// Tracewell's own JSON lines (docs/event-format.md).
    Tracewell = tracewell,
    /// Native JSON of CADETS, as in DARPA Transparent Computing engagement 1.
    Cadets = cadets,
    /// Line JSON of the CAPTAIN detector, made from DARPA's common data model.
    Captain = captain,
    /// SysFlow, an Avro object container.
    Sysflow = sysflow,
    /// Attack slices as CSV edges between uuids.
    Edges = edges,
}

impl Format {
    /// Looks at the decompressed beginning of a recording.
    pub fn detect(head: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.looks_like(head))
    }

    pub fn names() -> String {
        Self::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|format| format.name() == text);
        found.ok_or_else(|| format!("unknown format {text:?}, expected one of: {}", Self::names()))
    }
}
