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
            "rate" => config.events_per_1000_s = thousandths(key, value)?,
            "events" => config.records_max = Some(number(key, value)?),
            "duration" => config.duration_ns = duration_ns(value)?,
            "attacks" => attacks = value,
            _ => {
                let expected = "expected seed, hosts, rate, duration, events or attacks";
                return Err(Failure::Input(format!("simulation option {key:?}, {expected}")));
            }
        }
    }
    if let Ok(n) = attacks.parse::<usize>() {
        return told_in_turn(config, n);
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

/// So many stories. The fleet has to have room for one at least.
fn told_in_turn(config: SimulationConfig, n: usize) -> Result<SimulationConfig, Failure> {
    let hosts = config.hosts;
    // What is above the simulator's own bound is refused by it, with the range.
    let config = config.with_stories(n.min(usize::from(u16::MAX)));
    match n > 0 && config.attacks.is_empty() {
        true => Err(Failure::Input(format!("no story fits a fleet of {hosts} hosts"))),
        false => Ok(config),
    }
}

/// The stories that are asked for; `None` is all that the fleet has room for.
fn wanted(list: &str) -> Result<Option<Vec<Story>>, Failure> {
    let story = |name: &str| {
        let names = || Story::ALL.map(Story::name).join(", ");
        Story::from_name(name).ok_or_else(|| {
            Failure::Input(format!("attack {name:?}, expected all, none, a number, or some of: {}", names()))
        })
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

/// A decimal number of at most three places, in thousandths.
fn thousandths(key: &str, value: &str) -> Result<u32, Failure> {
    let wrong = || {
        let expected = "expected a number of at most three decimal places, as in 40 or 1.2";
        Failure::Input(format!("simulation option {key} is {value:?}, {expected}"))
    };
    let (whole, places) = value.split_once('.').unwrap_or((value, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(places) || places.len() > 3 {
        return Err(wrong());
    }
    format!("{whole}{places:0<3}").parse().map_err(|_| wrong())
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
        assert_eq!((parsed.seed, parsed.hosts, parsed.events_per_1000_s), (7, 20, 5_000));
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
            ("rate", "1."),
            ("rate", ".5"),
            ("rate", "1.2345"),
            ("rate", "9999999"),
            ("rate", "-1"),
            ("colour", "red"),
        ] {
            let Err(Failure::Input(message)) = config([(key, value)]) else { panic!("{key}={value} was taken") };
            assert!(message.contains(key) || message.contains(value), "{message}");
        }
        assert!(matches!(with_truth("seed"), Err(Failure::Input(_))));
    }

    #[test]
    fn a_rate_may_have_decimal_places() {
        for (text, expected) in [("40", 40_000), ("1.2", 1_200), ("0.005", 5), ("1.43", 1_430)] {
            assert_eq!(config([("rate", text)]).unwrap().events_per_1000_s, expected, "{text}");
        }
    }

    #[test]
    fn so_many_stories_are_told_in_turn_and_again_on_other_hosts() {
        let stories = |n, hosts| {
            let parsed = config([("attacks", n), ("hosts", hosts)]).unwrap();
            parsed.attacks.into_iter().map(|plan| plan.story).collect::<Vec<_>>()
        };
        assert_eq!(stories("0", "100"), []);
        assert_eq!(stories("7", "100"), Story::ALL);
        assert_eq!(stories("10", "100"), [&Story::ALL[..], &Story::ALL[..3]].concat());
        let Err(Failure::Input(message)) = config([("attacks", "3"), ("hosts", "1")]) else { panic!("it was taken") };
        assert_eq!(message, "no story fits a fleet of 1 hosts");
        let (mut simulation, _) = with_truth("hosts=12,duration=20m,rate=20,attacks=10").unwrap();
        simulation.by_ref().for_each(drop);
        let hosts = |index: usize| {
            let made = &simulation.attacks()[index].made;
            made.iter().map(|(host, _)| *host).collect::<std::collections::BTreeSet<_>>()
        };
        assert!(hosts(0).is_disjoint(&hosts(7)), "the same story on other hosts");
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
