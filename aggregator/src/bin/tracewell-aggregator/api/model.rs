use super::{Api, Caller, internal, refused, time};
use crate::engine::Engine;
use crate::registry::now;
use std::collections::BTreeSet;
use tonic::{Request, Response, Status};
use tracewell_aggregator::document::time::rfc3339;
use tracewell_aggregator::{Hold, VersionError, VersionHead};
use tracewell_api::fields;
use tracewell_api::v1::model_server::Model;
use tracewell_api::v1::{
    self, CompareVersionsRequest, CompareVersionsResponse, HoldVersionRequest, HoldVersionResponse, HostGroup,
    ListGroupsRequest, ListGroupsResponse, ListVersionsRequest, ListVersionsResponse, ReleaseVersionRequest,
    ReleaseVersionResponse, Version,
};
use tracewell_graph_core::fleet::{Difference, Views, Vouched};
use tracewell_model::{EventNs, Str};

const DIFFERENCES_MAX: u32 = 10_000;

#[tonic::async_trait]
impl Model for Api {
    async fn list_versions(
        &self,
        request: Request<ListVersionsRequest>,
    ) -> Result<Response<ListVersionsResponse>, Status> {
        let list = async |api: Api, _, _| {
            let known = api.engine.ask(|engine| engine.versions()).await.map_err(internal)?;
            let version = |head: &VersionHead| Version {
                number: head.number,
                day: day(head.day),
                hosts: head.n_hosts.into(),
                nodes: head.n_nodes.into(),
                given: Some(head.number) == known.given,
            };
            let hold = known.held.map(|hold| v1::Hold {
                version: hold.version,
                owner: hold.owner.into(),
                reason: hold.reason.into(),
                since: time(hold.since),
            });
            Ok(ListVersionsResponse { versions: known.heads.iter().rev().map(version).collect(), hold })
        };
        self.answer(request, list).await
    }

    async fn compare_versions(
        &self,
        request: Request<CompareVersionsRequest>,
    ) -> Result<Response<CompareVersionsResponse>, Status> {
        let compare = async |api: Api, request: CompareVersionsRequest, _| {
            let (from, to) = (given("from", request.from)?, given("to", request.to)?);
            let limit = fields::within("limit", request.limit, 1000, DIFFERENCES_MAX)?;
            let views = move |engine: &mut Engine| Ok::<_, VersionError>((engine.views(from)?, engine.views(to)?));
            let (before, after) = api.engine.ask(views).await.map_err(internal)?.map_err(refused)?;
            let group = request.group;
            let is_known = |views: &Views| views.groups().any(|(name, _)| **name == *group);
            if !group.is_empty() && !is_known(&before) && !is_known(&after) {
                let known: BTreeSet<_> = before.groups().chain(after.groups()).map(|(name, _)| &**name).collect();
                let expected = match known.is_empty() {
                    true => "none: these versions have no groups".into(),
                    false => format!("one of {}", Vec::from_iter(known).join(", ")),
                };
                return Err(Status::not_found(format!("group is {group:?}, expected {expected}")));
            }
            // Two views of the largest size take a moment.
            let compare = move || {
                let [before, after] = [before, after].map(|views| views.of_group(&group));
                after.difference(&before)
            };
            let differences = tokio::task::spawn_blocking(compare).await.map_err(internal)?;
            let total = differences.len() as u64;
            let differences = differences.into_iter().take(limit as usize).map(difference).collect();
            Ok(CompareVersionsResponse { differences, total })
        };
        self.answer(request, compare).await
    }

    async fn list_groups(&self, request: Request<ListGroupsRequest>) -> Result<Response<ListGroupsResponse>, Status> {
        let list = async |api: Api, _, _| {
            let known = |engine: &mut Engine| (engine.groups(), engine.versions());
            let ((group_by, groups), versions) = api.engine.ask(known).await.map_err(internal)?;
            // Nobody voted in the version that vouches for nothing, which is none of those that are kept.
            let given = versions.heads.iter().find(|head| Some(head.number) == versions.given);
            let group = |(name, hosts): (&Str, &u32), beyond| HostGroup {
                name: name.to_string(),
                hosts: (*hosts).into(),
                voted: given.and_then(|head| head.groups.get(name)).map(|voted| (*voted).into()),
                beyond,
            };
            let largest = groups.sizes().iter().map(|known| group(known, false));
            let mut groups: Vec<_> = largest.chain(groups.beyond().iter().map(|known| group(known, true))).collect();
            groups.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(ListGroupsResponse { group_by: group_by.map(Into::into).unwrap_or_default(), groups })
        };
        self.answer(request, list).await
    }

    async fn hold_version(
        &self,
        request: Request<HoldVersionRequest>,
    ) -> Result<Response<HoldVersionResponse>, Status> {
        let hold = async |api: Api, request: HoldVersionRequest, caller: Caller| {
            let (owner, reason) = (caller.name.into(), fields::text("reason", &request.reason, 1)?.into());
            let hold = Hold { version: given("version", request.version)?, owner, reason, since: now() };
            api.engine.ask(move |engine| engine.hold(hold)).await.map_err(internal)?.map_err(refused)?;
            Ok(HoldVersionResponse {})
        };
        self.answer(request, hold).await
    }

    async fn release_version(
        &self,
        request: Request<ReleaseVersionRequest>,
    ) -> Result<Response<ReleaseVersionResponse>, Status> {
        let release = async |api: Api, _, _| {
            api.engine.ask(|engine| engine.release()).await.map_err(internal)?.map_err(refused)?;
            Ok(ReleaseVersionResponse {})
        };
        self.answer(request, release).await
    }
}

/// 0 has a meaning that nobody is to get by leaving the number out.
fn given(field: &str, version: Option<u64>) -> Result<u64, Status> {
    version.ok_or_else(|| Status::invalid_argument(format!("{field} is left out, expected the number of a version")))
}

fn difference(difference: Difference) -> v1::Difference {
    v1::Difference {
        path: difference.path.iter().map(ToString::to_string).collect(),
        from: vouched(difference.before).into(),
        to: vouched(difference.now).into(),
        votes: difference.votes.into(),
        group_votes: difference.group.into(),
    }
}

fn vouched(vouched: Vouched) -> v1::Vouched {
    match vouched {
        Vouched::No => v1::Vouched::No,
        Vouched::ByPeers => v1::Vouched::ByPeers,
        Vouched::ByGroup => v1::Vouched::ByGroup,
        Vouched::ByFleet => v1::Vouched::ByFleet,
    }
}

/// As 2026-11-22.
fn day(day: u32) -> String {
    let mut text = rfc3339(EventNs(u64::from(day).saturating_mul(EventNs::DAY)));
    text.truncate("2026-11-22".len());
    text
}
