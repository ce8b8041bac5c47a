use super::{Api, internal, lock, refused, time};
use crate::registry::{self, now};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use tonic::{Request, Response, Status};
use tracewell_aggregator::HostReport;
use tracewell_aggregator::document::time::rfc3339;
use tracewell_api::fields;
use tracewell_api::v1::hosts_server::Hosts;
use tracewell_api::v1::{
    CreateTokenRequest, CreateTokenResponse, GetHostRequest, GetHostResponse, Host, ListHostsRequest,
    ListHostsResponse, ListTokensRequest, ListTokensResponse, LoadedDetector, RevokeHostRequest, RevokeHostResponse,
    RevokeTokenRequest, RevokeTokenResponse, Token,
};
use tracewell_model::HostId;
use tracewell_wire::session::Close;

#[tonic::async_trait]
impl Hosts for Api {
    async fn list_hosts(&self, request: Request<ListHostsRequest>) -> Result<Response<ListHostsResponse>, Status> {
        let list = async |api: Api, _, _| {
            let reports = api.engine.ask(|engine| engine.hosts()).await.map_err(internal)?;
            Ok(ListHostsResponse { hosts: inventory(&api, reports) })
        };
        self.answer(request, list).await
    }

    async fn get_host(&self, request: Request<GetHostRequest>) -> Result<Response<GetHostResponse>, Status> {
        let get = async |api: Api, request: GetHostRequest, _| {
            let host = HostId(fields::id("host", &request.host)?);
            let (reports, said) =
                api.engine.ask(move |engine| (engine.hosts(), engine.inventory(host))).await.map_err(internal)?;
            let said = said.map_err(internal)?.unwrap_or_default();
            let of = reports.iter().find(|report| report.host == host);
            let gaps = of.map(|of| of.condition.losses.gaps.iter().map(|gap| rfc3339(*gap)).collect());
            let known = inventory(&api, reports).into_iter().find(|known| known.id == host.to_string());
            let known = known.ok_or_else(|| Status::not_found(format!("no host {host} was ever enrolled")))?;
            let detectors = said.detectors.into_iter().map(|detector| LoadedDetector {
                id: detector.id.to_string(),
                version: detector.version.to_string(),
                hash: detector.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
                parked: detector.is_parked,
            });
            Ok(GetHostResponse {
                host: Some(known),
                detectors: detectors.collect(),
                sigma_rules: said.sigma_rules,
                complaints: said.complaints.iter().map(ToString::to_string).collect(),
                latest_gaps: gaps.unwrap_or_default(),
            })
        };
        self.answer(request, get).await
    }

    async fn revoke_host(&self, request: Request<RevokeHostRequest>) -> Result<Response<RevokeHostResponse>, Status> {
        let revoke = async |api: Api, request: RevokeHostRequest, _| {
            let host = HostId(fields::id("host", &request.host)?);
            lock(&api.registry).revoke(host).map_err(refused)?;
            api.sessions.close(host, Close::Refused);
            let forgotten = api.engine.ask(move |engine| engine.forget(host)).await.map_err(internal)?;
            forgotten
                .map_err(|error| internal(format!("it is revoked, but what it contributed still counts: {error:#}")))?;
            Ok(RevokeHostResponse {})
        };
        self.answer(request, revoke).await
    }

    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        let create = async |api: Api, request: CreateTokenRequest, _| {
            let CreateTokenRequest { hours, uses, labels, host } = request;
            let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
            let seconds = u64::from(fields::within("hours", small(hours), 0, 8760)?) * 3600;
            let uses = fields::within("uses", small(uses), 0, 100_000)?.into();
            let host = if host.is_empty() { None } else { Some(fields::id("host", &host)?) };
            fields::labels(&labels)?;
            let labels = labels.into_iter().collect();
            let token = lock(&api.registry).token(api.authority, now() + seconds, uses, labels, host);
            Ok(CreateTokenResponse { token: token.map_err(refused)?.to_string() })
        };
        self.answer(request, create).await
    }

    async fn list_tokens(&self, request: Request<ListTokensRequest>) -> Result<Response<ListTokensResponse>, Status> {
        let list = async |api: Api, _, _| {
            let registry = lock(&api.registry);
            let tokens = registry.tokens().iter().map(|(id, token)| Token {
                id: id.clone(),
                expires: time(token.expires),
                uses_left: token.uses_left,
                labels: token.labels.clone().into_iter().collect(),
                host: token.host.map(|host| HostId(host).to_string()),
            });
            Ok(ListTokensResponse { tokens: tokens.collect() })
        };
        self.answer(request, list).await
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        let revoke = async |api: Api, request: RevokeTokenRequest, _| {
            lock(&api.registry).revoke_token(&request.token).map_err(refused)?;
            Ok(RevokeTokenResponse {})
        };
        self.answer(request, revoke).await
    }
}

