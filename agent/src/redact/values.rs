//! Named values within a text: `name=value`, `"name": "value"`, `Name: value`.

use super::names;
use std::ops::Range;

/// Schemes that stand before a credential and say what it is.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "negotiate", "apikey"];

/// Headers that hold a credential whatever their name ends with.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Adds the values of secret names, and passwords of URLs. In code, what a shell ends words with ends values, too.
/// O(length): what lies in a value that was found is not looked at again.
pub(super) fn find(text: &str, is_code: bool, secrets: &mut Vec<Range<usize>>) {
    let mut found_to = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'=' | b':')) {
        if at < found_to {
            continue;
        }
        let found = match byte {
            b'=' => assigned(text, at, is_code),
            _ => url_password(text.as_bytes(), at).or_else(|| field(text, at, is_code)),
        };
        found_to = found.as_ref().map_or(found_to, |found| found.end);
        secrets.extend(found);
    }
}

/// The end behind the closing quote if a quoted text begins here and ends at all.
pub(super) fn quoted_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = *bytes.get(start).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether a shell puts something else in this place: `$(cat file)`, `"$TOKEN"`. That is no secret, and what runs there
/// must be seen.
pub(super) fn is_expansion(value: &str) -> bool {
    let bare = value.strip_prefix('"').unwrap_or(value);
    let is_variable = |rest: &str| {
        rest.is_empty() || rest.starts_with(|byte: char| byte.is_ascii_alphanumeric() || "_({".contains(byte))
    };
    bare.starts_with('`') || bare.strip_prefix('$').is_some_and(is_variable)
}

/// `name=value`, the name ending before `equals`.
fn assigned(text: &str, equals: usize, is_code: bool) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // `==` compares.
    if bytes.get(equals + 1) == Some(&b'=') || !names::is_secret(&text[name_start(bytes, equals)..equals]) {
        return None;
    }
    let start = equals + 1;
    if is_code && is_expansion(&text[start..]) {
        return None;
    }
    if let Some(end) = quoted_end(bytes, start) {
        return Some(start + 1..end - 1);
    }
    let ends = |byte: u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'&' | b';' | b'"' | b'\'')
            || is_code && matches!(byte, b'|' | b')' | b'`')
    };
    Some(start..end_of(bytes, start, ends))
}

/// `"name": "value"` of JSON, and `Name: value` of a header; the name ending before `colon`.
fn field(text: &str, colon: usize, is_code: bool) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let quote = |at: usize| bytes.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let is_key = colon > 0 && quote(colon - 1).is_some();
    // JSON within a quoted text has its quotes escaped.
    let name_end = colon - usize::from(is_key);
    let name_end = name_end - usize::from(is_key && bytes[..name_end].ends_with(b"\\"));
    let mut start = name_start(bytes, name_end);
    // `printf 'GET / HTTP/1.1\r\nCookie: x'`
    let is_escaped_line = bytes[..start].ends_with(b"\\") && bytes[start..name_end].starts_with(b"n");
    start += usize::from(is_escaped_line);
    let opening = start.checked_sub(1).and_then(quote);

    let name = &text[start..name_end];
    let is_credential = HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name));
    // A colon in a sentence ("fix token: expired") is none of a header.
    let is_header = start == 0 || opening.is_some() || is_escaped_line || bytes[start - 1] == b'=';
    if !(is_credential || names::is_secret(name) && (is_key || is_header && name.contains('-'))) {
        return None;
    }

    let value = end_of(bytes, colon + 1, |byte| byte != b' ');
    if let Some(end) = quoted_end(bytes, value) {
        return Some(credential(text, value + 1)..end - 1);
    }
    if bytes.get(value) == Some(&b'\\') && quote(value + 1).is_some() {
        let secret = credential(text, value + 2);
        return Some(secret..end_of(bytes, secret, |byte| byte == b'\\'));
    }
    let secret = credential(text, value + usize::from(quote(value).is_some()));
    let ends = |byte: u8| match byte {
        b'\r' | b'\n' => true,
        _ if is_key => matches!(byte, b',' | b'}' | b']'),
        _ if opening.is_some() => Some(byte) == opening,
        b'\\' => is_escaped_line,
        b'"' | b'\'' => is_code || is_escaped_line,
        // More would hide the rest of a command line behind a header without quotes.
        _ => is_code && !is_escaped_line && byte.is_ascii_whitespace(),
    };
    Some(secret..end_of(bytes, secret, ends))
}

/// Where in a header's value the secret begins: behind the scheme.
fn credential(text: &str, start: usize) -> usize {
    let scheme = text[start..].split_once(' ').map(|(scheme, _)| scheme);
    let known = scheme.filter(|scheme| SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)));
    known.map_or(start, |scheme| start + scheme.len() + 1)
}

/// The password of `scheme://user:password@host`, `colon` being the first one behind the slashes.
fn url_password(bytes: &[u8], colon: usize) -> Option<Range<usize>> {
    let user = bytes[..colon].iter().rposition(|&byte| ends_authority(byte) || matches!(byte, b':' | b'@'))?;
    if !bytes[..=user].ends_with(b"://") || !bytes[..user - 2].last().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    // Up to the last one: many write a password's own `@` as it is.
    let end = end_of(bytes, colon + 1, ends_authority);
    let at = bytes[colon + 1..end].iter().rposition(|&byte| byte == b'@')?;
    Some(colon + 1..colon + 1 + at)
}

fn ends_authority(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"')
}

fn name_start(bytes: &[u8], end: usize) -> usize {
    bytes[..end].iter().rposition(|&byte| !names::is_name_byte(byte)).map_or(0, |before| before + 1)
}

fn end_of(bytes: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> usize {
    bytes[start..].iter().position(|&byte| ends(byte)).map_or(bytes.len(), |length| start + length)
}
