//! A C project that is compiled again and again.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

const FOLDER: &str = "/home/alice/project";

pub fn prepare(lab: &mut Lab, host: &Host) -> Result<()> {
    let mut sum = String::from("0");
    for n in 0..12 {
        let name = lab.word(5);
        let text = format!(
            "#include <stdio.h>\n#include <string.h>\nint part{n}(void) {{ return (int)strlen(\"{name}\"); }}\n"
        );
        host.put_as(&format!("{FOLDER}/part{n}.c"), &text, 0o644, user::ALICE)?;
        sum += &format!("+part{n}()");
    }
    let parts: String = (0..12).map(|n| format!("int part{n}(void);\n")).collect();
    let main = format!("#include <stdio.h>\n{parts}int main(void) {{ printf(\"%d\\n\", {sum}); return 0; }}\n");
    host.put_as(&format!("{FOLDER}/main.c"), &main, 0o644, user::ALICE)?;
    let make = "parts = $(patsubst %.c,%.o,$(wildcard *.c))\nproject: $(parts)\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n\
                test: project\n\t./project\n";
    host.put_as(&format!("{FOLDER}/Makefile"), make, 0o644, user::ALICE)
}

/// Some files change, and it is made and tried.
pub fn once(lab: &mut Lab, host: &Host) -> Result<()> {
    let n = lab.number(0..12);
    let line = format!("echo '/* again */' >> part{n}.c; touch part{}.c; make -j2 test && ls -l", (n + 5) % 12);
    let program = Program::new(["/bin/bash", "-c", &line]).user(user::ALICE).folder(FOLDER).set("HOME", "/home/alice");
    host.run("session.scope", &program).map(drop)
}