/// All hosts, by id.
fn inventory(api: &Api, reports: Vec<HostReport>) -> Vec<Host> {
    let reports: BTreeMap<_, _> = reports.into_iter().map(|report| (report.host, report)).collect();
    let (addresses, left) = (api.sessions.addresses(), api.sessions.left());
    let registry = lock(&api.registry);
    let same_address = same_address(registry.hosts(), &addresses);
    let host = |(&id, host): (&HostId, &registry::Host)| {
        let report = reports.get(&id);
        let condition = report.map(|report| report.condition.clone()).unwrap_or_default();
        let (losses, runs) = (&condition.losses, condition.runs.as_ref());
        let connected = addresses.contains_key(&id);
        Host {
            id: id.to_string(),
            name: host.name.clone(),
            labels: host.labels.clone().into_iter().collect(),
            connected,
            revoked: host.revoked,
            enrolments: host.n_enrolments,
            enrolled: time(host.enrolled),
            enrolled_from: host.enrolled_from.clone(),
            token: host.token.clone(),
            version: report.and_then(|report| report.version.as_deref().map(Into::into)),
            latest: report.map(|report| rfc3339(report.latest)),
            alerts: report.map_or(0, |report| report.n_alerts as u64),
            refused_frames: report.map_or(0, |report| report.n_refused),
            missing_frames: report.map_or(0, |report| report.n_missing),
            waited_frames: api.sessions.n_waited(id),
            settled: report.is_some_and(|report| report.is_settled),
            forked: report.is_some_and(|report| report.is_forked),
            certificate_expires: time(host.certificate_expires),
            address: addresses.get(&id).map(ToString::to_string),
            same_address: same_address.get(&id).copied().unwrap_or(0),
            last_seen: left.get(&id).copied().filter(|_| !connected).map(time),
            kernel: runs.map(|runs| runs.kernel.to_string()),
            tier: runs.map(|runs| runs.tier.to_string()),
            readiness_permille: condition.readiness_permille.into(),
            detectors: runs.map_or(0, |runs| runs.n_detectors as u64),
            parked_detectors: runs.map_or(0, |runs| runs.n_parked as u64),
            complaints: runs.map_or(0, |runs| runs.n_complaints as u64),
            lost_events: losses.n_events,
            gaps: losses.n_gaps,
            latest_loss: losses.latest.map(rfc3339),
            has_given_view: report.is_some_and(|report| report.has_given_view),
            group: report.and_then(|report| report.group.as_deref().map(Into::into)),
        }
    };
    registry.hosts().iter().map(host).collect()
}

/// How many others each host, unless it is revoked, has at that of its addresses where there are most: the one from which it was enrolled
/// and the one from which it is connected.
fn same_address(hosts: &BTreeMap<HostId, registry::Host>, now: &BTreeMap<HostId, IpAddr>) -> BTreeMap<HostId, u64> {
    let of = |id: &HostId, host: &registry::Host| -> BTreeSet<IpAddr> {
        let enrolled = host.enrolled_from.parse::<SocketAddr>().ok().map(|from| from.ip().to_canonical());
        enrolled.into_iter().chain(now.get(id).copied()).collect()
    };
    let hosts: Vec<_> = hosts.iter().filter(|(_, host)| !host.revoked).map(|(id, host)| (*id, of(id, host))).collect();
    let mut at = BTreeMap::<IpAddr, u64>::new();
    for address in hosts.iter().flat_map(|(_, addresses)| addresses) {
        *at.entry(*address).or_default() += 1;
    }
    let most = |addresses: &BTreeSet<IpAddr>| addresses.iter().map(|address| at[address] - 1).max().unwrap_or(0);
    hosts.iter().map(|(id, addresses)| (*id, most(addresses))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_with_many_tokens_is_seen_also_behind_another_address() {
        let host = |from: &str, revoked| registry::Host {
            name: "".into(),
            labels: BTreeMap::new(),
            certificate: "".into(),
            renewed: None,
            certificate_expires: 0,
            revoked,
            enrolled: 0,
            n_enrolments: 1,
            token: "".into(),
            enrolled_from: from.into(),
        };
        let (here, there) = ("192.0.2.1:1", "[::ffff:198.51.100.7]:2");
        let hosts =
            [host(here, false), host(here, false), host(there, false), host(here, true), host("192.0.2.9:1", false)];
        let hosts: BTreeMap<_, _> = (1..).map(HostId).zip(hosts).collect();
        let now = BTreeMap::from([(HostId(2), "198.51.100.7".parse().unwrap())]);
        let others = same_address(&hosts, &now);
        assert_eq!(others.values().copied().collect::<Vec<_>>(), [1, 1, 1, 0]);
    }
}
