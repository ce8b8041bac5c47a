use crate::workspace::Package;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Who may know whom (ARCHITECTURE.md): arrows point from I/O to pure code and never back.
///
/// Dev-dependencies are free, except that `agent` and `aggregator` never see each other: they meet in `wire`.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("parameters", &[]),
    ("graph-core", &["model", "parameters"]),
    ("alert-scorer", &["model", "parameters"]),
    ("datasets", &["model"]),
    ("wire", &["model", "graph-core"]),
    ("store", &["model", "graph-core"]),
    ("api", &[]),
    ("event-abi", &[]),
    ("detector-build", &[]),
    ("detector-host", &["model", "parameters", "graph-core"]),
    ("sigma", &["model", "graph-core"]),
    ("yara", &["model"]),
    (
        "agent",
        &[
            "model",
            "event-abi",
            "parameters",
            "graph-core",
            "alert-scorer",
            "datasets",
            "wire",
            "store",
            "detector-host",
            "sigma",
            "yara",
        ],
    ),
    ("aggregator", &["model", "parameters", "graph-core", "alert-scorer", "wire", "store", "api"]),
    (
        "cli",
        &[
            "model",
            "parameters",
            "graph-core",
            "alert-scorer",
            "datasets",
            "wire",
            "store",
            "detector-build",
            "detector-host",
            "sigma",
            "api",
            "agent",
            "aggregator",
        ],
    ),
    (
        "kernel-tests",
        &["model", "event-abi", "parameters", "graph-core", "alert-scorer", "wire", "store", "agent", "aggregator"],
    ),
    ("lab", &["model", "datasets", "agent"]),
    ("xtask", &["detector-build"]),
];

const STRANGERS: &[(&str, &str)] = &[("agent", "aggregator"), ("aggregator", "agent")];

/// Crates that read no clock, do no I/O and start no threads, so that the same input gives the same output.
const PURE: &[&str] = &["model", "parameters", "graph-core", "alert-scorer"];

/// What their code never says.
const IMPURE: &[&str] = &[
    "std::time",
    "std::fs",
    "std::io",
    "std::env",
    "std::thread",
    "std::process",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
    "RandomState",
    "println!",
    "eprintln!",
];

/// Dependencies between crates of the workspace that [`ARROWS`] does not have.
pub fn arrows<'a>(members: impl Iterator<Item = &'a Package>) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in members {
        let name = short(&package.name);
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            complaints.push(format!("crate {name} has no place in the list of arrows"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.name.starts_with("tracewell-")) {
            let other = short(&dependency.name);
            let for_tests = dependency.kind.as_deref() == Some("dev") && !STRANGERS.contains(&(name, other));
            if !for_tests && !allowed.contains(&other) {
                complaints.push(format!("crate {name} may not depend on {other}"));
            }
        }
    }
    complaints
}

/// Places in pure crates that reach for the outside world. Test modules at the end of a file may.
pub fn purity(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in PURE {
        for file in rust_files(&root.join(name).join("src"))? {
            let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            let place = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            complaints
                .extend(impure_lines(&text).map(|(line, word)| format!("{place}:{line}: pure crate uses {word}")));
        }
    }
    Ok(complaints)
}

fn impure_lines(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    code.enumerate().filter_map(|(index, line)| {
        let said = line.split("//").next().unwrap_or_default();
        IMPURE.iter().find(|word| said.contains(**word)).map(|word| (index + 1, *word))
    })
}

pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading folder {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn short(name: &str) -> &str {
    name.strip_prefix("tracewell-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn complaints_of(name: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        let package = Package {
            id: String::new(),
            name: name.into(),
            version: String::new(),
            license: None,
            dependencies: vec![Dependency { name: dependency.into(), kind: kind.map(Into::into) }],
            targets: Vec::new(),
        };
        arrows([&package].into_iter())
    }

    #[test]
    fn arrows_point_one_way() {
        let cases = [
            ("tracewell-agent", "tracewell-wire", None, true),
            ("tracewell-wire", "tracewell-agent", None, false),
            ("tracewell-graph-core", "tracewell-datasets", None, false),
            ("tracewell-graph-core", "tracewell-datasets", Some("dev"), true),
            ("tracewell-graph-core", "tracewell-datasets", Some("build"), false),
            ("tracewell-agent", "tracewell-aggregator", Some("dev"), false),
            ("tracewell-newcomer", "tracewell-model", None, false),
            ("tracewell-model", "petgraph", None, true),
        ];
        for (name, dependency, kind, fits) in cases {
            assert_eq!(complaints_of(name, dependency, kind).is_empty(), fits, "{name} on {dependency} ({kind:?})");
        }
    }

    #[test]
    fn impurity_is_found_in_code_and_not_in_comments_or_tests() {
        let text =
            "use std::net::SocketAddr;\n// std::fs is not used\nuse std::time::Instant;\n#[cfg(test)]\nuse std::fs;\n";
        assert_eq!(impure_lines(text).collect::<Vec<_>>(), [(3, "std::time")]);
    }
}
