use super::{Api, internal, lock, refused, time};
use crate::backup;
use std::path::PathBuf;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use tracewell_api::fields;
use tracewell_api::v1::operators_server::Operators;
use tracewell_api::v1::{
    AuditEntry, CreateOperatorRequest, CreateOperatorResponse, ListAuditRequest, ListAuditResponse,
    ListOperatorsRequest, ListOperatorsResponse, MakeBackupRequest, MakeBackupResponse, Operator,
    RevokeOperatorRequest, RevokeOperatorResponse, Role, WhoAmIRequest, WhoAmIResponse,
};

#[tonic::async_trait]
impl Operators for Api {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        let say =
            async |_, _, caller: super::Caller| Ok(WhoAmIResponse { name: caller.name, role: caller.role.into() });
        self.answer(request, say).await
    }

    async fn create_operator(
        &self,
        request: Request<CreateOperatorRequest>,
    ) -> Result<Response<CreateOperatorResponse>, Status> {
        let create = async |api: Api, request: CreateOperatorRequest, _| {
            let role = request.role();
            if role == Role::Unspecified {
                return Err(Status::invalid_argument("role is left out or not known, expected one of Role"));
            }
            let seconds = u64::from(fields::within("days", request.days, 0, 3650)?) * 86_400;
            let token = lock(&api.operators).create(&request.name, role, seconds).map_err(refused)?;
            Ok(CreateOperatorResponse { token })
        };
        self.answer(request, create).await
    }

    async fn list_operators(
        &self,
        request: Request<ListOperatorsRequest>,
    ) -> Result<Response<ListOperatorsResponse>, Status> {
        let list = async |api: Api, _, _| {
            let operators = lock(&api.operators);
            let operators = operators.all().iter().map(|(name, operator)| Operator {
                name: name.clone(),
                role: operator.role().into(),
                created: time(operator.created),
                expires: time(operator.expires),
            });
            Ok(ListOperatorsResponse { operators: operators.collect() })
        };
        self.answer(request, list).await
    }

    async fn revoke_operator(
        &self,
        request: Request<RevokeOperatorRequest>,
    ) -> Result<Response<RevokeOperatorResponse>, Status> {
        let revoke = async |api: Api, request: RevokeOperatorRequest, _| {
            lock(&api.operators).revoke(&request.name).map_err(refused)?;
            Ok(RevokeOperatorResponse {})
        };
        self.answer(request, revoke).await
    }

    async fn make_backup(&self, request: Request<MakeBackupRequest>) -> Result<Response<MakeBackupResponse>, Status> {
        let make = async |api: Api, request: MakeBackupRequest, _| {
            let folder = PathBuf::from(request.folder);
            if !folder.is_absolute() {
                return Err(Status::invalid_argument("expected the absolute path of a folder that is not there yet"));
            }
            let (disk, state) = (api.disk.clone(), Arc::clone(&api.state));
            let made = tokio::task::spawn_blocking(move || backup::make(&folder, &disk, &state)).await;
            made.map_err(internal)?.map_err(|error| refused(format!("{error:#}")))?;
            Ok(MakeBackupResponse {})
        };
        self.answer(request, make).await
    }

    async fn list_audit(&self, request: Request<ListAuditRequest>) -> Result<Response<ListAuditResponse>, Status> {
        let list = async |api: Api, request: ListAuditRequest, _| {
            let limit = fields::within("limit", request.limit, 100, 1000)? as usize;
            let entries = lock(&api.audit).before(request.before, limit).map_err(internal)?.into_iter();
            let entries = entries.map(|(number, entry)| AuditEntry {
                number,
                time: time(entry.time),
                operator: entry.operator,
                method: entry.method,
                request: entry.request,
                failure: entry.failure,
            });
            Ok(ListAuditResponse { entries: entries.collect() })
        };
        self.answer(request, list).await
    }
}
