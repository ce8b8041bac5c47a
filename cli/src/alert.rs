//! `tracewell alert show`: one incident of a replay.

use crate::args::ShowArgs;
use crate::failure::{Failure, print};
use crate::output::alerts::Alerts;
use crate::output::{dot, tree};

pub fn show(args: &ShowArgs) -> Result<(), Failure> {
    let path = args.from.join("alerts.json");
    let bytes = std::fs::read(&path);
    let bytes = bytes.map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))?;
    let alerts = Alerts::from_bytes(&bytes);
    let alerts = alerts.map_err(|problem| Failure::Input(format!("{}: {problem}", path.display())))?;
    let (rank, incident) = alerts.find(&args.id).map_err(Failure::Input)?;
    if args.json {
        let json = serde_json::to_string_pretty(incident).map_err(Failure::internal)?;
        return print(&format!("{json}\n"));
    }
    match args.dot {
        true => print(&dot::dot(incident, args.expand)),
        false => print(&tree::tree(incident, rank, args.expand)),
    }
}
