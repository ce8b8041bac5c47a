//! Follows a command line from argument to argument.

use super::programs::{Behind, Next, Program};
use super::{names, values};
use std::ops::Range;

/// What ends a word of a shell's command line besides white space.
const SEPARATORS: [u8; 6] = *b";|&()`";

/// The state between two arguments.
#[derive(Debug)]
pub(super) struct Line<'a> {
    exe: &'a str,
    program: Program,
    /// The next word names a program.
    is_command: bool,
    is_login: bool,
    pending: Option<Next>,
    /// The next argument is code.
    is_code: bool,
    /// This argument is.
    in_code: bool,
}

impl<'a> Line<'a> {
    pub(super) fn new(exe: &'a str) -> Self {
        Self {
            exe,
            program: Program::Other,
            is_command: true,
            is_login: false,
            pending: None,
            is_code: false,
            in_code: false,
        }
    }

    /// Adds the ranges of one argument that are secret.
    pub(super) fn argument(&mut self, argument: &str, secrets: &mut Vec<Range<usize>>) {
        let is_code = std::mem::take(&mut self.is_code);
        let has_words = argument.bytes().any(|byte| byte.is_ascii_whitespace() || SEPARATORS.contains(&byte));
        let is_line = self.program == Program::Remote && argument.bytes().any(|byte| byte.is_ascii_whitespace());
        if has_words && self.pending.is_none() && (is_code || is_line) {
            self.code(argument, secrets);
            values::find(argument, true, secrets);
            return;
        }
        let is_argv0 = std::mem::take(&mut self.is_command);
        if is_argv0 {
            self.program = Program::known(argument).or_else(|| Program::known(self.exe)).unwrap_or(Program::Other);
        } else {
            self.is_code = self.program.runs_next(argument);
            self.word(argument, 0, secrets);
        }
        values::find(argument, false, secrets);
    }

    /// A script or a command line in one argument, word by word.
    fn code(&mut self, code: &str, secrets: &mut Vec<Range<usize>>) {
        let outer = self.program;
        self.in_code = true;
        self.program = Program::Other;
        self.is_command = true;
        let bytes = code.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at].is_ascii_whitespace() || SEPARATORS.contains(&bytes[at]) {
                if bytes[at] == b'\n' || SEPARATORS.contains(&bytes[at]) {
                    *self = Self { is_command: true, program: Program::Other, pending: None, is_login: false, ..*self };
                }
                at += 1;
                continue;
            }
            let end = word_end(bytes, at, self.pending.is_some());
            self.code_word(&code[at..end], at, secrets);
            at = end;
        }
        *self = Self { is_command: false, program: outer, pending: None, is_login: false, in_code: false, ..*self };
    }

    fn code_word(&mut self, word: &str, at: usize, secrets: &mut Vec<Range<usize>>) {
        // Quotes hide nothing from a shell: `"mysql"` is mysql.
        let bare = word.trim_start_matches(['"', '\'']);
        let (word, at) = (
            bare.trim_end_matches(|end| bare.len() < word.len() && matches!(end, '"' | '\'')),
            at + word.len() - bare.len(),
        );
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| name.bytes().all(names::is_name_byte));
        if self.is_command && !is_assignment {
            self.is_command = false;
            self.program = Program::known(word).unwrap_or(Program::Other);
        } else {
            self.word(word, at, secrets);
        }
    }

    /// One word, which begins at `at` of its argument.
    fn word(&mut self, word: &str, at: usize, secrets: &mut Vec<Range<usize>>) {
        let end = at + word.len();
        if let Some(next) = self.pending.take() {
            // The option stood without a value: `psql --password -h db`.
            if !word.starts_with('-') || next != Next::Secret {
                if !(self.in_code && values::is_expansion(word)) {
                    secrets.extend(secret_in(next, word).map(|start| at + start..end));
                }
                return;
            }
        }
        if !word.starts_with('-') {
            self.operand(word);
        } else if let Some(behind) = self.program.option(word, self.is_login) {
            match behind {
                Behind::Attached(start, next) => {
                    secrets.extend(secret_in(next, &word[start..]).map(|inner| at + start + inner..end));
                }
                Behind::Following(next) => self.pending = Some(next),
            }
            if self.program == Program::Sshpass {
                self.program = Program::Wrapper;
            }
            return;
        }
        // `--password=x`, `PGPASSWORD=x`, `--env=PGPASSWORD=x`, `-Ddb.password=x`: all that follows is the value, for it
        // is an argument of its own and needs no quotes.
        let mut name_start = 0;
        for (equals, _) in word.match_indices('=') {
            let name = &word[name_start..equals];
            if !name.bytes().all(names::is_name_byte) {
                return;
            }
            let value = &word[equals + 1..];
            if names::is_secret(name) {
                // `test token==x` compares, `--token==x` does not.
                let is_compared = value.starts_with('=') && !word.starts_with('-');
                let start = at + equals + 1;
                match values::quoted_end(value.as_bytes(), 0).filter(|_| self.in_code) {
                    _ if is_compared || self.in_code && values::is_expansion(value) => {}
                    Some(quoted) => secrets.push(start + 1..start + quoted - 1),
                    None => secrets.push(start..end),
                }
                return;
            }
            name_start = equals + 1;
        }
        let is_option = name_start == 0 && word.starts_with('-') && word.bytes().all(names::is_name_byte);
        if is_option && names::is_secret(word) {
            self.pending = Some(Next::Secret);
        }
    }

    fn operand(&mut self, word: &str) {
        match self.program {
            Program::Wrapper | Program::Remote | Program::Sshpass => {
                self.program = Program::known(word).unwrap_or(self.program);
            }
            Program::Registry if word == "login" => self.is_login = true,
            Program::Registry if word == "exec" => self.program = Program::Wrapper,
            _ => {}
        }
    }
}

/// Where in a value its secret begins.
fn secret_in(next: Next, value: &str) -> Option<usize> {
    match next {
        Next::Secret => Some(0),
        Next::UserAndSecret => value.find(':').map(|colon| colon + 1),
        Next::PassphraseSource => value.starts_with("pass:").then_some("pass:".len()),
    }
}

/// The end of a word of a command line. A value that is awaited may be quoted, and then ends with its quote.
fn word_end(bytes: &[u8], start: usize, is_value: bool) -> usize {
    if is_value && let Some(end) = values::quoted_end(bytes, start) {
        return end;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || SEPARATORS.contains(byte);
    let mut opens = bytes[start] == b'-';
    let mut at = start;
    while at < bytes.len() && !ends(&bytes[at]) {
        // `--password="a b"`, `-p'a b'`, `PASSWORD=a'b c'`. An apostrophe in a sentence opens nothing.
        at = opens.then(|| values::quoted_end(bytes, at)).flatten().unwrap_or_else(|| {
            opens |= bytes[at] == b'=';
            at + 1
        });
    }
    at
}
