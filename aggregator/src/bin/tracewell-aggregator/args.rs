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
    /// Use this certificate authority, such as one that your own vouches for, in place of one that the first start makes
    Authority(AuthorityArgs),
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
    /// Address and TCP port at which operators are answered, over TLS; empty for none
    #[arg(long, value_name = "ADDRESS")]
    pub api: Option<String>,
    /// Socket at which who runs the aggregator is answered
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
        if let Some(api) = &self.api {
            fields.api.clone_from(api);
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
pub struct AuthorityArgs {
    /// Its certificate, in PEM or DER
    #[arg(long, value_name = "FILE")]
    pub certificate: PathBuf,
    /// Its private key in PKCS #8, in PEM or DER, not encrypted
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// State folder that it is for; as the configuration says by default
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// Folder to make; the aggregator itself writes it
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Socket of the aggregator; as the configuration says by default
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// State folder that it becomes; as the configuration says by default
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Restore it although `check` finds fault with it: rows that are wrong are passed over then; a store that does not open stays what it is
    #[arg(long)]
    pub with_faults: bool,
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// A backup or a state folder; the one that the configuration says by default
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

fn put(field: &mut String, path: Option<&Path>) {
    if let Some(path) = path {
        *field = absolute(path).unwrap_or_else(|_| path.into()).to_string_lossy().into_owned();
    }
}
