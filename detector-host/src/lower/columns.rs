//! The tables of a neighbourhood, column by column, as the contract passes them.

use crate::contract::{self, Endpoint, Entity, Facts, FileKind, Operation, Protocol};

/// Tables whose columns are filled from front to back.
macro_rules! columns {
    ($($table:ident { $($column:ident: $type:ty,)* })*) => {$(
        #[derive(Default)]
        pub(super) struct $table {
            $(pub(super) $column: Vec<$type>,)*
        }

        impl $table {
            pub(super) fn clear(&mut self) {
                $(self.$column.clear();)*
            }

            pub(super) fn as_contract(&self) -> contract::$table<'_> {
                contract::$table { $($column: &self.$column,)* }
            }
        }
    )*};
}

columns! {
    Nodes {
        entity: Entity,
        row: u32,
        first: u64,
        last: u64,
        surprise: u32,
        fleet_rarity: Option<u32>,
        incomplete: u32,
        cut: u32,
    }

    Processes {
        pid: u32,
        executable: u32,
        command_line: u32,
        user: Option<u32>,
        container: u32,
        parent: Option<u32>,
        parent_executable: u32,
        ancestors: u32,
        ancestors_end: u32,
        serves: bool,
        under_server: bool,
        was_root: bool,
        exited: bool,
        children: u32,
        facts: Facts,
    }

    Files {
        path: u32,
        kind: FileKind,
        writer: Option<u32>,
        written: Option<u64>,
        executed: bool,
        unlinked: bool,
        mode: Option<u16>,
    }

    Sockets {
        protocol: Protocol,
        local: Option<Endpoint>,
        remote: Option<Endpoint>,
        path: u32,
        inbound: bool,
    }

    Edges {
        source: u32,
        target: u32,
        operation: Operation,
        count: u64,
        bytes: u64,
        first: u64,
        last: u64,
        surprise: u32,
        incomplete: u32,
    }
}

/// The texts so far.
#[derive(Default)]
pub(super) struct Texts {
    joined: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn clear(&mut self) {
        self.joined.clear();
        self.ends.clear();
        self.ends.push(0);
    }

    /// The number of a text; 0 for none.
    pub(super) fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        self.joined.push_str(text);
        let number = length(self.ends.len());
        self.ends.push(length(self.joined.len()));
        number
    }

    pub(super) fn as_contract(&self) -> contract::Texts<'_> {
        contract::Texts { joined: &self.joined, ends: &self.ends }
    }
}

/// Of something in a neighbourhood, all of which is far smaller than the numbers of the contract.
pub(super) fn length(of: usize) -> u32 {
    u32::try_from(of).expect("a neighbourhood is far smaller")
}
