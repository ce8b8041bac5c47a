//! The archive that a kernel unpacks as its first filesystem: Documentation/driver-api/early-userspace/buffer-format.rst.

/// A file or folder of the archive. Folders come before what is in them.
pub struct Entry<'a> {
    name: &'a str,
    mode: u32,
    bytes: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A file that anybody may read and run.
    pub fn file(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, mode: 0o100_755, bytes }
    }

    pub fn folder(name: &'a str) -> Self {
        Self { name, mode: 0o040_755, bytes: &[] }
    }
}

/// Packs them in the form `newc`.
pub fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    let end = Entry { name: "TRAILER!!!", mode: 0, bytes: &[] };
    for (inode, entry) in entries.iter().chain([&end]).enumerate() {
        let (n_links, name_len) = (1, entry.name.len() + 1);
        // Inode, mode, owner, group, links, time, size, four numbers of devices, length of the name, checksum.
        let numbers = [inode + 1, entry.mode as usize, 0, 0, n_links, 0, entry.bytes.len(), 0, 0, 0, 0, name_len, 0];
        archive.extend_from_slice(b"070701");
        archive.extend(numbers.iter().flat_map(|number| format!("{number:08x}").into_bytes()));
        archive.extend_from_slice(entry.name.as_bytes());
        archive.push(0);
        pad(&mut archive);
        archive.extend_from_slice(entry.bytes);
        pad(&mut archive);
    }
    archive
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_form_that_kernels_read() {
        let archive = archive(&[Entry::file("init", b"text.")]);
        let text = String::from_utf8(archive).unwrap();
        let (first, last) = text.split_at(text.rfind("070701").unwrap());
        assert_eq!(&first[..14], "07070100000001");
        assert_eq!(&first[14..22], "000081ed");
        assert_eq!(&first[94..110], "0000000500000000");
        assert_eq!(&first[110..], "init\0\0text.\0\0\0");
        assert_eq!(&last[110..], "TRAILER!!!\0\0\0\0");
        assert_eq!(text.len() % 4, 0);
    }
}
