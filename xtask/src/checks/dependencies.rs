use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// Differences between the dependencies of the workspace and the reasons given for them.
///
/// `reasons` holds one line for each: "- `name`: why".
pub fn complaints(manifest: &str, reasons: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse().context("reading Cargo.toml")?;
    let used = manifest["workspace"]["dependencies"].as_table().context("Cargo.toml has no workspace.dependencies")?;
    let used: BTreeSet<_> = used.keys().map(String::as_str).filter(|name| !name.starts_with("tracewell-")).collect();
    let explained: BTreeSet<_> = reasons.lines().filter_map(explained).collect();
    let unexplained =
        used.difference(&explained).map(|name| format!("docs/dependencies.md does not say why {name} is used"));
    let unused =
        explained.difference(&used).map(|name| format!("docs/dependencies.md explains {name}, which is not used"));
    Ok(unexplained.chain(unused).collect())
}

fn explained(line: &str) -> Option<&str> {
    let (name, why) = line.strip_prefix("- `")?.split_once("`: ")?;
    (!why.trim().is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dependency_needs_a_reason_and_each_reason_a_dependency() {
        let manifest = "[workspace.dependencies]\ntracewell-model = {}\none = '1'\ntwo = '2'\nthree = '3'\n";
        let reasons = "# Dependencies\n- `one`: needed\n- `three`: \n- `four`: gone\n";
        assert_eq!(
            complaints(manifest, reasons).unwrap(),
            [
                "docs/dependencies.md does not say why three is used",
                "docs/dependencies.md does not say why two is used",
                "docs/dependencies.md explains four, which is not used",
            ]
        );
    }
}
