//! What is asked of a running aggregator: the commands `fleet` and `alerts`, as `docs/api.md` describes them.

use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

/// Where the aggregator is, and who asks.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// `unix:` and the path of its socket, or `https://` with name and port
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TRACEWELL_SERVER",
        default_value = "unix:/run/tracewell-aggregator.sock",
        global = true,
        help_heading = "Server"
    )]
    pub server: String,
    /// File with the operator's token
    #[arg(long, value_name = "FILE", env = "TRACEWELL_TOKEN_FILE", global = true, help_heading = "Server")]
    pub token_file: Option<PathBuf>,
    /// Certificate of the fleet's authority, DER or PEM
    #[arg(long, value_name = "FILE", env = "TRACEWELL_AUTHORITY", global = true, help_heading = "Server")]
    pub authority: Option<PathBuf>,
    /// Print the answer as JSON, as it is over HTTP
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// List the hosts
    Hosts,
    /// Say all that is known of a host: its kernel, what is loaded there, what is not as it should be, what it lost
    Host {
        /// Its id: 16 hexadecimal digits
        host: String,
    },
    /// Let a host in no more; its connection ends at once
    Revoke {
        /// Id of the host: 16 hexadecimal digits
        #[arg(value_name = "ID")]
        host: String,
    },
    /// Make a token by which machines become hosts
    Token(TokenArgs),
    /// List the tokens there are, without their secrets
    Tokens,
    /// Let nobody use a token any more
    RevokeToken {
        /// Id of the token: 32 hexadecimal digits
        #[arg(value_name = "ID")]
        token: String,
    },
    /// What the hosts have learned together
    #[command(subcommand)]
    Model(ModelCommand),
    /// Make an operator and print its token
    Operator {
        /// 1 to 64 of letters, digits and `.-_@`
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        /// Days for which the token holds: 1 to 3,650
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
    },
    /// List the operators
    Operators,
    /// Take an operator's token away
    RevokeOperator { name: String },
    /// List what was asked to be changed, and by whom, latest first
    Audit {
        /// How many at most: 1 to 1,000
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Only what is older than the entry of this number
        #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
        before: u64,
    },
    /// Have the aggregator make a copy of all it has, on its machine
    Backup {
        /// Folder to make: an absolute path there
        #[arg(value_name = "DIR")]
        folder: String,
    },
    /// Say who one is to the aggregator
    Whoami,
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List the versions of the fleet's view, latest first
    Versions,
    /// List what one version vouches for more (+) or less (-) than another, or as much but by others (=)
    Diff {
        /// Number of the version to compare with; 0 for one that vouches for nothing
        from: u64,
        to: u64,
        /// How many at most: 1 to 10,000
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: u32,
        /// As hosts of this group are given them, and not those in none
        #[arg(long, value_name = "KEY=VALUE", default_value = "", hide_default_value = true)]
        group: String,
    },
    /// List the groups that hosts form by a label: how many hosts, and how many of them voted
    Groups,
    /// Give all hosts this version, and no newer one until it is released
    Rollback {
        /// Number of the version; 0 for one that vouches for nothing
        version: u64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Give all hosts the newest version again
    Release,
}

#[derive(Debug, clap::Args)]
pub struct TokenArgs {
    /// Hours for which it holds: 1 to 8,760
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub hours: u64,
    /// Machines that may use it: 1 to 100,000
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub uses: u64,
    /// Label of the hosts that use it, as role=web; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Have this host enrolled again, with another key: 16 hexadecimal digits
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub host: String,
}

/// What an operator may do; each what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Look at incidents and hosts
    Viewer,
    /// Decide about incidents
    Analyst,
    /// Let hosts in and out
    Operator,
    /// Say who may do what
    Admin,
}

#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List the incidents, best first
    List {
        /// Leave out what is less severe
        #[arg(long, value_enum)]
        severity: Option<Severity>,
        /// Only those of this status; may be given several times
        #[arg(long, value_enum)]
        status: Vec<Status>,
        /// Only those of this host, by its name
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        host: String,
        /// How many at most: 1 to 1,000
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Show one incident as a tree, with the reasons
    Show(ShowArgs),
    /// Print incidents as they come to be shown, grow, or are decided about
    Watch {
        /// Leave out what is less severe
        #[arg(long, value_enum)]
        severity: Option<Severity>,
        /// Leave out what is shown already
        #[arg(long)]
        only_new: bool,
    },
    /// Say how work on an incident stands
    Decide {
        /// The incident's id, or the beginning of it
        #[arg(value_name = "ID")]
        incident: String,
        #[arg(long, value_enum)]
        status: Option<Status>,
        /// What it was
        #[arg(long, value_enum)]
        verdict: Option<Verdict>,
        /// Who works on it; empty for nobody
        #[arg(long, value_name = "NAME")]
        assignee: Option<String>,
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Have incidents like this one not be shown for a while, unless they get more severe
    Except {
        /// The incident's id, or the beginning of it
        #[arg(value_name = "ID")]
        incident: String,
        /// This very story, or all in which nothing else stands out
        #[arg(long, value_enum, default_value_t = Scope::Story)]
        scope: Scope,
        /// For how many days from the latest event; with --preview, how many to look back
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: u32,
        /// Why it need not be shown
        #[arg(long, value_name = "TEXT", required_unless_present = "preview")]
        reason: Option<String>,
        /// Only say what it would have hidden
        #[arg(long, conflicts_with = "reason")]
        preview: bool,
    },
    /// List the exceptions
    Exceptions,
    /// End an exception: what it held is shown again
    RevokeException {
        /// Id of the exception
        #[arg(value_name = "ID")]
        exception: String,
    },
    /// Write all that is shown as alerts.json, as a replay does, to stdout
    Export,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The incident's id, the beginning of it, or its rank as `#1`
    pub id: String,
    /// Directory that a replay wrote, in place of a server
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Print the graph for Graphviz
    #[arg(long, conflicts_with = "json")]
    pub dot: bool,
    /// Draw every node by itself, repeats included
    #[arg(long)]
    pub expand: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    New,
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    Undecided,
    /// It happened, and was no attack
    FalseAlarm,
    /// It was done on purpose by those who may, such as a test
    Expected,
    /// It was an attack
    Confirmed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// This very story, wherever it happens
    Story,
    /// All in which nothing else stands out than in this one
    Label,
}

fn label(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let parts = parts.ok_or_else(|| "expected a key, \"=\" and a value".to_owned())?;
    Ok((parts.0.into(), parts.1.into()))
}
