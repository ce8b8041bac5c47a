use crate::fleet::FleetMap;
use crate::fleet::trie::Trie;
use tracewell_model::{HostId, Str};
use tracewell_parameters::ProfileParameters;

/// Sudden novelties that are reported; the rest of one poisoned update looks like the first.
const SUDDEN_MAX: usize = 100;

/// The same novelty on many hosts within a day: a poisoned update arrives everywhere at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sudden {
    pub path: Vec<Str>,
    /// The first day on which any host saw it.
    pub day: u32,
    /// Hosts that were watched for a while and saw it first on that day or the next, ascending.
    pub hosts: Vec<HostId>,
}

impl FleetMap {
    /// What many hosts saw first within a day, and no host before; most hosts first, at most 100.
    pub fn sudden(&self, parameters: &ProfileParameters) -> Vec<Sudden> {
        let mut trie = Trie::default();
        // Per leaf: first day anywhere, and hosts that can tell new from known, with their first day.
        let mut sights: Vec<(u32, Vec<(u32, HostId)>)> = Vec::new();
        for (host, entry) in self.iter() {
            let watched_from = entry.contribution.since_day.saturating_add(parameters.vote_days);
            for (node, leaf) in trie.add(&entry.contribution) {
                let node = node as usize;
                if sights.len() <= node {
                    sights.resize_with(node + 1, || (u32::MAX, Vec::new()));
                }
                sights[node].0 = sights[node].0.min(leaf.first_day);
                if leaf.first_day >= watched_from {
                    sights[node].1.push((leaf.first_day, host));
                }
            }
        }
        let share = self.len() as u64 * u64::from(parameters.sudden_share_permille);
        let mut sudden = Vec::new();
        for (node, (day, hosts)) in sights.into_iter().enumerate() {
            let within = |&(first_day, host): &(u32, HostId)| (first_day - day <= 1).then_some(host);
            let hosts: Vec<HostId> = hosts.iter().filter_map(within).collect();
            let n_hosts = hosts.len() as u64;
            if n_hosts >= u64::from(parameters.sudden_hosts_min.max(2)) && 1000 * n_hosts >= share {
                sudden.push(Sudden { path: trie.path(node as u32), day, hosts });
            }
        }
        sudden.sort_by(|a, b| b.hosts.len().cmp(&a.hosts.len()).then_with(|| a.path.cmp(&b.path)));
        sudden.truncate(SUDDEN_MAX);
        sudden
    }
}
