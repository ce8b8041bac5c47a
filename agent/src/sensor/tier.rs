//! The better tier: hooks on functions inside the system calls that work on names, which see the kernel's own objects.
//!
//! Whether they can be had is not asked but tried: they are attached, the agent does in a folder of its own what they are to
//! see, and those that saw it stay. For all else the base tier goes on, which takes names from the memory of processes.

mod trial;

use super::SensorError;
use super::error::{bpf_error, full};
use super::object::take;
use aya::maps::{Array, MapData, Stack};
use aya::programs::FEntry;
use aya::programs::fentry::FEntryLinkId;
use aya::{Btf, Ebpf};
use std::collections::BTreeSet;
use tracewell_event_abi::head::Op;
use tracewell_event_abi::hooks::PLACES_MAX;
use trial::Trial;

/// Which tier is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// The better one, as far as it works.
    #[default]
    Auto,
    Base,
}

impl Asked {
    pub const ALL: [Self; 2] = [Self::Auto, Self::Base];

    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Base => "base",
        }
    }
}

/// A program on the entry of a function of the kernel.
struct Hook {
    program: &'static str,
    /// The first of them that can be hooked is.
    functions: &'static [&'static str],
    op: Op,
}

const fn hook(program: &'static str, functions: &'static [&'static str], op: Op) -> Hook {
    Hook { program, functions, op }
}

const HOOKS: &[Hook] = &[
    hook("hook_rename", &["security_path_rename"], Op::Rename),
    hook("hook_link", &["security_path_link"], Op::Link),
    hook("hook_symlink", &["security_path_symlink"], Op::Symlink),
    hook("hook_unlink", &["security_path_unlink"], Op::Unlink),
    hook("hook_rmdir", &["security_path_rmdir"], Op::Unlink),
    hook("hook_chmod", &["security_path_chmod"], Op::Chmod),
    // Before 6.1 no function with structures as arguments, which `kuid_t` is, can be hooked; its caller in fs/open.c can.
    hook("hook_chown", &["security_path_chown", "chown_common"], Op::Chown),
    hook("hook_set_times", &["vfs_utimes"], Op::SetTimes),
    hook("hook_truncate", &["vfs_truncate"], Op::Truncate),
    hook("hook_mount", &["security_sb_mount"], Op::Mount),
    hook("hook_move_mount", &["security_move_mount"], Op::Mount),
    hook("hook_pivot", &["security_sb_pivotroot"], Op::Mount),
];

/// What is refused, and why.
pub type Refused = (&'static str, String);

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    hooked: BTreeSet<Op>,
    /// Hooks that are not there, and why.
    refused: Vec<Refused>,
}

impl Tier {
    /// The tier that needs nothing.
    pub fn base() -> Self {
        Self::default()
    }

    /// Ops that could be hooked.
    pub fn ops() -> BTreeSet<Op> {
        HOOKS.iter().map(|hook| hook.op).collect()
    }

    /// `base`, `better`, or `partly better`.
    pub fn name(&self) -> &'static str {
        match self.hooked.len() {
            0 => "base",
            n if n == Self::ops().len() && self.refused.is_empty() => "better",
            _ => "partly better",
        }
    }

    /// Ops of which the hooks see the kernel's own objects.
    pub fn hooked(&self) -> &BTreeSet<Op> {
        &self.hooked
    }

    /// Ops whose names come from the memory of processes.
    pub fn unhooked(&self) -> BTreeSet<Op> {
        &Self::ops() - &self.hooked
    }

    /// Functions of the kernel that could not be hooked, or hooks that did not work, with the reason.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    pub(super) fn bits(&self) -> u64 {
        self.hooked.iter().fold(0, |ops, op| ops | 1 << *op as u8)
    }
}

/// Attaches the hooks, tries them, and lets those be that do not work. The kernel side must know its own process already.
pub(super) fn attach(bpf: &mut Ebpf) -> Result<Tier, SensorError> {
    let btf = Btf::from_sys_fs().map_err(|error| SensorError::NoBtf(error.to_string()))?;
    let mut free: Stack<MapData, u32> =
        Stack::try_from(take(bpf, "FREE_PLACES")?).map_err(bpf_error("the map of free places"))?;
    for place in 0..PLACES_MAX {
        free.push(place, 0).map_err(bpf_error("filling the map of free places"))?;
    }
    let tried: Array<MapData, u64> =
        Array::try_from(take(bpf, "TRIED")?).map_err(bpf_error("the map of tried hooks"))?;
    let mut tier = Tier::default();
    let mut attached = Vec::new();
    for hook in HOOKS {
        match attach_one(bpf, &btf, hook)? {
            Ok(link) => attached.push((hook, link)),
            Err((function, reason)) => tier.refused.push((function, reason)),
        }
    }
    if attached.is_empty() {
        return Ok(tier);
    }
    let failed = match Trial::run(|op| tried.get(&(op as u32), 0).unwrap_or(0)) {
        Ok(failed) => failed,
        Err(reason) => HOOKS.iter().map(|hook| (hook.op, reason.clone())).collect(),
    };
    for (hook, link) in attached {
        match failed.iter().find(|(op, _)| *op == hook.op) {
            None => _ = tier.hooked.insert(hook.op),
            Some((_, reason)) => {
                program(bpf, hook)?.detach(link).map_err(bpf_error("detaching a hook"))?;
                tier.refused.push((hook.program, reason.clone()));
            }
        }
    }
    Ok(tier)
}

/// The inner error is that of the first function: the others only stand in for it.
fn attach_one(bpf: &mut Ebpf, btf: &Btf, hook: &Hook) -> Result<Result<FEntryLinkId, Refused>, SensorError> {
    let program = program(bpf, hook)?;
    let mut refused = None;
    for function in hook.functions {
        match program.load(function, btf).and_then(|()| program.attach()) {
            Ok(link) => return Ok(Ok(link)),
            Err(error) => _ = refused.get_or_insert_with(|| (*function, full(&error))),
        }
    }
    Ok(Err(refused.unwrap_or((hook.program, "there is nothing to hook".into()))))
}

fn program<'a>(bpf: &'a mut Ebpf, hook: &Hook) -> Result<&'a mut FEntry, SensorError> {
    let name = hook.program;
    let program = bpf.program_mut(name).ok_or_else(|| SensorError::Object(format!("it has no program {name}")))?;
    program.try_into().map_err(|_| SensorError::Object(format!("its program {name} is no hook")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_named_by_what_is_hooked() {
        let refused = vec![("vfs_truncate", "not permitted".to_owned())];
        assert_eq!(Tier::base().name(), "base");
        assert_eq!(Tier { hooked: Tier::ops(), refused: Vec::new() }.name(), "better");
        assert_eq!(Tier { hooked: Tier::ops(), refused: refused.clone() }.name(), "partly better");
        let partly = Tier { hooked: [Op::Rename].into(), refused };
        assert_eq!((partly.name(), partly.bits()), ("partly better", 1 << Op::Rename as u8));
        assert!(partly.unhooked().contains(&Op::Truncate) && !partly.unhooked().contains(&Op::Rename));
    }
}
