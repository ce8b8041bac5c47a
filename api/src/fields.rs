//! What fields of requests may be, beyond what `proto/` says: numbers within a range, ids, texts of bounded length, labels. And what of a
//! request may be noted.

use tonic::Status;

/// Bytes of a note, a reason or a name that an analyst gives.
pub const TEXT_BYTES_MAX: usize = 4000;
/// Labels of a token.
pub const LABELS_MAX: usize = 32;
/// Bytes of a label's key and its value together are fewer.
pub const LABEL_BYTES_MAX: usize = 256;

/// A number that was given is within 1 to `max`; `usual` stands for one that was left out, unless it is 0.
///
/// # Errors
/// When it is not.
pub fn within(field: &str, value: u32, usual: u32, max: u32) -> Result<u32, Status> {
    match value {
        0 if usual > 0 => Ok(usual),
        value if (1..=max).contains(&value) => Ok(value),
        value => Err(Status::invalid_argument(format!("{field} is {value}, expected 1 to {max}"))),
    }
}

/// 16 hexadecimal digits.
///
/// # Errors
/// When it is something else.
pub fn id(field: &str, text: &str) -> Result<u64, Status> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    id.ok_or_else(|| Status::invalid_argument(format!("{field} is {text:?}, expected 16 hexadecimal digits")))
}

/// A text without the blanks around it, of `bytes_min` to [`TEXT_BYTES_MAX`] bytes.
///
/// # Errors
/// When it is shorter or longer.
pub fn text(field: &str, text: &str, bytes_min: usize) -> Result<String, Status> {
    match text.trim() {
        text if (bytes_min..=TEXT_BYTES_MAX).contains(&text.len()) => Ok(text.into()),
        text => {
            let words = format!("{field} has {} bytes, expected {bytes_min} to {TEXT_BYTES_MAX}", text.len());
            Err(Status::invalid_argument(words))
        }
    }
}

/// Labels of a token: few, short, and such that `KEY=VALUE` on one line says what they are.
///
/// # Errors
/// When one is not.
pub fn labels<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<(), Status> {
    let mut n = 0;
    for (key, value) in labels {
        n += 1;
        let is_good = !key.is_empty() && key.len() + value.len() < LABEL_BYTES_MAX;
        let is_text = !key.chars().chain(value.chars()).any(char::is_control) && !key.contains('=');
        if !is_good || !is_text {
            return Err(Status::invalid_argument(format!(
                "label {key:?} = {value:?}: expected less than {LABEL_BYTES_MAX} bytes without control characters, with a key \
                 without \"=\""
            )));
        }
    }
    match n {
        ..=LABELS_MAX => Ok(()),
        _ => Err(Status::invalid_argument(format!("{n} labels are given, expected at most {LABELS_MAX}"))),
    }
}

/// Tokens that somebody gave in place of a name are not noted: what follows one of `prefixes`, as long as it is digits and dashes.
pub fn masked(text: &str, prefixes: &[&str]) -> String {
    let mut masked = text.to_owned();
    for prefix in prefixes {
        let mut from = 0;
        while let Some(found) = masked[from..].find(prefix) {
            let start = from + found + prefix.len();
            let n_digits = masked[start..].bytes().take_while(|byte| byte.is_ascii_hexdigit() || *byte == b'-').count();
            masked.replace_range(start..start + n_digits, "…");
            from = start;
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIXES: [&str; 2] = ["tracewell-operator-", "twt1-"];

    #[test]
    fn tokens_are_masked_and_nothing_else() {
        let masked = |text| masked(text, &PREFIXES);
        assert_eq!(
            masked("{\"token\":\"twt1-0af-1\",\"name\":\"tracewell-operator-ff\"}"),
            "{\"token\":\"twt1-…\",\"name\":\"tracewell-operator-…\"}"
        );
        assert_eq!(masked("twt1- and 0af"), "twt1-… and 0af");
    }

    #[test]
    fn numbers_ids_texts_and_labels_are_within_their_bounds() {
        let words = |status: Status| status.message().to_owned();
        assert_eq!(within("limit", 0, 100, 1000).unwrap(), 100);
        assert_eq!(within("days", 0, 0, 9).map_err(words).unwrap_err(), "days is 0, expected 1 to 9");
        assert_eq!(within("days", 10, 5, 9).map_err(words).unwrap_err(), "days is 10, expected 1 to 9");
        assert_eq!(id("host", "00000000000000fF").unwrap(), 255);
        for wrong in ["", "+0000000000000ff", "0000000000000ff", "00000000000000ff0", "００００"] {
            assert!(id("host", wrong).is_err(), "{wrong}");
        }
        assert_eq!(text("note", "  a \n", 1).unwrap(), "a");
        assert_eq!(text("note", " ", 1).map_err(words).unwrap_err(), "note has 0 bytes, expected 1 to 4000");
        assert!(text("note", &"a".repeat(4001), 1).is_err() && text("assignee", "", 0).is_ok());
        let check = |key: &str, value: &str| labels([(&key.to_owned(), &value.to_owned())]);
        assert!(check("role", "web=1").is_ok());
        for (key, value) in [("", "a"), ("a=b", ""), ("a\n", ""), ("a", "\u{1b}"), ("a", &"b".repeat(255))] {
            assert!(check(key, value).is_err(), "{key:?} {value:?}");
        }
        let many: Vec<_> = (0..=LABELS_MAX).map(|n| (n.to_string(), String::new())).collect();
        let pairs = || many.iter().map(|(key, value)| (key, value));
        assert_eq!(labels(pairs()).map_err(words).unwrap_err(), "33 labels are given, expected at most 32");
        assert!(labels(pairs().skip(1)).is_ok());
    }
}
