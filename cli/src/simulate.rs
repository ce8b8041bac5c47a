//! `tracewell simulate`, and `tracewell replay --simulate`: the events of a fleet that does not exist, with exact truth.

use crate::args::SimulateArgs;
use crate::failure::Failure;
use crate::output::text::plural;
use crate::progress::Progress;
use std::io::{self, Write};
use tracewell_datasets::simulate::{Simulation, SimulationConfig, Story};
use tracewell_datasets::tracewell::EventFile;
use tracewell_datasets::truth::Truth;
use tracewell_model::{EventNs, Record};

/// Without a word about it, ten hosts are simulated for two hours.
const HOSTS: u32 = 10;
const DURATION_NS: u64 = 2 * 3600 * EventNs::SECOND;

pub fn run(args: &SimulateArgs) -> Result<(), Failure> {
    let given = [
        ("seed", &args.seed),
        ("hosts", &args.hosts),
        ("duration", &args.duration),
        ("rate", &args.rate),
        ("attacks", &args.attacks),
    ];
    let given = given.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
    let mut simulation = Simulation::new(&config(given)?).map_err(Failure::input)?;
    if args.truth.as_ref() == Some(&args.to) {
        return Err(Failure::Input(format!("{} cannot hold both events and truth", args.to.display())));
    }
    let mut file = EventFile::create(&args.to).map_err(Failure::input)?;
    let mut progress = Progress::new(None);
    for record in simulation.by_ref() {
        progress.record(matches!(record, Record::Event(_)), || 0);
        file.write(&record).map_err(Failure::internal)?;
    }
    file.finish().map_err(Failure::internal)?;
    let (_, n_events) = progress.finish();
    let truth = simulation.truth();
    if let Some(path) = &args.truth {
        crate::truth::write(&truth, path)?;
    }
    let (events, attacks) = (plural(n_events, "event"), plural(truth.attacks.len() as u64, "attack"));
    let _ = writeln!(io::stderr(), "{events} with {attacks} written to {}", args.to.display());
    Ok(())
}

/// A simulation of options as in `seed=1,hosts=10,duration=2h,rate=50,attacks=all`; several attacks are joined by `+`.
///
/// The truth is known only at the end of a simulation, so a first one with the same options is run for it alone.
///
/// # Errors
/// When an option is unknown, malformed or out of range.
pub fn with_truth(options: &str) -> Result<(Simulation, Truth), Failure> {
    let pair = |text| {
        let (key, value) = str::split_once(text, '=')
            .ok_or_else(|| Failure::Input(format!("simulation option {text:?}, expected key=value")))?;
        Ok((key.trim(), value.trim()))
    };
    let options = options.split(',').filter(|text| !text.trim().is_empty());
    let config = config(options.map(pair).collect::<Result<Vec<_>, Failure>>()?)?;
    let mut rehearsal = Simulation::new(&config).map_err(Failure::input)?;
    if !config.attacks.is_empty() {
        rehearsal.by_ref().for_each(drop);
    }
    Ok((Simulation::new(&config).map_err(Failure::input)?, rehearsal.truth()))
}

fn config<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<SimulationConfig, Failure> {
    let mut config = SimulationConfig { duration_ns: DURATION_NS, ..SimulationConfig::new(1, HOSTS) };
    let mut attacks = "all";
    for (key, value) in options {
        match key {
            "seed" => config.seed = number(key, value)?,
            "hosts" => config.hosts = number(key, value)?,
            "rate" => config.events_per_second = number(key, value)?,
            "events" => config.records_max = Some(number(key, value)?),
            "duration" => config.duration_ns = duration_ns(value)?,
            "attacks" => attacks = value,
            _ => {
                let expected = "expected seed, hosts, rate, duration, events or attacks";
                return Err(Failure::Input(format!("simulation option {key:?}, {expected}")));
            }
        }
    }
    let wanted = wanted(attacks)?;
    config = config.with_every_story();
    config.attacks.retain(|plan| wanted.as_ref().is_none_or(|wanted| wanted.contains(&plan.story)));
    if let Some(missing) =
        wanted.iter().flatten().find(|story| !config.attacks.iter().any(|plan| plan.story == **story))
    {
        let (name, needed) = (missing.name(), missing.hosts_needed());
        return Err(Failure::Input(format!(
            "attack {name} needs at least {needed} hosts, the fleet has {}",
            config.hosts
        )));
    }
    Ok(config)
}

/// The stories that are asked for; `None` is all that the fleet has room for.
fn wanted(list: &str) -> Result<Option<Vec<Story>>, Failure> {
    let story = |name: &str| {
        let names = || Story::ALL.map(Story::name).join(", ");
        Story::from_name(name)
            .ok_or_else(|| Failure::Input(format!("attack {name:?}, expected all, none or some of: {}", names())))
    };
    match list {
        "all" => Ok(None),
        "none" => Ok(Some(vec![])),
        list => Ok(Some(list.split([',', '+']).map(|name| story(name.trim())).collect::<Result<_, _>>()?)),
    }
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, Failure> {
    value
        .parse()
        .map_err(|_| Failure::Input(format!("simulation option {key} is {value:?}, expected a whole number in range")))
}

fn duration_ns(text: &str) -> Result<u64, Failure> {
    let wrong = || Failure::Input(format!("duration {text:?}, expected a number and s, m, h or d, as in 90m"));
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds * EventNs::SECOND).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let parsed =
            config([("seed", "7"), ("hosts", "20"), ("duration", "90m"), ("rate", "5"), ("attacks", "none")]).unwrap();
        assert_eq!((parsed.seed, parsed.hosts, parsed.events_per_second), (7, 20, 5));
        assert_eq!((parsed.duration_ns, parsed.attacks.len()), (5400 * EventNs::SECOND, 0));
        assert!(!config([]).unwrap().attacks.is_empty());
        for (key, value) in [
            ("seed", "x"),
            ("hosts", "-1"),
            ("duration", "1"),
            ("duration", ""),
            ("duration", "ü"),
            ("duration", "99999999999999999d"),
            ("attacks", "nuclear"),
            ("colour", "red"),
        ] {
            let Err(Failure::Input(message)) = config([(key, value)]) else { panic!("{key}={value} was taken") };
            assert!(message.contains(key) || message.contains(value), "{message}");
        }
        assert!(matches!(with_truth("seed"), Err(Failure::Input(_))));
    }

    #[test]
    fn the_truth_means_nodes_of_the_very_simulation() {
        let (simulation, truth) = with_truth("seed=3,hosts=6,duration=20m,rate=5").unwrap();
        assert!(!truth.attacks.is_empty(), "no attack was simulated");
        let mut watcher = crate::labels::Watcher::new(truth);
        simulation.for_each(|record| watcher.see(&record).unwrap());
        let labels = watcher.into_labels();
        assert_eq!(labels.absent, Vec::<String>::new());
        assert!(labels.attacks.iter().all(|attack| !attack.nodes.is_empty()));
    }
}
