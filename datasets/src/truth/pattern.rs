use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use tracewell_model::{NodeAttrs, NodeKind, Uuid};

/// A labelled node. Everything that is given must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePattern {
    pub kind: NodeKind,
    pub uuid: Option<Uuid>,
    /// Name of the host.
    pub host: Option<String>,
    pub pid: Option<u32>,
    /// Start of the process in the source's own unit.
    pub start: Option<u64>,
    /// Of a process its executable, of a Unix socket its path.
    pub path: Option<PathPattern>,
    /// Of a socket its own end.
    pub local: Option<Remote>,
    pub remote: Option<Remote>,
}

/// A whole path or, with an asterisk before it, the end of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Exact(String),
    EndsWith(String),
}

/// The other end of a connection, on any port where none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    pub ip: IpAddr,
    pub port: Option<u16>,
}

impl NodePattern {
    pub fn any(kind: NodeKind) -> Self {
        Self { kind, uuid: None, host: None, pid: None, start: None, path: None, local: None, remote: None }
    }

    pub fn matches(&self, host_name: &str, attrs: &NodeAttrs) -> bool {
        let (uuid, pid, start, path, local, remote) = match attrs {
            NodeAttrs::Process { process, exe, .. } => {
                (process.uuid, Some(process.pid), Some(process.start), exe.as_deref(), None, None)
            }
            NodeAttrs::File { uuid, path, .. } => (*uuid, None, None, path.as_deref(), None, None),
            NodeAttrs::Socket { uuid, local, remote, path, .. } => {
                (*uuid, None, None, path.as_deref(), *local, *remote)
            }
        };
        self.kind == attrs.kind()
            && self.host.as_deref().is_none_or(|host| host == host_name)
            && (self.uuid.is_none() || self.uuid == uuid)
            && (self.pid.is_none() || self.pid == pid)
            && (self.start.is_none() || self.start == start)
            && self.path.as_ref().is_none_or(|pattern| path.is_some_and(|path| pattern.matches(path)))
            && self.local.is_none_or(|pattern| local.is_some_and(|local| pattern.matches(local)))
            && self.remote.is_none_or(|pattern| remote.is_some_and(|remote| pattern.matches(remote)))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let kind = super::json::kind_name(self.kind);
        let identifies = self.uuid.is_some()
            || self.pid.is_some()
            || self.start.is_some()
            || self.path.is_some()
            || self.local.is_some()
            || self.remote.is_some();
        if !identifies {
            return Err(format!("a {kind} without uuid, pid, start, path, local and remote would match every {kind}"));
        }
        if self.kind != NodeKind::Process && (self.pid.is_some() || self.start.is_some()) {
            return Err(format!("a {kind} with pid or start, which only a process has"));
        }
        if self.kind != NodeKind::Socket && (self.local.is_some() || self.remote.is_some()) {
            return Err(format!("a {kind} with local or remote, which only a socket has"));
        }
        Ok(())
    }
}

impl PathPattern {
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::EndsWith(end) => path.ends_with(end),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => f.write_str(exact),
            Self::EndsWith(end) => write!(f, "*{end}"),
        }
    }
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('*') {
            Some("") => Err("path \"*\" would match everything".to_owned()),
            Some(end) => Ok(Self::EndsWith(end.to_owned())),
            None if text.is_empty() => Err("path is empty".to_owned()),
            None => Ok(Self::Exact(text.to_owned())),
        }
    }
}

impl Remote {
    pub fn matches(&self, address: SocketAddr) -> bool {
        self.ip == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse() {
            return Ok(Self { ip, port: None });
        }
        let address: Result<SocketAddr, _> = text.parse();
        address
            .map(|address| Self { ip: address.ip(), port: Some(address.port()) })
            .map_err(|_| format!("{text:?} is no address, expected one like 192.0.2.1, 192.0.2.1:443 or [::1]:443"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{FileKind, ProcessRef, Protocol};

    fn process(pid: u32, start: u64, exe: &str) -> NodeAttrs {
        let process = ProcessRef { pid, start, uuid: Some(Uuid(7)) };
        NodeAttrs::Process {
            process,
            exe: Some(exe.into()),
            cmdline: None,
            uid: None,
            container: None,
            environment: None,
        }
    }

    fn socket(remote: &str) -> NodeAttrs {
        let remote = Some(remote.parse().expect("an address"));
        NodeAttrs::Socket { uuid: None, protocol: Protocol::Tcp, local: None, remote, path: None }
    }

    #[test]
    fn every_given_field_must_match() {
        let any = NodePattern::any(NodeKind::Process);
        let node = process(12, 34, "/opt/tool");
        let path = |text: &str| Some(text.parse().expect("a path pattern"));
        for (pattern, expected) in [
            (any.clone(), true),
            (NodePattern { uuid: Some(Uuid(7)), pid: Some(12), start: Some(34), ..any.clone() }, true),
            (NodePattern { uuid: Some(Uuid(8)), ..any.clone() }, false),
            (NodePattern { uuid: Some(Uuid(7)), pid: Some(13), ..any.clone() }, false),
            (NodePattern { start: Some(35), ..any.clone() }, false),
            (NodePattern { host: Some("web".to_owned()), ..any.clone() }, true),
            (NodePattern { host: Some("mail".to_owned()), ..any.clone() }, false),
            (NodePattern { path: path("/opt/tool"), ..any.clone() }, true),
            (NodePattern { path: path("/opt/too"), ..any.clone() }, false),
            (NodePattern { path: path("*tool"), ..any.clone() }, true),
            (NodePattern { path: path("*opt"), ..any.clone() }, false),
            (NodePattern::any(NodeKind::File), false),
        ] {
            assert_eq!(pattern.matches("web", &node), expected, "{pattern:?}");
        }
    }

    #[test]
    fn a_remote_without_port_matches_every_port() {
        let remote = |text: &str| NodePattern {
            remote: Some(text.parse().expect("a remote")),
            ..NodePattern::any(NodeKind::Socket)
        };
        assert!(remote("192.0.2.1").matches("web", &socket("192.0.2.1:443")));
        assert!(remote("192.0.2.1:443").matches("web", &socket("192.0.2.1:443")));
        assert!(!remote("192.0.2.1:80").matches("web", &socket("192.0.2.1:443")));
        assert!(!remote("192.0.2.2").matches("web", &socket("192.0.2.1:443")));
        assert!(remote("2001:db8::1").matches("web", &socket("[2001:db8::1]:443")));
    }

    #[test]
    fn a_pattern_with_a_path_does_not_match_a_node_without_one() {
        let pattern =
            NodePattern { path: Some(PathPattern::EndsWith("x".to_owned())), ..NodePattern::any(NodeKind::File) };
        let node =
            |path: Option<&str>| NodeAttrs::File { uuid: None, path: path.map(Into::into), kind: FileKind::Regular };
        assert!(!pattern.matches("web", &node(None)));
        assert!(pattern.matches("web", &node(Some("/x"))));
    }
}
