//! `tracewell fleet`: hosts, tokens, operators, and who changed what.

use crate::args::server::{FleetCommand, ModelCommand, Role, ServerArgs, TokenArgs};
use crate::failure::{Failure, print};
use crate::output::text::clean;
use crate::server::Server;
use std::cmp::Ordering;
use std::fmt::Write;
use tracewell_aggregator::document::time::short;
use tracewell_api::v1::{
    self, CompareVersionsRequest, CreateOperatorRequest, CreateTokenRequest, GetHostRequest, GetHostResponse,
    HoldVersionRequest, Host, ListAuditRequest, ListGroupsRequest, ListHostsRequest, ListOperatorsRequest,
    ListTokensRequest, ListVersionsRequest, MakeBackupRequest, ReleaseVersionRequest, RevokeHostRequest,
    RevokeOperatorRequest, RevokeTokenRequest, Version, WhoAmIRequest,
};

pub fn run(server: &ServerArgs, command: FleetCommand) -> Result<(), Failure> {
    let server = Server::connect(server)?;
    let (mut hosts, mut operators) = (server.hosts(), server.operators());
    let text = match command {
        FleetCommand::Hosts => server.tell(hosts.list_hosts(ListHostsRequest {}), |answer| lines(&answer.hosts, host)),
        FleetCommand::Host { host } => server.tell(hosts.get_host(GetHostRequest { host }), whole_host),
        FleetCommand::Revoke { host } => {
            let done = format!("{host} is let in no more\n");
            server.tell(hosts.revoke_host(RevokeHostRequest { host }), |_| done)
        }
        FleetCommand::Token(TokenArgs { hours, uses, label, host }) => {
            let request = CreateTokenRequest { hours, uses, labels: label.into_iter().collect(), host };
            server.tell(hosts.create_token(request), |answer| format!("{}\n", answer.token))
        }
        FleetCommand::Tokens => {
            server.tell(hosts.list_tokens(ListTokensRequest {}), |answer| lines(&answer.tokens, token))
        }
        FleetCommand::RevokeToken { token } => {
            let done = format!("nobody can use {token} any more\n");
            server.tell(hosts.revoke_token(RevokeTokenRequest { token }), |_| done)
        }
        FleetCommand::Model(command) => model(&server, command),
        FleetCommand::Operator { name, role, days } => {
            let role = match role {
                Role::Viewer => v1::Role::Viewer,
                Role::Analyst => v1::Role::Analyst,
                Role::Operator => v1::Role::Operator,
                Role::Admin => v1::Role::Admin,
            };
            let request = CreateOperatorRequest { name, role: role.into(), days };
            server.tell(operators.create_operator(request), |answer| format!("{}\n", answer.token))
        }
        FleetCommand::Operators => server.tell(operators.list_operators(ListOperatorsRequest {}), |answer| {
            lines(&answer.operators, |operator| {
                let expires = short(&operator.expires);
                format!("{:<9}  until {expires}  {}", word(operator.role().as_str_name()), operator.name)
            })
        }),
        FleetCommand::RevokeOperator { name } => {
            let done = format!("{name} has no token any more\n");
            server.tell(operators.revoke_operator(RevokeOperatorRequest { name }), |_| done)
        }
        FleetCommand::Audit { limit, before } => {
            server.tell(operators.list_audit(ListAuditRequest { before, limit }), |answer| {
                lines(&answer.entries, |entry| {
                    let method = entry.method.rsplit('.').next().unwrap_or_default();
                    let outcome = if entry.failure.is_empty() { "done" } else { &entry.failure };
                    let (number, time, operator) = (entry.number, short(&entry.time), &entry.operator);
                    format!("{number:>6}  {time}  {operator}  {method}  {}  {outcome}", entry.request)
                })
            })
        }
        FleetCommand::Backup { folder } => {
            let done = format!("made {folder}\n");
            server.tell(operators.make_backup(MakeBackupRequest { folder }), |_| done)
        }
        FleetCommand::Whoami => server.tell(operators.who_am_i(WhoAmIRequest {}), |answer| {
            format!("{}, {}\n", answer.name, word(answer.role().as_str_name()))
        }),
    };
    print(&text?)
}

