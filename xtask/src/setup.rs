use crate::workspace::{Workspace, run as run_command, runs};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Something a build needs that cargo does not bring, with the package that brings it.
struct Need {
    what: &'static str,
    is_there: fn() -> bool,
    packages: fn(Family) -> &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Debian,
    Fedora,
    Suse,
    Arch,
    Alpine,
}

/// RocksDB is C++20 and gets its Rust names from bindgen, which reads C headers with libclang. Nothing else is needed.
const NEEDS: &[Need] = &[
    Need {
        what: "a C++ compiler",
        is_there: || runs("c++", &["--version"]) && runs("cc", &["--version"]),
        packages: |family| match family {
            Family::Debian | Family::Alpine => "g++",
            Family::Fedora | Family::Suse => "gcc-c++",
            Family::Arch => "gcc",
        },
    },
    Need {
        what: "libclang with its headers",
        is_there: has_libclang,
        packages: |family| match family {
            Family::Debian => "libclang-dev",
            Family::Fedora | Family::Suse => "clang-devel",
            Family::Arch => "clang",
            Family::Alpine => "clang-dev",
        },
    },
];

/// Rust components: name and the cargo command that shows it is there.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

/// Installs what is missing, or fails with the exact commands that would.
pub fn run(workspace: &Workspace) -> Result<()> {
    let missing: Vec<_> = NEEDS.iter().filter(|need| !(need.is_there)()).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|need| need.what).collect();
        eprintln!("missing: {}", names.join(", "));
        install_packages(&missing)?;
        if let Some(need) = missing.iter().find(|need| !(need.is_there)()) {
            bail!("{} was installed, but {} cannot be found", (need.packages)(Family::Debian), need.what);
        }
    }
    for (component, subcommand) in COMPONENTS {
        if !workspace.cargo().args([subcommand, "--version"]).output().is_ok_and(|output| output.status.success()) {
            install_component(component)?;
        }
    }
    Ok(())
}

fn install_packages(missing: &[&Need]) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let Some(family) = family(&release) else {
        bail!("this system is not known: install g++ (C++20) and libclang with its headers with its package manager");
    };
    let packages: Vec<_> = missing.iter().map(|need| (need.packages)(family)).collect();
    let commands = install_commands(family, &packages);
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

fn install_commands<'a>(family: Family, packages: &[&'a str]) -> Vec<Vec<&'a str>> {
    let install: &[&str] = match family {
        Family::Debian => &["apt-get", "install", "--yes", "--no-install-recommends"],
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

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Looks where the distributions put the library and the compiler's own headers, such as `stddef.h`, which come with it.
fn has_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let prefixes = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let prefixes: Vec<_> =
        prefixes.chain(["/usr", "/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Into::into)).collect();
    let has_library = |folder: &Path| {
        let mut files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.any(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libclang.so") || name.starts_with("libclang-") && name.contains(".so")
        })
    };
    let has_headers = |folder: &Path| {
        let mut versions = fs::read_dir(folder.join("clang")).into_iter().flatten().flatten();
        versions.any(|version| version.path().join("include/stddef.h").is_file())
    };
    let folders = || prefixes.iter().flat_map(|prefix| [prefix.clone(), prefix.join("lib"), prefix.join("lib64")]);
    folders().any(|folder| has_library(&folder)) && folders().any(|folder| has_headers(&folder))
}

fn install_component(component: &str) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(["component", "add", component]);
    run_command(&mut command).with_context(|| {
        format!("{component} is missing; install it with rustup (`rustup component add {component}`) or the package that brought cargo")
    })
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
            "    sudo apt-get update\n    sudo apt-get install --yes --no-install-recommends g++ libclang-dev"
        );
        let commands = install_commands(Family::Fedora, &["gcc-c++"]);
        assert_eq!(typed("", &commands), "    dnf install --assumeyes gcc-c++");
    }
}
