use std::collections::BTreeMap;

/// Sequence numbers remembered with their content, per host, epoch and class. A spool resends far fewer.
const REMEMBERED_MAX: usize = 4096;

/// Which messages of one host, epoch and class have been taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    hashes: BTreeMap<u64, u64>,
    /// Every number up to this one counts as taken, though its content is forgotten.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    New,
    /// The same number with the same content, or one too old to compare.
    Repeated,
    /// The same number with other content: two machines send as one host.
    Forked,
}

impl Ledger {
    pub fn enter(&mut self, sequence: u64, content_hash: u64) -> Entry {
        if sequence <= self.forgotten {
            return Entry::Repeated;
        }
        match self.hashes.get(&sequence) {
            Some(&known) if known == content_hash => return Entry::Repeated,
            Some(_) => return Entry::Forked,
            None => self.hashes.insert(sequence, content_hash),
        };
        if self.hashes.len() > REMEMBERED_MAX
            && let Some((oldest, _)) = self.hashes.pop_first()
        {
            self.forgotten = oldest;
        }
        Entry::New
    }
}
