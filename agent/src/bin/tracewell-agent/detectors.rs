//! The detectors that the agent runs: loaded at its start, and loaded, replaced and removed while it watches.

use crate::failure::Failure;
use crate::status::{DetectorStatus, DetectorsStatus, RefusedStatus};
use std::path::{Path, PathBuf};
use tracewell_agent::Pipeline;
use tracewell_detector_host::{Library, LibraryError, Loader, Runner, Settings, Update};
use tracewell_sigma::{NotRun, Rules, RulesError, SigmaDetector};

/// Sigma rules that are not run and are told by `status`; the log tells all.
const NOT_RUN_TOLD_MAX: usize = 64;

/// What is asked of detectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// Load this file, by its absolute path.
    pub load: Option<PathBuf>,
    /// Remove what has this id, in all versions or in one.
    pub remove: Option<String>,
    pub version: Option<String>,
    /// Call the parked one of this id again.
    pub resume: Option<String>,
    /// Look at all files anew.
    pub reload: bool,
}

/// Without a folder, and until somebody asks for one, there is no engine.
#[derive(Default)]
pub struct Detectors {
    loader: Option<Loader>,
    library: Option<Library>,
    refused: Vec<RefusedStatus>,
    error: Option<String>,
    exposed: Option<String>,
    n_done: u64,
    n_sigma_rules: u64,
    sigma_not_run: Vec<RefusedStatus>,
}

impl Detectors {
    /// Loads what the folders hold, for a pipeline. What is refused is said, and the others are loaded all the same.
    ///
    /// # Errors
    /// When a folder cannot be read or the engine does not start.
    pub fn start(settings: &Settings, sigma: Option<&Path>, pipeline: &mut Pipeline) -> Result<Self, Failure> {
        let mut detectors = Self::default();
        if settings.folder.is_some() {
            let (loader, first) = Loader::start(settings.clone()).map_err(Failure::input)?;
            detectors.loader = Some(loader);
            detectors.take_up(first, pipeline);
        }
        if let Some(folder) = sigma {
            detectors.read_sigma(folder, pipeline).map_err(Failure::input)?;
        }
        Ok(detectors)
    }

    /// Has the pipeline run what was loaded since, from its next record on.
    pub fn swap(&mut self, pipeline: &mut Pipeline) {
        if let Some(update) = self.loader.as_ref().and_then(Loader::update) {
            self.take_up(update, pipeline);
        }
    }

    /// What is to be loaded from now on.
    ///
    /// # Errors
    /// When the engine does not start.
    pub fn set(&mut self, settings: &Settings) -> Result<(), LibraryError> {
        if self.loader.is_some() || settings.folder.is_some() {
            self.loader()?.set(settings.clone());
        }
        Ok(())
    }

    /// Reads the Sigma rules anew. If that fails, those that were read before stay, and the log says why.
    pub fn set_sigma(&mut self, folder: Option<&Path>, pipeline: &mut Pipeline) {
        match folder {
            Some(folder) => {
                if let Err(error) = self.read_sigma(folder, pipeline) {
                    tracing::error!(%error, "the Sigma rules stay as they were");
                }
            }
            None => {
                if let Some(detector) = pipeline.detectors_mut::<SigmaDetector>() {
                    *detector = SigmaDetector::new(Rules::default());
                }
                (self.n_sigma_rules, self.sigma_not_run) = Default::default();
            }
        }
    }

