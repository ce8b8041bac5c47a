//! The commands that ask a running aggregator.

use crate::args::{AskArgs, BackupArgs, RevokeArgs, SocketArgs, TokenArgs};
use crate::config;
use crate::requests::{Answer, Request};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use tracewell_aggregator::document::alerts::Alerts;

/// Computing incidents of a large fleet takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn token(args: &TokenArgs, file: Option<&Path>) -> Result<()> {
    if args.list {
        let Answer::Tokens(tokens) = ask(&args.socket, file, &Request::Tokens)? else { bail!(UNEXPECTED) };
        let mut text = String::new();
        for token in tokens {
            let labels: Vec<_> = token.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let (id, left, uses) = (token.id, token.seconds_left, token.uses_left);
            let host = token.host.map(|host| format!(", for host {host}")).unwrap_or_default();
            let _ = writeln!(text, "{id}  {left} s left, {uses} uses left{host}  {}", labels.join(" "));
        }
        return print(&text);
    }
    let labels = args.label.iter().cloned().collect();
    let request = Request::Token { seconds: args.hours * 3600, uses: args.uses, labels, host: args.host };
    match ask(&args.socket, file, &request)? {
        Answer::Token(token) => print(&format!("{token}\n")),
        _ => bail!(UNEXPECTED),
    }
}

pub fn hosts(args: &AskArgs, file: Option<&Path>) -> Result<()> {
    let Answer::Hosts(hosts) = ask(&args.socket, file, &Request::Hosts)? else { bail!(UNEXPECTED) };
    if args.json {
        return print_json(&hosts);
    }
    let mut text = String::new();
    for host in hosts {
        let state = match (host.revoked, host.connected) {
            (true, _) => "revoked",
            (_, true) => "connected",
            _ => "away",
        };
        let (id, name, alerts) = (host.id, host.name, host.alerts);
        let version = host.version.unwrap_or_else(|| "-".into());
        let latest = host.latest.unwrap_or_else(|| "-".into());
        let refused = match host.refused_frames {
            0 => String::new(),
            n => format!(", {n} frames refused"),
        };
        let forked = if host.forked { "  FORKED" } else { "" };
        let _ = writeln!(
            text,
            "{id}  {state:<9}  {name}  agent {version}  until {latest}  {alerts} alerts{refused}{forked}"
        );
    }
    print(&text)
}

pub fn revoke(args: &RevokeArgs, file: Option<&Path>) -> Result<()> {
    match ask(&args.socket, file, &Request::Revoke { host: args.host })? {
        Answer::Revoked => Ok(()),
        _ => bail!(UNEXPECTED),
    }
}

pub fn backup(args: &BackupArgs, file: Option<&Path>) -> Result<()> {
    let folder = std::path::absolute(&args.folder)?.to_string_lossy().into_owned();
    match ask(&args.socket, file, &Request::Backup { folder })? {
        Answer::BackedUp => Ok(()),
        _ => bail!(UNEXPECTED),
    }
}

pub fn incidents(args: &AskArgs, file: Option<&Path>) -> Result<()> {
    let Answer::Incidents(alerts) = ask(&args.socket, file, &Request::Incidents)? else { bail!(UNEXPECTED) };
    match args.json {
        true => print(&String::from_utf8_lossy(&alerts.to_bytes())),
        false => print(&lines(&alerts)),
    }
}

fn lines(alerts: &Alerts) -> String {
    let mut text = String::new();
    for incident in &alerts.incidents {
        let (whole, rest) = (incident.score / 1000, incident.score % 1000 / 100);
        let (severity, hosts, repeats) = (&incident.severity, incident.hosts.join(", "), incident.repeats);
        let (title, last) = (&incident.title, &incident.last);
        let _ = writeln!(text, "{whole:>3}.{rest}  {severity:<8}  {title}  [{hosts}]  {repeats} times, last {last}");
    }
    text
}

const UNEXPECTED: &str = "the aggregator answers another question: is it of another version?";

fn ask(socket: &SocketArgs, file: Option<&Path>, request: &Request) -> Result<Answer> {
    let path = match &socket.control {
        Some(path) => path.clone(),
        None => config::socket(file)?,
    };
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            anyhow::anyhow!("cannot open {}: only who runs the aggregator may", path.display())
        }
        _ => anyhow::anyhow!("no aggregator answers at {}: `tracewell-aggregator run` starts one", path.display()),
    })?;
    // A backup takes as long as the disk.
    stream.set_read_timeout((!matches!(request, Request::Backup { .. })).then_some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("waiting for the aggregator's answer")?;
    match serde_json::from_str(&answer).context("reading the aggregator's answer")? {
        Answer::Error(message) => bail!("{message}"),
        answer => Ok(answer),
    }
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// A reader that has gone away (`| head`) wanted no more.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("writing to stdout"),
        _ => Ok(()),
    }
}
