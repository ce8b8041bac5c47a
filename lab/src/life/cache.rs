//! redis, a service that uses it, and its administrator.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

const USES: &str = include_str!("../../files/cache_client.py");

pub fn serve(host: &Host) -> Result<()> {
    let configuration = "bind 0.0.0.0\nport 6379\nprotected-mode no\ndir /var/lib/redis\nsave 5 100\nappendonly no\n\
                         logfile /var/log/redis/redis-server.log\n";
    host.put("/etc/redis/redis.conf", configuration, 0o644)?;
    host.put_as("/var/log/redis/redis-server.log", "", 0o640, user::REDIS)?;
    host.put_as("/var/lib/redis/.keep", "", 0o640, user::REDIS)?;
    let server = Program::new(["/usr/bin/redis-server", "/etc/redis/redis.conf"]).user(user::REDIS);
    host.start("redis-server.service", &server)?;
    host.wait_for_port(6379)
}

/// A service asks and fills the cache until the scenario ends.
pub fn use_it(lab: &mut Lab, app: &Host, cache: &Host) -> Result<()> {
    app.put("/srv/app/cache_client.py", USES, 0o644)?;
    let (to, seed) = (cache.address.to_string(), lab.seed());
    let program = Program::new(["/usr/bin/python3", "/srv/app/cache_client.py", &to, &seed]);
    app.start("app.service", &program.user(user::WWW_DATA).log("/tmp/app.log"))
}

pub fn benchmark(lab: &mut Lab, app: &Host, cache: &Host) -> Result<()> {
    let (to, n) = (cache.address.to_string(), lab.number(2_000..6_000).to_string());
    let program = Program::new(["/usr/bin/redis-benchmark", "-h", &to, "-c", "10", "-n", &n, "-t", "set,get", "-q"]);
    app.run("user.slice", &program).map(drop)
}

/// Looks at it, saves, and keeps a copy of the day.
pub fn look_after(lab: &mut Lab, cache: &Host) -> Result<()> {
    let copy = format!("/var/backups/dump-{}.rdb", lab.number(10..99));
    let look = *lab.pick(&["redis-cli info memory", "redis-cli dbsize", "redis-cli slowlog get 5"]);
    let line = format!("{look}; redis-cli save; cp /var/lib/redis/dump.rdb {copy}; gzip -f {copy}; ls -l /var/backups");
    cache.run("session.scope", &Program::new(["/bin/bash", "-c", &line])).map(drop)
}
