use tracewell_model::Reason;
use tracewell_parameters::FactMillibits;

/// The kinds of [`Reason`] that are evidence of an intrusion. The others only say how a node hangs together with these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    RareOperation,
    RareChild,
    RanOwnWrite,
    ServesNetwork,
    CallsOut,
    CommandsFromSocket,
    GainedPrivilege,
    DeletedOwnExecutable,
    RanUnlinked,
    EnteredProcess,
    EnteredKernel,
    MassChange,
    CollectedAndSent,
    /// A detector found something, as severe as it says.
    Detected,
}

/// The tactics of MITRE ATT&CK that facts speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tactic {
    InitialAccess,
    Execution,
    Persistence,
    PrivilegeEscalation,
    DefenseEvasion,
    CommandAndControl,
    Exfiltration,
    Impact,
}

impl Fact {
    pub const ALL: [Self; 14] = [
        Self::RareOperation,
        Self::RareChild,
        Self::RanOwnWrite,
        Self::ServesNetwork,
        Self::CallsOut,
        Self::CommandsFromSocket,
        Self::GainedPrivilege,
        Self::DeletedOwnExecutable,
        Self::RanUnlinked,
        Self::EnteredProcess,
        Self::EnteredKernel,
        Self::MassChange,
        Self::CollectedAndSent,
        Self::Detected,
    ];

    pub fn of(reason: &Reason) -> Option<Self> {
        Some(match reason {
            Reason::RareOperation { .. } => Self::RareOperation,
            Reason::RareChild { .. } => Self::RareChild,
            Reason::RanOwnWrite { .. } => Self::RanOwnWrite,
            Reason::ServesNetwork { .. } => Self::ServesNetwork,
            Reason::CallsOut { .. } => Self::CallsOut,
            Reason::CommandsFromSocket { .. } => Self::CommandsFromSocket,
            Reason::GainedPrivilege { .. } => Self::GainedPrivilege,
            Reason::DeletedOwnExecutable { .. } => Self::DeletedOwnExecutable,
            Reason::RanUnlinked { .. } => Self::RanUnlinked,
            Reason::EnteredProcess { .. } => Self::EnteredProcess,
            Reason::EnteredKernel => Self::EnteredKernel,
            Reason::MassChange { .. } => Self::MassChange,
            Reason::CollectedAndSent { .. } => Self::CollectedAndSent,
            Reason::Detected(_) => Self::Detected,
            Reason::Followed { .. }
            | Reason::Connects
            | Reason::DescendsFrom { .. }
            | Reason::Started { .. }
            | Reason::TouchedBy { .. } => return None,
        })
    }

    /// Whether the fact is only that the profile did not expect something.
    pub fn is_rarity(self) -> bool {
        matches!(self, Self::RareOperation | Self::RareChild)
    }

    /// The tactic that the fact speaks for, by the techniques named beside it (attack.mitre.org, Enterprise).
    pub fn tactic(self) -> Option<Tactic> {
        Some(match self {
            // What a detector found may be anything; its techniques stand with it.
            Self::RareOperation | Self::Detected => return None,
            // T1190, exploit public-facing application.
            Self::ServesNetwork => Tactic::InitialAccess,
            // T1059, command and scripting interpreter; T1105 brings the file, running it is execution.
            Self::RareChild | Self::RanOwnWrite => Tactic::Execution,
            // T1071, application layer protocol; T1095.
            Self::CallsOut | Self::CommandsFromSocket => Tactic::CommandAndControl,
            // T1068, exploitation for privilege escalation.
            Self::GainedPrivilege => Tactic::PrivilegeEscalation,
            // T1070.004, file deletion; T1620, reflective code loading; T1055, process injection.
            Self::DeletedOwnExecutable | Self::RanUnlinked | Self::EnteredProcess => Tactic::DefenseEvasion,
            // T1547.006, kernel modules and extensions.
            Self::EnteredKernel => Tactic::Persistence,
            // T1486, data encrypted for impact; T1485.
            Self::MassChange => Tactic::Impact,
            // T1041, exfiltration over C2 channel.
            Self::CollectedAndSent => Tactic::Exfiltration,
        })
    }

    pub(crate) fn weight_millibits(self, weights: &FactMillibits) -> u32 {
        match self {
            Self::RareOperation => weights.rare_operation,
            Self::RareChild => weights.rare_child,
            Self::RanOwnWrite => weights.ran_own_write,
            Self::ServesNetwork => weights.serves_network,
            Self::CallsOut => weights.calls_out,
            Self::CommandsFromSocket => weights.commands_from_socket,
            Self::GainedPrivilege => weights.gained_privilege,
            Self::DeletedOwnExecutable => weights.deleted_own_executable,
            Self::RanUnlinked => weights.ran_unlinked,
            Self::EnteredProcess => weights.entered_process,
            Self::EnteredKernel => weights.entered_kernel,
            Self::MassChange => weights.mass_change,
            Self::CollectedAndSent => weights.collected_and_sent,
            // Weighs by its severity: `Features::findings`.
            Self::Detected => 0,
        }
    }

    /// The fact in words, as one line of an explanation.
    pub fn words(self) -> &'static str {
        match self {
            Self::RareOperation => "did what its profile calls unlikely",
            Self::RareChild => "started what its parent does not start",
            Self::RanOwnWrite => "ran a file that its own lineage had written",
            Self::ServesNetwork => "descends from a process that takes connections",
            Self::CallsOut => "called out from below a network server",
            Self::CommandsFromSocket => "took its commands from a socket",
            Self::GainedPrivilege => "became another user without a set-user-id program",
            Self::DeletedOwnExecutable => "deleted the file it runs from",
            Self::RanUnlinked => "runs code that has no file name",
            Self::EnteredProcess => "entered a process that is not its child",
            Self::EnteredKernel => "loaded code into the kernel",
            Self::MassChange => "changed many files of others in a short time",
            Self::CollectedAndSent => "read much that was new to it and sent much out",
            Self::Detected => "is what a detector looks for",
        }
    }
}

impl Tactic {
    pub fn name(self) -> &'static str {
        match self {
            Self::InitialAccess => "initial access",
            Self::Execution => "execution",
            Self::Persistence => "persistence",
            Self::PrivilegeEscalation => "privilege escalation",
            Self::DefenseEvasion => "defense evasion",
            Self::CommandAndControl => "command and control",
            Self::Exfiltration => "exfiltration",
            Self::Impact => "impact",
        }
    }

    /// How far an intrusion has come when it does this. Tactics of one stage come in any order.
    pub(crate) fn stage(self) -> u8 {
        match self {
            Self::InitialAccess => 0,
            Self::Execution => 1,
            Self::Persistence | Self::PrivilegeEscalation | Self::DefenseEvasion | Self::CommandAndControl => 2,
            Self::Exfiltration | Self::Impact => 3,
        }
    }
}
