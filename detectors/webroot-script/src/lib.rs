//! A web shell is put in its place.
//!
//! Severity: high where a shell stands between the server and who wrote, or a shell or download tool wrote itself: an upload needs
//! none of them; else medium. Known false alarms: plug-in installers of content management systems, generated pages in PHP.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Script in a web root",
    techniques: ["T1505.003", "T1105"],
    triggers: [on(Operations::WRITE | Operations::CREATE | Operations::RENAME | Operations::LINK).paths([
        "/{var/www,srv/www,srv/http,usr/share/nginx,usr/lib/cgi-bin}/**/*.{php,php3,php5,phtml,phar,jsp,jspx,war,asp,aspx,cgi,pl,py,sh,rb,lua}",
        "/{var/lib/tomcat*,opt/*/webapps}/**/*.{jsp,jspx,war}",
    ])],
    reach: at_hand(),
    detect,
}

const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "zsh", "ksh", "busybox"];
const FETCHERS: &[&str] = &["curl", "wget", "nc", "ncat", "tee", "cp", "mv", "base64", "ftp", "tftp"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    if !process.is_served() {
        return vec![];
    }
    // A script of the site that takes uploads is run by a shell too; one that is handed its commands is led from outside.
    let is_led = process.is_handed_commands()
        || is_any(process.name(), SHELLS) && process.ancestor_names().any(|name| is_any(name, SHELLS))
        || is_any(process.name(), FETCHERS);
    let severity = if is_led { Severity::High } else { Severity::Medium };
    let path = seen.new_path().or(seen.object_path()).unwrap_or("a script");
    let server = process.ancestor_names().next().unwrap_or("a service");
    let reason = format!("{} below {server} wrote {path}: {}", process.name(), short(process.command()));
    vec![finding(severity, "puts a script into a web root", reason, [seen.subject(), file])]
}
