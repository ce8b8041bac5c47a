//! `tracewell convert`: any format into Tracewell's own.

use crate::args::ConvertArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::text::plural;
use crate::progress::Progress;
use std::io::{self, Write};
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::Record;

pub fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let mut input = Input::open(&args.inputs, &args.read)?;
    let mut progress = Progress::new(input.bytes_total());
    let target = args.to.canonicalize();
    if args.inputs.iter().any(|input| target.is_ok() && input.canonicalize().ok() == target.as_ref().ok().cloned()) {
        return Err(Failure::Input(format!("{} is read and cannot be written as well", args.to.display())));
    }
    let mut file = EventFile::create(&args.to).map_err(Failure::input)?;
    while let Some(record) = input.next() {
        let record = record?;
        progress.record(matches!(record, Record::Event(_)), || input.bytes_read());
        file.write(&record).map_err(Failure::internal)?;
    }
    file.finish().map_err(Failure::internal)?;
    let (_, n_events) = progress.finish();
    let counts = input.counts();
    let mut told = format!("{} written to {}", plural(n_events, "event"), args.to.display());
    if counts.bad_records > 0 {
        told += &format!(", {} passed over", plural(counts.bad_records, "bad record"));
    }
    if !counts.unknown.is_empty() {
        let unknown: Vec<_> = counts.unknown.iter().map(|(name, n)| format!("{name} {n}")).collect();
        told += &format!(", of unknown types: {}", unknown.join(", "));
    }
    let _ = writeln!(io::stderr(), "{told}");
    Ok(())
}
