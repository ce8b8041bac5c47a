use std::collections::BTreeMap;

/// Sequence numbers remembered with their content, per host, epoch and class. A spool resends far fewer.
const REMEMBERED_MAX: usize = 4096;

/// Which messages of one host, epoch and class have been taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    hashes: BTreeMap<u64, u64>,
    /// Numbers up to this one are forgotten.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    New,
    /// The same number with the same content.
    Repeated,
    /// A number too old to be remembered.
    TooOld,
    /// The same number with other content: two machines send as one host.
    Forked,
}

impl Ledger {
    pub fn look_up(&self, sequence: u64, content_hash: u64) -> Entry {
        match self.hashes.get(&sequence) {
            _ if sequence <= self.forgotten => Entry::TooOld,
            None => Entry::New,
            Some(&known) if known == content_hash => Entry::Repeated,
            Some(_) => Entry::Forked,
        }
    }

    /// Notes a message as taken, once all that it asks for is done. Gives the number whose content is forgotten for it.
    pub fn record(&mut self, sequence: u64, content_hash: u64) -> Option<u64> {
        self.hashes.insert(sequence, content_hash);
        if self.hashes.len() <= REMEMBERED_MAX {
            return None;
        }
        let (oldest, _) = self.hashes.pop_first()?;
        self.forgotten = oldest;
        Some(oldest)
    }

    /// Numbers before this new one that did not come, less itself if it is one of those.
    pub fn missing_before(&self, sequence: u64) -> i64 {
        let highest = self.hashes.last_key_value().map_or(self.forgotten, |(&highest, _)| highest);
        match sequence.checked_sub(highest) {
            None | Some(0) => -1,
            Some(ahead) => i64::try_from(ahead - 1).unwrap_or(i64::MAX),
        }
    }

    /// Every number up to this one counts as taken, though its content is forgotten.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Goes on where a ledger of an earlier run stopped.
    pub fn forget_up_to(&mut self, forgotten: u64) {
        self.forgotten = forgotten;
        self.hashes.retain(|&sequence, _| sequence > forgotten);
    }

    /// The numbers whose content is remembered.
    pub fn sequences(&self) -> impl Iterator<Item = u64> {
        self.hashes.keys().copied()
    }
}
