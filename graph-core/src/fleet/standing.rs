use crate::fleet::trie::{NONE, Trie};
use crate::fleet::{FleetMap, is_majority};
use crate::profile::class_name;
use std::collections::BTreeMap;
use tracewell_model::{OpClass, Str};
use tracewell_parameters::ProfileParameters;

/// Age at which an executable is as trusted as age can make it.
const AGE_DAYS_FULL: u32 = 30;

/// How far an executable may be trusted for who runs it and since when. Owner, package and hash join in once known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Hosts that vouch for an execution of it.
    pub votes: u32,
    /// Days from the first sight that is vouched for to the newest first sight of anything in the fleet.
    pub age_days: u32,
    /// 0 to 1000: the share of hosts, lowered while it is young; 0 below a majority of the fleet.
    pub confidence_permille: u32,
}

impl FleetMap {
    /// The standing of every executable that any host vouches for, by its generalised path.
    pub fn standings(&self, parameters: &ProfileParameters) -> BTreeMap<Str, Standing> {
        let mut trie = Trie::default();
        // Per executable: votes, first day, and the last host that was counted.
        let mut known: BTreeMap<Str, (u32, u32, u32)> = BTreeMap::new();
        let mut executables: Vec<Option<Option<Str>>> = Vec::new();
        let (mut newest, mut n_hosts) = (0, 0);
        for (host_no, (_, entry)) in self.iter().enumerate() {
            let mut votes_at_all = false;
            for (node, leaf) in trie.add(&entry.contribution) {
                newest = newest.max(leaf.first_day);
                if leaf.days < parameters.vote_days {
                    continue;
                }
                votes_at_all = true;
                executables.resize(executables.len().max(trie.len()), None);
                let executable = executables[node as usize].get_or_insert_with(|| executable(&trie, node));
                if let Some(executable) = executable {
                    let (votes, first_day, last_host) = known.entry(executable.clone()).or_insert((0, u32::MAX, NONE));
                    *votes += u32::from(*last_host != host_no as u32);
                    (*first_day, *last_host) = (leaf.first_day.min(*first_day), host_no as u32);
                }
            }
            n_hosts += u32::from(votes_at_all);
        }
        let standing = |(executable, (votes, first_day, _)): (Str, (u32, u32, u32))| {
            let age_days = newest - first_day.min(newest);
            let share = u64::from(votes) * 1000 / u64::from(n_hosts.max(1));
            let aged = share * u64::from(age_days.min(AGE_DAYS_FULL)) / u64::from(AGE_DAYS_FULL);
            let is_trusted = votes >= parameters.vote_hosts_min && is_majority(votes, n_hosts);
            (executable, Standing { votes, age_days, confidence_permille: if is_trusted { aged as u32 } else { 0 } })
        };
        known.into_iter().map(standing).collect()
    }
}

/// The executed file of a leaf, if it is one of an execution: workload, executable, class, parent, then its labels.
fn executable(trie: &Trie, node: u32) -> Option<Str> {
    match trie.path(node).as_slice() {
        [_, _, class, _, object @ ..] if **class == *class_name(OpClass::Exec) => Some(Str::from(object.concat())),
        _ => None,
    }
}
