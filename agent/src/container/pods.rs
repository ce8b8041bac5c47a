//! Names of pods from the folders in which the kubelet keeps their logs; no API server is asked.
//!
//! `/var/log/pods/<namespace>_<pod>_<uid>/<container>/` exists from before a pod's first container starts until the pod
//! is removed (kubernetes `pkg/kubelet/kuberuntime/helpers.go`, `BuildPodLogsDirectory`). Which container an id is says
//! the name of a link, `/var/log/containers/<pod>_<namespace>_<container>-<id>.log` (`pkg/kubelet/kuberuntime/legacy.go`,
//! `logSymlink`); it is made when the container has started. That name is cut at 255 bytes *with* the id, so a
//! container with a long name may stay without one here.
//!
//! Only names are read: no link is followed and no log opened. What is not named so is passed over.

use super::cgroup::ContainerId;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use tracewell_model::Str;

/// Entries looked at in each folder. A kubelet runs 110 pods unless told otherwise.
const PODS_MAX: usize = 4096;
const CONTAINERS_MAX: usize = 16_384;
const CONTAINERS_OF_A_POD_MAX: usize = 64;

/// Lengths in bytes. A namespace and a container are DNS labels, a pod's name is a DNS subdomain.
const LABEL_LEN_MAX: usize = 63;
const POD_LEN_MAX: usize = 253;
const UID_LEN_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub namespace: Str,
    pub name: Str,
    /// Names of its containers, in alphabetical order; at most 64.
    pub containers: Vec<Str>,
}

/// What a container's link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerLog {
    pub namespace: Str,
    pub pod: Str,
    pub container: Str,
}

/// One reading of both folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    by_uid: HashMap<Str, Pod>,
    by_container: HashMap<ContainerId, ContainerLog>,
    left_out: usize,
}

impl Pods {
    /// Reads the folders of pods and of links; a folder that is not there is empty. At most 4,096 pods and 16,384 links
    /// are taken, in the order in which the file system gives them.
    ///
    /// # Errors
    /// When a folder is there and cannot be read.
    pub fn read(pods: &Path, links: &Path) -> io::Result<Self> {
        let mut read = Self::default();
        for name in read.names(pods, PODS_MAX)? {
            let Some((namespace, pod, uid)) = name.to_str().and_then(pod_folder) else { continue };
            // The pod may be gone by now.
            let containers = read.names(&pods.join(&name), CONTAINERS_OF_A_POD_MAX).unwrap_or_default();
            let containers = containers.iter().filter_map(|name| name.to_str()).filter(|name| is_label(name));
            let mut containers: Vec<Str> = containers.map(Str::from).collect();
            containers.sort_unstable();
            let pod = Pod { namespace: namespace.into(), name: pod.into(), containers };
            read.by_uid.insert(uid.into(), pod);
        }
        for name in read.names(links, CONTAINERS_MAX)? {
            if let Some((id, log)) = name.to_str().and_then(link) {
                read.by_container.insert(id, log);
            }
        }
        Ok(read)
    }

    pub fn pod(&self, uid: &str) -> Option<&Pod> {
        self.by_uid.get(uid)
    }

    pub fn container(&self, id: &ContainerId) -> Option<&ContainerLog> {
        self.by_container.get(id)
    }

    /// Pods known.
    pub fn n_pods(&self) -> usize {
        self.by_uid.len()
    }

    /// Entries beyond the bounds, which were not looked at.
    pub fn n_left_out(&self) -> usize {
        self.left_out
    }

    fn names(&mut self, folder: &Path, max: usize) -> io::Result<Vec<OsString>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries.flatten() {
            if names.len() == max {
                self.left_out += 1;
            } else {
                names.push(entry.file_name());
            }
        }
        Ok(names)
    }
}

/// `<namespace>_<pod>_<uid>`; none of the three can hold an underscore.
fn pod_folder(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.split('_');
    let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
    let is_uid =
        (1..=UID_LEN_MAX).contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fits = parts.next().is_none() && is_label(namespace) && is_pod(pod) && is_uid;
    fits.then_some((namespace, pod, uid))
}

