//! New, and as old as its neighbours.
//!
//! Setting times is no event of its own, so this looks at the command line of touch and its kin; a program's own call is not seen.
//!
//! Severity: high where the file was written by the same lineage just before, which is what it is for; medium in folders of the
//! system and of web sites; low else. Known false alarms: builds that want equal times, people who sort photographs.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Timestomping",
    techniques: ["T1070.006"],
    triggers: [
        on(Operations::EXEC).paths(["**/touch"]).command_lines(["*touch *-r*", "*touch *-t*", "*touch *-d*", "*--reference*", "*--date*"]),
        on(Operations::EXEC).command_lines(["*debugfs *set_inode_field*", "*os.utime(*", "*touch -r *", "*touch -acmr *"]),
    ],
    reach: reach(3).nodes(96).operations(Operations::FORK | Operations::WRITE | Operations::CREATE | Operations::RENAME),
    detect,
}

const WITHIN_NS: u64 = 3600 * 1_000_000_000;
const BUILDERS: &[&str] = &["make", "dpkg", "dh", "ninja", "cargo", "rpm", "rpmbuild", "debhelper", "bazel", "nix"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    if process.ancestor_names().any(|name| BUILDERS.iter().any(|builder| name.starts_with(builder))) {
        return vec![];
    }
    // What a command line names it may name without its folder.
    let is_named = |path: &str| {
        let named = |argument: &str| argument.len() > 1 && !argument.starts_with('-') && path.ends_with(argument);
        process.arguments().skip(1).any(named)
    };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let kin = seen
        .lineage(seen.subject())
        .flat_map(|(kin, _)| std::iter::once(kin).chain(seen.objects(kin, &[Operation::Fork])));
    let written = kin.flat_map(|kin| seen.deeds(kin)).find(|(edge, file)| {
        let path = seen.file(*file).and_then(|file| file.path);
        edge.last >= since && path.is_some_and(is_named)
    });
    let is_telling = |argument: &str| {
        ["/usr/**", "/etc/**", "/bin/**", "/sbin/**", "/lib/**", "/var/www/**", "/srv/www/**"]
            .iter()
            .any(|glob| fits(glob, argument))
    };
    let severity = match () {
        () if written.is_some() => Severity::High,
        () if process.arguments().any(is_telling) || process.is_served() => Severity::Medium,
        () => Severity::Low,
    };
    let nodes = [seen.subject()].into_iter().chain(written.map(|(_, file)| file));
    vec![finding(severity, "sets a file's times", short(process.command()).to_owned(), nodes)]
}
