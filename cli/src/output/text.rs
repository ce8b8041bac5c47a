//! Small pieces of text for the terminal.

use std::borrow::Cow;
use tracewell_alert_scorer::words::is_harmful;

/// Text from a recording as it may be printed: control characters, which could drive the reader's terminal, and the
/// marks that turn the direction of writing are escaped.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if is_harmful(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// At most `n_max` characters, the last one an ellipsis where something was cut.
pub fn cut(text: &str, n_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(n_max) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(n_max.saturating_sub(1)).chain(['…']).collect()),
    }
}

/// An integer with a comma between each three digits.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number kept in thousandths, to one decimal.
pub fn milli(thousandths: u64) -> String {
    format!("{}.{}", thousands(thousandths / 1000), thousandths % 1000 / 100)
}

/// A count of bytes in the unit that suits it.
pub fn bytes(n: u64) -> String {
    match n {
        0..10_000 => format!("{} B", thousands(n)),
        10_000..10_000_000 => format!("{} kB", thousands(n / 1000)),
        _ => format!("{} MB", thousands(n / 1_000_000)),
    }
}

/// `1 node`, `2 nodes`.
pub fn plural(n: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_cannot_be_driven_by_a_recording() {
        assert_eq!(clean("/bin/sh -c ä"), "/bin/sh -c ä");
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 99, 42_150, 1_000_999].map(milli), ["0.0", "0.0", "42.1", "1,000.9"]);
        assert_eq!([0, 9_999, 12_345, 12_345_678].map(bytes), ["0 B", "9,999 B", "12 kB", "12 MB"]);
        assert_eq!([plural(1, "node"), plural(2, "node")], ["1 node", "2 nodes"]);
        assert_eq!([cut("abc", 3), cut("abcd", 3), cut("äöüß", 2)], ["abc", "ab…", "ä…"]);
    }
}
