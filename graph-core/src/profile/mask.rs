//! Fixed rules of generalisation: what varies between occurrences of the same thing becomes `#`.
//!
//! Works on one component of a path or one word of a command, and on bytes that an attacker may have chosen. What else
//! varies is learned from how siblings multiply (`fold.rs`).

/// Stands for what was masked.
const MASK: char = '#';
/// Shortest run of hexadecimal digits, mixed of letters and numerals, that is taken for an identifier.
const HEX_RUN_MIN: usize = 8;
/// Shortest run in a random alphabet (`mkstemp` has six) that is taken for a temporary suffix.
const RANDOM_RUN_MIN: usize = 6;

/// Appends the general form of `word` to `out`, at most `bytes_max` bytes of it.
///
/// Numbers, versions, hexadecimal and uuid runs and random suffixes become `#`, the last part of an IPv4 address too.
/// `*` is kept for the wildcard and, like control characters, becomes `_`.
pub fn mask_into(word: &str, bytes_max: usize, out: &mut String) {
    // Most names are plain words, which no rule touches.
    if word.len() <= bytes_max
        && word.bytes().all(|b| b.is_ascii_lowercase() || b"-_.+".contains(&b))
        && !may_be_uuid(word)
    {
        return out.push_str(word);
    }
    let start = out.len();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        if out.len() - start >= bytes_max {
            break;
        }
        if first.is_ascii_alphanumeric() {
            let run = rest.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let taken = mask_run(rest, run, out);
            rest = &rest[taken..];
        } else {
            out.push(if first == '*' || first.is_control() { '_' } else { first });
            rest = &rest[first.len_utf8()..];
        }
    }
    truncate(out, start + bytes_max);
}

/// Masks the alphanumeric run at the head of `rest` and returns how many bytes it took, which may be more than the run.
fn mask_run(rest: &str, run: usize, out: &mut String) -> usize {
    let word = &rest[..run];
    let n_digits = word.bytes().filter(u8::is_ascii_digit).count();
    if n_digits == 0 && !is_random(word) && !starts_uuid(rest) {
        out.push_str(word);
        return run;
    }
    if starts_uuid(rest) {
        out.push(MASK);
        return 36;
    }
    if n_digits == run {
        return mask_number(rest, run, out);
    }
    if is_hex(word) || is_random(word) {
        out.push(MASK);
        return run;
    }
    let mut after_digit = false;
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !after_digit {
            out.push(MASK);
        }
        after_digit = c.is_ascii_digit();
    }
    run
}

/// Masks a number together with the numbers that follow after dots: an address keeps its first three, a version none.
fn mask_number(rest: &str, run: usize, out: &mut String) -> usize {
    let (mut end, mut n_parts, mut third_end, mut octets) = (run, 1, 0, is_octet(&rest[..run]));
    while let Some(tail) = rest[end..].strip_prefix('.') {
        let digits = tail.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(tail.len());
        let letter_follows = tail[digits..].starts_with(|c: char| c.is_ascii_alphabetic());
        if digits == 0 || letter_follows {
            break;
        }
        octets &= is_octet(&tail[..digits]);
        if n_parts == 3 {
            third_end = end;
        }
        n_parts += 1;
        end += 1 + digits;
    }
    if n_parts == 4 && octets {
        out.push_str(&rest[..=third_end]);
    } else if n_parts == 3 && octets && rest[end..].starts_with(".#") {
        // An address that is masked already.
        out.push_str(&rest[..=end]);
        end += 2;
    }
    out.push(MASK);
    end
}

fn is_octet(digits: &str) -> bool {
    digits.len() <= 3 && digits.parse::<u8>().is_ok()
}

/// A run of hexadecimal digits in one case that holds letters and numerals.
fn is_hex(word: &str) -> bool {
    let one_case = |letters: std::ops::RangeInclusive<u8>| {
        word.bytes().all(|b| b.is_ascii_digit() || letters.contains(&b)) && word.bytes().any(|b| letters.contains(&b))
    };
    word.len() >= HEX_RUN_MIN && (one_case(b'a'..=b'f') || one_case(b'A'..=b'F'))
}

/// Whether letters and numerals, or capitals and small letters, take turns as they do not in words.
fn is_random(word: &str) -> bool {
    let bytes = word.as_bytes();
    let turns = |class: fn(&u8) -> bool| bytes.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    let n_capitals_after_small =
        bytes.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    word.len() >= RANDOM_RUN_MIN
        && (turns(u8::is_ascii_digit) >= 3
            || (turns(u8::is_ascii_digit) >= 2 && n_capitals_after_small >= 1)
            || (n_capitals_after_small >= 2 && bytes.windows(3).any(|w| w.iter().all(u8::is_ascii_uppercase))))
}

/// Whether a word without digits is long enough to be, or to hold, a uuid all of letters.
fn may_be_uuid(word: &str) -> bool {
    word.len() >= 36
}

/// Whether 8-4-4-4-12 hexadecimal digits stand at the head of `text`.
fn starts_uuid(text: &str) -> bool {
    let Some(head) = text.as_bytes().get(..36) else { return false };
    let fits = |(i, &b): (usize, &u8)| if [8, 13, 18, 23].contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() };
    head.iter().enumerate().all(fits) && !text.as_bytes().get(36).is_some_and(u8::is_ascii_alphanumeric)
}

/// Cuts `out` to at most `len` bytes, at a character's boundary.
fn truncate(out: &mut String, len: usize) {
    if out.len() > len {
        out.truncate(out.floor_char_boundary(len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (word, expected) in [
            ("passwd", "passwd"),
            ("libc.so.6", "libc.so.#"),
            ("python3.11", "python#.#"),
            ("linux-image-6.1.0-18-amd64", "linux-image-#-#-amd#"),
            ("5facb37bd928", "#"),
            ("cali2e28f1b9c04", "#"),
            ("deadbeef", "deadbeef"),
            ("cafebabe01", "#"),
            ("550e8400-e29b-41d4-a716-446655440000", "#"),
            ("snap-550e8400-e29b-41d4-a716-446655440000.img", "snap-#.img"),
            ("prc.280002378", "prc.#"),
            ("tmp.aB3xK9zQ1p", "tmp.#"),
            ("session-12.scope", "session-#.scope"),
            ("192.168.28.37", "192.168.28.#"),
            ("192.168.28.37:8080", "192.168.28.#:#"),
            ("1.2.3.4.5", "#"),
            ("999.168.28.37", "#"),
            ("README", "README"),
            ("getElementById", "getElementById"),
            ("*", "_"),
            ("a\u{7}\nb", "a__b"),
            ("äöü7", "äöü#"),
            ("", ""),
        ] {
            let mut out = String::new();
            mask_into(word, 64, &mut out);
            assert_eq!(out, expected, "{word:?}");
        }
    }

    #[test]
    fn long_words_are_cut_at_a_character() {
        let mut out = String::from("x/");
        mask_into(&"ä".repeat(100), 63, &mut out);
        assert_eq!(out, format!("x/{}", "ä".repeat(31)));
    }
}
