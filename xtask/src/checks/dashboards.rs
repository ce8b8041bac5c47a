//! Dashboards ask for what is counted, and show it where it can be seen.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// Columns of a dashboard.
const WIDTH: u64 = 24;

/// Metrics that a dashboard asks for and `docs/metrics.md` does not have, and panels that lie over each other.
pub fn complaints(name: &str, dashboard: &str, metrics: &str) -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(dashboard).with_context(|| format!("reading {name}"))?;
    let known: BTreeSet<_> = metrics.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut complaints = Vec::new();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().with_context(|| format!("{name} has no panels"))? {
        let title = panel["title"].as_str().unwrap_or_default();
        let mut complain = |what: String| complaints.push(format!("{name}, {title:?}: {what}"));
        let asked = panel["targets"].as_array().into_iter().flatten();
        for expression in asked.map(|target| target["expr"].as_str().unwrap_or_default()) {
            let names: Vec<_> = metrics_in(expression).collect();
            if names.is_empty() {
                complain(format!("it asks {expression:?}, which is no metric of ours"));
            }
            let missing = names.into_iter().filter(|metric| !known.contains(metric));
            missing.for_each(|metric| complain(format!("docs/metrics.md has no {metric}")));
        }
        if !ids.insert(panel["id"].as_u64()) {
            complain("its id is another one's".to_owned());
        }
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(0));
        let is_free = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))).all(|cell| taken.insert(cell));
        if !is_free || w * h == 0 || x + w > WIDTH {
            complain("it lies over another one, or outside".to_owned());
        }
    }
    Ok(complaints)
}

fn metrics_in(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tracewell_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_or_cannot_be_seen_is_told() {
        let panel = |id: u32, x: u32, expr: &str| {
            format!(
                r#"{{"id":{id},"title":"t","gridPos":{{"x":{x},"y":0,"w":12,"h":8}},"targets":[{{"expr":"{expr}"}}]}}"#
            )
        };
        let check = |panels: &[String]| {
            let dashboard = format!(r#"{{"panels":[{}]}}"#, panels.join(","));
            complaints("d", &dashboard, "| `tracewell_a` | gauge | | x |\n").unwrap()
        };
        assert_eq!(check(&[panel(1, 0, "sum(tracewell_a)"), panel(2, 12, "rate(tracewell_a[5m])")]), [""; 0]);
        assert_eq!(check(&[panel(1, 0, "tracewell_b")]), ["d, \"t\": docs/metrics.md has no tracewell_b"]);
        assert_eq!(check(&[panel(1, 0, "up")]).len(), 1);
        assert_eq!(check(&[panel(1, 0, "tracewell_a"), panel(1, 6, "tracewell_a")]).len(), 2);
        assert!(complaints("d", "{", "").is_err());
    }
}
