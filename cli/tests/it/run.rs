use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What the program said and how it ended.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Ran {
    /// Ended well; gives stdout.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "stderr: {}", self.stderr);
        self.stdout
    }

    /// Ended with this code, said something that holds `needle` on stderr and nothing on stdout.
    pub fn failed(self, code: i32, needle: &str) {
        assert_eq!(self.code, code, "stderr: {}", self.stderr);
        assert!(self.stderr.contains(needle), "{:?} is not in {:?}", needle, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.stdout, "");
    }
}

pub fn tracewell(args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_tracewell"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program was built for this test");
    Ran {
        stdout: String::from_utf8(output.stdout).expect("the program writes UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("the program writes UTF-8"),
        code: output.status.code().expect("the program was not killed"),
    }
}

/// A file of the public recordings, or `None`, said loudly, where they are not.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from("../../shared/datasets");
    let path = std::env::var_os("TRACEWELL_DATASETS").map_or_else(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there (set TRACEWELL_DATASETS)", path.display());
    None
}

/// A directory that goes with the test.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("temporary names are UTF-8").to_owned()
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names in a directory of it, sorted.
    pub fn listing(&self, name: &str) -> Vec<String> {
        let path: PathBuf = Path::new(self.0.path()).join(name);
        let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().expect("names are UTF-8")).collect();
        names.sort();
        names
    }
}
