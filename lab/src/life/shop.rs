//! A shop in PHP behind nginx, its customers, and an administrator who looks at the wire.

use crate::Lab;
use crate::host::Host;
use crate::life::{database, host_tasks, remote};
use crate::program::{Program, user};
use anyhow::Result;
use std::sync::Arc;

const CONFIGURATION: &str = include_str!("../../files/shop.conf");
const INDEX: &str = include_str!("../../files/index.php");
const SEARCH: &str = include_str!("../../files/search.php");
const ORDER: &str = include_str!("../../files/order.php");
const CUSTOMERS: &str = include_str!("../../files/customers.py");

/// A shop and its database on hosts of these names, customers, and an administrator.
pub fn company(lab: &mut Lab, shop: &str, database: &str) -> Result<(Arc<Host>, Arc<Host>)> {
    let (host, db) = (lab.host(shop)?, lab.host(database)?);
    let (customers, admin) = (lab.outsider("customers")?, lab.outsider("admin")?);
    remote::serve(&host)?;
    for host in [&host, &db] {
        host_tasks::start(lab, host)?;
    }
    database::serve(&db)?;
    fill(&db)?;
    serve(&host, Some(&db))?;
    visit(lab, &customers, &host)?;
    remote::work(lab, &admin, &host, "alice")?;
    Ok((host, db))
}

/// Scripts run in the place of php-cgi's children; `search.php` gives its parameter to a shell. Orders go to the database, if there
/// is one.
pub fn serve(host: &Host, database: Option<&Host>) -> Result<()> {
    host.put("/etc/nginx/nginx.conf", CONFIGURATION, 0o644)?;
    for (name, text) in [("index", INDEX), ("search", SEARCH), ("order", ORDER)] {
        host.put(&format!("/var/www/shop/{name}.php"), text, 0o644)?;
    }
    let address = database.map(|host| host.address.to_string()).unwrap_or_default();
    host.put("/var/www/shop/config.php", &format!("<?php\n$database = '{address}';\n"), 0o644)?;
    let goods = (0..200)
        .map(|n| format!("{n} {} {}\n", ["red", "blue", "old"][n % 3], ["lamp", "chair", "table", "shelf"][n % 4]));
    host.put("/var/www/shop/goods.txt", &goods.collect::<String>(), 0o644)?;
    host.put_as("/var/www/orders/.keep", "", 0o644, user::WWW_DATA)?;
    host.put_as("/run/php/.keep", "", 0o644, user::WWW_DATA)?;
    let php = Program::new(["/usr/bin/php-cgi", "-b", "/run/php/php.sock"]).user(user::WWW_DATA);
    let php = php.set("PHP_FCGI_CHILDREN", "3").set("PATH", "/usr/lib/postgresql/15/bin:/usr/bin:/bin");
    host.start("php.service", &php.log("/var/log/php.log"))?;
    host.wait_for_file("/run/php/php.sock")?;
    host.start("nginx.service", &Program::new(["/usr/sbin/nginx", "-g", "daemon off;"]))?;
    host.wait_for_port(80)
}

/// The table for orders, and customers of long ago.
fn fill(database: &Host) -> Result<()> {
    let sql = "create table orders (goods int); create table customers as select n, md5(n::text) as name from generate_series(1, 4000) n";
    let program = Program::new(["/usr/lib/postgresql/15/bin/psql", "-q", "-c", sql, "postgres"]).user(user::POSTGRES);
    database.run("setup.scope", &program).map(drop)
}

/// Customers come until the scenario ends.
pub fn visit(lab: &mut Lab, from: &Host, to: &Host) -> Result<()> {
    from.put("/opt/customers.py", CUSTOMERS, 0o644)?;
    let (to, seed) = (to.address.to_string(), lab.seed());
    from.start("customers.service", &Program::new(["/usr/bin/python3", "/opt/customers.py", &to, &seed]))
}

/// The administrator looks at what goes over the wire for some seconds, and at what went wrong.
pub fn look_after(lab: &mut Lab, host: &Host) -> Result<()> {
    let (n, filter) = (lab.number(10..99), *lab.pick(&["tcp port 80", "tcp port 5432", "arp", "tcp"]));
    let line = format!(
        "timeout 4 tcpdump -i eth0 -c 60 -w /tmp/wire-{n}.pcap {filter}; tcpdump -r /tmp/wire-{n}.pcap 2>/dev/null | wc -l; \
         rm -f /tmp/wire-{n}.pcap; tail -3 /var/log/nginx/error.log; nginx -t"
    );
    host.run("session.scope", &Program::new(["/bin/bash", "-c", &line])).map(drop)
}
