//! `tracewell replay`: from recordings to a short, ranked, explained list of incidents, scored where there is truth.

use crate::args::{ReplayArgs, Role};
use crate::engine::{Engine, Outcome};
use crate::eval::{self, AlarmRate, Labels};
use crate::failure::{Failure, print};
use crate::history::Histories;
use crate::input::{Input, InputCounts};
use crate::labels::Watcher;
use crate::output::alerts::Alerts;
use crate::output::directory::Directory;
use crate::output::funnel::Funnel;
use crate::output::run::Run;
use crate::output::summary::{self, Summary, kind_name, median};
use crate::output::text::{bytes, clean, thousands};
use crate::output::{document, report};
use crate::progress::Progress;
use crate::simulate::with_truth;
use std::path::Path;
use std::time::Duration;
use tracewell_datasets::truth::Truth;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX_IN_REPLAY;
use tracewell_detector_host::{Cache, Library};
use tracewell_model::Record;
use tracewell_parameters::Parameters;
use tracewell_sigma::{NotRun, Rules};

pub fn run(args: &ReplayArgs) -> Result<(), Failure> {
    // Everything that can be wrong with what was asked for is found before the first record.
    if let Some(folder) = &args.yara {
        let why =
            "a recording holds no files that could be scanned; what an agent found in files stands in its recording";
        return Err(Failure::Input(format!("YARA rules of {} cannot be run: {why}", folder.display())));
    }
    let mut parameters = parameters(args)?;
    let parameters_hash = parameters.hash();
    if let Some(window_bytes) = args.window_bytes {
        parameters.graph.window_bytes = window_bytes;
    }
    let (mut input, truth) = match &args.simulate {
        Some(options) => {
            let (simulation, truth) = with_truth(options)?;
            (Input::made(simulation), Some(truth))
        }
        None => (Input::open(&args.inputs, &args.read)?, truth(args)?),
    };
    let mut watcher = truth.map(Watcher::new);
    let directory = args.out.as_deref().map(Directory::create).transpose()?;
    let library = args.detectors.as_deref().map(|folder| library(folder, args.code.as_deref())).transpose()?;
    let sigma = args.sigma.as_deref().map(rules).transpose()?;
    let histories = Histories::open(args.history.as_deref())?;
    let mut engine = Engine::new(parameters, histories, args.train_until, library.clone(), sigma);

    let mut progress = Progress::new(input.bytes_total());
    while let Some(record) = input.next() {
        let record = record?;
        progress.record(matches!(record, Record::Event(_)), || input.bytes_read());
        if let Some(watcher) = &mut watcher {
            watcher.see(&record).map_err(Failure::Input)?;
        }
        engine.record(&record)?;
    }
    let outcome = engine.finish()?;
    warn_of_training(args, &outcome);
    let (wall, n_events) = progress.finish();
    if n_events == 0 {
        let n_bad = input.counts().bad_records;
        return Err(Failure::Input(format!("no event was read, and {n_bad} bad records: is it the right format?")));
    }

    let labels = watcher.map(Watcher::into_labels);
    let alerts = document::alerts(&outcome.incidents, &parameters_hash, &outcome.names);
    let alerts_bytes = alerts.to_bytes();
    let role = if args.simulate.is_some() { Role::Simulated } else { args.role };
    let summary = Summary {
        role: role.name().to_owned(),
        parameters_hash,
        digest: blake3::hash(&alerts_bytes).to_hex().to_string(),
        ..figures(&outcome, &alerts, &input.counts(), labels.as_ref())
    };
    let run = Run::new(wall, n_events);
    let summary_bytes = summary.to_bytes();
    if let Some(directory) = directory {
        let run_bytes = run.to_bytes();
        directory.write([
            ("alerts.json", alerts_bytes.as_slice()),
            ("run.json", run_bytes.as_slice()),
            ("summary.json", summary_bytes.as_slice()),
        ])?;
    }
    match args.json {
        true => print(&String::from_utf8_lossy(&summary_bytes)),
        false => print(&report::report(&alerts, &summary, &volatile(wall, &run))),
    }
}

