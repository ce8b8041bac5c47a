//! What a process is normally part of: the name under which what it does is compared with what its like do. Pure.
//!
//! A workload is named alike on every host, today and tomorrow, so what was generated for one instance is cut off.
//! Kubernetes writes no owner into the pod's name; only its shape tells. What is cut, first match first:
//!
//! | Made by | Shape | Left |
//! |---|---|---|
//! | StatefulSet | `<name>-<ordinal>`, up to 4 digits without leading zeros | `<name>` |
//! | Deployment | `<name>-<6 to 10 of [4-9bcdf]>-<5 of [b-z2-9]>` | `<name>` |
//! | CronJob | `<name>-<minutes since 1970, 8 digits>[-<index>]-<5>` | `<name>` |
//! | DaemonSet, Job, ReplicaSet | `<name>-<5>` | `<name>` |
//! | anything with a long name | 63 bytes, cut within `<name>-<hash>-` before the 5 | what is left of `<name>` |
//!
//! The five are drawn from `bcdfghjklmnpqrstvwxz2456789` (apimachinery `pkg/util/rand`). A template's hash is a decimal
//! 32-bit number in which each digit is replaced by one of ten letters of that alphabet (`SafeEncodeString`), which is
//! why fewer of them can occur; one in 5,000 is shorter than six. A CronJob's Job has its scheduled minute in its name
//! (`getJobName`, since Kubernetes 1.21). Generated names are cut to 58 bytes first (apiserver `pkg/storage/names`).
//!
//! Ambiguous, and decided so: a pod that somebody named `web-1` or `db-mssql` by hand counts as `web` and `db`, for both
//! have the shape of a generated name. A pod of the Deployment `web-2` is `web-2`, an indexed Job's `train-0-x7k2p` is
//! `train-0`, a DeploymentConfig's `shop-3-x7k2p` is `shop-3`: one suffix is cut and no second guess made.

use super::cgroup::{InContainer, Unit};
use std::borrow::Cow;

const RANDOM_LEN: usize = 5;
const GENERATED_LEN_MAX: usize = 63;
const TEMPLATE_HASH_LEN: std::ops::RangeInclusive<usize> = 6..=10;
const ORDINAL_LEN_MAX: usize = 4;

/// Minutes since 1970 of the years 2018 to 2099, which no date written as YYYYMMDD falls among.
const CRON_MINUTES: std::ops::Range<u32> = 25_246_080..68_374_080;

/// The scope that stands for the host itself, which nothing else may be called.
const HOST: &str = "host";

/// The workload of a pod, from its name.
pub fn of_pod(pod: &str) -> &str {
    if let Some(name) = cut_short(pod) {
        return name;
    }
    let Some((name, last)) = split(pod) else { return pod };
    if is_ordinal(last) {
        return name;
    }
    if !is_random(last) {
        return pod;
    }
    match split(name) {
        Some((workload, hash)) if TEMPLATE_HASH_LEN.contains(&hash.len()) && is_template_hash(hash) => workload,
        Some((workload, minutes)) if is_cron_minutes(minutes) => workload,
        Some((job, index)) if is_ordinal(index) => match split(job) {
            Some((workload, minutes)) if is_cron_minutes(minutes) => workload,
            _ => name,
        },
        _ => name,
    }
}

/// The workload of a static pod: its name in the manifest. The kubelet appends the node's name.
pub fn of_static_pod<'a>(pod: &'a str, node: &str) -> &'a str {
    let name = pod.strip_suffix(node).and_then(|rest| rest.strip_suffix('-'));
    name.filter(|name| !name.is_empty()).unwrap_or(pod)
}

/// An image's name with its registry, without tag and digest. Empty for what is only a digest.
pub fn of_image(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    // A colon before the last slash is that of the registry's port.
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let name = name[start..].find(':').map_or(name, |colon| &name[..start + colon]);
    let is_digest = name == "sha256" || (name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_digest { "" } else { name }
}

/// A container of which nothing but the id is known: its name where a person chose it, else `docker-#`. Those that users
/// run without root are `user/docker`, whatever the user called them.
pub fn of_container(container: &InContainer) -> Cow<'_, str> {
    let runtime = container.runtime.as_str();
    match container.rootless {
        Some(_) => Cow::Owned(format!("user/{runtime}")),
        None if container.id.is_hash() => Cow::Owned(format!("{runtime}-#")),
        None => Cow::Borrowed(container.id.as_str()),
    }
}

/// A unit without its instance: `getty@tty1.service` is `getty@.service`, and what systemd or a desktop numbers,
/// `session-3.scope`, `run-r0a1b….scope`, `app-gnome-editor-4242.scope`, loses its number and keeps the hyphen.
/// Units of users are `user/…`: anybody may call a unit of his own `nginx.service`.
pub fn of_unit(unit: &Unit) -> Cow<'_, str> {
    let name = without_instance(&unit.name);
    if unit.user.is_some() { Cow::Owned(format!("user/{name}")) } else { name }
}

fn without_instance(name: &str) -> Cow<'_, str> {
    let Some((stem, kind)) = name.rsplit_once('.') else { return Cow::Borrowed(name) };
    if let Some((template, _)) = stem.split_once('@') {
        return Cow::Owned(format!("{template}@.{kind}"));
    }
    match stem.rsplit_once('-') {
        Some((name, last)) if is_numbered(last) => {
            // `run-p12-i34.scope` has two numbers (systemd 257).
            let name = name.rsplit_once('-').filter(|(_, last)| is_numbered(last)).map_or(name, |(name, _)| name);
            Cow::Owned(format!("{name}-.{kind}"))
        }
        _ => Cow::Borrowed(name),
    }
}

/// No workload may pass for the host or for none: either would be compared with what the host itself does.
pub fn distinct(name: &str) -> Cow<'_, str> {
    if name.is_empty() || name == HOST { Cow::Owned(format!("{name}-#")) } else { Cow::Borrowed(name) }
}

/// A name of the greatest length, of which the end of `<name>-<hash>-` may have been cut off.
fn cut_short(pod: &str) -> Option<&str> {
    let (base, random) = pod.split_at_checked(GENERATED_LEN_MAX - RANDOM_LEN)?;
    // What is longer has a longer rest, too.
    if !is_random(random) {
        return None;
    }
    let base = base.strip_suffix('-').unwrap_or(base);
    let hash = split(base).filter(|(_, hash)| hash.len() <= *TEMPLATE_HASH_LEN.end() && is_template_hash(hash));
    Some(hash.map_or(base, |(name, _)| name))
}

fn split(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('-').filter(|(name, _)| !name.is_empty())
}

fn is_ordinal(part: &str) -> bool {
    let is_number = (1..=ORDINAL_LEN_MAX).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (part == "0" || !part.starts_with('0'))
}

fn is_random(part: &str) -> bool {
    part.len() == RANDOM_LEN && part.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

fn is_template_hash(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'4'..=b'9' | b'b' | b'c' | b'd' | b'f'))
}

fn is_cron_minutes(part: &str) -> bool {
    part.len() == 8 && part.parse().is_ok_and(|minutes| CRON_MINUTES.contains(&minutes))
}

/// Digits, perhaps behind one letter, or at least 8 hexadecimal ones (`run-u12`, `run-r0a1b2c3d…`, a container's id).
fn is_numbered(part: &str) -> bool {
    let bare = part.strip_prefix(|first: char| first.is_ascii_lowercase()).unwrap_or(part);
    let is_hex = |text: &str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
    is_number || is_hex(bare) || is_hex(part)
}

#[cfg(test)]
mod tests;
