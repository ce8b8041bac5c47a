//! `tracewell-agent trace`: the live source on the screen.

use crate::args::{Form, TraceArgs, What};
use crate::config::Config;
use crate::failure::{Failure, Printed, print};
use crate::host::Host;
use crate::privileges;
use crate::stop::Stop;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant;
use tracewell_agent::live::Live;
use tracewell_agent::sensor::attach::Group;
use tracewell_model::{Detail, Event, NodeKind, Object, OpClass, Operation, ProcessRef, Record, Str};

/// Processes whose programs are remembered.
const PROGRAMS_MAX: usize = 65_536;

pub fn run(args: &TraceArgs, config: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(config, |fields| args.sensor.lay_over(fields))?;
    let host = Host::claim(&config.host_name)?;
    let mut options = config.sensor;
    options.groups = match args.what {
        What::Process => [Group::Process, Group::System].into(),
        What::File => [Group::Process, Group::File].into(),
        What::Network => [Group::Process, Group::Network].into(),
    };
    let mut live = Live::start(host.id, &options)?;
    privileges::drop_what_is_not_needed(&[]);
    let stop = Stop::new(args.sensor.duration)?;
    let mut screen = Screen { args, programs: HashMap::new(), sums: BTreeMap::new(), shown: Instant::now() };
    let mut printed = Printed::Yes;
    if args.output == Form::Text {
        printed = print(&format!(
            "{:>8} {:<24} {:<18} {:>8} {:>12} {}\n",
            "PID", "PROGRAM", "OPERATION", "COUNT", "BYTES", "OBJECT"
        ))?;
    }
    // What ran before is only remembered.
    live.stock(|record| screen.learn(&record));
    while !stop.is_now() && printed == Printed::Yes {
        live.turn::<Failure>(|record| {
            if printed == Printed::Yes {
                printed = screen.record(&record)?;
            }
            Ok(())
        })?;
        if printed == Printed::Yes {
            printed = screen.sums()?;
        }
    }
    Ok(())
}

struct Screen<'a> {
    args: &'a TraceArgs,
    programs: HashMap<ProcessRef, Str>,
    sums: BTreeMap<(u32, Str, Operation, String), (u64, u64)>,
    shown: Instant,
}

impl Screen<'_> {
    fn learn(&mut self, record: &Record) {
        match record {
            Record::Process(process) => {
                if let Some(exe) = &process.exe {
                    self.remember(process.process, exe.clone());
                }
            }
            Record::Event(Event { op: Operation::Fork, subject, object: Object::Process(child), .. }) => {
                if let Some(exe) = self.programs.get(subject).cloned() {
                    self.remember(*child, exe);
                }
            }
            Record::Event(Event { op: Operation::Exec, subject, object: Object::File(file), .. }) => {
                if let Some(path) = &file.path {
                    self.remember(*subject, path.clone());
                }
            }
            _ => {}
        }
    }

    fn remember(&mut self, process: ProcessRef, exe: Str) {
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.clear();
        }
        self.programs.insert(process, exe);
    }

    fn record(&mut self, record: &Record) -> Result<Printed, Failure> {
        self.learn(record);
        let Record::Event(event) = record else { return Ok(Printed::Yes) };
        let program = self.programs.get(&event.subject).cloned().unwrap_or_else(|| "?".into());
        let object = described(event);
        if !self.is_wanted(event, &program, &object) {
            return Ok(Printed::Yes);
        }
        if self.args.every.is_some() {
            let sum = self.sums.entry((event.subject.pid, program, event.op, object)).or_default();
            *sum = (sum.0 + u64::from(event.count), sum.1 + event.amount_bytes);
            return Ok(Printed::Yes);
        }
        self.show(event.subject.pid, &program, event.op, &object, event.count.into(), event.amount_bytes)
    }

    fn is_wanted(&self, event: &Event, program: &str, object: &str) -> bool {
        let class = match (self.args.what, event.object.kind()) {
            (What::Network, kind) => kind == Some(NodeKind::Socket),
            (What::File, kind) => kind == Some(NodeKind::File) && event.op != Operation::Exec,
            (What::Process, _) => matches!(event.op.class(), OpClass::Lifecycle | OpClass::Exec | OpClass::Control),
        };
        class
            && self.args.pid.is_none_or(|pid| pid == event.subject.pid)
            && self.args.program.as_deref().is_none_or(|text| program.contains(text))
            && self.args.object.as_deref().is_none_or(|text| object.contains(text))
    }

    /// Shows the sums when it is time.
    fn sums(&mut self) -> Result<Printed, Failure> {
        if self.args.every.is_none_or(|every| self.shown.elapsed() < every) {
            return Ok(Printed::Yes);
        }
        self.shown = Instant::now();
        for ((pid, program, op, object), (count, bytes)) in std::mem::take(&mut self.sums) {
            if self.show(pid, &program, op, &object, count, bytes)? == Printed::NobodyReads {
                return Ok(Printed::NobodyReads);
            }
        }
        Ok(Printed::Yes)
    }

    fn show(
        &self,
        pid: u32,
        program: &str,
        op: Operation,
        object: &str,
        count: u64,
        bytes: u64,
    ) -> Result<Printed, Failure> {
        let text = match self.args.output {
            Form::Text => {
                let short = program.rsplit('/').next().unwrap_or(program);
                format!("{pid:>8} {short:<24} {:<18} {count:>8} {bytes:>12} {}\n", op.name(), visible(object))
            }
            Form::Json => {
                let line = json!({"pid": pid, "program": program, "operation": op.name(), "object": object, "count": count, "bytes": bytes});
                format!("{line}\n")
            }
        };
        print(&text)
    }
}

/// Without characters that would move the cursor of a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What an event was done to, in words.
fn described(event: &Event) -> String {
    let object = match &event.object {
        Object::None => String::new(),
        Object::Process(process) => format!("process {}", process.pid),
        Object::File(file) => match (&file.path, file.inode) {
            (Some(path), _) => path.to_string(),
            (None, Some(inode)) => format!("inode {} of device {}", inode.ino, inode.dev),
            (None, None) => "?".into(),
        },
        Object::Socket(socket) => {
            let end = |end: Option<std::net::SocketAddr>| end.map_or_else(|| "*".into(), |end| end.to_string());
            match &socket.path {
                Some(path) => format!("unix {path}"),
                None => format!(
                    "{} {} > {}",
                    format!("{:?}", socket.protocol).to_lowercase(),
                    end(socket.local),
                    end(socket.remote)
                ),
            }
        }
    };
    match &event.detail {
        Detail::None => object,
        Detail::Exec { cmdline } => format!("{object} ({})", cmdline.as_deref().unwrap_or("?")),
        Detail::NewPath { path, .. } => format!("{object} to {path}"),
        Detail::Credentials { uid } => format!("to user {uid}"),
        Detail::Signal { number } => format!("{object}, signal {number}"),
    }
}
