//! Bytes of items that come and go in about the same order, in chunks that are used again: under a flood no allocation comes
//! between the long-lived ones of the graph, so that the heap does not fray.

use std::collections::VecDeque;

/// Room of a chunk: several times what the largest record takes.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Empty chunks kept for the next ones.
const SPARE_MAX: usize = 8;

/// Where an item's bytes are. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    chunk: u64,
    at: u32,
    len: u32,
}

#[derive(Default)]
pub struct Chunks {
    chunks: VecDeque<Chunk>,
    /// Number of the first of them.
    first: u64,
    spare: Vec<Vec<u8>>,
}

struct Chunk {
    bytes: Vec<u8>,
    n_items: usize,
}

impl Chunks {
    /// # Panics
    /// If there are more than [`CHUNK_BYTES`]: the kernel side sends no such record.
    pub fn put(&mut self, bytes: &[u8]) -> Place {
        assert!(bytes.len() <= CHUNK_BYTES, "{} bytes in one item", bytes.len());
        if self.chunks.back().is_none_or(|chunk| chunk.bytes.len() + bytes.len() > CHUNK_BYTES) {
            let bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES));
            self.chunks.push_back(Chunk { bytes, n_items: 0 });
        }
        let number = self.first + self.chunks.len() as u64 - 1;
        let chunk = self.chunks.back_mut().expect("there is one with room");
        let at = chunk.bytes.len();
        chunk.bytes.extend_from_slice(bytes);
        chunk.n_items += 1;
        let fits = |n: usize| u32::try_from(n).expect("less than a chunk");
        Place { chunk: number, at: fits(at), len: fits(bytes.len()) }
    }

    /// What was put there and not freed since.
    pub fn get(&self, place: Place) -> &[u8] {
        let at = place.at as usize;
        &self.chunks[self.index(place)].bytes[at..at + place.len as usize]
    }

    pub fn free(&mut self, place: Place) {
        let index = self.index(place);
        self.chunks[index].n_items -= 1;
        while let Some(mut chunk) = self.chunks.pop_front_if(|chunk| chunk.n_items == 0) {
            self.first += 1;
            if self.spare.len() < SPARE_MAX {
                chunk.bytes.clear();
                self.spare.push(chunk.bytes);
            }
        }
    }

    /// Bytes taken, free ones between others included.
    pub fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK_BYTES
    }

    fn index(&self, place: Place) -> usize {
        usize::try_from(place.chunk - self.first).expect("chunks are in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there_until_it_is_freed_and_chunks_are_used_again() {
        let mut chunks = Chunks::default();
        let mut places = VecDeque::new();
        for n in 0..100_000u32 {
            places.push_back((n, chunks.put(&n.to_ne_bytes().repeat(1 + n as usize % 50))));
            if places.len() > 2_000 {
                let (n, place) = places.pop_front().unwrap();
                assert_eq!(chunks.get(place), n.to_ne_bytes().repeat(1 + n as usize % 50));
                chunks.free(place);
            }
            assert!(chunks.bytes() <= 6 * CHUNK_BYTES, "{n}");
        }
        assert!(places.iter().is_sorted_by_key(|(_, place)| *place));
        places.into_iter().rev().for_each(|(_, place)| chunks.free(place));
        assert_eq!(chunks.bytes(), 0);
    }

    #[test]
    fn the_largest_item_fits() {
        let mut chunks = Chunks::default();
        let place = chunks.put(&[7; CHUNK_BYTES]);
        assert_eq!(chunks.get(place), [7; CHUNK_BYTES]);
    }
}