fn model(server: &Server, command: ModelCommand) -> Result<String, Failure> {
    let mut model = server.model();
    match command {
        ModelCommand::Versions => server.tell(model.list_versions(ListVersionsRequest {}), |answer| {
            let versions = lines(&answer.versions, |version| {
                let Version { number, day, hosts, nodes, given } = version;
                format!("{number:>6}  {day}  {hosts} hosts voted  {nodes} nodes{}", if *given { "  GIVEN" } else { "" })
            });
            let held = lines(answer.hold.as_slice(), |v1::Hold { version, owner, reason, since }| {
                format!("held at {version} since {} by {owner}: {reason}", short(since))
            });
            versions + &held
        }),
        ModelCommand::Diff { from, to, limit, group } => server.tell(
            model.compare_versions(CompareVersionsRequest { from: Some(from), to: Some(to), limit, group }),
            |answer| {
                let mut text = lines(&answer.differences, |difference| {
                    let (before, now) = (difference.from(), difference.to());
                    let sign = match weight(now).cmp(&weight(before)) {
                        Ordering::Greater => '+',
                        Ordering::Equal => '=',
                        Ordering::Less => '-',
                    };
                    let [before, now] = [before, now].map(|vouched| word(vouched.as_str_name()));
                    let mut hosts = format!("{} hosts", difference.votes);
                    if difference.group_votes > 0 {
                        let _ = write!(hosts, ", {} of the group", difference.group_votes);
                    }
                    format!("{sign} {before} -> {now}  {hosts}  {}", difference.path.join(" "))
                });
                let n_more = answer.total.saturating_sub(answer.differences.len() as u64);
                if n_more > 0 {
                    let _ = writeln!(text, "and {n_more} more (--limit)");
                }
                text
            },
        ),
        ModelCommand::Groups => {
            server.tell(model.list_groups(ListGroupsRequest {}), |answer| match &*answer.group_by {
                "" => "hosts form no groups (group_by in the aggregator's configuration)\n".to_owned(),
                _ => lines(&answer.groups, |v1::HostGroup { name, hosts, voted, beyond }| {
                    let view = match (beyond, voted) {
                        (true, _) => "no view of its own: there are too many groups".to_owned(),
                        (_, Some(voted)) => format!("{voted} voted"),
                        (_, None) => "no view of its own in the version that hosts are given".to_owned(),
                    };
                    format!("{hosts:>6} hosts  {view}  {name}")
                }),
            })
        }
        ModelCommand::Rollback { version, reason } => {
            let done = format!("hosts are given version {version} until `tracewell fleet model release`\n");
            server.tell(model.hold_version(HoldVersionRequest { version: Some(version), reason }), |_| done)
        }
        ModelCommand::Release => {
            let done = "hosts are given the newest version again\n".to_owned();
            server.tell(model.release_version(ReleaseVersionRequest {}), |_| done)
        }
    }
}

/// How little of a surprise is left of what is so vouched for: of as much there is neither more nor less.
fn weight(vouched: v1::Vouched) -> u8 {
    match vouched {
        v1::Vouched::Unspecified | v1::Vouched::No => 0,
        v1::Vouched::ByPeers | v1::Vouched::ByGroup => 1,
        v1::Vouched::ByFleet => 2,
    }
}

