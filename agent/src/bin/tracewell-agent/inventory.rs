//! What the aggregator is told of this host beside what happens on it: what it runs, and what is not as it should be.

use crate::status::{DetectorStatus, Status};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracewell_graph_core::fleet::FleetView;
use tracewell_wire::limits::INVENTORY_ENTRIES_MAX;
use tracewell_wire::{Inventory, LoadedDetector, view_hash};

/// Between two looks at what there is to tell. It costs bytes only if it has changed.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Complaints that are told, and bytes of each: the rest is in the status.
const COMPLAINTS_MAX: usize = 16;
const COMPLAINT_BYTES_MAX: usize = 256;

/// What was told, and when to look again.
#[derive(Default)]
pub struct Inventories {
    next_look: Option<Instant>,
    /// With the epoch in which it was: who asks for another one may know nothing of it.
    told: Option<(u32, Inventory)>,
    view: Option<(Arc<FleetView>, u64)>,
}

impl Inventories {
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next_look.is_none_or(|next| now >= next);
        if is_due {
            self.next_look = Some(now + LOOK_EVERY);
        }
        is_due
    }

    /// Has it looked at again at once.
    pub fn look_soon(&mut self) {
        self.next_look = None;
    }

    /// What there is to tell in this epoch, if it is news.
    pub fn news(&mut self, epoch: u32, status: &Status, view: Option<&Arc<FleetView>>) -> Option<Inventory> {
        let inventory = Inventory {
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into(),
            tier: status.tier.name.as_str().into(),
            detectors: status.detectors.loaded.iter().filter_map(loaded).take(INVENTORY_ENTRIES_MAX).collect(),
            sigma_rules: u32::try_from(status.detectors.sigma_rules).unwrap_or(u32::MAX),
            view: view.map_or(0, |view| self.view_hash(view)),
            complaints: complaints(status).into_iter().map(|text| cut(text).into()).take(COMPLAINTS_MAX).collect(),
        };
        let told = Some((epoch, inventory));
        if self.told == told {
            return None;
        }
        self.told = told;
        self.told.as_ref().map(|(_, inventory)| inventory.clone())
    }

    /// Reads the view only if it is another one than before: it may have megabytes.
    fn view_hash(&mut self, view: &Arc<FleetView>) -> u64 {
        match &self.view {
            Some((known, hash)) if Arc::ptr_eq(known, view) => *hash,
            _ => {
                // One that came in a frame fits one.
                let hash = view_hash(view).unwrap_or_default();
                self.view = Some((Arc::clone(view), hash));
                hash
            }
        }
    }
}

fn loaded(status: &DetectorStatus) -> Option<LoadedDetector> {
    let hash = blake3::Hash::from_hex(&status.hash).ok()?;
    let (id, version) = (status.id.as_str().into(), status.version.as_str().into());
    Some(LoadedDetector { id, version, hash: *hash.as_bytes(), is_parked: status.parked })
}

/// What an operator should see to, in the words of the status. Nothing that changes by itself: that would be told again and again.
fn complaints(status: &Status) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |complaint: String| complaints.push(complaint);
    let Status { configuration, detectors, pressure, .. } = status;
    if let Some(error) = &configuration.error {
        complain(format!("the configuration was not read anew: {error}"));
    }
    if !configuration.needs_restart.is_empty() {
        complain(format!("a restart is needed for {}", configuration.needs_restart.join(", ")));
    }
    for program in &status.not_attached {
        complain(format!("{} is not attached: {}", program.program, program.reason));
    }
    for source in &status.container_sources {
        if let Some(error) = &source.error {
            complain(format!("names of containers from {} cannot be read: {error}", source.path));
        }
    }
    for refused in &detectors.refused {
        complain(format!("{} is no detector: {}", refused.file, refused.reason));
    }
    for detector in detectors.loaded.iter().filter(|detector| detector.parked) {
        let why = detector.last_failure.as_deref().unwrap_or("it failed too often");
        complain(format!("detector {} is not called any more: {why}", detector.id));
    }
    for error in detectors.error.iter().chain(&detectors.exposed) {
        complain(format!("folder of detectors: {error}"));
    }
    for refused in status.yara.iter().flat_map(|yara| &yara.not_run) {
        complain(format!("{} holds no YARA rules: {}", refused.file, refused.reason));
    }
    for error in status.yara.iter().flat_map(|yara| &yara.error) {
        complain(format!("YARA rules: {error}"));
    }
    if status.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.failed > 0) {
        complain("a checkpoint could not be written".into());
    }
    if status.failed_alerts > 0 {
        complain("alerts could not be written to their file".into());
    }
    if status.uplink.as_ref().is_some_and(|uplink| uplink.dropped_frames > 0) {
        complain("the spool had no room for what was to be sent".into());
    }
    if let Some(cause) = &pressure.cause {
        complain(format!("less is taken in, since it takes too much of {cause}"));
    }
    if let Some(why) = &pressure.recording_ended {
        complain(format!("the recording has ended: {why}"));
    }
    complaints
}

/// The first line, within bounds.
fn cut(text: String) -> String {
    let line = text.lines().next().unwrap_or_default();
    line[..line.floor_char_boundary(COMPLAINT_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::NotAttached;
    use tracewell_graph_core::fleet::FleetNode;

    #[test]
    fn only_news_are_told_and_in_another_epoch_all() {
        let (mut inventories, mut status) = (Inventories::default(), Status::default());
        let parked =
            DetectorStatus { id: "a".into(), hash: "ab".repeat(32), parked: true, ..DetectorStatus::default() };
        status.detectors.loaded = vec![parked, DetectorStatus { hash: "no hash".into(), ..DetectorStatus::default() }];
        let told = inventories.news(1, &status, None).unwrap();
        assert_eq!(told.detectors.len(), 1, "what has no hash is none: {told:?}");
        assert!(!told.kernel.is_empty() && told.view == 0, "{told:?}");
        assert_eq!(told.complaints, ["detector a is not called any more: it failed too often".into()]);
        assert_eq!(inventories.news(1, &status, None), None, "it was told");
        assert_eq!(inventories.news(2, &status, None), Some(told));
        let node = FleetNode { parent: u32::MAX, label: "host".into(), votes: 1, peers: 1, group: 0 };
        let view = Arc::new(FleetView::from_nodes(3, vec![node]).unwrap());
        let told = inventories.news(2, &status, Some(&view)).unwrap();
        assert_eq!(told.view, view_hash(&view).unwrap());
        assert_eq!(inventories.news(2, &status, Some(&view)), None);
    }

    #[test]
    fn complaints_are_few_and_short() {
        let program = NotAttached { program: "p".into(), reason: format!("{}\nmore", "ä".repeat(500)) };
        let status = Status { not_attached: vec![program; 100], ..Status::default() };
        let told = Inventories::default().news(1, &status, None).unwrap();
        assert_eq!(told.complaints.len(), COMPLAINTS_MAX);
        assert!(told.complaints.iter().all(|told| told.len() <= COMPLAINT_BYTES_MAX && !told.contains('\n')));
    }

    #[test]
    fn it_is_looked_at_now_and_then() {
        let (mut inventories, now) = (Inventories::default(), Instant::now());
        assert!(inventories.is_due(now) && !inventories.is_due(now) && inventories.is_due(now + LOOK_EVERY));
        inventories.look_soon();
        assert!(inventories.is_due(now));
    }
}
