use crate::args::Form;
use crate::failure::{Failure, Printed, print};
use jiff::Timestamp;
use rustix::termios::tcgetwinsize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::mem;
use std::time::{Duration, Instant};
use tracewell_alert_scorer::words::is_harmful;
use tracewell_model::{EventNs, Operation, Str};

/// Different rows added up within one interval. What is beyond is added up in one row without names.
const ROWS_MAX: usize = 65_536;
/// Home, and nothing below: ECMA-48 CUP and ED.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Where events are shown: each as it comes, or added up over an interval as a table that is drawn anew on a terminal.
pub struct Screen {
    form: Form,
    every: Option<Duration>,
    rows: BTreeMap<Row, (u64, u64)>,
    others: (u64, u64),
    shown: Instant,
}

/// Who did what to what. What is alike is added up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub pid: u32,
    pub uid: Option<u32>,
    pub program: Str,
    pub container: Option<Str>,
    pub op: Operation,
    pub object: String,
    /// A part of it was cut by the kernel side.
    pub is_truncated: bool,
}

impl Screen {
    pub fn new(form: Form, every: Option<Duration>) -> Self {
        Self { form, every, rows: BTreeMap::new(), others: (0, 0), shown: Instant::now() }
    }

    /// # Errors
    /// When stdout cannot be written; so it is with all that show.
    pub fn begin(&self) -> Result<Printed, Failure> {
        if self.form == Form::Json { Ok(Printed::Yes) } else { print(&self.head()) }
    }

    /// Shows what was done at a time, or adds it up.
    pub fn show(&mut self, row: Row, time: EventNs, count: u64, bytes: u64) -> Result<Printed, Failure> {
        if self.every.is_none() {
            return print(&self.line(&row, Some(time), count, bytes));
        }
        let has_room = self.rows.len() < ROWS_MAX || self.rows.contains_key(&row);
        let sum = if has_room { self.rows.entry(row).or_default() } else { &mut self.others };
        *sum = (sum.0 + count, sum.1 + bytes);
        Ok(Printed::Yes)
    }

    /// Shows what was added up when it is time.
    pub fn turn(&mut self) -> Result<Printed, Failure> {
        if self.every.is_none_or(|every| self.shown.elapsed() < every) {
            return Ok(Printed::Yes);
        }
        self.end()
    }

    /// Shows what was added up: the most first, and on a terminal as many as fit.
    pub fn end(&mut self) -> Result<Printed, Failure> {
        self.shown = Instant::now();
        let (rows, others) = (mem::take(&mut self.rows), mem::take(&mut self.others));
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|(_, (count, bytes))| std::cmp::Reverse((*count, *bytes)));
        let (mut text, n) = match height().filter(|_| self.form == Form::Text && self.every.is_some()) {
            // The head, a line for what is not shown, and that of the cursor.
            Some(height) => (format!("{CLEAR}{}", self.head()), height.saturating_sub(3).max(1)),
            None => (String::new(), rows.len()),
        };
        for (row, (count, bytes)) in rows.iter().take(n) {
            text += &self.line(row, None, *count, *bytes);
        }
        let hidden = rows.iter().skip(n).fold(others, |sum, (_, row)| (sum.0 + row.0, sum.1 + row.1));
        if hidden.0 > 0 {
            text += &self.rest(hidden);
        }
        print(&text)
    }

    /// A sum has no time.
    fn line(&self, row: &Row, time: Option<EventNs>, count: u64, bytes: u64) -> String {
        let op = row.op.name();
        let time = time.and_then(|time| Timestamp::from_nanosecond(time.0.into()).ok());
        match self.form {
            Form::Text => {
                let program = row.program.rsplit('/').next().unwrap_or(&row.program);
                let uid = row.uid.map_or_else(|| "?".into(), |uid| uid.to_string());
                let (pid, program, object) = (row.pid, visible(program), visible(&row.object));
                let time = time.map(|time| time.strftime("%H:%M:%S%.3f ").to_string()).unwrap_or_default();
                let cut = if row.is_truncated { "…" } else { "" };
                format!("{time}{pid:>8} {uid:>6} {program:<20} {op:<18} {count:>8} {bytes:>12} {object}{cut}\n")
            }
            Form::Json => {
                let Row { pid, uid, program, container, object, .. } = row;
                let (program, container) = (&**program, container.as_deref());
                let mut line = json!({"pid": pid, "uid": uid, "program": program, "container": container,
                    "operation": op, "object": object, "count": count, "bytes": bytes, "truncated": row.is_truncated});
                if let Some(time) = time {
                    line["time"] = time.to_string().into();
                }
                format!("{line}\n")
            }
        }
    }

    fn head(&self) -> String {
        let time = if self.every.is_none() { format!("{:<12} ", "TIME (UTC)") } else { String::new() };
        format!(
            "{time}{:>8} {:>6} {:<20} {:<18} {:>8} {:>12} OBJECT\n",
            "PID", "USER", "PROGRAM", "OPERATION", "COUNT", "BYTES"
        )
    }

    fn rest(&self, (count, bytes): (u64, u64)) -> String {
        match self.form {
            Form::Text => format!("{:>8} {:>6} {:<20} {:<18} {count:>8} {bytes:>12} all others\n", "", "", "", ""),
            Form::Json => format!("{}\n", json!({"object": "all others", "count": count, "bytes": bytes})),
        }
    }
}

/// Lines of the terminal, if stdout is one.
fn height() -> Option<usize> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| tcgetwinsize(&out).ok())?;
    size.map(|size| usize::from(size.ws_row)).filter(|rows| *rows > 0)
}

/// Without characters that would move the cursor of a terminal or turn the direction of writing.
fn visible(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_moves_no_cursor_and_names_what_is_known() {
        let row = Row {
            pid: 7,
            uid: Some(0),
            program: "/bin/\u{1b}[2J".into(),
            container: Some("shop".into()),
            op: Operation::Read,
            object: "/a\nb".into(),
            is_truncated: true,
        };
        let text = Screen::new(Form::Text, None).line(&row, None, 2, 3);
        let expected =
            format!("       7      0 {:<20} {:<18}        2            3 /a\u{fffd}b…\n", "\u{fffd}[2J", "read");
        assert_eq!(text, expected);
        let time = Some(EventNs(1_766_000_000_123_456_789));
        assert_eq!(Screen::new(Form::Text, None).line(&row, time, 2, 3), format!("19:33:20.123 {expected}"));
        let line = Screen::new(Form::Json, None).line(&row, time, 2, 3);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["container"], &line["object"]), (&json!("shop"), &json!("/a\nb")));
        assert_eq!((&line["time"], &line["truncated"]), (&json!("2025-12-17T19:33:20.123456789Z"), &json!(true)));
    }
}
