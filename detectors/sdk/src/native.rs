//! A detector as a program of the machine it is built on: neighbourhoods in, findings out, as JSON, one a line.
//!
//! `tracewell detector test` asks it what it asked the component, and holds the answers against each other. What differs hangs on
//! the machine, as the size of a `usize` or the order of a hash map does.

use crate::{Facts, Guest, Neighbourhood};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io::{self, BufRead, Write};

/// Answers until the input ends.
///
/// # Errors
/// When the input is no neighbourhood or the output is closed.
pub fn serve<Detector: Guest>() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let seen: Neighbourhood = serde_json::from_str(&line?)?;
        let found = serde_json::to_string(&Detector::detect(seen))?;
        writeln!(output, "{found}")?;
        output.flush()?;
    }
    Ok(())
}

/// As their bits.
impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bits().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self::from_bits_truncate)
    }
}
