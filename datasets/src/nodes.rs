//! Lines of the node lists that go with published attack slices: `uuid,{'kind': 'text'},id`.
//!
//! The text is a Python literal, in double quotes where it has commas: `'subject'` holds the executable, a space and
//! the command line; `'file'` the path; `'netflow'` both addresses with an arrow between. `None` is written out.

use std::net::SocketAddr;
use tracewell_model::{NodeKind, Uuid};

pub(crate) struct NodeLine {
    pub uuid: Uuid,
    pub kind: NodeKind,
    text: String,
}

impl NodeLine {
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let expected = |what: &str| format!("{what}, expected uuid,{{'subject'|'file'|'netflow': 'text'}},id");
        let line = std::str::from_utf8(line).map_err(|_| expected("the line is not UTF-8"))?;
        let (uuid, rest) = line.split_once(',').ok_or_else(|| expected("no comma"))?;
        let (literal, _id) = rest.rsplit_once(',').ok_or_else(|| expected("one comma"))?;
        let literal = match literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => literal.to_owned(),
        };
        let pair = literal.strip_prefix("{'").and_then(|rest| rest.strip_suffix('}'));
        let (kind, text) = pair.and_then(|pair| pair.split_once("': ")).ok_or_else(|| expected("no pair"))?;
        let kind = match kind {
            "subject" => NodeKind::Process,
            "file" => NodeKind::File,
            "netflow" => NodeKind::Socket,
            other => return Err(expected(&format!("kind {other:?}"))),
        };
        let inner = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
        let text = inner('\'').or_else(|| inner('"')).ok_or_else(|| expected("text without quotes"))?;
        Ok(Self { uuid: uuid.parse()?, kind, text: unescape(text) })
    }

    /// Executable and command line of a process.
    pub fn program(&self) -> (Option<&str>, Option<&str>) {
        let (exe, cmdline) = match self.text.split_once(' ') {
            Some((exe, cmdline)) => (said(exe), said(cmdline.trim_end())),
            None => (said(&self.text), None),
        };
        (exe.or_else(|| cmdline.and_then(|cmdline| cmdline.split(' ').next())), cmdline)
    }

    pub fn path(&self) -> Option<&str> {
        said(&self.text)
    }

    /// Local and remote address of a connection.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let (local, remote) = self.text.split_once("->").unwrap_or((&self.text, ""));
        (address(local), address(remote))
    }
}

fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != "None")
}

fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.rsplit_once(':')?;
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

/// Undoes the escapes of a Python literal that stand for one character themselves.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.push(if char == '\\' { chars.next().unwrap_or('\\') } else { char });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-00000000000A";

    #[test]
    fn all_kinds_of_nodes_are_understood() {
        let parse = |literal: &str| NodeLine::parse(format!("{ID},{literal},17").as_bytes()).expect("a node line");
        let process = parse("{'subject': '/opt/a /opt/a -x 1'}");
        assert_eq!((process.kind, process.uuid), (NodeKind::Process, Uuid(10)));
        assert_eq!(process.program(), (Some("/opt/a"), Some("/opt/a -x 1")));
        assert_eq!(parse("{'subject': 'None worker -d'}").program(), (Some("worker"), Some("worker -d")));
        assert_eq!(parse("{'subject': 'None None'}").program(), (None, None));
        assert_eq!(parse("{'file': 'None'}").path(), None);
        assert_eq!(parse("\"{'file': '/a,\\\\b\"\"c'}\"").path(), Some("/a,\\b\"c"));
        assert_eq!(parse("{'file': \"it's\"}").path(), Some("it's"));
        let addresses = parse("{'netflow': '192.0.2.1:80->198.51.100.2:4000'}").addresses();
        assert_eq!(addresses, ("192.0.2.1:80".parse().ok(), "198.51.100.2:4000".parse().ok()));
        assert_eq!(parse("{'netflow': 'None:None->192.0.2.1:80'}").addresses(), (None, "192.0.2.1:80".parse().ok()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, problem) in [
            ("nothing", "no comma"),
            ("a,b", "one comma"),
            ("a,{'file': 'x'},1", "32 hex digits"),
            ("00000000-0000-0000-0000-00000000000A,{'pipe': 'x'},1", "kind \"pipe\""),
            ("00000000-0000-0000-0000-00000000000A,{'file': x},1", "without quotes"),
            ("00000000-0000-0000-0000-00000000000A,file,1", "no pair"),
        ] {
            let error = NodeLine::parse(line.as_bytes()).err().unwrap_or_default();
            assert!(error.contains(problem), "{line}: {error:?} lacks {problem:?}");
        }
    }
}
