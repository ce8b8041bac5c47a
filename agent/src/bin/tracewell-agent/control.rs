//! The control socket: a line of JSON in, a line of JSON back ([`Request`], [`Answer`]).

use crate::args::{Form, ProbesArgs, StatusArgs};
use crate::clients::{read_until, serve};
use crate::config::Config;
use crate::failure::{Failure, print};
use crate::requests::{Answer, Asker, Request};
use rustix::fs::Mode;
use rustix::process::umask;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of a request's line.
const REQUEST_BYTES_MAX: usize = 4096;
/// Bytes of an answer's line.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How long the agent waits for a client's next line, and a client for the agent.
const PATIENCE: Duration = Duration::from_secs(10);

/// The socket of this agent; its file goes with it.
pub struct Control {
    path: PathBuf,
    listener: UnixListener,
}

impl Control {
    /// Only for who holds the host's lock, and before any thread is started: the mask of new files is the process's own.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    pub fn listen(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::Input(format!("cannot listen on {}: {error}", path.display()));
        match fs::symlink_metadata(path) {
            // An agent that was killed left it.
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
            Ok(_) => {
                let message = format!("cannot listen on {}: it is there, and no socket", path.display());
                return Err(Failure::Input(message));
            }
            Err(_) => {}
        }
        let mask = umask(Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(path);
        umask(mask);
        Ok(Self { path: path.to_owned(), listener: listener.map_err(failed)? })
    }

    /// # Errors
    /// When no thread can be started.
    pub fn serve(&self, asker: Asker) -> Result<(), Failure> {
        let listener = self.listener.try_clone().map_err(Failure::internal)?;
        let accept = move || listener.accept().map(|(stream, _)| stream);
        serve("control", accept, move |stream| client(stream, &asker)).map_err(Failure::internal)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn client(stream: &mut UnixStream, asker: &Asker) -> io::Result<()> {
    let mut read = Vec::new();
    while read_until(stream, &mut read, REQUEST_BYTES_MAX, PATIENCE, |read| read.contains(&b'\n'))? {
        let end = read.iter().position(|byte| *byte == b'\n').expect("it was looked for") + 1;
        let line: Vec<u8> = read.drain(..end).collect();
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => asker.ask(request),
            Err(error) => Answer::Error(format!("not a request: {error}")),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        stream.write_all(&line)?;
    }
    Ok(())
}

/// `tracewell-agent status`.
pub fn status(args: &StatusArgs, file: Option<&Path>) -> Result<(), Failure> {
    match ask(args.control.as_deref(), file, &Request::Status)? {
        Answer::Status(status) => {
            let text = match args.output {
                Form::Text => status.text(),
                Form::Json => format!("{}\n", serde_json::to_string(&status).map_err(Failure::internal)?),
            };
            print(&text).map(|_| ())
        }
        other => Err(unexpected(other)),
    }
}

/// `tracewell-agent probes`.
pub fn probes(args: &ProbesArgs, file: Option<&Path>) -> Result<(), Failure> {
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for switch in &args.switches {
        let list = if switch.is_on { &mut on } else { &mut off };
        list.push(switch.group.name().to_owned());
    }
    match ask(args.control.as_deref(), file, &Request::Probes { on, off })? {
        Answer::Groups(groups) => print(&format!("{}\n", groups.join(" "))).map(|_| ()),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: Answer) -> Failure {
    match answer {
        Answer::Error(message) => Failure::Internal(format!("the agent says: {message}")),
        _ => Failure::Internal("the agent answers another question: is it of another version?".into()),
    }
}

fn ask(socket: Option<&Path>, file: Option<&Path>, request: &Request) -> Result<Answer, Failure> {
    let path = match socket {
        Some(socket) => socket.to_owned(),
        None => Config::load(file, |_| {})?
            .control
            .ok_or_else(|| Failure::Input("control.socket is empty, so no agent can be asked".into()))?,
    };
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            Failure::Input(format!("cannot open {}: only root may ask the agent", path.display()))
        }
        _ => Failure::NotRunning(format!("no agent answers at {}: `tracewell-agent run` starts one", path.display())),
    })?;
    let broken = |error: io::Error| Failure::NotRunning(format!("the agent at {} broke off: {error}", path.display()));
    stream.set_read_timeout(Some(PATIENCE)).map_err(Failure::internal)?;
    let mut line = serde_json::to_vec(request).map_err(Failure::internal)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(broken)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_until(b'\n', &mut answer).map_err(broken)?;
    if answer.is_empty() {
        return Err(Failure::NotRunning(format!("the agent at {} stops, or serves too many", path.display())));
    }
    serde_json::from_slice(&answer)
        .map_err(|_| Failure::Internal(format!("the agent at {} is of another version", path.display())))
}
