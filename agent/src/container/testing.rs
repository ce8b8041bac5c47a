//! A container runtime of our own for tests: a real gRPC server on a Unix socket that vanishes with it.

mod proto {
    #![expect(clippy::all, unreachable_pub, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/server/runtime.v1.rs"));
}

use proto::runtime_service_server::{RuntimeService, RuntimeServiceServer};
use proto::{ContainerMetadata, ContainerState, ImageSpec, ListContainersRequest, ListContainersResponse};
use std::path::{Path, PathBuf};
use tonic::codegen::tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

pub(super) use proto::Container;

/// What the runtime says when asked for its running containers.
pub(super) enum Answer {
    Containers(Vec<Container>),
    Never,
    Unimplemented,
}

pub(super) struct Server {
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(super) fn start(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(async { tokio::net::UnixListener::bind(Self::path(folder.path())) }).unwrap();
        let service = RuntimeServiceServer::new(Fake { answer }).max_encoding_message_size(usize::MAX);
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(UnixListenerStream::new(listener)));
        Self { folder, _runtime: runtime }
    }

    pub(super) fn socket(&self) -> PathBuf {
        Self::path(self.folder.path())
    }

    fn path(folder: &Path) -> PathBuf {
        folder.join("runtime.sock")
    }
}

/// A container `web` of the pod `web-7d4b8c9f5-x7k2p` in the namespace `shop`.
pub(super) fn container(id: &str, image: &str, labels: &[(&str, &str)]) -> Container {
    let kubelet = [
        ("io.kubernetes.pod.name", "web-7d4b8c9f5-x7k2p"),
        ("io.kubernetes.pod.namespace", "shop"),
        ("io.kubernetes.pod.uid", "81e09ae0-12ec-4ec5-94b8-51cda7906370"),
        ("io.kubernetes.container.name", "web"),
    ];
    let labels = kubelet.iter().chain(labels).map(|(key, value)| ((*key).into(), (*value).into()));
    Container {
        id: id.into(),
        metadata: Some(ContainerMetadata { name: "web".into() }),
        image: Some(ImageSpec { image: format!("sha256:{}", "ab".repeat(32)), user_specified_image: image.into() }),
        labels: labels.collect(),
    }
}

struct Fake {
    answer: Answer,
}

#[tonic::async_trait]
impl RuntimeService for Fake {
    async fn list_containers(
        &self,
        request: Request<ListContainersRequest>,
    ) -> Result<Response<ListContainersResponse>, Status> {
        let state = request.into_inner().filter.and_then(|filter| filter.state);
        assert_eq!(state.map(|state| state.state), Some(ContainerState::ContainerRunning.into()));
        match &self.answer {
            Answer::Containers(containers) => {
                Ok(Response::new(ListContainersResponse { containers: containers.clone() }))
            }
            Answer::Never => std::future::pending().await,
            Answer::Unimplemented => Err(Status::unimplemented("unknown service runtime.v1")),
        }
    }
}
