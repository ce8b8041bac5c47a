//! What a replay prints: the incidents, and how they compare with the truth.

use super::alerts::{Alerts, Incident};
use super::summary::{Rate, Summary};
use super::table::{Side, Table};
use super::text::{bytes, clean, cut, milli, plural, thousands};
use super::time;
use std::fmt::Write;

/// Incidents in the table; the rest is only counted.
const ROWS_MAX: usize = 50;
/// Digits of an incident's id; the beginning is enough to ask for it.
const ID_CHARS: usize = 8;
const TITLE_CHARS_MAX: usize = 160;

/// `volatile` says in words what varies between runs.
pub fn report(alerts: &Alerts, summary: &Summary, volatile: &str) -> String {
    let mut text = overview(summary, volatile);
    text.push('\n');
    text += &incidents(alerts);
    text.push('\n');
    text += &rate(summary);
    text.push('\n');
    text += &summary.funnel.render();
    if summary.label_set.is_some() {
        text.push('\n');
        text += &scores(summary);
    }
    let _ = writeln!(text, "\n{}", caption(summary));
    text
}

fn overview(summary: &Summary, volatile: &str) -> String {
    let mut text = format!(
        "{} on {} over {:.3} host-days{volatile}\n",
        plural(summary.events, "event"),
        plural(summary.hosts, "host"),
        summary.host_days
    );
    let _ = writeln!(
        text,
        "{} sent by hosts, {} after folding, {} shown; {} to the aggregator{}",
        plural(summary.alarms_raw, "alert"),
        plural(summary.alarms_after_fold, "incident"),
        thousands(summary.incidents_shown),
        bytes(summary.bytes_to_aggregator),
        summary.reduction_ratio.map_or(String::new(), |ratio| format!("; {ratio:.1} events for each edge kept")),
    );
    if summary.lost_events > 0 {
        let _ = writeln!(text, "{} lost before they were recorded", plural(summary.lost_events, "event"));
    }
    if summary.bad_records > 0 {
        let _ = writeln!(text, "{} passed over", plural(summary.bad_records, "bad record"));
    }
    if !summary.unknown_records.is_empty() {
        let unknown: Vec<_> =
            summary.unknown_records.iter().map(|(name, n)| format!("{} {}", clean(name), thousands(*n))).collect();
        let _ = writeln!(text, "records of unknown types: {}", unknown.join(", "));
    }
    text
}

fn incidents(alerts: &Alerts) -> String {
    if alerts.incidents.is_empty() {
        return "no incidents\n".to_owned();
    }
    let mut table = Table::new(&[
        ("#", Side::Right),
        ("id", Side::Left),
        ("score", Side::Right),
        ("severity", Side::Left),
        ("host", Side::Left),
        ("time (UTC)", Side::Left),
        ("nodes", Side::Right),
        ("repeats", Side::Right),
        ("what", Side::Left),
    ]);
    for (idx, incident) in alerts.incidents.iter().take(ROWS_MAX).enumerate() {
        table.row([
            (idx + 1).to_string(),
            incident.id.chars().take(ID_CHARS).collect(),
            milli(incident.score),
            incident.severity.clone(),
            hosts(incident),
            time::short(&incident.first),
            nodes(incident),
            thousands(incident.repeats),
            cut(&clean(&incident.title), TITLE_CHARS_MAX).into_owned(),
        ]);
    }
    let mut text = table.render();
    if alerts.incidents.len() > ROWS_MAX {
        let _ = writeln!(text, "and {} more", thousands((alerts.incidents.len() - ROWS_MAX) as u64));
    }
    text
}

fn hosts(incident: &Incident) -> String {
    match incident.hosts.as_slice() {
        [] => String::new(),
        [host] => clean(host).into_owned(),
        [host, others @ ..] => format!("{} and {} more", clean(host), others.len()),
    }
}

fn nodes(incident: &Incident) -> String {
    match incident.nodes.len() {
        n if n == incident.drawn => n.to_string(),
        n => format!("{} of {n}", incident.drawn),
    }
}

fn rate(summary: &Summary) -> String {
    let Rate { alarms, host_days, per_host_day, upper_95, note } = &summary.alarm_rate;
    let whole = format!("{} in {host_days:.3} host-days", plural(*alarms, "alarm"));
    match (per_host_day, upper_95, note) {
        (Some(rate), Some(upper), _) => {
            format!("alarms per host and day: {rate:.4}, at most {upper:.4} with 95 % confidence ({whole})\n")
        }
        (_, _, note) => format!("alarms per host and day: {} ({whole})\n", note.unwrap_or("not measurable")),
    }
}