fn parameters(args: &ReplayArgs) -> Result<Parameters, Failure> {
    let Some(path) = &args.parameters else { return Ok(Parameters::default()) };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))?;
    Parameters::parse(&text).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// The detectors of a folder; one without any is not what was meant. `code` is the folder where their machine code is kept.
pub fn library(folder: &Path, code: Option<&Path>) -> Result<Library, Failure> {
    let mut library = Library::new().map_err(Failure::internal)?;
    let cache = code.map(|code| {
        let cache = Cache::open(code);
        cache.map_err(|error| Failure::Input(format!("cannot keep machine code in {}: {error}", code.display())))
    });
    library.set_cache(cache.transpose()?);
    let refused = library.load_folder(folder, COMPONENT_BYTES_MAX_IN_REPLAY).map_err(Failure::input)?;
    if let Some((path, refusal)) = refused.first() {
        return Err(Failure::Input(format!("{}: {refusal}", path.display())));
    }
    match library.is_empty() {
        true => Err(Failure::Input(format!("{} holds no detector: no file *.wasm", folder.display()))),
        false => Ok(library),
    }
}

/// The rules of a folder; each that is not run is told, with the reason.
fn rules(folder: &Path) -> Result<Rules, Failure> {
    let (rules, not_run) = Rules::load(folder).map_err(Failure::input)?;
    for NotRun { path, title, why } in &not_run {
        eprintln!("not run: {}: {}: {}", path.display(), clean(title), clean(why));
    }
    match rules.is_empty() {
        true => Err(Failure::Input(format!("{} holds no Sigma rule that can be run", folder.display()))),
        false => Ok(rules),
    }
}

/// A training that takes up all of a recording, or none of it, is rarely what was meant.
fn warn_of_training(args: &ReplayArgs, outcome: &Outcome) {
    let (first, last) = (outcome.totals.first, outcome.totals.last);
    match args.train_until {
        Some(until) if until > last => {
            eprintln!("warning: all of the recording was trained on, so nothing could alert")
        }
        Some(until) if until <= first => eprintln!("warning: the recording begins after the training ends"),
        _ => {}
    }
}

fn truth(args: &ReplayArgs) -> Result<Option<Truth>, Failure> {
    args.truth.as_deref().map(Truth::open).transpose().map_err(Failure::input)
}

fn figures(outcome: &Outcome, alerts: &Alerts, counts: &InputCounts, labels: Option<&Labels>) -> Summary {
    let (totals, counters) = (&outcome.totals, outcome.incidents.counters);
    let drawn: Vec<_> = alerts.incidents.iter().map(|incident| incident.drawn as u64).collect();
    let rate = AlarmRate::new(alerts.incidents.len(), totals.host_days);
    let ratio = totals.graph_events as f64 / totals.graph_edges as f64;
    let figures = Summary {
        schema: summary::SCHEMA,
        events: totals.n_events,
        hosts: totals.n_hosts,
        bad_records: counts.bad_records,
        unknown_records: counts.unknown.clone(),
        lost_events: totals.lost_events,
        host_days: rate.host_days,
        reduction_ratio: (totals.graph_edges > 0).then(|| (ratio * 1000.0).round() / 1000.0),
        nodes_total: totals.n_nodes.iter().map(|(kind, n)| (kind_name(*kind), *n)).collect(),
        alarms_raw: counters.alarms_raw,
        alarms_after_fold: counters.alarms_after_fold,
        incidents_shown: counters.incidents_shown,
        funnel: Funnel::new(&totals.funnel, &counters, totals.host_days),
        nodes_per_alert_max: drawn.iter().copied().max(),
        nodes_per_alert_median: median(drawn),
        bytes_to_aggregator: totals.bytes_sent,
        alarm_rate: rate.into(),
        ..Summary::default()
    };
    let Some(labels) = labels else { return figures };
    let scores = eval::score(labels, &document::shown(&outcome.incidents), &totals.n_nodes);
    figures.with_scores(labels, &scores)
}

/// What a person likes to know and no two runs agree on.
fn volatile(wall: Duration, run: &Run) -> String {
    let memory = run.peak_rss_bytes.map(|n| format!(", at most {} of memory", bytes(n))).unwrap_or_default();
    format!(", {:.1} s, {} events/s{memory}", wall.as_secs_f64(), thousands(run.events_per_s))
}
