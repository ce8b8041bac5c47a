//! Labels, stored once each and counted, so that a name no leaf uses any more costs nothing.

use hashbrown::HashMap;
use tracewell_model::Str;

/// A label's place in [`Symbols`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Symbol(u32);

/// Bytes a label costs beyond its text: the shared string's header, the slot, and the entry of the index.
const SYMBOL_BYTES: usize = 72;

#[derive(Clone, Debug, Default)]
pub(super) struct Symbols {
    slots: Vec<(Str, u32)>,
    free: Vec<u32>,
    /// Looked up, never iterated: its order is random.
    index: HashMap<Str, u32>,
    bytes: usize,
}

impl Symbols {
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.index.get(text).map(|&slot| Symbol(slot))
    }

    /// The label's symbol, with one more use.
    pub fn acquire(&mut self, text: &str) -> Symbol {
        if let Some(&slot) = self.index.get(text) {
            self.slots[slot as usize].1 += 1;
            return Symbol(slot);
        }
        let text = Str::from(text);
        self.bytes += SYMBOL_BYTES + text.len();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((text.clone(), 0));
            u32::try_from(self.slots.len() - 1).expect("the byte budget holds far fewer labels than 2^32")
        });
        self.slots[slot as usize] = (text.clone(), 1);
        self.index.insert(text, slot);
        Symbol(slot)
    }

    pub fn release(&mut self, symbol: Symbol) {
        let (text, uses) = &mut self.slots[symbol.0 as usize];
        *uses -= 1;
        if *uses == 0 {
            let text = std::mem::replace(text, Str::from(""));
            self.bytes -= SYMBOL_BYTES + text.len();
            self.index.remove(&text);
            self.free.push(symbol.0);
        }
    }

    pub fn text(&self, symbol: Symbol) -> &Str {
        &self.slots[symbol.0 as usize].0
    }

    pub fn accounted_bytes(&self) -> usize {
        self.bytes
    }
}