    /// Does what was asked, or has it done: [`DetectorsStatus::pending`] until it is.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn grant(&mut self, wish: &Wish, settings: &Settings, pipeline: &mut Pipeline) -> Result<(), String> {
        if let Some(id) = &wish.resume {
            let resumed = pipeline.detectors_mut::<Runner>().is_some_and(|runner| runner.resume(id));
            if !resumed {
                return Err(format!("no detector {id:?} is parked"));
            }
            tracing::info!(detector = id, "resumed");
        }
        if let Some(id) = &wish.remove {
            let is_meant = |of: &DetectorStatus| {
                of.id == *id && wish.version.as_ref().is_none_or(|version| of.version == *version)
            };
            if !self.loaded().iter().any(is_meant) {
                return Err(format!("no detector {id:?} of that version is loaded"));
            }
        }
        if wish.load.as_ref().is_some_and(|file| !file.is_absolute()) {
            return Err("the file has no absolute path".into());
        }
        if wish.load.is_none() && wish.remove.is_none() && !wish.reload {
            return Ok(());
        }
        let is_new = self.loader.is_none();
        let loader = self.loader().map_err(|error| error.to_string())?;
        if is_new {
            loader.set(Settings { folder: None, ..settings.clone() });
        }
        if let Some(id) = &wish.remove {
            loader.remove(id, wish.version.as_deref());
        }
        if let Some(file) = &wish.load {
            loader.load(file.clone());
        }
        if wish.reload {
            loader.reload();
        }
        Ok(())
    }

    pub fn status(&self) -> DetectorsStatus {
        DetectorsStatus {
            loaded: self.loaded(),
            refused: self.refused.iter().chain(&self.sigma_not_run).cloned().collect(),
            sigma_rules: self.n_sigma_rules,
            error: self.error.clone(),
            exposed: self.exposed.clone(),
            pending: self.loader.as_ref().is_some_and(|loader| loader.n_ordered() > self.n_done),
        }
    }

    fn loaded(&self) -> Vec<DetectorStatus> {
        self.library.as_ref().map(Library::status).unwrap_or_default().iter().map(Into::into).collect()
    }

    fn loader(&mut self) -> Result<&mut Loader, LibraryError> {
        if self.loader.is_none() {
            self.loader = Some(Loader::start(Settings::default())?.0);
        }
        Ok(self.loader.as_mut().expect("it was just put there"))
    }

    fn read_sigma(&mut self, folder: &Path, pipeline: &mut Pipeline) -> Result<(), RulesError> {
        let (rules, not_run) = Rules::load(folder)?;
        for NotRun { path, title, why } in &not_run {
            tracing::warn!(file = %path.display(), title, why, "Sigma rule is not run");
        }
        self.n_sigma_rules = rules.len() as u64;
        let (rules_run, rules_not_run) = (self.n_sigma_rules, not_run.len());
        tracing::info!(folder = %folder.display(), rules_run, rules_not_run, "Sigma rules read");
        let told = not_run.into_iter().take(NOT_RUN_TOLD_MAX);
        let told = told.map(|rule| RefusedStatus { file: rule.path.display().to_string(), reason: rule.why });
        self.sigma_not_run = told.collect();
        let detector = SigmaDetector::new(rules);
        match pipeline.detectors_mut::<SigmaDetector>() {
            Some(known) => *known = detector,
            None => pipeline.add_detectors(Box::new(detector)),
        }
        Ok(())
    }

    fn take_up(&mut self, update: Update, pipeline: &mut Pipeline) {
        match pipeline.detectors_mut::<Runner>() {
            Some(runner) => runner.become_other(update.runner),
            None => pipeline.add_detectors(Box::new(update.runner)),
        }
        if let Some(error) = update.error.as_ref().filter(|error| self.error.as_ref() != Some(error)) {
            tracing::error!(error, "the folder of detectors cannot be read: what was loaded of it stays");
        }
        if let Some(exposed) = update.exposed.as_ref().filter(|exposed| self.exposed.as_ref() != Some(exposed)) {
            tracing::warn!(exposed, "others may put detectors into the folder of detectors");
        }
        let refused = update.refused.into_iter();
        let refused = refused.map(|(file, reason)| RefusedStatus { file: file.display().to_string(), reason });
        (self.refused, self.error, self.exposed) = (refused.collect(), update.error, update.exposed);
        (self.library, self.n_done) = (Some(update.library), update.n_done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_graph_core::history::MemoryHistory;
    use tracewell_model::{HostId, HostRecord};
    use tracewell_parameters::Parameters;

    fn rule(field: &str) -> String {
        format!(
            "title: t\nlogsource:\n    category: process_creation\n    product: linux\n\
             detection:\n    selection:\n        {field}: x\n    condition: selection\n"
        )
    }

    #[test]
    fn sigma_rules_are_read_kept_and_let_go() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.yml"), rule("Image")).unwrap();
        std::fs::write(folder.path().join("lacking.yml"), rule("User")).unwrap();
        let host = HostRecord { host: HostId(1), name: "web".into() };
        let pipeline = || Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()));
        let missing = folder.path().join("missing");
        assert!(Detectors::start(&Settings::default(), Some(&missing), &mut pipeline()).is_err());

        let mut pipeline = pipeline();
        let mut detectors = Detectors::start(&Settings::default(), Some(folder.path()), &mut pipeline).unwrap();
        let told = |detectors: &Detectors| {
            let status = detectors.status();
            (status.sigma_rules, status.refused.into_iter().map(|refused| refused.reason).collect::<Vec<_>>())
        };
        let lacking = || vec!["it needs User, which is not recorded".to_owned()];
        assert_eq!(told(&detectors), (1, lacking()));
        detectors.set_sigma(Some(&missing), &mut pipeline);
        assert_eq!(told(&detectors), (1, lacking()));
        std::fs::remove_file(folder.path().join("good.yml")).unwrap();
        detectors.set_sigma(Some(folder.path()), &mut pipeline);
        assert_eq!(told(&detectors), (0, lacking()));
        detectors.set_sigma(None, &mut pipeline);
        assert_eq!(told(&detectors), (0, vec![]));
    }
}
