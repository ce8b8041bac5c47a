//! PostgreSQL, pgbench from another host, and dumps.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
const DATA: &str = "/var/lib/postgresql/data";

pub fn serve(host: &Host) -> Result<()> {
    host.put_as("/run/postgresql/.keep", "", 0o644, user::POSTGRES)?;
    host.prepare(
        &Program::shell(&format!("{PROGRAMS}/initdb -D {DATA} --locale=C --auth=trust")).user(user::POSTGRES),
    )?;
    host.put_as(
        &format!("{DATA}/pg_hba.conf"),
        "local all all trust\nhost all all 10.20.0.0/24 trust\n",
        0o600,
        user::POSTGRES,
    )?;
    let server = Program::shell(&format!("exec {PROGRAMS}/postgres -D {DATA} -c listen_addresses=0.0.0.0"));
    host.start("postgresql.service", &server.user(user::POSTGRES).log("/var/lib/postgresql/server.log"))?;
    host.wait_for_port(5432)
}

/// Makes tables, as an installation of the service would.
pub fn fill(app: &Host, database: &Host) -> Result<()> {
    app.run("setup.scope", &client(database, "pgbench", &["--initialize", "--scale", "1", "--quiet", "postgres"]))
        .map(drop)
}

/// Some seconds of load.
pub fn load(lab: &mut Lab, app: &Host, database: &Host) -> Result<()> {
    let (clients, time) = (lab.number(1..5).to_string(), lab.number(4..8).to_string());
    let words = ["--client", &clients, "--time", &time, "--rate", "40", "postgres"];
    app.run("app.service", &client(database, "pgbench", &words)).map(drop)
}

/// The administrator looks at it, and keeps a dump of the day.
pub fn look_after(lab: &mut Lab, database: &Host) -> Result<()> {
    let look =
        *lab.pick(&["select count(*) from pgbench_accounts", "select * from pg_stat_activity", "vacuum analyze"]);
    let dump = format!("/var/lib/postgresql/dump-{}.sql.gz", lab.number(1..8));
    let line = format!("psql -c '{look}' postgres > /dev/null; pg_dump postgres | gzip > {dump}; ls -l {dump}");
    let program =
        Program::new(["/bin/bash", "-c", &line]).user(user::POSTGRES).set("PATH", &format!("{PROGRAMS}:/usr/bin:/bin"));
    database.run("session.scope", &program).map(drop)
}

fn client(database: &Host, program: &str, words: &[&str]) -> Program {
    let address = database.address.to_string();
    Program::new([&format!("{PROGRAMS}/{program}"), "-h", &address, "-U", "postgres"])
        .arguments(words.iter().copied())
        .user(user::WWW_DATA)
}
