//! The detectors of the configured folder.

use crate::failure::Failure;
use std::path::Path;
use tracewell_detector_host::Library;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;

/// Loads what the folder holds. What is refused is said, and the others are loaded all the same.
///
/// # Errors
/// When the folder cannot be read or the engine does not start.
pub fn load(folder: &Path) -> Result<Library, Failure> {
    let mut library = Library::new().map_err(Failure::internal)?;
    let refused = library.load_folder(folder, COMPONENT_BYTES_MAX).map_err(Failure::input)?;
    for (file, refusal) in refused {
        tracing::error!(file = %file.display(), %refusal, "no detector");
    }
    for status in library.status() {
        let (id, version) = (status.metadata.id, status.metadata.version.to_string());
        tracing::info!(detector = id, version, hash = status.hash, "loaded");
    }
    Ok(library)
}
