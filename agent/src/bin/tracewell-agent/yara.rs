//! YARA rules on the files of this host (`docs/yara.md`): the stream of records goes by, and what is found in files is put into it.
//!
//! Without the feature `yara` there are no rules, and the command says so.

#[cfg(feature = "yara")]
pub use with::{Yara, check};
#[cfg(not(feature = "yara"))]
pub use without::{Yara, check};

#[cfg(feature = "yara")]
mod with {
    use crate::args::YaraArgs;
    use crate::config;
    use crate::failure::{Failure, print};
    use crate::status::{RefusedStatus, YaraStatus};
    use std::fmt::Write;
    use std::fs;
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::time::Duration;
    use tracewell_agent::sensor::Identifier;
    use tracewell_model::{EventNs, FileKind, FileRef, HostId, Inode, ProcessRef, Record};
    use tracewell_yara::{
        Counts, Identify, Limits, NotRun, Outcome, Reader, Reason, Refused, Request, Rules, State, Watcher,
    };

    /// Files of rules that are not run and are told by `status`; the log tells all.
    const NOT_RUN_TOLD_MAX: usize = 64;
    /// For what is being scanned when the agent ends.
    const LAST_WAIT: Duration = Duration::from_secs(2);

    pub struct Yara {
        host: HostId,
        identifier: Option<Identifier>,
        watcher: Option<Watcher>,
        not_run: Vec<RefusedStatus>,
        error: Option<String>,
    }

    impl Yara {
        /// Reads the rules and starts the thread, if there are to be any. A file that does not compile is said.
        ///
        /// # Errors
        /// When the folder cannot be read, or there is no thread.
        pub fn start(
            config: Option<&config::Yara>,
            host: HostId,
            identifier: Option<Identifier>,
        ) -> Result<Self, Failure> {
            let (not_run, error) = (Vec::new(), None);
            let mut yara = Self { host, identifier, watcher: None, not_run, error };
            if let Some(config) = config {
                let (rules, not_run) = Rules::load(&config.rules).map_err(Failure::input)?;
                yara.tell(not_run, rules.len());
                yara.begin(rules, config)?;
            }
            Ok(yara)
        }

        /// Has the file be looked at that a record makes worth it. Waits for nobody.
        pub fn look(&mut self, record: &Record) {
            if let Some(watcher) = &mut self.watcher {
                watcher.look(record);
            }
        }

        /// What was found since.
        pub fn found(&mut self, now: EventNs) -> Vec<Record> {
            let Some(watcher) = &mut self.watcher else { return Vec::new() };
            let mut changed = None;
            let found = watcher.answers(now, &mut |done| changed = Some(done));
            let n_rules = watcher.state().n_rules;
            match changed {
                Some(Ok(not_run)) => self.tell(not_run, n_rules),
                Some(Err(error)) => {
                    tracing::error!(%error, "the YARA rules stay as they were");
                    self.error = Some(error.to_string());
                }
                None => {}
            }
            found
        }

        /// The same at the end, when what is being scanned is waited for a little.
        pub fn last_found(&mut self, now: EventNs) -> Vec<Record> {
            let Some(watcher) = &mut self.watcher else { return Vec::new() };
            let found = watcher.last_answers(now, LAST_WAIT);
            let State { n_waiting, n_pending, .. } = watcher.state();
            if n_waiting + n_pending > 0 {
                tracing::warn!(waiting = n_waiting, not_complete = n_pending, "files were not scanned before the end");
            }
            found
        }

        /// Reads the rules anew, on their thread. If that fails, those that were read before stay.
        pub fn set(&mut self, config: Option<&config::Yara>) {
            if let (None, Some(config)) = (&self.watcher, config)
                && let Err(error) = self.begin(Rules::none(), config)
            {
                tracing::error!(%error, "no YARA rules are run");
            }
            let Some(watcher) = &mut self.watcher else { return };
            let is_asked = match config {
                Some(config) => watcher.change(Some(config.rules.clone()), limits(config)),
                None => !watcher.is_on() || watcher.change(None, Limits::default()),
            };
            if !is_asked {
                tracing::error!("the YARA rules stay as they were: too much waits for their thread");
            }
        }

