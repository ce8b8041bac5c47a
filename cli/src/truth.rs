//! `tracewell truth convert`: label files of others into Tracewell's ground truth.

use crate::args::TruthArgs;
use crate::failure::Failure;
use crate::output::directory::replace;
use crate::output::text::plural;
use std::io::{self, Write};
use std::path::Path;
use tracewell_datasets::truth::{LabelFormat, Truth, convert as convert_labels};

pub fn convert(args: &TruthArgs) -> Result<(), Failure> {
    let format: LabelFormat = args.kind.parse().map_err(Failure::Input)?;
    let truth = convert_labels(format, &args.file).map_err(Failure::input)?;
    write(&truth, &args.to)?;
    let n_nodes = truth.attacks.iter().map(|attack| attack.nodes.len() as u64).sum();
    let (attacks, nodes) = (plural(truth.attacks.len() as u64, "attack"), plural(n_nodes, "labelled node"));
    let ignored = plural(truth.ignored.len() as u64, "ignored node");
    let _ = writeln!(io::stderr(), "{attacks}, {nodes} and {ignored} written to {}", args.to.display());
    Ok(())
}

/// Writes ground truth whole or not at all.
pub fn write(truth: &Truth, path: &Path) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    truth.write(&mut bytes).map_err(Failure::internal)?;
    Ok(replace(path, &bytes)?)
}
