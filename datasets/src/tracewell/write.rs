use super::{Header, VERSION, convert};
use std::io::{self, Write};
use tracewell_model::Record;

/// Writes records as lines. Give it a buffered writer.
pub struct TracewellWriter<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> TracewellWriter<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<Self> {
        serde_json::to_writer(&mut out, &Header { tracewell: VERSION })?;
        out.write_all(b"\n")?;
        Ok(Self { out, line: Vec::new() })
    }

    /// Writes one record as one line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, &convert::line_of(record))?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    /// Flushes and gives back what it wrote to.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
