//! What is left after each filter, from the events of all hosts to what a person is shown (docs/evaluation.md).

use super::table::{Side, Table};
use super::text::{plural, thousands};
use crate::eval::AlarmRate;
use serde::Serialize;
use tracewell_agent::Funnel as HostFunnel;
use tracewell_aggregator::Counters;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Funnel {
    /// In the order in which the filters act.
    pub steps: Vec<Step>,
    /// Processes to which alerts of other hosts led: they come in at `groups`, whether they stood out or not.
    pub followed: u64,
    /// Shown beside what the last step left: what hosts do, and no story.
    pub notices: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub left: u64,
    /// `null` where no rate is measurable.
    pub per_host_day: Option<f64>,
    /// The part of the step before that this one took away; `null` for the first step and after none.
    pub reduction: Option<f64>,
}

/// Names of the steps, in `summary.json` and in words.
const STEPS: [(&str, &str); 10] = [
    ("events", "events"),
    ("unusual_on_host", "unusual on their host"),
    ("unusual_in_fleet", "and in the fleet"),
    ("stood_out", "new about their process"),
    ("groups", "groups of processes begun"),
    ("alerts", "alert graphs sent"),
    ("stories", "stories joined"),
    ("incidents", "incidents folded"),
    ("reached_least_score", "over the least score"),
    ("shown", "shown"),
];

impl Funnel {
    /// `host` is the sum over all hosts, `host_days` the time for which they were watched.
    pub fn new(host: &HostFunnel, counters: &Counters, host_days: f64) -> Self {
        let left = [
            host.events,
            host.unusual_on_host,
            host.unusual_in_fleet,
            host.stood_out,
            host.groups,
            counters.alarms_raw,
            counters.stories,
            counters.alarms_after_fold,
            counters.reached_least_score,
            counters.incidents_shown - counters.notices,
        ];
        let steps = STEPS.iter().zip(left).enumerate().map(|(at, (&(step, _), n))| Step {
            step,
            left: n,
            per_host_day: AlarmRate::per_host_day(n, host_days),
            reduction: at.checked_sub(1).and_then(|before| reduction(left[before], n)),
        });
        Self { steps: steps.collect(), followed: host.followed, notices: counters.notices }
    }

    pub fn render(&self) -> String {
        let mut table = Table::new(&[
            ("left after each step", Side::Left),
            ("", Side::Right),
            ("per host and day", Side::Right),
            ("less by", Side::Right),
        ]);
        for (step, (_, words)) in self.steps.iter().zip(STEPS) {
            let rate = step.per_host_day.map_or("–".to_owned(), |rate| match rate {
                100.0.. => thousands(rate.round() as u64),
                _ => format!("{rate:.4}"),
            });
            let reduction = step.reduction.map_or("–".to_owned(), |part| format!("{:.2} %", part * 100.0));
            table.row([words.to_owned(), thousands(step.left), rate, reduction]);
        }
        let mut text = table.render();
        if self.followed > 0 {
            text += &format!("among the groups: {} led to by alerts of other hosts\n", processes(self.followed));
        }
        if self.notices > 0 {
            text += &format!("shown beside these: {} of hosts and of the fleet\n", plural(self.notices, "notice"));
        }
        text
    }
}

fn processes(n: u64) -> String {
    format!("{} {}", thousands(n), if n == 1 { "process" } else { "processes" })
}

/// To six decimals.
fn reduction(before: u64, after: u64) -> Option<f64> {
    (before > 0).then(|| ((1.0 - after as f64 / before as f64) * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn funnel(host_days: f64) -> Funnel {
        let host = HostFunnel {
            events: 311_000_000,
            unusual_on_host: 40_000,
            unusual_in_fleet: 10_000,
            stood_out: 5_000,
            groups: 60,
            followed: 2,
        };
        let counters = Counters {
            alarms_raw: 40,
            stories: 30,
            alarms_after_fold: 20,
            reached_least_score: 0,
            incidents_shown: 1,
            notices: 1,
            ..Counters::default()
        };
        Funnel::new(&host, &counters, host_days)
    }

    #[test]
    fn each_step_says_what_it_left_and_took() {
        assert_snapshot!(funnel(3000.0).render(), @r#"
        left after each step                    per host and day   less by
        events                     311,000,000           103,667         –
        unusual on their host           40,000           13.3333   99.99 %
        and in the fleet                10,000            3.3333   75.00 %
        new about their process          5,000            1.6667   50.00 %
        groups of processes begun           60            0.0200   98.80 %
        alert graphs sent                   40            0.0133   33.33 %
        stories joined                      30            0.0100   25.00 %
        incidents folded                    20            0.0067   33.33 %
        over the least score                 0            0.0000  100.00 %
        shown                                0            0.0000         –
        among the groups: 2 processes led to by alerts of other hosts
        shown beside these: 1 notice of hosts and of the fleet
        "#);
    }

    #[test]
    fn too_short_a_time_gives_no_rate() {
        let short = funnel(29.0);
        assert!(short.steps.iter().all(|step| step.per_host_day.is_none()));
        assert_eq!(short.steps[1].reduction, Some(0.999871));
        assert_eq!((short.steps[0].reduction, short.steps[9].reduction), (None, None), "nothing came before");
    }
}
