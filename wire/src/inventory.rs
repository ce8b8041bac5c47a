//! What a host's agent runs on, what it runs, and what is not as it should be.

use crate::error::at_most;
use crate::limits::{INVENTORY_ENTRIES_MAX, TEXT_BYTES_MAX};
use crate::{WireError, proto};
use tracewell_model::Str;

/// Sent at the agent's start, and when it has changed. All of it is what the host claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Release of the kernel, as uname(2) gives it.
    pub kernel: Str,
    /// How operations on names are seen: `base`, `partly better` or `better`.
    pub tier: Str,
    /// In the order in which they are called, at most [`INVENTORY_ENTRIES_MAX`].
    pub detectors: Vec<LoadedDetector>,
    pub sigma_rules: u32,
    /// [`view_hash`](crate::view_hash) of the fleet's view in force; 0 for none.
    pub view: u64,
    /// What is not as it should be, a sentence each, at most [`INVENTORY_ENTRIES_MAX`].
    pub complaints: Vec<Str>,
}

/// A detector that an agent calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedDetector {
    pub id: Str,
    pub version: Str,
    /// BLAKE3 of its file.
    pub hash: [u8; 32],
    /// It failed too often and is not called any more.
    pub is_parked: bool,
}

impl TryFrom<&Inventory> for proto::Inventory {
    type Error = WireError;

    fn try_from(inventory: &Inventory) -> Result<Self, WireError> {
        let Inventory { kernel, tier, detectors, sigma_rules, view, complaints } = inventory;
        at_most("detectors of the inventory", detectors.len(), INVENTORY_ENTRIES_MAX)?;
        at_most("complaints of the inventory", complaints.len(), INVENTORY_ENTRIES_MAX)?;
        let detector = |detector: &LoadedDetector| {
            Ok(proto::LoadedDetector {
                id: text(&detector.id)?,
                version: text(&detector.version)?,
                hash: detector.hash.to_vec(),
                parked: detector.is_parked,
            })
        };
        Ok(Self {
            kernel: text(kernel)?,
            tier: text(tier)?,
            detectors: detectors.iter().map(detector).collect::<Result<_, WireError>>()?,
            sigma_rules: *sigma_rules,
            view: *view,
            complaints: complaints.iter().map(|complaint| text(complaint)).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<proto::Inventory> for Inventory {
    type Error = WireError;

    fn try_from(inventory: proto::Inventory) -> Result<Self, WireError> {
        let proto::Inventory { kernel, tier, detectors, sigma_rules, view, complaints } = inventory;
        at_most("detectors of the inventory", detectors.len(), INVENTORY_ENTRIES_MAX)?;
        at_most("complaints of the inventory", complaints.len(), INVENTORY_ENTRIES_MAX)?;
        let detector = |detector: proto::LoadedDetector| {
            let hash = detector.hash.as_slice().try_into().map_err(|_| WireError::Invalid {
                what: "length of a detector's hash",
                got: detector.hash.len() as u64,
                expected: "32 bytes",
            })?;
            let (id, version) = (text(&detector.id)?.into(), text(&detector.version)?.into());
            Ok(LoadedDetector { id, version, hash, is_parked: detector.parked })
        };
        Ok(Self {
            kernel: text(&kernel)?.into(),
            tier: text(&tier)?.into(),
            detectors: detectors.into_iter().map(detector).collect::<Result<_, WireError>>()?,
            sigma_rules,
            view,
            complaints: complaints
                .iter()
                .map(|complaint| Ok(text(complaint)?.into()))
                .collect::<Result<_, WireError>>()?,
        })
    }
}

fn text(text: &str) -> Result<String, WireError> {
    at_most("text of the inventory", text.len(), TEXT_BYTES_MAX)?;
    Ok(text.to_owned())
}