/// `<pod>_<namespace>_<container>-<id>.log`.
fn link(name: &str) -> Option<(ContainerId, ContainerLog)> {
    let mut parts = name.strip_suffix(".log")?.split('_');
    let (pod, namespace, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (container, id) = rest.rsplit_once('-')?;
    let id = ContainerId::new(id).filter(ContainerId::is_hash)?;
    let fits = parts.next().is_none() && is_label(namespace) && is_pod(pod) && is_label(container);
    fits.then(|| (id, ContainerLog { namespace: namespace.into(), pod: pod.into(), container: container.into() }))
}

pub(super) fn is_label(name: &str) -> bool {
    (1..=LABEL_LEN_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

pub(super) fn is_pod(name: &str) -> bool {
    (1..=POD_LEN_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const UID: &str = "81e09ae0-12ec-4ec5-94b8-51cda7906370";
    const ID: &str = "3959d7abfbd0221e5043fccbcb8040e9a1a4e6518dad483b7a33a131885e0283";

    #[test]
    fn folders_and_links_give_names() {
        let root = tempfile::tempdir().unwrap();
        let (pods, links) = (root.path().join("pods"), root.path().join("containers"));
        fs::create_dir_all(pods.join(format!("kube-system_kube-proxy-6xsx9_{UID}/kube-proxy"))).unwrap();
        fs::create_dir_all(pods.join(format!("kube-system_kube-proxy-6xsx9_{UID}/init"))).unwrap();
        fs::create_dir_all(pods.join("not a pod")).unwrap();
        fs::write(pods.join("shop_web_1_2"), "").unwrap();
        fs::create_dir(&links).unwrap();
        // The target need not be there.
        let link = format!("kube-proxy-6xsx9_kube-system_kube-proxy-{ID}.log");
        symlink("nowhere", links.join(link)).unwrap();

        let read = Pods::read(&pods, &links).unwrap();
        let pod = Pod {
            namespace: "kube-system".into(),
            name: "kube-proxy-6xsx9".into(),
            containers: vec!["init".into(), "kube-proxy".into()],
        };
        assert_eq!(read.pod(UID), Some(&pod));
        assert_eq!((read.n_pods(), read.n_left_out()), (1, 0));
        let log = read.container(&ContainerId::new(ID).unwrap()).unwrap();
        assert_eq!((&*log.pod, &*log.namespace, &*log.container), ("kube-proxy-6xsx9", "kube-system", "kube-proxy"));
    }

    #[test]
    fn a_host_without_kubernetes_has_no_pods() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(Pods::read(nowhere, nowhere).unwrap(), Pods::default());
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Pods::read(file.path(), file.path()).is_err());
    }

    #[test]
    fn what_exceeds_a_bound_is_counted() {
        let root = tempfile::tempdir().unwrap();
        for name in 0..CONTAINERS_OF_A_POD_MAX + 3 {
            fs::create_dir_all(root.path().join(format!("shop_web_{UID}/c{name}"))).unwrap();
        }
        let read = Pods::read(root.path(), Path::new("/nonexistent")).unwrap();
        assert_eq!(read.pod(UID).unwrap().containers.len(), CONTAINERS_OF_A_POD_MAX);
        assert_eq!(read.n_left_out(), 3);
    }

    #[test]
    fn names_of_other_shapes_are_passed_over() {
        let long = "n".repeat(64);
        for name in ["", "__", "a_b", "a_b_", "a_b_c_d", "A_b_c", "a_B_c", "a_b_c/d", &format!("{long}_b_c")] {
            assert_eq!(pod_folder(name), None, "{name}");
        }
        for name in [
            "",
            ".log",
            "pod_ns_c-1234.log",
            &format!("pod_ns_{ID}.log"),
            &format!("pod_ns_-{ID}.log"),
            &format!("pod_ns_c-{ID}"),
            &format!("pod_ns_c-{}.log", &ID[1..]),
        ] {
            assert_eq!(link(name), None, "{name}");
        }
    }
}
