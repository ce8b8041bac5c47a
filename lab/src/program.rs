//! What is run in a host.

use std::process::{Command, Stdio};

/// A program of the host's root, with its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    words: Vec<String>,
    user: u32,
    folder: String,
    environment: Vec<(String, String)>,
    output: Output,
}

#[derive(Clone, Debug)]
enum Output {
    Nowhere,
    /// A file of the host that is appended to.
    File(String),
    Taken,
}

/// Users of Debian and of the lab's hosts.
pub mod user {
    pub const ROOT: u32 = 0;
    pub const WWW_DATA: u32 = 33;
    pub const REDIS: u32 = 110;
    pub const POSTGRES: u32 = 111;
    pub const ALICE: u32 = 1000;
    pub const DEPLOY: u32 = 1001;
}

impl Program {
    /// The first word is the whole path of the program.
    pub fn new<const N: usize>(words: [&str; N]) -> Self {
        Self {
            words: words.map(str::to_owned).into(),
            user: user::ROOT,
            folder: "/".into(),
            environment: Vec::new(),
            output: Output::Nowhere,
        }
    }

    /// A line for the shell.
    pub fn shell(line: &str) -> Self {
        Self::new(["/bin/sh", "-c", line])
    }

    pub fn arguments(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Runs as this user, with the group of the same number.
    pub fn user(mut self, user: u32) -> Self {
        self.user = user;
        self
    }

    pub fn folder(mut self, folder: &str) -> Self {
        self.folder = folder.into();
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Appends what it says to a file of the host.
    pub fn log(mut self, file: &str) -> Self {
        self.output = Output::File(file.into());
        self
    }

    pub(crate) fn taken(mut self) -> Self {
        self.output = Output::Taken;
        self
    }

    /// To be called inside of the host: paths are those of its root.
    pub(crate) fn command(&self) -> std::io::Result<Command> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).current_dir(&self.folder).env_clear().stdin(Stdio::null());
        let home = if self.user == user::ROOT { "/root" } else { "/" };
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", home).env("LANG", "C.UTF-8").envs(self.environment.iter().cloned());
        match &self.output {
            Output::Nowhere => command.stdout(Stdio::null()).stderr(Stdio::null()),
            Output::File(path) => {
                let file = std::fs::File::options().create(true).append(true).open(path)?;
                command.stdout(file.try_clone()?).stderr(file)
            }
            Output::Taken => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        };
        if self.user != user::ROOT {
            use std::os::unix::process::CommandExt;
            command.uid(self.user).gid(self.user);
        }
        Ok(command)
    }

    pub(crate) fn shown(&self) -> String {
        self.words.join(" ")
    }
}
