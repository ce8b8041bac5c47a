use crate::workspace::Package;
use anyhow::{Context, Result};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

/// The part of `deny.toml` that decides on licences, in cargo-deny's own form.
#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

/// Packages whose licence expression the allow list does not satisfy.
pub fn complaints(packages: &[Package], deny: &str) -> Result<Vec<String>> {
    let deny: Deny = toml::from_str(deny).context("reading deny.toml")?;
    Ok(packages.iter().filter_map(|package| complaint(package, &deny.licenses)).collect())
}

fn complaint(package: &Package, licences: &Licences) -> Option<String> {
    let Package { name, version, .. } = package;
    let Some(licence) = &package.license else {
        return Some(format!("{name} {version} states no licence"));
    };
    // Older manifests write "MIT/Apache-2.0".
    let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("{name} {version}: licence {licence:?} cannot be read: {}", error.reason)),
    };
    let exceptions = licences.exceptions.iter().filter(|exception| exception.package == *name);
    let allowed: Vec<_> = exceptions.flat_map(|exception| &exception.allow).chain(&licences.allow).collect();
    let fits = expression.evaluate(|requirement| allowed.iter().any(|name| **name == requirement.to_string()));
    (!fits).then(|| format!("{name} {version}: deny.toml does not allow licence {licence:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        exceptions = [{ crate = "special", allow = ["Zlib"] }]
    "#;

    #[test]
    fn licence_expressions_are_weighed_against_the_allow_list() {
        let cases = [
            ("any", Some("MIT"), true),
            ("any", Some("MIT/Apache-2.0"), true),
            ("any", Some("GPL-3.0-only OR Apache-2.0"), true),
            ("any", Some("MIT AND Zlib"), false),
            ("special", Some("MIT AND Zlib"), true),
            ("any", Some("Apache-2.0 WITH LLVM-exception"), true),
            ("any", Some("GPL-3.0-only"), false),
            ("any", Some("free as in beer"), false),
            ("any", None, false),
        ];
        for (name, license, fits) in cases {
            let package = Package {
                id: String::new(),
                name: name.into(),
                version: "1.0.0".into(),
                license: license.map(Into::into),
                dependencies: Vec::new(),
                targets: Vec::new(),
            };
            assert_eq!(complaints(&[package], DENY).unwrap().is_empty(), fits, "{name} {license:?}");
        }
    }
}
