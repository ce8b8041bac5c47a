//! `tracewell-agent enrol`: this machine becomes a host of a fleet.

use crate::args::EnrolArgs;
use crate::config::Config;
use crate::failure::{Failure, print};
use crate::{identity, renewal};
use std::path::Path;
use tokio::runtime;
use tracewell_wire::quic::identity::Identity;
use tracewell_wire::quic::{QuicError, enrol};
use tracewell_wire::session::enrolment::Enrolment;
use tracewell_wire::session::{Close, Token};

pub fn run(args: &EnrolArgs, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, |fields| args.lay_over(fields))?;
    let Some(uplink) = &config.uplink else {
        return Err(Failure::Input("there is no server: give --server, or uplink.servers in the configuration".into()));
    };
    if let Ok((host, _)) = identity::load(&uplink.identity)
        && !args.again
    {
        let folder = uplink.identity.display();
        return Err(Failure::Input(format!("{folder} makes this machine host {host} already; --again asks anew")));
    }
    let token = args.token()?;
    let (key, request) = renewal::request()?;
    let enrolment = Enrolment { token: token.id, secret: token.secret, request, name: config.host_name.clone() };
    let enrolled = ask(&uplink.servers, &token, &enrolment)?;
    let identity = Identity { certificates: vec![enrolled.certificate], key, authority: enrolled.authority };
    let Some(host) = identity.host() else {
        return Err(Failure::Internal("the aggregator gave a certificate that is no host's".into()));
    };
    identity::save(&uplink.identity, &identity)?;
    print(&format!("enrolled as host {host} ({}): {}\n", config.host_name, uplink.identity.display())).map(|_| ())
}

fn ask(servers: &[String], token: &Token, enrolment: &Enrolment) -> Result<enrol::Enrolled, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
    let mut why = Vec::new();
    for server in servers {
        match runtime.block_on(enrol::ask(server, token.authority, enrolment)) {
            Ok(enrolled) => return Ok(enrolled),
            Err(QuicError::Closed(Close::Refused)) => {
                let message = format!("{server} refuses to enrol this machine; its log says why");
                return Err(Failure::NotPermitted(message));
            }
            Err(error) => why.push(format!("{server}: {error}")),
        }
    }
    Err(Failure::NoAnswer(format!("no server enrols this machine: {}", why.join("; "))))
}
