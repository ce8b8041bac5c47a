//! What the installation of a Debian host would have made of the unpacked packages: users, devices, names.

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

/// As base-passwd has them, as far as they are used, with the users of the services and two people.
const USERS: &[(&str, u32, &str, &str)] = &[
    ("root", 0, "/root", "/bin/bash"),
    ("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"),
    ("www-data", 33, "/var/www", "/usr/sbin/nologin"),
    ("backup", 34, "/var/backups", "/usr/sbin/nologin"),
    ("mail", 8, "/var/mail", "/usr/sbin/nologin"),
    ("_apt", 100, "/nonexistent", "/usr/sbin/nologin"),
    ("Debian-exim", 106, "/var/spool/exim4", "/usr/sbin/nologin"),
    ("sshd", 105, "/run/sshd", "/usr/sbin/nologin"),
    ("tcpdump", 107, "/nonexistent", "/usr/sbin/nologin"),
    ("redis", 110, "/var/lib/redis", "/usr/sbin/nologin"),
    ("postgres", 111, "/var/lib/postgresql", "/bin/bash"),
    ("alice", 1000, "/home/alice", "/bin/bash"),
    ("deploy", 1001, "/home/deploy", "/bin/bash"),
    ("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"),
];

/// Whether a user of the lab's hosts lives here.
pub fn is_lab_home(folder: &str) -> bool {
    USERS.iter().any(|(_, _, home, _)| *home == folder)
}

/// The home that a path lies in, of whomever.
pub fn home_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/home/")?;
    let length = rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
    (length > 0).then(|| &path[.."/home/".len() + length])
}

const GROUPS: &[(&str, u32)] = &[("tty", 5), ("adm", 4), ("crontab", 103), ("utmp", 43), ("shadow", 42)];

/// Character devices: name, major and minor (Documentation/admin-guide/devices.txt).
const DEVICES: &[(&str, u32, u32)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

pub fn populate_dev(dev: &Path) -> Result<()> {
    for &(name, major, minor) in DEVICES {
        let (path, mode) = (dev.join(name), Mode::from_raw_mode(0o666));
        mknodat(CWD, &path, FileType::CharacterDevice, mode, makedev(major, minor)).context("making a device")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    }
    for (link, target) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(if link == "fd" { target.to_owned() } else { format!("/proc/self/{target}") }, dev.join(link))?;
    }
    for folder in ["pts", "shm"] {
        fs::create_dir(dev.join(folder))?;
    }
    fs::set_permissions(dev.join("shm"), fs::Permissions::from_mode(0o1777))?;
    symlink("pts/ptmx", dev.join("ptmx")).context("making a device")
}

/// To be called inside of the host.
pub fn furnish(name: &str) -> Result<()> {
    let (mut passwd, mut shadow, mut group) = (String::new(), String::new(), String::new());
    for (user, id, home, shell) in USERS {
        passwd += &format!("{user}:x:{id}:{id}::{home}:{shell}\n");
        shadow += &format!("{user}:*:19000:0:99999:7:::\n");
        group += &format!("{user}:x:{id}:\n");
        if home.starts_with("/home") || home.starts_with("/var") {
            fs::create_dir_all(home)?;
            chown(home, Some(*id), Some(*id))?;
        }
    }
    for (name, id) in GROUPS {
        group += &format!("{name}:x:{id}:\n");
    }
    for (path, text, mode) in [
        ("/etc/passwd", passwd.as_str(), 0o644),
        ("/etc/shadow", &shadow, 0o640),
        ("/etc/group", &group, 0o644),
        ("/etc/hostname", &format!("{name}\n"), 0o644),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n", 0o644),
        ("/etc/inittab", "::sysinit:/etc/init.d/rcS\n", 0o644),
        ("/etc/init.d/rcS", RC, 0o755),
        ("/etc/hosts", "127.0.0.1 localhost\n", 0o644),
        ("/etc/pam.d/common-auth", "auth required pam_permit.so\n", 0o644),
        ("/etc/pam.d/common-account", "account required pam_permit.so\n", 0o644),
        ("/etc/pam.d/common-password", "password required pam_permit.so\n", 0o644),
        ("/etc/pam.d/common-session", "session required pam_permit.so\n", 0o644),
        ("/etc/pam.d/common-session-noninteractive", "session required pam_permit.so\n", 0o644),
        ("/etc/sudoers.d/deploy", "deploy ALL=(ALL) NOPASSWD: ALL\n", 0o440),
        ("/var/lib/dpkg/status", "", 0o644),
        ("/var/lib/dpkg/available", "", 0o644),
    ] {
        fs::write(path, text).with_context(|| format!("writing {path}"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    // Empty folders of packages, in the place of which an installation puts links.
    for folder in ["/var/run", "/var/lock"] {
        let _ = fs::remove_dir(folder);
    }
    for (link, target) in [
        ("/sbin/init", "/bin/busybox"),
        ("/usr/bin/awk", "gawk"),
        ("/usr/bin/cc", "gcc"),
        ("/usr/bin/nc", "nc.openbsd"),
        ("/usr/bin/mail", "bsd-mailx"),
        ("/usr/bin/php-cgi", "php-cgi8.2"),
        ("/usr/bin/php", "php8.2"),
        ("/var/run", "/run"),
        ("/var/lock", "/run/lock"),
    ] {
        if fs::symlink_metadata(link).is_err() {
            symlink(target, link).with_context(|| format!("linking {link}"))?;
        }
    }
    for (folder, mode) in [
        ("/run/lock", 0o1777),
        ("/run/lab", 0o755),
        ("/run/sshd", 0o755),
        ("/var/tmp", 0o1777),
        ("/usr/local/bin", 0o755),
        ("/usr/local/sbin", 0o755),
        ("/usr/local/src", 0o755),
    ] {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// What the first process does before all else.
const RC: &str = "#!/bin/sh
mount -t proc proc /proc
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
ip link set lo up
: > /run/booted
";
