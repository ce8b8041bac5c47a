//! A running aggregator, asked over gRPC.

use crate::args::server::ServerArgs;
use crate::failure::Failure;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};
use tracewell_api::v1::hosts_client::HostsClient;
use tracewell_api::v1::incidents_client::IncidentsClient;
use tracewell_api::v1::model_client::ModelClient;
use tracewell_api::v1::operators_client::OperatorsClient;
use tracewell_api::{Message, Name, json};

/// Bytes of an answer: an incident with its graph.
const ANSWER_MAX: usize = 64 << 20;
const CONNECT: Duration = Duration::from_secs(10);

/// What each request goes through.
pub type Way = InterceptedService<Channel, Bearer>;

pub struct Server {
    runtime: Runtime,
    way: Way,
    json: bool,
}

/// Puts the operator's token on a request.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Server {
    /// # Errors
    /// When a file cannot be read, or nobody answers there.
    pub fn connect(args: &ServerArgs) -> Result<Self, Failure> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        let expected = "expected unix: and a path, or https:// with a name and a port";
        let wrong = |error| Failure::Input(format!("--server {:?}: {error}; {expected}", args.server));
        let mut endpoint = Endpoint::from_shared(args.server.clone()).map_err(wrong)?.connect_timeout(CONNECT);
        if args.server.starts_with("https:") {
            let authority = args.authority.as_deref();
            let authority = authority.ok_or_else(|| Failure::Input("expected --authority FILE with https".into()))?;
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(authority)?));
            endpoint = endpoint.tls_config(tls).map_err(Failure::input)?;
        } else if !args.server.starts_with("unix:") {
            return Err(Failure::Input(format!("--server {:?}: {expected}", args.server)));
        }
        let channel = runtime.block_on(endpoint.connect());
        let channel = channel
            .map_err(|error| Failure::Input(format!("no aggregator at {}: {}", args.server, deepest(&error))))?;
        let token = args.token_file.as_deref().map(token).transpose()?;
        Ok(Self { runtime, way: InterceptedService::new(channel, Bearer(token)), json: args.json })
    }

    pub fn hosts(&self) -> HostsClient<Way> {
        HostsClient::new(self.way.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    pub fn incidents(&self) -> IncidentsClient<Way> {
        IncidentsClient::new(self.way.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    pub fn model(&self) -> ModelClient<Way> {
        ModelClient::new(self.way.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    pub fn operators(&self) -> OperatorsClient<Way> {
        OperatorsClient::new(self.way.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// When there is none, with what the aggregator said.
    pub fn ask<T>(&self, asked: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Failure> {
        self.wait(asked).map(Response::into_inner)
    }

    /// Waits for what is asked, or for the next message of a stream.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn wait<T>(&self, asked: impl Future<Output = Result<T, Status>>) -> Result<T, Failure> {
        self.runtime.block_on(asked).map_err(|status| failure(&status))
    }

    /// Waits for an answer, and gives it as it is to be printed: as JSON if that was asked for, else in words.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn tell<T: Message + Name>(
        &self,
        asked: impl Future<Output = Result<Response<T>, Status>>,
        words: impl FnOnce(&T) -> String,
    ) -> Result<String, Failure> {
        let answer = self.ask(asked)?;
        match self.json {
            true => Ok(format!("{:#}\n", json::of(&answer))),
            false => Ok(words(&answer)),
        }
    }

    pub fn wants_json(&self) -> bool {
        self.json
    }
}

fn failure(status: &Status) -> Failure {
    let words = format!("the aggregator says: {}", status.message());
    match status.code() {
        Code::Internal | Code::Unknown | Code::DataLoss => Failure::Internal(words),
        Code::Unavailable => Failure::Internal(format!("the aggregator went away: {}", status.message())),
        _ => Failure::Input(words),
    }
}

/// The reason at the bottom, which says what is wrong.
fn deepest(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A certificate as PEM (RFC 7468), of a file with one in DER or PEM.
fn pem(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    if bytes.starts_with(b"-----BEGIN") {
        return Ok(bytes);
    }
    Ok(format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(bytes)).into())
}

fn token(path: &Path) -> Result<MetadataValue<Ascii>, Failure> {
    let bytes = read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let token = format!("Bearer {}", text.trim()).parse();
    token.map_err(|_| Failure::Input(format!("{}: expected an operator's token", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))
}
