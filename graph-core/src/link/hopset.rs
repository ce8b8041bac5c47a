use crate::history::{HistoryError, RowReader, RowWriter};
use std::collections::BTreeMap;
use tracewell_model::{EventNs, Millibits, NodeKey};

/// What lies around terminals that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hopset {
    pub members: BTreeMap<NodeKey, Member>,
    pub first: EventNs,
    pub last: EventNs,
    /// Descendants that found no place.
    pub n_omitted: u32,
    /// Emissions so far, and a digest of each node and edge as it was last emitted.
    pub revision: u32,
    pub emitted: BTreeMap<u64, u64>,
}

/// Why a node is in a hopset; the strongest reason stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Descendant { ancestor: NodeKey },
    Connector,
    Terminal { weight: Millibits },
}

impl Hopset {
    pub fn new(time: EventNs) -> Self {
        Self { first: time, last: time, ..Self::default() }
    }

    /// Adds a member, or strengthens one.
    pub fn add(&mut self, key: NodeKey, member: Member) {
        let known = self.members.entry(key).or_insert(member);
        *known = member.max(*known);
    }

    /// Its terminals, with what each weighs.
    pub fn terminals(&self) -> impl Iterator<Item = (NodeKey, Millibits)> {
        self.members.iter().filter_map(|(&key, member)| match *member {
            Member::Terminal { weight } => Some((key, weight)),
            _ => None,
        })
    }

    /// Replaces what a terminal weighs, also by less.
    pub(super) fn set_weight(&mut self, key: NodeKey, weight: Millibits) {
        self.members.insert(key, Member::Terminal { weight });
    }

    /// Takes over the members of another hopset. What was emitted of the other was emitted under its id: not of this one.
    pub fn absorb(&mut self, other: Self) {
        other.members.into_iter().for_each(|(key, member)| self.add(key, member));
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.n_omitted = self.n_omitted.saturating_add(other.n_omitted);
    }

    /// The sum of its terminals' weights, halved for each half-life since it last changed: what memory is kept for.
    pub fn energy(&self, now: EventNs, half_life_ns: u64) -> u64 {
        let weight: u64 = self.members.values().map(|member| u64::from(member.weight().0)).sum();
        // A thousandfold scale keeps weak ones apart until they are some 40 half-lives old.
        let halvings = (now.since(self.last) / half_life_ns.max(1)).min(63);
        (weight * 1000) >> halvings
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.members.len() * 24);
        self.write(&mut RowWriter::new(&mut out));
        out
    }

    /// As [`Self::encode`], in a row that goes on after it.
    pub(super) fn write(&self, row: &mut RowWriter<'_>) {
        row.u64(self.first.0);
        row.u64(self.last.since(self.first));
        row.u64(self.n_omitted.into());
        row.u64(self.revision.into());
        row.u64(self.members.len() as u64);
        for (key, member) in &self.members {
            row.u128(key.0);
            match member {
                Member::Descendant { ancestor } => {
                    row.u64(0);
                    row.u128(ancestor.0);
                }
                Member::Connector => row.u64(1),
                Member::Terminal { weight } => {
                    row.u64(2);
                    row.u64(weight.0.into());
                }
            }
        }
        row.u64(self.emitted.len() as u64);
        for (&part, &digest) in &self.emitted {
            row.u64(part);
            row.u64(digest);
        }
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, HistoryError> {
        let mut row = RowReader::new("a hopset", row);
        let hopset = Self::read(&mut row)?;
        row.end()?;
        Ok(hopset)
    }

    /// As [`Self::decode`], from a row that goes on after it.
    pub(super) fn read(row: &mut RowReader<'_>) -> Result<Self, HistoryError> {
        let first = EventNs(row.u64()?);
        let last = first.after(row.u64()?);
        let (n_omitted, revision) = (row.u32()?, row.u32()?);
        let mut members = BTreeMap::new();
        for _ in 0..row.u64()? {
            let key = NodeKey(row.u128()?);
            let member = match row.u64()? {
                0 => Member::Descendant { ancestor: NodeKey(row.u128()?) },
                1 => Member::Connector,
                2 => Member::Terminal { weight: Millibits(row.u32()?) },
                other => return Err(row.corrupt(format!("a member of kind {other}"))),
            };
            members.insert(key, member);
        }
        let mut emitted = BTreeMap::new();
        for _ in 0..row.u64()? {
            emitted.insert(row.u64()?, row.u64()?);
        }
        Ok(Self { members, first, last, n_omitted, revision, emitted })
    }
}

impl Member {
    pub fn weight(self) -> Millibits {
        if let Self::Terminal { weight } = self { weight } else { Millibits::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hopset_survives_its_row() {
        let mut hopset = Hopset::new(EventNs(5));
        hopset.add(NodeKey(1), Member::Connector);
        hopset.add(NodeKey(2), Member::Terminal { weight: Millibits(9000) });
        hopset.add(NodeKey(3), Member::Descendant { ancestor: NodeKey(2) });
        hopset.emitted.insert(7, 8);
        hopset.revision = 2;
        assert_eq!(Hopset::decode(&hopset.encode()).unwrap(), hopset);
        assert!(Hopset::decode(&hopset.encode()[..20]).is_err());
    }

    #[test]
    fn the_strongest_membership_stands() {
        let mut hopset = Hopset::default();
        hopset.add(NodeKey(1), Member::Terminal { weight: Millibits(10) });
        hopset.add(NodeKey(1), Member::Connector);
        assert_eq!(hopset.members[&NodeKey(1)], Member::Terminal { weight: Millibits(10) });
    }

    #[test]
    fn energy_halves_with_each_half_life() {
        let mut hopset = Hopset::new(EventNs(0));
        hopset.add(NodeKey(1), Member::Terminal { weight: Millibits(8) });
        assert_eq!([0, 10, 25, 10_000].map(|now| hopset.energy(EventNs(now), 10)), [8000, 4000, 2000, 0]);
    }
}
