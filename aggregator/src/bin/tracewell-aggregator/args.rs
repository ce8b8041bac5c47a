use crate::config::Fields;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf, absolute};

/// Takes in what the hosts of a fleet have found.
#[derive(Debug, Parser)]
#[command(name = "tracewell-aggregator", version, max_term_width = 110)]
pub struct Args {
    /// Configuration; /etc/tracewell/aggregator.toml by default, if it is there
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take in what hosts send until told to stop
    Run(RunArgs),
    /// Make a token by which machines become hosts, or list the tokens there are
    Token(TokenArgs),
    /// List the hosts
    Hosts(AskArgs),
    /// Let a host in no more; its connection ends at once
    Revoke(RevokeArgs),
    /// Print the incidents, best first
    Incidents(AskArgs),
    /// Make a copy of all that a running aggregator has
    Backup(BackupArgs),
    /// Put a backup in place of an empty state folder
    Restore(RestoreArgs),
    /// Look at every row of a backup, or of the state of an aggregator that does not run
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Address and UDP port that hosts connect to
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder of the store and of the certificate authority
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Socket that the other commands talk to
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
    /// Parameters other than the built-in ones (TOML)
    #[arg(long, value_name = "FILE")]
    pub parameters: Option<PathBuf>,
}

impl RunArgs {
    pub fn lay_over(&self, fields: &mut Fields) {
        if let Some(listen) = &self.listen {
            fields.listen.clone_from(listen);
        }
        let paths = [
            (&mut fields.state, &self.state),
            (&mut fields.control, &self.control),
            (&mut fields.parameters, &self.parameters),
        ];
        for (field, path) in paths {
            put(field, path.as_deref());
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// One JSON document in place of lines for people
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub socket: SocketArgs,
}

#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// Folder to make; the aggregator itself writes it
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub socket: SocketArgs,
}

#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// State folder that it becomes; as the configuration says by default
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// A backup or a state folder; the one that the configuration says by default
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct SocketArgs {
    /// Socket of the aggregator; as the configuration says by default
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct TokenArgs {
    /// List the tokens there are, without their secrets
    #[arg(long, conflicts_with_all = ["hours", "uses", "label", "host"])]
    pub list: bool,
    /// Hours for which it holds: 1 to 8,760
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=8760))]
    pub hours: u64,
    /// Machines that may use it: 1 to 100,000
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub uses: u64,
    /// Label of the hosts that use it, as role=web; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Have this host enrolled again, with another key: 16 hexadecimal digits
    #[arg(long, value_name = "ID", value_parser = id)]
    pub host: Option<u64>,
    #[command(flatten)]
    pub socket: SocketArgs,
}

#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// Id of the host: 16 hexadecimal digits
    #[arg(value_name = "ID", value_parser = id)]
    pub host: u64,
    #[command(flatten)]
    pub socket: SocketArgs,
}

fn put(field: &mut String, path: Option<&Path>) {
    if let Some(path) = path {
        *field = absolute(path).unwrap_or_else(|_| path.into()).to_string_lossy().into_owned();
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control) => {
            Ok((key.into(), value.into()))
        }
        _ => Err("expected a key, \"=\" and a value, of at most 256 bytes together".into()),
    }
}

fn id(text: &str) -> Result<u64, String> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    id.ok_or_else(|| "expected 16 hexadecimal digits".into())
}
