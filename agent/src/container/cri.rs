//! Images and labels of containers, asked of the runtime over its socket: one call, `ListContainers` of the Kubernetes
//! Container Runtime Interface v1, which containerd and CRI-O answer and Docker does not.
//!
//! The answer is bounded in time and size and its contents in number and length. Only running containers are asked for,
//! so that what has ended does not count against the size.

mod proto {
    #![expect(clippy::all, unreachable_pub, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/runtime.v1.rs"));
}
#[cfg(test)]
mod tests;

use super::cgroup::ContainerId;
use super::pods::{is_label, is_pod};
use proto::runtime_service_client::RuntimeServiceClient;
use proto::{Container, ContainerFilter, ContainerState, ContainerStateValue, ListContainersRequest};
use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tonic::transport::Endpoint;
use tracewell_model::Str;

/// Where containerd, CRI-O and k3s listen.
pub const SOCKETS: [&str; 3] =
    ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock"];

/// From connecting to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(1);

/// Largest answer, in bytes. A container takes 1 to 4 KB, most of it annotations, which are skipped.
const ANSWER_LEN_MAX: usize = 4 << 20;

const CONTAINERS_MAX: usize = 4096;
const LABELS_MAX: usize = 32;

/// Lengths in bytes. Kubernetes allows 317 for a label's key with its prefix and 63 for its value.
const KEY_LEN_MAX: usize = 317;
const VALUE_LEN_MAX: usize = 256;
const IMAGE_LEN_MAX: usize = 512;

/// What a runtime knows of a container. Names are those that the kubelet gives as labels `io.kubernetes.…`
/// (kubernetes `pkg/kubelet/types/labels.go`), which are not repeated in `labels`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    pub namespace: Option<Str>,
    pub pod: Option<Str>,
    pub pod_uid: Option<Str>,
    pub container: Option<Str>,
    /// As the pod's specification has it, else as the runtime does, never only a digest.
    pub image: Option<Str>,
    /// At most 32; those of the container, not of its pod.
    pub labels: BTreeMap<Str, Str>,
}

/// Why a runtime could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CriError {
    #[error("no socket there")]
    Absent,
    #[error("no permission to connect")]
    Forbidden,
    #[error("no answer within {} ms", DEADLINE.as_millis())]
    Late,
    #[error("cannot be asked: {0}")]
    Refused(String),
}

/// Asks the runtime behind one socket for its running containers. Blocks for at most a second.
///
/// # Errors
/// When there is no socket, it may not be used, or what answers is late, too long (4 MiB) or not CRI v1.
pub fn list(socket: &Path) -> Result<HashMap<ContainerId, Described>, CriError> {
    list_within(socket, DEADLINE)
}

fn list_within(socket: &Path, deadline: Duration) -> Result<HashMap<ContainerId, Described>, CriError> {
    // tonic reports every failure to connect alike; what a person can act on is told apart first.
    match std::fs::symlink_metadata(socket) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(CriError::Forbidden),
        Err(_) => return Err(CriError::Absent),
    }
    let path = socket.to_str().ok_or_else(|| CriError::Refused(String::from("its path is not UTF-8")))?;
    // A thread of its own: the caller may be one of an asynchronous runtime, in which another cannot be entered.
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
            let runtime = runtime.map_err(|error| CriError::Refused(error.to_string()))?;
            let answer = async { tokio::time::timeout(deadline, ask(path)).await };
            runtime.block_on(answer).unwrap_or(Err(CriError::Late))
        });
        asking.join().unwrap_or_else(|_| Err(CriError::Refused(String::from("panicked"))))
    })
}

async fn ask(path: &str) -> Result<HashMap<ContainerId, Described>, CriError> {
    let endpoint = Endpoint::from_shared(format!("unix://{path}"));
    let channel = match endpoint.map_err(|error| refused(&error))?.connect().await {
        Ok(channel) => channel,
        Err(error) => return Err(forbidden(&error).unwrap_or_else(|| refused(&error))),
    };
    let mut client = RuntimeServiceClient::new(channel).max_decoding_message_size(ANSWER_LEN_MAX);
    let state = ContainerStateValue { state: ContainerState::ContainerRunning.into() };
    let request = ListContainersRequest { filter: Some(ContainerFilter { state: Some(state) }) };
    let answer = client.list_containers(request).await.map_err(|status| {
        CriError::Refused(format!("{}: {}", status.code(), shortened(status.message(), VALUE_LEN_MAX)))
    })?;
    let containers = answer.into_inner().containers.into_iter().take(CONTAINERS_MAX);
    Ok(containers.filter_map(described).collect())
}

fn described(container: Container) -> Option<(ContainerId, Described)> {
    let id = ContainerId::new(&container.id)?;
    let mut labels = container.labels;
    let mut taken = |key: &str, fits: fn(&str) -> bool| labels.remove(key).filter(|name| fits(name)).map(Str::from);
    let mut described = Described {
        namespace: taken("io.kubernetes.pod.namespace", is_label),
        pod: taken("io.kubernetes.pod.name", is_pod),
        pod_uid: taken("io.kubernetes.pod.uid", |uid| uid.len() <= 64),
        container: taken("io.kubernetes.container.name", is_label),
        ..Described::default()
    };
    let name = container.metadata.map(|metadata| metadata.name).filter(|name| is_label(name));
    described.container = described.container.or(name.map(Str::from));
    let image = container.image.unwrap_or_default();
    let named = [image.user_specified_image, image.image]
        .into_iter()
        .find(|image| image.len() <= IMAGE_LEN_MAX && !super::workload::of_image(image).is_empty());
    described.image = named.map(Str::from);
    // Sorted first: which are left out must not depend on the order of a hash map.
    let labels: BTreeMap<String, String> = labels.into_iter().collect();
    let fitting = labels.into_iter().filter(|(key, value)| key.len() <= KEY_LEN_MAX && value.len() <= VALUE_LEN_MAX);
    described.labels = fitting.take(LABELS_MAX).map(|(key, value)| (key.into(), value.into())).collect();
    Some((id, described))
}

/// The cause at the end of the chain, which says more than "transport error".
fn refused(error: &dyn std::error::Error) -> CriError {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    CriError::Refused(causes.last().map_or_else(|| error.to_string(), ToString::to_string))
}

fn forbidden(error: &dyn std::error::Error) -> Option<CriError> {
    let mut causes = std::iter::successors(error.source(), |cause| cause.source());
    let is_forbidden = causes.any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::PermissionDenied)
    });
    is_forbidden.then_some(CriError::Forbidden)
}

fn shortened(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}
