use std::fmt;
use std::ops::AddAssign;

/// Tests by outcome. A test that found its data missing and said `SKIPPED: …` counts as skipped, not as passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads what `cargo test -- --show-output` prints, line by line: counts, and says which lines are worth showing.
#[derive(Default)]
pub struct TestOutput {
    pub counts: Counts,
    /// Inside the section that repeats what passing tests printed.
    in_successes: bool,
    /// The passing test whose output is being read has said that it was skipped.
    test_skipped: bool,
    n_skipped: u64,
}

impl TestOutput {
    /// Takes in one line; returns whether to show it.
    pub fn line(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.end_of_binary(result);
            return true;
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ => (),
        }
        if self.in_successes {
            if line.starts_with("---- ") {
                self.test_skipped = false;
            }
            let skipped = line.starts_with("SKIPPED: ");
            if skipped && !self.test_skipped {
                self.test_skipped = true;
                self.n_skipped += 1;
            }
            return skipped;
        }
        let passed = line.starts_with("test ") && line.ends_with(" ... ok");
        !passed && !line.is_empty() && !line.starts_with("running ")
    }

    fn end_of_binary(&mut self, result: &str) {
        let n_skipped = std::mem::take(&mut self.n_skipped);
        let [passed, failed, ignored] = ["passed", "failed", "ignored"].map(|what| number_before(result, what));
        self.counts += Counts { passed: passed.saturating_sub(n_skipped), failed, skipped: ignored + n_skipped };
    }
}

/// The number before a word in `ok. 3 passed; 0 failed; 1 ignored; …`, 0 if the word is not there.
fn number_before(text: &str, what: &str) -> u64 {
    let words: Vec<_> = text.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == what).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test good ... ok
test data ... ok
test bad ... FAILED
test slow ... ignored

successes:

---- data stdout ----
SKIPPED: no recordings here
SKIPPED: really none
---- good stdout ----
thread chatter

successes:
    data
    good

failures:

---- bad stdout ----
thread 'bad' panicked

failures:
    bad

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 2 tests
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn outcomes_are_added_up_and_a_skip_is_no_pass() {
        let mut output = TestOutput::default();
        for line in OUTPUT.lines() {
            output.line(line);
        }
        assert_eq!(output.counts.to_string(), "3 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn failures_and_skips_are_shown_and_chatter_is_not() {
        let mut output = TestOutput::default();
        let shown: Vec<_> = OUTPUT.lines().filter(|line| output.line(line)).collect();
        assert_eq!(
            shown,
            [
                "test bad ... FAILED",
                "test slow ... ignored",
                "SKIPPED: no recordings here",
                "SKIPPED: really none",
                "failures:",
                "---- bad stdout ----",
                "thread 'bad' panicked",
                "failures:",
                "    bad",
                "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            ]
        );
    }
}
