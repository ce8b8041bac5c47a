//! `tracewell-agent trace`: the live source on the screen.

mod losses;
mod screen;
mod who;

use crate::args::{TraceArgs, What};
use crate::config::Config;
use crate::failure::{Failure, Printed};
use crate::host::Host;
use crate::privileges;
use crate::stop::Stop;
use jiff::Timestamp;
use losses::Losses;
use screen::{Row, Screen};
use std::path::Path;
use tracewell_agent::live::Live;
use tracewell_agent::sensor::attach::Group;
use tracewell_model::{Detail, Event, EventFlags, NodeKind, Object, OpClass, Operation, Record};
use who::{Known, Who};

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
    let mut trace = Trace {
        args,
        who: Who::new(args.container.as_deref()),
        screen: Screen::new(args.output, args.every),
        losses: Losses::default(),
    };
    let mut printed = trace.screen.begin()?;
    // What ran before is only remembered.
    live.stock(|record| trace.who.learn(&record));
    while !stop.is_now() && printed == Printed::Yes {
        live.turn::<Failure>(|record| trace.unless_nobody_reads(&record, &mut printed))?;
        if printed == Printed::Yes {
            printed = trace.screen.turn()?;
        }
    }
    live.finish::<Failure>(|record| trace.unless_nobody_reads(&record, &mut printed))?;
    // What was added up since the last time.
    if printed == Printed::Yes {
        trace.screen.end()?;
    }
    trace.losses.end();
    Ok(())
}

struct Trace<'a> {
    args: &'a TraceArgs,
    who: Who<'a>,
    screen: Screen,
    losses: Losses,
}

impl Trace<'_> {
    fn unless_nobody_reads(&mut self, record: &Record, printed: &mut Printed) -> Result<(), Failure> {
        if *printed == Printed::Yes {
            *printed = self.record(record)?;
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<Printed, Failure> {
        self.who.learn(record);
        let event = match record {
            Record::Event(event) => event,
            Record::Loss(loss) => {
                self.losses.take(loss);
                return Ok(Printed::Yes);
            }
            _ => return Ok(Printed::Yes),
        };
        if !is_asked_for(self.args.what, event) {
            return Ok(Printed::Yes);
        }
        let object = described(event);
        let known = self.who.of(event.subject);
        if !self.is_wanted(event, known, &object) {
            return Ok(Printed::Yes);
        }
        let row = Row {
            pid: event.subject.pid,
            uid: known.uid,
            program: known.exe.clone().unwrap_or_else(|| "?".into()),
            container: known.container.clone(),
            op: event.op,
            object,
            is_truncated: event.flags.contains(EventFlags::TRUNCATED),
        };
        self.screen.show(row, event.time, event.count.into(), event.amount_bytes)
    }

    fn is_wanted(&self, event: &Event, known: &Known, object: &str) -> bool {
        let args = self.args;
        let has = |text: &Option<_>, wanted: &String| text.as_deref().is_some_and(|text: &str| text.contains(wanted));
        args.pid.is_none_or(|pid| pid == event.subject.pid)
            && args.user.is_none_or(|user| Some(user) == known.uid)
            && args.program.as_ref().is_none_or(|wanted| has(&known.exe, wanted))
            && args.object.as_ref().is_none_or(|wanted| object.contains(wanted))
            && (args.container.is_none() || known.is_in_container)
    }
}

fn is_asked_for(what: What, event: &Event) -> bool {
    match (what, event.object.kind()) {
        (What::Network, kind) => kind == Some(NodeKind::Socket),
        (What::File, kind) => kind == Some(NodeKind::File) && event.op != Operation::Exec,
        (What::Process, _) => matches!(event.op.class(), OpClass::Lifecycle | OpClass::Exec | OpClass::Control),
    }
}

/// A moment in nanoseconds since 1970.
fn moment(ns: i64) -> String {
    Timestamp::from_nanosecond(ns.into()).map_or_else(|_| ns.to_string(), |time| time.to_string())
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
        Detail::Exec { cmdline, environment } => {
            let environment = environment.as_deref().map(|text| format!(" with {}", text.replace('\n', " ")));
            format!("{object} ({}){}", cmdline.as_deref().unwrap_or("?"), environment.unwrap_or_default())
        }
        Detail::NewPath { path, .. } => format!("{object} to {path}"),
        Detail::Credentials { uid } => format!("to user {uid}"),
        Detail::Signal { number } => format!("{object}, signal {number}"),
        Detail::Mode { set, before: None } => format!("{object} to {set}"),
        Detail::Mode { set, before: Some(before) } => format!("{object} from {before} to {set}"),
        Detail::Times { modified_ns } => format!("{object} to {}", moment(*modified_ns)),
    }
}