fn host(host: &Host) -> String {
    let state = match (host.revoked, host.connected) {
        (true, _) => "revoked",
        (_, true) => "connected",
        _ => "away",
    };
    let latest = host.latest.as_deref().map_or_else(|| "-".into(), short);
    let version = host.version.as_deref().unwrap_or("-");
    let profile = if host.settled { "settled" } else { "learning" };
    let mut line = format!(
        "{}  {state:<9}  {profile:<8}  until {latest:<19}  agent {version}  {} alerts  {}",
        host.id, host.alerts, host.name
    );
    for (key, value) in sorted(&host.labels) {
        let _ = write!(line, "  {key}={value}");
    }
    let counts = [("refused", host.refused_frames), ("missing", host.missing_frames), ("waited", host.waited_frames)];
    for (what, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
        let _ = write!(line, "  {n} frames {what}");
    }
    if let Some(address) = &host.address {
        let _ = write!(line, "  at {address}");
    }
    if host.same_address > 0 {
        let _ = write!(line, "  {} others at the same address", host.same_address);
    }
    if host.lost_events > 0 || host.gaps > 0 {
        let _ = write!(line, "  {}", losses(host));
    }
    if host.complaints > 0 {
        let _ = write!(line, "  {} COMPLAINTS", host.complaints);
    }
    line + if host.forked { "  FORKED" } else { "" }
}

fn losses(host: &Host) -> String {
    let latest = host.latest_loss.as_deref().map(|latest| format!(", last at {}", short(latest))).unwrap_or_default();
    format!("{} events lost, {} gaps{latest}", host.lost_events, host.gaps)
}

/// One host, in lines.
fn whole_host(answer: &GetHostResponse) -> String {
    let Some(of) = &answer.host else { return String::new() };
    let unknown = || "not said yet".to_owned();
    let mut rows = vec![("host", host(of))];
    rows.push(("kernel", of.kernel.clone().unwrap_or_else(unknown)));
    rows.push(("tier", of.tier.clone().unwrap_or_else(unknown)));
    let (percent, tenth) = (of.readiness_permille / 10, of.readiness_permille % 10);
    rows.push(("profile", format!("{percent}.{tenth} % ready")));
    let view =
        if of.has_given_view { "the version that hosts are given" } else { "none, or another than hosts are given" };
    rows.push(("fleet's view", view.to_owned()));
    rows.extend(of.group.clone().map(|group| ("group", group)));
    let last_seen = match (&of.last_seen, of.connected) {
        (Some(last_seen), _) => short(last_seen),
        (None, true) => "connected; that it has gone is noticed within 5 minutes".to_owned(),
        (None, false) => "not since the aggregator was started".to_owned(),
    };
    rows.push(("last seen", last_seen));
    rows.push(("certificate", format!("holds until {}", short(&of.certificate_expires))));
    rows.push(("lost", losses(of)));
    rows.extend(answer.latest_gaps.iter().map(|gap| ("gap", short(gap))));
    rows.extend(answer.complaints.iter().map(|complaint| ("complaint", complaint.clone())));
    rows.extend(answer.detectors.iter().map(|v1::LoadedDetector { id, version, hash, parked }| {
        ("detector", format!("{id} {version} {hash}{}", if *parked { "  PARKED" } else { "" }))
    }));
    if answer.sigma_rules > 0 {
        rows.push(("sigma", format!("{} rules", answer.sigma_rules)));
    }
    lines(&rows, |(name, value)| format!("{name:<14} {value}"))
}

fn token(token: &v1::Token) -> String {
    let mut line = format!("{}  until {}  {} uses left", token.id, short(&token.expires), token.uses_left);
    if let Some(host) = &token.host {
        let _ = write!(line, "  for host {host}");
    }
    for (key, value) in sorted(&token.labels) {
        let _ = write!(line, "  {key}={value}");
    }
    line
}

fn sorted<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<(&'a String, &'a String)> {
    let mut labels: Vec<_> = labels.into_iter().collect();
    labels.sort();
    labels
}

/// A line each, with nothing in it that could drive the terminal: hosts name themselves.
pub fn lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    items.iter().map(|item| format!("{}\n", clean(&line(item)))).collect()
}

/// The last word of an enum's name, as `admin` of `ROLE_ADMIN`.
pub fn word(name: &str) -> String {
    name.split_once('_').map_or(name, |(_, word)| word).to_lowercase().replace('_', " ")
}
