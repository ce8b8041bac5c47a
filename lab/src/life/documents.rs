//! A folder of documents that people work on.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

pub const FOLDER: &str = "/srv/documents";
const EDITS: &str = include_str!("../../files/edits.py");

pub fn make(lab: &mut Lab, host: &Host) -> Result<()> {
    // The folder is hers, too.
    host.put_as(&format!("{FOLDER}/about"), "Documents\n", 0o664, user::ALICE)?;
    for n in 0..30 {
        let (folder, text) = (*lab.pick(&["plans", "letters", "sums"]), lab.word(40));
        host.put_as(
            &format!("{FOLDER}/{folder}/document-{n}.txt"),
            &format!("{text}\n").repeat(50),
            0o664,
            user::ALICE,
        )?;
    }
    Ok(())
}

/// People edit them until the scenario ends, as editors do: a new file in the place of the old one.
pub fn edit(lab: &mut Lab, host: &Host) -> Result<()> {
    host.put("/usr/local/bin/edits.py", EDITS, 0o755)?;
    let seed = lab.seed();
    let program = Program::new(["/usr/bin/python3", "/usr/local/bin/edits.py", FOLDER, &seed]);
    host.start("office.service", &program.user(user::ALICE))
}
