//! Metrics and health over HTTP/1.1 on loopback. One request a connection; GET and HEAD are all there is.

use crate::clients::{read_until, serve};
use crate::failure::Failure;
use crate::metrics;
use crate::requests::{Answer, Asker, Request};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8192;
const HEADERS_MAX: usize = 64;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(3);

pub struct Http(TcpListener);

impl Http {
    /// # Errors
    /// When the address is taken or not of this machine.
    pub fn listen(address: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address)
            .map_err(|error| Failure::Input(format!("metrics.listen: cannot listen on {address}: {error}")))?;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "serving metrics and health");
        }
        Ok(Self(listener))
    }

    /// # Errors
    /// When no thread can be started.
    pub fn serve(self, asker: Asker) -> Result<(), Failure> {
        let accept = move || self.0.accept().map(|(stream, _)| stream);
        serve("metrics", accept, move |stream| client(stream, &asker)).map_err(Failure::internal)
    }
}

fn client(stream: &mut TcpStream, asker: &Asker) -> io::Result<()> {
    let mut head = Vec::new();
    if !read_until(stream, &mut head, HEAD_BYTES_MAX, PATIENCE, |read| read.windows(4).any(|end| end == b"\r\n\r\n"))? {
        return Ok(());
    }
    let response = respond(&head, || asker.ask(Request::Status));
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(response.as_bytes())
}

fn respond(head: &[u8], status: impl FnOnce() -> Answer) -> String {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(_)) = request.parse(head) else {
        return response("400 Bad Request", TEXT, "not a request of HTTP/1.1\n", true);
    };
    let has_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return response("405 Method Not Allowed", TEXT, "only GET and HEAD\n", true),
    };
    match request.path.unwrap_or_default().split('?').next() {
        Some("/metrics") => match status() {
            Answer::Status(status) => response("200 OK", METRICS, &metrics::text(&status), has_body),
            other => response("503 Service Unavailable", TEXT, &reason(other), has_body),
        },
        Some("/healthz") => match status() {
            Answer::Status(_) => response("200 OK", TEXT, "watching\n", has_body),
            other => response("503 Service Unavailable", TEXT, &reason(other), has_body),
        },
        _ => response("404 Not Found", TEXT, "there are /metrics and /healthz\n", has_body),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
/// The text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn reason(answer: Answer) -> String {
    match answer {
        Answer::Error(error) => format!("{error}\n"),
        _ => "another question was answered\n".into(),
    }
}

fn response(status: &str, kind: &str, body: &str, has_body: bool) -> String {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let length = body.len();
    let body = if has_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_get_what_they_ask_for() {
        let check = |head: &str, answer: Answer| {
            let response = respond(head.as_bytes(), || answer);
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            (head.lines().next().unwrap().to_owned(), body.lines().next().unwrap_or_default().to_owned())
        };
        let fine = || Answer::Status(Box::default());
        let cases = [
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", fine(), "200 OK", "watching"),
            ("HEAD /healthz?x HTTP/1.1\r\n\r\n", fine(), "200 OK", ""),
            (
                "GET /healthz HTTP/1.1\r\n\r\n",
                Answer::Error("no answer".into()),
                "503 Service Unavailable",
                "no answer",
            ),
            ("GET / HTTP/1.1\r\n\r\n", fine(), "404 Not Found", "there are /metrics and /healthz"),
            ("POST /metrics HTTP/1.1\r\n\r\n", fine(), "405 Method Not Allowed", "only GET and HEAD"),
            ("\u{1}\r\n\r\n", fine(), "400 Bad Request", "not a request of HTTP/1.1"),
        ];
        for (head, answer, status, body) in cases {
            assert_eq!(check(head, answer), (format!("HTTP/1.1 {status}"), body.to_owned()));
        }
        let metrics = respond(b"GET /metrics HTTP/1.1\r\n\r\n", || Answer::Status(Box::default()));
        assert!(metrics.ends_with('\n') && metrics.contains("version=0.0.4"));
    }
}
