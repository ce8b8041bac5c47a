//! The control socket: a line of JSON in, a line of JSON back ([`Request`], [`Answer`]).

use crate::args::{DetectorsArgs, DetectorsCommand, Form, ProbesArgs, StatusArgs};
use crate::clients::{read_until, serve};
use crate::config::Config;
use crate::detectors::Wish;
use crate::failure::{Failure, print};
use crate::requests::{Answer, Asker, Request};
use rustix::fs::Mode;
use rustix::process::umask;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf, absolute};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a request's line.
const REQUEST_BYTES_MAX: usize = 4096;
/// Bytes of an answer's line.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How long the agent waits for a client's next line, and a client for the agent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether something is done.
const BREATH: Duration = Duration::from_millis(50);

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
    loop {
        match read_until(stream, &mut read, REQUEST_BYTES_MAX, PATIENCE, |read| read.contains(&b'\n')) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let message = format!("not a request: longer than {REQUEST_BYTES_MAX} bytes");
                return answer(stream, &Answer::Error(message));
            }
            Err(error) => return Err(error),
        }
        let end = read.iter().position(|byte| *byte == b'\n').expect("it was looked for") + 1;
        let line: Vec<u8> = read.drain(..end).collect();
        let said = match serde_json::from_slice(&line) {
            Ok(request) => asker.ask(request),
            Err(error) => Answer::Error(format!("not a request: {error}")),
        };
        answer(stream, &said)?;
    }
}

fn answer(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line)
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

/// `tracewell-agent detectors`.
pub fn detectors(args: &DetectorsArgs, file: Option<&Path>) -> Result<(), Failure> {
    let mut wish = Wish::default();
    match args.what.clone() {
        None | Some(DetectorsCommand::List) => {}
        Some(DetectorsCommand::Load { file }) => {
            wish.load = Some(absolute(&file).map_err(Failure::input)?);
        }
        Some(DetectorsCommand::Remove { id, version }) => (wish.remove, wish.version) = (Some(id), version),
        Some(DetectorsCommand::Resume { id }) => wish.resume = Some(id),
        Some(DetectorsCommand::Reload) => wish.reload = true,
    }
    let deadline = Instant::now() + PATIENCE;
    let mut request = Request::Detectors(wish.clone());
    let status = loop {
        match ask(args.control.as_deref(), file, &request)? {
            Answer::Detectors(status) if !status.pending || Instant::now() > deadline => break status,
            Answer::Detectors(_) => {}
            other => return Err(unexpected(other)),
        }
        request = Request::Detectors(Wish::default());
        thread::park_timeout(BREATH);
    };
    let text = match args.output {
        Form::Text => status.lines().map(|(what, said)| format!("{what:<14} {said}\n")).collect(),
        Form::Json => format!("{}\n", serde_json::to_string(&status).map_err(Failure::internal)?),
    };
    print(&text)?;
    if status.pending {
        return Err(Failure::NoAnswer(format!("it is not done within {} s", PATIENCE.as_secs())));
    }
    let asked = wish.load.map(|file| file.display().to_string());
    match status.refused.iter().find(|refused| Some(&refused.file) == asked.as_ref()) {
        Some(refused) => Err(Failure::Input(format!("{}: {}", refused.file, refused.reason))),
        None => Ok(()),
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
            Failure::NotPermitted(format!("cannot open {}: only root may ask the agent", path.display()))
        }
        _ => Failure::NotRunning(format!("no agent answers at {}: `tracewell-agent run` starts one", path.display())),
    })?;
    // What listens there was there a moment ago: a connection to a socket that a killed agent left is refused.
    let silent = |why: &str| Failure::NoAnswer(format!("the agent at {} runs, but {why}", path.display()));
    let broken = |error: io::Error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => silent(&format!("gives no answer within {PATIENCE:?}")),
        _ => silent("closed the connection: too many ask at once, or it stops"),
    };
    stream.set_read_timeout(Some(PATIENCE)).map_err(Failure::internal)?;
    let mut line = serde_json::to_vec(request).map_err(Failure::internal)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(broken)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_until(b'\n', &mut answer).map_err(broken)?;
    if answer.is_empty() {
        return Err(broken(ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&answer)
        .map_err(|_| Failure::Internal(format!("the agent at {} is of another version", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::channel;
    use std::thread;

    /// What comes of asking, where each connection is treated so.
    fn asked(treat: fn(UnixStream)) -> Failure {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = thread::spawn(move || treat(listener.accept().unwrap().0));
        let failure = ask(Some(&socket), None, &Request::Status).unwrap_err();
        agent.join().unwrap();
        failure
    }

    #[test]
    fn an_agent_that_closes_is_told_apart_from_one_that_is_not_there() {
        let at_once: fn(UnixStream) = drop;
        let after_the_question: fn(UnixStream) = |mut stream| stream.read_exact(&mut [0; 21]).unwrap();
        for treat in [at_once, after_the_question] {
            let failure = asked(treat);
            assert!(matches!(&failure, Failure::NoAnswer(why) if why.ends_with("or it stops")), "{failure}");
        }
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        for is_left in [false, true] {
            if is_left {
                drop(UnixListener::bind(&socket).unwrap());
            }
            assert!(matches!(ask(Some(&socket), None, &Request::Status), Err(Failure::NotRunning(_))));
        }
    }

    #[test]
    fn what_is_no_request_is_answered_with_what_is_wrong() {
        for (sent, message) in [
            ("{\"command\":\"stop\"}\n".to_owned(), "not a request: unknown variant `stop`"),
            (" ".repeat(REQUEST_BYTES_MAX + 900), "not a request: longer than 4096 bytes"),
        ] {
            let (mut ours, mut theirs) = UnixStream::pair().unwrap();
            ours.write_all(sent.as_bytes()).unwrap();
            let serving = thread::spawn(move || client(&mut theirs, &channel().0));
            let mut line = String::new();
            BufReader::new(&ours).read_line(&mut line).unwrap();
            assert!(line.starts_with(&format!("{{\"error\":\"{message}")), "{line}");
            drop(ours);
            let _ = serving.join().unwrap();
        }
    }
}
