use super::{Prepared, Work};
use crate::overhead::{Place, pause};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PORT: u16 = 18_080;

pub fn prepare(place: &Place) -> Result<Prepared> {
    let folder = place.folder.join("nginx");
    for part in ["html", "logs"] {
        fs::create_dir_all(folder.join(part)).context("creating nginx's folders")?;
    }
    fs::write(folder.join("html/index.html"), "x".repeat(1024)).context("writing nginx's page")?;
    let at = folder.display();
    let configuration = format!(
        "daemon off; master_process off; worker_processes 1; user root; pid {at}/pid; error_log {at}/logs/error;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log {at}/logs/access; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
         server {{ listen 127.0.0.1:{PORT}; root {at}/html; }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration).context("writing nginx's configuration")?;
    let mut nginx = place.programs.command("nginx");
    nginx.arg("-p").arg(&folder).arg("-e").arg(folder.join("logs/start")).arg("-c").arg(&file);
    let server = listening(nginx.spawn().context("starting nginx")?, PORT)?;
    let mut wrk = place.programs.command("wrk");
    wrk.args(["--threads", "1", "--connections", "16", "--duration", "8s", &format!("http://127.0.0.1:{PORT}/")]);
    wrk.stdout(Stdio::piped());
    let run = move || {
        let output = wrk.output().context("starting wrk")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let requests = said.lines().find_map(|line| line.split_once(" requests in ")?.0.trim().parse().ok());
        if said.contains("Non-2xx") {
            bail!("nginx did not answer well:\n{said}");
        }
        Ok(Work { units: requests.with_context(|| format!("wrk said:\n{said}"))?, time: Duration::from_secs(8) })
    };
    Ok(Prepared::new(run).with(server))
}

/// The server, once it listens.
pub fn listening(mut server: Child, port: u16) -> Result<Child> {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = server.try_wait().context("waiting for a server")? {
            bail!("a server ended with {status} before it listened");
        }
        if Instant::now() > end {
            let _ = server.kill();
            bail!("a server does not listen on port {port}");
        }
        pause(Duration::from_millis(20));
    }
    Ok(server)
}
