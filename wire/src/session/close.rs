/// Why one side closed a connection: QUIC's application error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// It stops, or is done.
    Done,
    /// No version that both speak.
    Version,
    /// Not a host, or no longer; not a token, or no longer. Which of them is in the aggregator's log alone.
    Refused,
    /// It did not keep to the rules.
    Violation,
    /// More connections or frames than fit; to be tried again later.
    Overloaded,
    /// The same host has a newer connection.
    Replaced,
}

impl Close {
    const ALL: [Self; 6] =
        [Self::Done, Self::Version, Self::Refused, Self::Violation, Self::Overloaded, Self::Replaced];

    pub fn code(self) -> u32 {
        self as u32
    }

    /// `None` for a code of a newer program.
    pub fn of(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|close| u64::from(close.code()) == code)
    }
}
