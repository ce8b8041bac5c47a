//! nginx with CGI scripts, and visitors.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

const CONFIGURATION: &str = include_str!("../../files/nginx.conf");
const LOOKUP: &str = include_str!("../../files/lookup.cgi");
const COUNTER: &str = include_str!("../../files/counter.cgi");
const UPLOAD: &str = include_str!("../../files/upload.cgi");
const VISITORS: &str = include_str!("../../files/visitors.py");
const TAKE: &str = include_str!("../../files/take.py");

/// A site with static pages, and scripts of which `lookup.cgi` gives its parameter to a shell, and `upload.cgi` takes any file to
/// a folder where scripts are run.
pub fn serve(host: &Host) -> Result<()> {
    host.put("/etc/nginx/nginx.conf", CONFIGURATION, 0o644)?;
    for n in 0..12 {
        host.put(&format!("/var/www/html/page-{n}.html"), &format!("<p>Page {n}</p>\n").repeat(20 * (n + 1)), 0o644)?;
    }
    for (name, text) in [("lookup", LOOKUP), ("counter", COUNTER), ("upload", UPLOAD)] {
        host.put(&format!("/usr/lib/cgi-bin/{name}.cgi"), text, 0o755)?;
    }
    host.put_as("/var/www/html/uploads/readme.txt", "Uploads of visitors\n", 0o644, user::WWW_DATA)?;
    host.put_as("/var/www/customers/list.csv", &"1,Somebody,Some Street\n".repeat(4000), 0o640, user::WWW_DATA)?;
    host.put_as("/run/fcgiwrap/.keep", "", 0o644, user::WWW_DATA)?;
    host.put_as("/var/lib/counter/count", "0\n", 0o644, user::WWW_DATA)?;
    let wrap = Program::new(["/usr/sbin/fcgiwrap", "-c", "3", "-s", "unix:/run/fcgiwrap/socket"]);
    host.start("fcgiwrap.service", &wrap.user(user::WWW_DATA).log("/var/log/fcgiwrap.log"))?;
    host.wait_for_file("/run/fcgiwrap/socket")?;
    host.start("nginx.service", &Program::new(["/usr/sbin/nginx", "-g", "daemon off;"]))?;
    host.wait_for_port(80)
}

/// Visitors come until the scenario ends: pages, scripts with and without parameters, uploads.
pub fn visit(lab: &mut Lab, from: &Host, to: &Host) -> Result<()> {
    from.put("/opt/visitors.py", VISITORS, 0o644)?;
    let (to, seed) = (to.address.to_string(), lab.seed());
    from.start("visitors.service", &Program::new(["/usr/bin/python3", "/opt/visitors.py", &to, &seed]))
}

/// What an attacker has listening to take what is put there.
pub fn take_upload(attacker: &Host) -> Result<()> {
    attacker.put("/opt/take.py", TAKE, 0o644)?;
    attacker.start("take.service", &Program::new(["/usr/bin/python3", "/opt/take.py", "80"]))?;
    attacker.wait_for_port(80)
}
