//! How secrets are called.

/// Ends of names, written together: `--api-key`, `apiKey` and `MY_API_KEY` all end with `apikey`.
const ENDS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "bearer",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "authkey",
    "accountkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
];

/// Last words, too short to be looked for within others: `compass` is no secret.
const LAST_WORDS: [&str; 9] = ["pass", "pwd", "pw", "psk", "sshpass", "storepass", "keypass", "dbpass", "userpass"];

/// First words of switches that are about secrets and hold none: `--no-password`, `--ask-pass`, `--max-token`.
const SWITCHES: [&str; 13] = [
    "no", "ask", "prompt", "without", "disable", "enable", "allow", "require", "requires", "skip", "use", "show", "max",
];

/// Longest name that is looked at, in bytes.
const NAME_LEN_MAX: usize = 128;

/// Whether the value of this name is a secret. Leading hyphens do not matter, nor does case.
///
/// The end of a name says what its value is: `--password` holds one, `--password-file`, `TOKEN_URL` and `--token-ttl` do
/// not.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('-');
    // The shell's working directories.
    if name.is_empty() || name.len() > NAME_LEN_MAX || matches!(name, "PWD" | "OLDPWD") {
        return false;
    }
    let words: Vec<String> = words(name);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    if words.len() > 1 && SWITCHES.contains(&first.as_str()) {
        return false;
    }
    let together = words.concat();
    LAST_WORDS.contains(&last.as_str()) || ENDS.iter().any(|end| together.ends_with(end))
}

/// Bytes of which names of options, variables, headers and fields are made.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Lower-case words of `--api-key`, `API_KEY`, `api.key` and `apiKey`.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(|byte: char| !byte.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let mut was_lower = false;
        let mut word = String::new();
        for letter in part.chars() {
            if letter.is_ascii_uppercase() && was_lower {
                words.push(std::mem::take(&mut word));
            }
            was_lower = letter.is_ascii_lowercase();
            word.push(letter.to_ascii_lowercase());
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "--password",
            "-password",
            "Password",
            "PGPASSWORD",
            "DB_PASS",
            "MYSQL_PWD",
            "SSHPASS",
            "--pass",
            "--token",
            "GITHUB_TOKEN",
            "authToken",
            "csrftoken",
            "--secret",
            "clientSecret",
            "--api-key",
            "apikey",
            "API_KEY",
            "X-Api-Key",
            "AWS_SECRET_ACCESS_KEY",
            "spring.datasource.password",
            "-storepass",
            "wifi-sec.psk",
            "-pw",
            "--oauth2-bearer",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_of_other_things() {
        for name in [
            "",
            "-",
            "--",
            "PWD",
            "OLDPWD",
            "--password-file",
            "--password-stdin",
            "--token-ttl",
            "TOKEN_URL",
            "--secret-name",
            "--no-password",
            "--ask-pass",
            "--max-token",
            "AWS_ACCESS_KEY_ID",
            "--key",
            "--compass",
            "bypass",
            "SSH_AUTH_SOCK",
            "--public-key",
            "user",
            "path",
            "-p",
            "ключ",
            &"password".repeat(17),
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
