//! The system's package manager: which one it is, and how it installs something.

use crate::workspace::{run as run_command, runs};
use anyhow::{Result, bail};
use std::fs;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Debian,
    Fedora,
    Suse,
    Arch,
    Alpine,
}

/// The family of this system, if it is known.
pub fn this_family() -> Option<Family> {
    family(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// Installs packages, or fails with the exact commands that would. Never removes any.
pub fn install(family: Family, packages: &[&str]) -> Result<()> {
    let commands = install_commands(family, packages);
    let prefix: &[&str] = if family != Family::Debian {
        bail!("run as root:\n{}", typed("", &commands));
    } else if is_root() {
        &["env"]
    } else if runs("sudo", &["-n", "true"]) {
        &["sudo", "-n", "env"]
    } else {
        bail!("neither root nor password-free sudo; run\n{}", typed("sudo ", &commands));
    };
    for words in &commands {
        eprintln!("{}", words.join(" "));
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).arg("DEBIAN_FRONTEND=noninteractive").args(words);
        run_command(&mut command)?;
    }
    Ok(())
}

/// Those of some Debian packages that are not installed.
pub fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &&&str| {
        let output = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
        output.is_ok_and(|output| output.stdout == b"installed")
    };
    packages.iter().filter(|package| !installed(package)).copied().collect()
}

fn install_commands<'a>(family: Family, packages: &[&'a str]) -> Vec<Vec<&'a str>> {
    let install: &[&str] = match family {
        Family::Debian => &["apt-get", "install", "--yes", "--no-install-recommends", "--no-remove"],
        Family::Fedora => &["dnf", "install", "--assumeyes"],
        Family::Suse => &["zypper", "--non-interactive", "install"],
        Family::Arch => &["pacman", "--sync", "--needed", "--noconfirm"],
        Family::Alpine => &["apk", "add", "linux-headers"],
    };
    let update = (family == Family::Debian).then(|| vec!["apt-get", "update"]);
    update.into_iter().chain([[install, packages].concat()]).collect()
}

fn typed(prefix: &str, commands: &[Vec<&str>]) -> String {
    let lines = commands.iter().map(|words| format!("    {prefix}{}", words.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads `ID` and `ID_LIKE` of an os-release file.
fn family(release: &str) -> Option<Family> {
    let value = |name: &str| {
        let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches('"').to_owned()
    };
    let names = format!("{} {}", value("ID"), value("ID_LIKE"));
    names.split_whitespace().find_map(|name| match name {
        "debian" | "ubuntu" => Some(Family::Debian),
        "fedora" | "rhel" | "centos" => Some(Family::Fedora),
        "suse" | "opensuse" => Some(Family::Suse),
        "arch" => Some(Family::Arch),
        "alpine" => Some(Family::Alpine),
        _ => None,
    })
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_apart_by_id_and_kin() {
        let cases = [
            ("ID=debian\n", Some(Family::Debian)),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some(Family::Debian)),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some(Family::Fedora)),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", Some(Family::Suse)),
            ("ID=arch\n", Some(Family::Arch)),
            ("ID=plan9\n", None),
            ("", None),
        ];
        for (release, expected) in cases {
            assert_eq!(family(release), expected, "{release}");
        }
    }

    #[test]
    fn the_printed_commands_can_be_pasted() {
        let commands = install_commands(Family::Debian, &["g++", "libclang-dev"]);
        assert_eq!(
            typed("sudo ", &commands),
            "    sudo apt-get update\n    sudo apt-get install --yes --no-install-recommends --no-remove g++ libclang-dev"
        );
        let commands = install_commands(Family::Fedora, &["gcc-c++"]);
        assert_eq!(typed("", &commands), "    dnf install --assumeyes gcc-c++");
    }
}
