//! A web root is written below a service, and what was written is executed.
//!
//! Severity: high: uploads are data; those that run are web shells. Known false alarms: deployment over the service itself, as
//! plug-in installers of content management systems do.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Web root written and executed",
    techniques: ["T1505.003"],
    triggers: [
        on(Operations::EXEC | Operations::MAP_EXECUTABLE).paths([
            "/var/www/**", "/srv/{www,http}/**", "/usr/share/nginx/**", "/var/lib/tomcat*/**", "/opt/*/webapps/**",
        ]).given(Conditions::WRITTEN),
        on(Operations::READ | Operations::OPEN)
            .executables(["**/php*", "**/{perl,python,python3,ruby,lua,sh,ash,dash,bash}"])
            .paths(["/var/www/**", "/srv/{www,http}/**", "/usr/share/nginx/**"])
            .given(Conditions::WRITTEN),
    ],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(file) = seen.object() else { return vec![] };
    let Some(writer) = seen.file(file).and_then(|file| file.writer) else { return vec![] };
    if seen.process(writer).is_none_or(|writer| !writer.serves && !writer.is_served()) {
        return vec![];
    }
    let path = seen.object_path().unwrap_or("a file");
    let reason = format!("{path} was written below a network service and is now executed");
    vec![finding(Severity::High, "executes what was written into a web root", reason, [seen.subject(), file, writer])]
}
