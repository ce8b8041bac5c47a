//! Reads a file that a person wrote, whatever lies there in its place.

use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of a file; the default configuration with all its comments has some 10,000.
pub const BYTES_MAX: u64 = 1 << 20;

/// # Errors
/// When it cannot be opened, is no regular file, is larger than [`BYTES_MAX`] or is no UTF-8.
pub fn read(file: &Path) -> io::Result<String> {
    // Or a FIFO would keep us until somebody writes to it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    // One more than there may be. What /proc and /sys say of a length is not what can be read.
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {BYTES_MAX} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::fs;

    #[test]
    fn only_a_regular_file_of_a_sensible_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let of = |n: u64| "#".repeat(usize::try_from(n).unwrap());
        fs::write(at("full"), of(BYTES_MAX)).unwrap();
        fs::write(at("large"), of(BYTES_MAX + 1)).unwrap();
        fs::write(at("latin"), [b'#', 0xe4]).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(read(&at("full")).unwrap(), of(BYTES_MAX));
        for (file, message) in [
            (at("large"), "it is larger than 1048576 bytes"),
            (at("latin"), "stream did not contain valid UTF-8"),
            (at("fifo"), "it is no regular file"),
            (folder.path().into(), "it is no regular file"),
            ("/dev/zero".into(), "it is no regular file"),
        ] {
            assert_eq!(read(&file).unwrap_err().to_string(), message);
        }
    }
}
