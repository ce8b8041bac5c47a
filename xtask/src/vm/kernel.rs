use crate::apt::{Apt, Installed, Sources};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A long-term series and the release of Debian that has it.
pub struct Kernel {
    pub series: &'static str,
    suite: &'static str,
}

pub const KERNELS: &[Kernel] = &[
    Kernel { series: "5.10", suite: "bullseye" },
    Kernel { series: "6.1", suite: "bookworm" },
    Kernel { series: "6.12", suite: "bookworm-backports" },
    Kernel { series: "6.18", suite: "trixie-backports" },
];

const MIRROR: &str = "http://deb.debian.org/debian";
/// What the lists of packages are checked with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A list of package sources for one release of Debian.
///
/// # Errors
/// When what the lists of packages are checked with is missing.
pub fn debian_list(suite: &str) -> Result<String> {
    if !Path::new(KEYRING).is_file() {
        bail!("{KEYRING} is missing: install debian-archive-keyring");
    }
    Ok(format!("deb [arch=amd64 signed-by={KEYRING}] {MIRROR} {suite} main\n"))
}

impl Kernel {
    /// The kernel's image, fetched once. To get a newer one, remove its folder.
    pub fn image(&self, folder: &Path) -> Result<PathBuf> {
        let kernels = folder.join("kernels");
        fs::create_dir_all(&kernels).with_context(|| format!("creating folder {}", kernels.display()))?;
        if let Some(image) = self.fetched(&kernels) {
            return Ok(image);
        }
        let list = debian_list(self.suite)?;
        let apt = Apt::new(folder.join("apt").join(self.suite), &Sources::List(&list), Installed::System)?;
        let pattern = format!(r"^linux-image-{}[.-].*-cloud-amd64$", self.series.replace('.', r"\."));
        let newest = apt.names(&pattern)?.into_iter().max_by_key(|name| numbers(name));
        let newest = newest.with_context(|| format!("{} has no package {pattern}", self.suite))?;
        let release = newest.trim_start_matches("linux-image-").to_owned();
        eprintln!("fetching {newest} of Debian {}", self.suite);
        apt.unpack(&[newest], &kernels.join(release))?;
        self.fetched(&kernels).context("the package has no image of a kernel")
    }

    /// One of the modules that came with an image, unpacked.
    pub fn module(image: &Path, name: &str) -> Result<Vec<u8>> {
        let package = image.parent().and_then(Path::parent).context("the image is not in a package")?;
        let file = find(package, &|file| file == format!("{name}.ko") || file == format!("{name}.ko.xz"));
        let file = file.with_context(|| format!("{} has no module {name}", package.display()))?;
        if file.extension().is_none_or(|extension| extension != "xz") {
            return fs::read(&file).with_context(|| format!("reading {}", file.display()));
        }
        let mut xz = Command::new("xz");
        let output = xz.args(["--decompress", "--stdout"]).arg(&file).output().context("starting xz (xz-utils)")?;
        if !output.status.success() {
            bail!("unpacking {}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(output.stdout)
    }

    fn fetched(&self, kernels: &Path) -> Option<PathBuf> {
        let releases = fs::read_dir(kernels).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let ours = releases.filter_map(|name| name.into_string().ok()).filter(|release| {
            let rest = release.strip_prefix(self.series).unwrap_or_default();
            rest.starts_with(['.', '-']) && !rest.ends_with(".new")
        });
        let mut ours: Vec<_> = ours.collect();
        ours.sort_by_key(|release| numbers(release));
        let mut images = ours.iter().rev().map(|release| kernels.join(release).join(format!("boot/vmlinuz-{release}")));
        images.find(|image| image.is_file())
    }
}

/// The first file under a folder whose name is wanted.
fn find(folder: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().find_map(|entry| {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            return find(&entry.path(), is_wanted);
        }
        entry.file_name().to_str().is_some_and(is_wanted).then(|| entry.path())
    })
}

/// What tells which of two releases is newer.
fn numbers(release: &str) -> Vec<u64> {
    let version = release.strip_suffix("-cloud-amd64").unwrap_or(release);
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_releases_come_later() {
        let names = ["6.12.9+deb12-cloud-amd64", "6.12.90+deb12-cloud-amd64", "6.12.90+deb12.1-cloud-amd64"];
        assert!(names.is_sorted_by_key(|name| numbers(name)));
    }
}
