//! The threat model names the test that holds each of its claims: each of them must be there.

use super::architecture::rust_files;
use crate::workspace::Package;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Tests that are named and in no crate. Crates are in folders of their names, with tests in `src` and `tests`.
pub fn complaints<'a>(
    root: &Path,
    members: impl Iterator<Item = &'a Package>,
    threat_model: &str,
) -> Result<Vec<String>> {
    let mut tests = BTreeSet::new();
    for package in members {
        let folder = root.join(package.name.trim_start_matches("tracewell-"));
        for part in ["src", "tests"].map(|part| folder.join(part)).iter().filter(|part| part.is_dir()) {
            for file in rust_files(part)? {
                tests.extend(functions(&fs::read_to_string(file)?).map(str::to_owned));
            }
        }
    }
    let missing = named(threat_model).filter(|name| !tests.contains(*name));
    Ok(missing.map(|name| format!("docs/threat-model.md names a test {name} that is not there")).collect())
}

/// What stands in code marks in the last column of tables, of one word.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let columns = text.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('|').nth(1));
    columns.flat_map(|column| column.split('`').skip(1).step_by(2)).filter(|name| !name.contains(' '))
}

fn functions(code: &str) -> impl Iterator<Item = &str> {
    let lines = code.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
    lines.filter_map(|line| line.split('(').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_last_column_and_in_code() {
        let text =
            "| Claim of `this` | Held by |\n|---|---|\n| a | `one`, `two` |\n| b | `cargo xtask test` |\n`three`\n";
        assert_eq!(named(text).collect::<Vec<_>>(), ["one", "two"]);
        let code = "    #[test]\n    fn one() {}\n    async fn two() {}\nlet fn_three = 1;\n";
        assert_eq!(functions(code).collect::<Vec<_>>(), ["one", "two"]);
    }
}
