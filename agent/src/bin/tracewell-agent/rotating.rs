use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file of lines that is put aside when it is full: `FILE` becomes `FILE.1`, that `FILE.2`, and the oldest goes.
pub struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Bytes of each file at most, unless one line is longer.
    bytes_max: u64,
    /// Files kept in all.
    files_max: u32,
}

impl Rotating {
    /// Goes on behind what is there.
    ///
    /// # Errors
    /// When the file cannot be opened to be written.
    pub fn open(path: &Path, bytes_max: u64, files_max: u32) -> io::Result<Self> {
        let file = open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max, files_max })
    }

    /// # Errors
    /// When the file cannot be written or put aside; what was given may then be in part in the file.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        let len = text.len() as u64;
        if self.bytes > 0 && self.bytes + len > self.bytes_max {
            self.put_aside()?;
        }
        self.file.write_all(text.as_bytes())?;
        self.bytes += len;
        Ok(())
    }

    fn put_aside(&mut self) -> io::Result<()> {
        let name = |n: u32| match n {
            0 => self.path.clone(),
            n => PathBuf::from(format!("{}.{n}", self.path.display())),
        };
        if self.files_max == 1 {
            fs::remove_file(&self.path)?;
        }
        for n in (1..self.files_max).rev() {
            match fs::rename(name(n - 1), name(n)) {
                // So many there are not yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        self.file = open(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

/// For its owner alone: alerts tell of command lines and paths.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // A pipe would wait for its reader, and a link lead elsewhere.
    options.create(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let expected = "expected a regular file, and no link";
    let file = options.open(path).map_err(|error| io::Error::new(error.kind(), format!("{error}; {expected}")))?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, expected)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts");
        let check = |files_max, lines: &[&str]| {
            // Opened anew for each, as after a restart.
            for line in lines {
                Rotating::open(&path, 8, files_max).unwrap().write(line).unwrap();
            }
            let mut found: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    (name, fs::read_to_string(&path).unwrap())
                })
                .collect();
            found.sort();
            found.iter().map(|(name, text)| format!("{name}: {}", text.replace('\n', "|"))).collect::<Vec<_>>()
        };
        assert_eq!(check(3, &["a\n", "b\n", "cccc\n"]), ["alerts: cccc|", "alerts.1: a|b|"]);
        assert_eq!(check(3, &["longer than all\n"]), ["alerts: longer than all|", "alerts.1: cccc|", "alerts.2: a|b|"]);
        assert_eq!(check(3, &["d\n"]), ["alerts: d|", "alerts.1: longer than all|", "alerts.2: cccc|"]);
        assert_eq!(check(1, &["12345678\n"])[0], "alerts: 12345678|");
    }
}