fn scores(summary: &Summary) -> String {
    let attacks = summary.attacks.as_deref().unwrap_or_default();
    let mut table = Table::new(&[
        ("attack", Side::Left),
        ("found at", Side::Left),
        ("nodes shown", Side::Right),
        ("name", Side::Left),
    ]);
    for attack in attacks {
        let found = attack.rank.map_or("not found".to_owned(), |rank| format!("#{rank}"));
        let nodes = format!("{} of {}", attack.nodes_shown, attack.nodes);
        table.row([clean(&attack.id).into_owned(), found, nodes, clean(&attack.name).into_owned()]);
    }
    let mut text = if attacks.is_empty() { String::new() } else { table.render() + "\n" };
    let count = |value: Option<u64>| value.map_or("–".to_owned(), thousands);
    let share = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    let kinds = summary.label_kinds.as_deref().unwrap_or_default().join(", ");
    let _ = writeln!(
        text,
        "attacks found       {} of {}\nfalse incidents     {} of {} shown\nnodes               {} right, {} wrong, {} missed ({kinds})",
        count(summary.attacks_found),
        count(summary.attacks_total),
        count(summary.incidents_false),
        thousands(summary.incidents_shown),
        count(summary.node_tp),
        count(summary.node_fp),
        count(summary.node_fn),
    );
    let _ = writeln!(
        text,
        "precision           {}\nrecall              {} (expanded {})\nMCC                 {}\nADP                 {}",
        share(summary.node_precision),
        share(summary.node_recall),
        share(summary.node_recall_expanded),
        share(summary.node_mcc),
        share(summary.adp)
    );
    for (kind, other) in summary.other_kinds.iter().flatten() {
        let _ = writeln!(
            text,
            "{kind} nodes, unscored: {} shown, {} of them named by the truth",
            other.shown, other.labelled
        );
    }
    let absent = summary.labelled_absent.as_deref().unwrap_or_default();
    if !absent.is_empty() {
        let _ =
            writeln!(text, "{} never in the recording and not scored:", plural(absent.len() as u64, "labelled node"));
        for node in absent.iter().take(10) {
            let _ = writeln!(text, "    {}", clean(node));
        }
        if absent.len() > 10 {
            let _ = writeln!(text, "    and {} more", absent.len() - 10);
        }
    }
    text
}

fn caption(summary: &Summary) -> String {
    let labels =
        summary.label_set.as_deref().map_or("no labels".to_owned(), |name| format!("label set {}", clean(name)));
    let start = |hash: &str| hash.chars().take(12).collect::<String>();
    let (parameters, digest) = (start(&summary.parameters_hash), start(&summary.digest));
    format!("{labels}; recording role {}; parameters {parameters}; digest {digest}", summary.role)
}

#[cfg(test)]
mod tests {
    use super::super::alerts::SCHEMA;
    use super::super::funnel::Funnel;
    use super::super::testing::dropper;
    use super::*;
    use crate::eval::{AlarmRate, AttackScore, Labels, NodeScores, OtherKind, Scores};
    use insta::assert_snapshot;
    use tracewell_agent::Funnel as HostFunnel;
    use tracewell_aggregator::Counters;
    use tracewell_model::NodeKind;

    fn alerts() -> Alerts {
        let mut second = dropper();
        second.id = "ff".repeat(8);
        (second.score, second.repeats, second.drawn) = (10_000, 1_200, 3);
        second.hosts = vec!["db".to_owned(), "mail".to_owned(), "web".to_owned()];
        second.title = "a \u{1b}[31mhostile title".to_owned();
        Alerts { schema: SCHEMA.to_owned(), parameters_hash: "ab".repeat(32), incidents: vec![dropper(), second] }
    }

    const HOSTS: HostFunnel = HostFunnel {
        events: 1_234_500,
        unusual_on_host: 900,
        unusual_in_fleet: 300,
        stood_out: 100,
        groups: 25,
        followed: 1,
    };

    fn summary() -> Summary {
        let counters = Counters {
            alarms_raw: 20,
            stories: 10,
            alarms_after_fold: 4,
            reached_least_score: 2,
            incidents_shown: 2,
            ..Counters::default()
        };
        Summary {
            role: "test".to_owned(),
            parameters_hash: "ab".repeat(32),
            digest: "cd".repeat(32),
            events: 1_234_567,
            hosts: 3,
            host_days: 33.5,
            alarms_raw: 20,
            alarms_after_fold: 4,
            incidents_shown: 2,
            bytes_to_aggregator: 12_345,
            reduction_ratio: Some(7.25),
            funnel: Funnel::new(&HOSTS, &counters, 33.5),
            alarm_rate: AlarmRate::new(2, 33.5).into(),
            ..Summary::default()
        }
    }

