//! Who a process belongs to: its container, pod, image and workload, or its systemd unit.
//!
//! [`cgroup`] reads a cgroup path, which is all that is needed to tell containers apart; [`pods`] and [`cri`] give them
//! names; [`workload`] says what is alike on every host. [`Names`] joins the four: [`Names::of`] answers at once from
//! what is known and does no I/O, [`Names::refresh`] does all of it and returns what has got a name since.
//!
//! `docs/containers.md` says what is known for which runtime. No API server and no Docker socket is asked.

pub mod cgroup;
pub mod pods;
pub mod cri;
pub mod workload;
mod names;
#[cfg(test)]
mod testing;

pub use names::{Names, News, Options, SOCKETS_MAX, Source, SourceState};

use cgroup::{ContainerId, InContainer, Place, Runtime, Unit};
use cri::Described;
use pods::Pods;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tracewell_model::Str;

/// Whom a process belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belonging {
    /// The scope in which its behaviour is compared; never empty and never `host`.
    pub workload: Str,
    pub owner: Owner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    Container(Container),
    Unit(Unit),
}

/// A container with its names. `None` means not known, now or ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The innermost container and its runtime.
    pub id: ContainerId,
    pub runtime: Runtime,
    /// The outermost container around it. What follows is then said of that one: the host knows no others.
    pub within: Option<ContainerId>,
    pub pod_uid: Option<Str>,
    pub namespace: Option<Str>,
    pub pod: Option<Str>,
    /// The container's name in its pod.
    pub container: Option<Str>,
    /// As the runtime gives it, with tag or digest.
    pub image: Option<Str>,
    pub labels: BTreeMap<Str, Str>,
}

impl Belonging {
    /// The container, if it is one.
    pub fn container(&self) -> Option<&Container> {
        match &self.owner {
            Owner::Container(container) => Some(container),
            Owner::Unit(_) => None,
        }
    }
}

/// What the sources said last.
#[derive(Debug, Default)]
struct Known {
    pods: Pods,
    described: HashMap<ContainerId, Described>,
    /// Plain names of runc containers.
    runc: BTreeSet<Str>,
    /// The name under which this host's static pods run.
    node: Option<Str>,
}

impl Known {
    /// Whom a place belongs to; `None` is the host itself. Names that were known before stay known.
    fn belonging(&self, place: &Place, before: Option<&Belonging>) -> Option<Belonging> {
        let Some(inner) = &place.container else {
            let unit = place.unit.clone()?;
            let workload = workload::distinct(&workload::of_unit(&unit)).as_ref().into();
            return Some(Belonging { workload, owner: Owner::Unit(unit) });
        };
        let mut container = Container {
            id: inner.id.clone(),
            runtime: inner.runtime,
            within: place.within.as_ref().map(|within| within.id.clone()),
            pod_uid: place.within.as_ref().unwrap_or(inner).pod_uid.clone(),
            namespace: None,
            pod: None,
            container: None,
            image: None,
            labels: BTreeMap::new(),
        };
        if let Some(accountable) = place.accountable() {
            self.name(&mut container, accountable);
        }
        if let Some(before) = before.and_then(Belonging::container).filter(|before| before.id == container.id) {
            container.keep(before);
        }
        let workload = self.workload(&container, place.within.as_ref().unwrap_or(inner));
        Some(Belonging { workload, owner: Owner::Container(container) })
    }

    fn name(&self, container: &mut Container, accountable: &InContainer) {
        // A runtime that says another pod than the path speaks of another container.
        let described = self.described.get(&accountable.id).filter(|described| {
            described.pod_uid.is_none() || accountable.pod_uid.is_none() || described.pod_uid == accountable.pod_uid
        });
        if let Some(described) = described {
            container.pod_uid = container.pod_uid.take().or_else(|| described.pod_uid.clone());
            container.namespace = described.namespace.clone();
            container.pod = described.pod.clone();
            container.container = described.container.clone();
            container.image = described.image.clone();
            container.labels = described.labels.clone();
        }
        if let Some(pod) = container.pod_uid.as_ref().and_then(|uid| self.pods.pod(uid)) {
            container.namespace = Some(pod.namespace.clone());
            container.pod = Some(pod.name.clone());
        }
        let log = self.pods.container(&accountable.id);
        let agrees = |log: &&pods::ContainerLog| container.pod.as_ref().is_none_or(|pod| *pod == log.pod);
        if let Some(log) = log.filter(agrees) {
            container.namespace.get_or_insert_with(|| log.namespace.clone());
            container.pod.get_or_insert_with(|| log.pod.clone());
            container.container.get_or_insert_with(|| log.container.clone());
        }
    }

    fn workload(&self, container: &Container, owner: &InContainer) -> Str {
        // The uid of a static pod is the hash of its manifest, without hyphens; its name ends with the node's.
        let is_static = container.pod_uid.as_ref().is_some_and(|uid| !uid.contains('-'));
        let pod = container.pod.as_deref().map(|pod| match &self.node {
            Some(node) if is_static => workload::of_static_pod(pod, node),
            _ if is_static => pod,
            _ => workload::of_pod(pod),
        });
        let image = container.image.as_deref().map(workload::of_image).filter(|image| !image.is_empty());
        let name = pod.or(image).map_or_else(|| workload::of_container(owner), Into::into);
        workload::distinct(&name).as_ref().into()
    }

    /// Whether any source still tells of the container or its pod.
    fn tells_of(&self, container: &InContainer) -> bool {
        let has_pod = container.pod_uid.as_ref().is_some_and(|uid| self.pods.pod(uid).is_some());
        has_pod || self.described.contains_key(&container.id) || self.pods.container(&container.id).is_some()
    }
}

impl Container {
    /// Takes over names that the sources have forgotten, for a container ends before its last events are seen.
    fn keep(&mut self, before: &Self) {
        let keep = |now: &mut Option<Str>, before: &Option<Str>| {
            if now.is_none() {
                now.clone_from(before);
            }
        };
        keep(&mut self.pod_uid, &before.pod_uid);
        keep(&mut self.namespace, &before.namespace);
        keep(&mut self.pod, &before.pod);
        keep(&mut self.container, &before.container);
        keep(&mut self.image, &before.image);
        if self.labels.is_empty() {
            self.labels.clone_from(&before.labels);
        }
    }
}

#[cfg(test)]
mod tests;