        pub fn status(&self) -> Option<YaraStatus> {
            let State { n_rules, counts, n_waiting, n_pending, busy } =
                self.watcher.as_ref().filter(|watcher| watcher.is_on())?.state();
            Some(YaraStatus {
                rules: n_rules as u64,
                not_run: self.not_run.clone(),
                error: self.error.clone(),
                files: files(&counts),
                matched: counts.matched,
                waiting: n_waiting as u64,
                pending: n_pending as u64,
                busy_milliseconds: u64::try_from(busy.as_millis()).unwrap_or(u64::MAX),
            })
        }

        fn begin(&mut self, rules: Rules, config: &config::Yara) -> Result<(), Failure> {
            let identify =
                self.identifier.take().map_or_else(|| Box::new(|_: BorrowedFd<'_>| None) as Identify, identify);
            self.watcher = Some(Watcher::start(self.host, rules, limits(config), identify).map_err(Failure::internal)?);
            Ok(())
        }

        fn tell(&mut self, not_run: Vec<NotRun>, n_rules: usize) {
            for NotRun { path, why } in &not_run {
                tracing::warn!(file = %path.display(), why, "YARA rules are not run");
            }
            tracing::info!(rules = n_rules, files_not_run = not_run.len(), "YARA rules read");
            let told = not_run.into_iter().take(NOT_RUN_TOLD_MAX);
            let told =
                told.map(|not_run| RefusedStatus { file: not_run.path.display().to_string(), reason: not_run.why });
            (self.not_run, self.error) = (told.collect(), None);
        }
    }

    fn limits(config: &config::Yara) -> Limits {
        Limits {
            size_max: config.size_max,
            timeout: config.timeout,
            queue_max: config.queue_max,
            quiet_ns: u64::try_from(config.quiet.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// Asks the kernel side, whose words events are in.
    fn identify(mut identifier: Identifier) -> Identify {
        Box::new(move |file| {
            let place = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
            let file = identifier.identify(&place, true)?;
            Some(Inode { dev: u64::from(file.dev), ino: file.ino, generation: file.generation })
        })
    }

    fn files(counts: &Counts) -> Vec<(String, u64)> {
        let files = [
            ("scanned", counts.scanned),
            ("known", counts.known),
            ("changed", counts.changed),
            ("timed_out", counts.timed_out),
            ("failed", counts.failed),
            ("too_large", counts.too_large),
            ("gone", counts.gone),
            ("nameless", counts.nameless),
            ("not_regular", counts.not_regular),
            ("elsewhere", counts.elsewhere),
            ("unreadable", counts.unreadable),
            ("dropped", counts.dropped),
            ("crowded", counts.crowded),
            ("given_up", counts.given_up),
        ];
        files.map(|(outcome, n)| (outcome.to_owned(), n)).into()
    }

    /// `tracewell-agent yara`: says what of a folder is not run and why, and what the rest finds in files.
    ///
    /// # Errors
    /// When the folder cannot be read, a file of it does not compile, or one that was to be scanned was not.
    pub fn check(args: &YaraArgs) -> Result<(), Failure> {
        let (rules, not_run) = Rules::load(&args.folder).map_err(Failure::input)?;
        let mut text = String::new();
        for NotRun { path, why } in &not_run {
            let _ = writeln!(text, "{}: {}", shown(path), why.replace(char::is_control, "\u{fffd}"));
        }
        let _ = writeln!(text, "{} rules, {} files are not run", rules.len(), not_run.len());
        let limits = Limits { size_max: args.size_max, timeout: args.timeout, ..Limits::default() };
        let mut reader = Reader::new(rules, limits, Box::new(|_| None));
        let mut n_missed = 0;
        for path in &args.files {
            let said = match request(path) {
                Err(error) => Err(error.to_string()),
                Ok(request) => {
                    let verdict = reader.scan(&request);
                    for found in verdict.matches.iter() {
                        let (severity, techniques) = (found.severity.name(), found.techniques.join(" "));
                        let _ = writeln!(text, "{}: {severity}: {} {techniques}", shown(path), found.title);
                    }
                    incomplete(verdict.outcome).map_or(Ok(verdict.matches.is_empty()), Err)
                }
            };
            match said {
                Ok(true) => _ = writeln!(text, "{}: nothing found", shown(path)),
                Ok(false) => {}
                Err(why) => {
                    n_missed += 1;
                    let _ = writeln!(text, "{}: {why}", shown(path));
                }
            }
        }
        print(&text)?;
        match not_run.len() + n_missed {
            0 => Ok(()),
            _ => Err(Failure::Input(format!(
                "{} files of rules are not run, {n_missed} files were not scanned",
                not_run.len()
            ))),
        }
    }

    /// Names of files come from anybody.
    fn shown(path: &Path) -> String {
        path.to_string_lossy().replace(char::is_control, "\u{fffd}")
    }

    fn request(path: &Path) -> std::io::Result<Request> {
        let path = fs::canonicalize(path)?;
        let known = fs::metadata(&path)?;
        let dev = u64::from(rustix::fs::major(known.dev())) << 20 | u64::from(rustix::fs::minor(known.dev()));
        let inode = Some(Inode { dev, ino: known.ino(), generation: 0 });
        let file = FileRef { uuid: None, inode, path: Some(path.to_string_lossy().into()), kind: FileKind::Unknown };
        let process = ProcessRef { pid: std::process::id(), start: 0, uuid: None };
        Ok(Request { number: 0, file, process, reason: Reason::Written })
    }

    /// Why a file was not scanned, or not to its end.
    fn incomplete(outcome: Outcome) -> Option<String> {
        Some(match outcome {
            Outcome::Scanned | Outcome::Known => return None,
            Outcome::Changed => "it changed while it was read".into(),
            Outcome::TimedOut => "it took too long".into(),
            Outcome::Failed => "the engine failed".into(),
            Outcome::Refused(Refused::Gone) => "it is not there".into(),
            Outcome::Refused(Refused::Nameless) => "its name is no UTF-8".into(),
            Outcome::Refused(Refused::NotRegular) => "it is no regular file".into(),
            Outcome::Refused(Refused::TooLarge { bytes }) => format!("it has {bytes} bytes, more than --size-max"),
            Outcome::Refused(Refused::Elsewhere) => "it does not lie on a filesystem of this machine".into(),
            Outcome::Refused(Refused::Unreadable(error)) => format!("it cannot be read: {error}"),
        })
    }
}

#[cfg(not(feature = "yara"))]
mod without {
    use crate::args::YaraArgs;
    use crate::config;
    use crate::failure::Failure;
    use crate::status::YaraStatus;
    use tracewell_agent::sensor::Identifier;
    use tracewell_model::{EventNs, HostId, Record};

    /// Nothing: a configuration with rules is refused.
    pub struct Yara;

    impl Yara {
        pub fn start(_: Option<&config::Yara>, _: HostId, _: Option<Identifier>) -> Result<Self, Failure> {
            Ok(Self)
        }

        pub fn look(&mut self, _: &Record) {}

        pub fn found(&mut self, _: EventNs) -> Vec<Record> {
            Vec::new()
        }

        pub fn last_found(&mut self, _: EventNs) -> Vec<Record> {
            Vec::new()
        }

        pub fn set(&mut self, _: Option<&config::Yara>) {}

        pub fn status(&self) -> Option<YaraStatus> {
            None
        }
    }

    /// # Errors
    /// Always.
    pub fn check(_: &YaraArgs) -> Result<(), Failure> {
        Err(Failure::Input("this build has no YARA".into()))
    }
}
