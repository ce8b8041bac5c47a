//! Lines of bounded length out of a stream, with their numbers.

use crate::error::{Position, ReadError};
use crate::input::Input;
use std::io::{self, Read};

/// A longer line is a bad record; reading goes on behind it.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 20;

const CHUNK_BYTES: usize = 256 * 1024;

pub(crate) struct Lines {
    name: String,
    stream: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The part of `buffer` that is read and not yet given out.
    start: usize,
    end: usize,
    /// Number of the line that was given out last.
    line: u64,
    offset: u64,
    at_end: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    name: &'a str,
    /// Counted from 1.
    pub number: u64,
    pub bytes: &'a [u8],
}

impl Line<'_> {
    pub fn bad(&self, problem: impl Into<String>) -> ReadError {
        let position = Position::Line(self.number);
        ReadError::BadRecord { name: self.name.to_owned(), position, problem: problem.into() }
    }
}

impl Lines {
    pub fn new(input: Input) -> Self {
        let name = input.name.clone();
        let stream = input.into_stream();
        Self { name, stream, buffer: vec![0; CHUNK_BYTES], start: 0, end: 0, line: 0, offset: 0, at_end: false }
    }

    /// The next line without its end-of-line characters; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        let mut searched = 0;
        let mut too_long = false;
        loop {
            let unread = &self.buffer[self.start + searched..self.end];
            if let Some(at) = memchr::memchr(b'\n', unread) {
                let (from, to) = (self.start, self.start + searched + at);
                self.start = to + 1;
                return self.give(from, to, too_long);
            }
            searched = self.end - self.start;
            if self.at_end {
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                return if from == to && !too_long { Ok(None) } else { self.give(from, to, too_long) };
            }
            if searched > LINE_BYTES_MAX {
                too_long = true;
                (self.start, self.end, searched) = (0, 0, 0);
            }
            self.fill()?;
        }
    }

    /// An error about the line that was given out last.
    pub fn bad(&self, problem: impl Into<String>) -> ReadError {
        Line { name: &self.name, number: self.line, bytes: &[] }.bad(problem)
    }

    fn give(&mut self, from: usize, to: usize, too_long: bool) -> Result<Option<Line<'_>>, ReadError> {
        self.line += 1;
        if too_long || to - from > LINE_BYTES_MAX {
            return Err(self.bad(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
        }
        let bytes = &self.buffer[from..to];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Some(Line { name: &self.name, number: self.line, bytes }))
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(n) => {
                    self.end += n;
                    self.offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let position = Position::Byte(self.offset);
                    return Err(ReadError::Stream { name: self.name.clone(), position, source });
                }
            }
            return Ok(());
        }
    }
}
