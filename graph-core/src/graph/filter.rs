use tracewell_model::NodeKey;

/// A Bloom filter of the nodes that were ever spilled, so that a new node costs no look-up in the history.
///
/// Fixed in size: past about one node for ten bits it only answers "maybe" more often, which costs time, never truth.
pub(super) struct SpilledFilter {
    words: Vec<u64>,
}

const N_HASHES: u32 = 5;

/// Words that are saved together: 4 KiB.
pub(super) const CHUNK_WORDS: usize = 512;

impl SpilledFilter {
    pub(super) fn new(bytes: usize) -> Self {
        Self { words: vec![0; (bytes / 8).next_power_of_two()] }
    }

    pub(super) fn insert(&mut self, key: NodeKey) {
        for bit in self.bits(key) {
            self.words[bit / 64] |= 1 << (bit % 64);
        }
    }

    pub(super) fn may_contain(&self, key: NodeKey) -> bool {
        self.bits(key).all(|bit| self.words[bit / 64] & 1 << (bit % 64) != 0)
    }

    /// How many chunks the whole has, empty ones included.
    pub(super) fn n_chunks(&self) -> usize {
        self.words.len().div_ceil(CHUNK_WORDS)
    }

    /// The chunks in which a bit is set, with their places.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (usize, &[u64])> {
        self.words.chunks(CHUNK_WORDS).enumerate().filter(|(_, words)| words.iter().any(|&word| word != 0))
    }

    /// Sets a chunk of little-endian words; `false` if there is no such place.
    pub(super) fn set_chunk(&mut self, at: u64, bytes: &[u8]) -> bool {
        let chunk = usize::try_from(at).ok().and_then(|at| self.words.chunks_mut(CHUNK_WORDS).nth(at));
        let Some(chunk) = chunk else { return false };
        for (word, bytes) in chunk.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        true
    }

    /// Answers "maybe" from now on.
    pub(super) fn fill(&mut self) {
        self.words.fill(u64::MAX);
    }

    /// A key is a cryptographic hash already: its halves serve as the two hashes of double hashing.
    fn bits(&self, key: NodeKey) -> impl Iterator<Item = usize> + use<> {
        let (low, high) = (key.0 as u64, (key.0 >> 64) as u64 | 1);
        let mask = self.words.len() as u64 * 64 - 1;
        (0..N_HASHES).map(move |i| (low.wrapping_add(high.wrapping_mul(i.into())) & mask) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_and_little_else() {
        let key =
            |i: u64| NodeKey(u128::from_le_bytes(blake3::hash(&i.to_le_bytes()).as_bytes()[..16].try_into().unwrap()));
        let mut filter = SpilledFilter::new(16 * 1024);
        (0..10_000).for_each(|i| filter.insert(key(i)));
        assert!((0..10_000).all(|i| filter.may_contain(key(i))));
        let n_false = (10_000..20_000).filter(|&i| filter.may_contain(key(i))).count();
        assert!(n_false < 300, "{n_false} of 10,000 at 13 bits a key");
    }
}