    #[test]
    fn without_truth() {
        let summary = Summary { bad_records: 2, lost_events: 1, ..summary() };
        assert_snapshot!(report(&alerts(), &summary, ", 2.5 s, 493,826 events/s"), @r#"
        1,234,567 events on 3 hosts over 33.500 host-days, 2.5 s, 493,826 events/s
        20 alerts sent by hosts, 4 incidents after folding, 2 shown; 12 kB to the aggregator; 7.2 events for each edge kept
        1 event lost before they were recorded
        2 bad records passed over

        #  id        score  severity  host           time (UTC)            nodes  repeats  what
        1  00112233   81.2  high      web            2020-01-01 00:00:00       5        1  a web server ran what it had written
        2  ffffffff   10.0  high      db and 2 more  2020-01-01 00:00:00  3 of 5    1,200  a \u{1b}[31mhostile title

        alarms per host and day: 0.0597, at most 0.1879 with 95 % confidence (2 alarms in 33.500 host-days)

        left after each step                  per host and day  less by
        events                     1,234,500            36,851        –
        unusual on their host            900           26.8657  99.93 %
        and in the fleet                 300            8.9552  66.67 %
        new about their process          100            2.9851  66.67 %
        groups of processes begun         25            0.7463  75.00 %
        alert graphs sent                 20            0.5970  20.00 %
        stories joined                    10            0.2985  50.00 %
        incidents folded                   4            0.1194  60.00 %
        over the least score               2            0.0597  50.00 %
        shown                              2            0.0597   0.00 %
        among the groups: 1 process led to by alerts of other hosts

        no labels; recording role test; parameters abababababab; digest cdcdcdcdcdcd
        "#);
    }

    #[test]
    fn nothing_found_is_said_plainly() {
        let short = Summary { alarm_rate: AlarmRate::new(0, 0.012).into(), host_days: 0.012, ..summary() };
        let none = Alerts { incidents: vec![], ..alerts() };
        assert_snapshot!(report(&none, &short, ""), @r#"
        1,234,567 events on 3 hosts over 0.012 host-days
        20 alerts sent by hosts, 4 incidents after folding, 2 shown; 12 kB to the aggregator; 7.2 events for each edge kept

        no incidents

        alarms per host and day: not measurable: fewer than 30 host-days (0 alarms in 0.012 host-days)

        left after each step                  per host and day  less by
        events                     1,234,500            36,851        –
        unusual on their host            900           26.8657  99.93 %
        and in the fleet                 300            8.9552  66.67 %
        new about their process          100            2.9851  66.67 %
        groups of processes begun         25            0.7463  75.00 %
        alert graphs sent                 20            0.5970  20.00 %
        stories joined                    10            0.2985  50.00 %
        incidents folded                   4            0.1194  60.00 %
        over the least score               2            0.0597  50.00 %
        shown                              2            0.0597   0.00 %
        among the groups: 1 process led to by alerts of other hosts

        no labels; recording role test; parameters abababababab; digest cdcdcdcdcdcd
        "#);
    }

    #[test]
    fn with_truth() {
        let attack = |id: &str, rank| AttackScore {
            id: id.to_owned(),
            name: format!("attack {id}"),
            rank,
            n_nodes: 5,
            n_nodes_shown: if rank.is_some() { 4 } else { 0 },
        };
        let nodes =
            NodeScores { tp: 4, fp: 1, fn_: 6, tn: 989, precision: Some(0.8), recall: Some(0.4), mcc: Some(0.562731) };
        let scores = Scores {
            attacks: vec![attack("a", Some(1)), attack("b", None)],
            n_incidents_false: 1,
            nodes,
            nodes_expanded: NodeScores { recall: Some(0.5), ..nodes },
            other_kinds: [(NodeKind::File, OtherKind { n_shown: 3, n_labelled: 1 })].into(),
            adp: Some(0.5),
        };
        let labels = Labels {
            label_set: "invented".to_owned(),
            kinds: [NodeKind::Process].into(),
            absent: vec!["b: process pid 99".to_owned()],
            ..Labels::default()
        };
        assert_snapshot!(report(&alerts(), &summary().with_scores(&labels, &scores), ""), @r#"
        1,234,567 events on 3 hosts over 33.500 host-days
        20 alerts sent by hosts, 4 incidents after folding, 2 shown; 12 kB to the aggregator; 7.2 events for each edge kept

        #  id        score  severity  host           time (UTC)            nodes  repeats  what
        1  00112233   81.2  high      web            2020-01-01 00:00:00       5        1  a web server ran what it had written
        2  ffffffff   10.0  high      db and 2 more  2020-01-01 00:00:00  3 of 5    1,200  a \u{1b}[31mhostile title

        alarms per host and day: 0.0597, at most 0.1879 with 95 % confidence (2 alarms in 33.500 host-days)

        left after each step                  per host and day  less by
        events                     1,234,500            36,851        –
        unusual on their host            900           26.8657  99.93 %
        and in the fleet                 300            8.9552  66.67 %
        new about their process          100            2.9851  66.67 %
        groups of processes begun         25            0.7463  75.00 %
        alert graphs sent                 20            0.5970  20.00 %
        stories joined                    10            0.2985  50.00 %
        incidents folded                   4            0.1194  60.00 %
        over the least score               2            0.0597  50.00 %
        shown                              2            0.0597   0.00 %
        among the groups: 1 process led to by alerts of other hosts

        attack  found at   nodes shown  name
        a       #1              4 of 5  attack a
        b       not found       0 of 5  attack b

        attacks found       1 of 2
        false incidents     1 of 2 shown
        nodes               4 right, 1 wrong, 6 missed (process)
        precision           0.800
        recall              0.400 (expanded 0.500)
        MCC                 0.563
        ADP                 0.500
        file nodes, unscored: 3 shown, 1 of them named by the truth
        1 labelled node never in the recording and not scored:
            b: process pid 99

        label set invented; recording role test; parameters abababababab; digest cdcdcdcdcdcd
        "#);
    }
}
