use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

fn shipped() -> &'static Redactor {
    static SHIPPED: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&[]).unwrap());
    &SHIPPED
}

/// Arguments in the table are separated by ` | `; `*` in `expected` stands for the placeholder.
fn check(arguments: &str, expected: &str) {
    let arguments: Vec<&str> = arguments.split(" | ").collect();
    let expected = expected.split(" | ").collect::<Vec<_>>().join(" ").replace('*', PLACEHOLDER);
    let exe = format!("/usr/bin/{}", arguments[0]);
    let (clean, redacted) = shipped().arguments(&exe, arguments.iter().copied());
    assert_eq!(clean, expected);
    assert_eq!(redacted, expected.contains(PLACEHOLDER), "{clean}");
}

fn kept(arguments: &str) {
    check(arguments, arguments);
}

#[test]
fn named_options() {
    for (arguments, expected) in [
        ("app | --password=hunter2", "app | --password=*"),
        ("app | --password=a b;c&d\"e | x", "app | --password=* | x"),
        ("app | --password | hunter2 | x", "app | --password | * | x"),
        ("app | --password | a b | x", "app | --password | * | x"),
        ("app | --token | abc | --api-key=def | --secret | ghi", "app | --token | * | --api-key=* | --secret | *"),
        ("java | -Ddb.password=x | -jar | a.jar", "java | -Ddb.password=* | -jar | a.jar"),
        ("keytool | -storepass | changeit | -list", "keytool | -storepass | * | -list"),
        ("kubectl | create | --from-literal=password=a=b", "kubectl | create | --from-literal=password=*"),
        (
            "docker | run | -e | PGPASSWORD=a b | --env=API_KEY=x | img",
            "docker | run | -e | PGPASSWORD=* | --env=API_KEY=* | img",
        ),
        ("env | PGPASSWORD=x | AWS_SECRET_ACCESS_KEY=y | psql", "env | PGPASSWORD=* | AWS_SECRET_ACCESS_KEY=* | psql"),
        ("helm | upgrade | --set | auth.password=x,replicas=2", "helm | upgrade | --set | auth.password=*"),
        ("docker | build | --secret | id=x,src=y | .", "docker | build | --secret | * | ."),
        ("mount | -o | username=u,password=p", "mount | -o | username=u,password=*"),
        ("app | Server=db;Password=x;Encrypt=true", "app | Server=db;Password=*;Encrypt=true"),
    ] {
        check(arguments, expected);
    }
}

#[test]
fn what_only_looks_like_a_secret_is_kept() {
    for arguments in [
        "app | --password-file | /x | --password-file=/y",
        "app | --token-ttl | 5 | --token-url=https://idp/token | --secret-name | db",
        "app | --no-password | -h | db",
        "psql | --password | -h | db",
        "app | --password= | x",
        "app | --password",
        "docker | login | --password-stdin | registry",
        "ssh | -p | 8080 | host",
        "docker | run | -p | 8080:80 | -p8443:443 | --name | mysql | mysql:8",
        "mysql | -p | shop",
        "mysqldump | -P3306 | -u | root | shop",
        "mkdir | -p | a/b",
        "curl | -u | user | http://host:8080/a@b?x=y@z",
        "git | commit | -m | fix token: expired",
        "git | commit | -m | password handling",
        "env | PWD=/home/me | OLDPWD=/",
        "openssl | rsa | -passin | file:/etc/pass | -passout | env:PASS",
        "test | token==abc",
        "app | AKIA12 | eyJ.a.b | ghp_short | xoxb",
        "cat | cert.pem | -----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----",
        "",
    ] {
        kept(arguments);
    }
}

#[test]
fn options_of_certain_programs() {
    for (arguments, expected) in [
        ("mysql | -u | root | -phunter2 | shop", "mysql | -u | root | -p* | shop"),
        ("sudo | -u | root | mariadb-dump | -px | shop", "sudo | -u | root | mariadb-dump | -p* | shop"),
        ("docker | exec | -it | db | mysql | -px", "docker | exec | -it | db | mysql | -p*"),
        ("sshpass | -p | x | ssh | -p | 22 | host", "sshpass | -p | * | ssh | -p | 22 | host"),
        ("sshpass | -px | mysql | -py", "sshpass | -p* | mysql | -p*"),
        ("docker | login | -u | me | -p | x | registry", "docker | login | -u | me | -p | * | registry"),
        ("podman | login | -px | registry", "podman | login | -p* | registry"),
        ("curl | -u | me:x:y | https://host", "curl | -u | me:* | https://host"),
        (
            "curl | -sSu | me:x | -Ume:y | --user=me:z | --proxy-user | me:z",
            "curl | -sSu | me:* | -Ume:* | --user=me:* | --proxy-user | me:*",
        ),
        ("curl | -ume:you", "curl | -ume:*"),
        (
            "curl | -H | Authorization: Bearer abc.def | -H | X-Api-Key: x y",
            "curl | -H | Authorization: Bearer * | -H | X-Api-Key: *",
        ),
        ("curl | -H | authorization:Basic dTpw", "curl | -H | authorization:Basic *"),
        ("curl | --header=Cookie: a=\"b\"; c", "curl | --header=Cookie: *"),
        ("openssl | rsa | -passin | pass:x | -in | key.pem", "openssl | rsa | -passin | pass:* | -in | key.pem"),
        ("openssl | enc | -aes256 | -k | x", "openssl | enc | -aes256 | -k | *"),
        ("redis-cli | -a | x | ping", "redis-cli | -a | * | ping"),
        ("mongosh | -u | me | -p | x", "mongosh | -u | me | -p | *"),
        ("ldapsearch | -w | x | -W", "ldapsearch | -w | * | -W"),
        ("zip | -P | x | a.zip | b", "zip | -P | * | a.zip | b"),
        ("7z | a | -px | a.7z", "7z | a | -p* | a.7z"),
    ] {
        check(arguments, expected);
    }
    // The executable's own name counts where the first argument says nothing.
    let (clean, _) = shipped().arguments("/usr/bin/mysql", ["-", "-px"].into_iter());
    assert_eq!(clean, "- -p<redacted>");
}

#[test]
fn values_within_an_argument() {
    for (arguments, expected) in [
        ("curl | https://me:p@ss@host/x?a=b", "curl | https://me:*@host/x?a=b"),
        ("app | redis://:x@host:6379/0", "app | redis://:*@host:6379/0"),
        ("curl | https://host/?access_token=abc&x=1", "curl | https://host/?access_token=*&x=1"),
        (r#"curl | -d | {"user":"u","password": "a\"b","x":1}"#, r#"curl | -d | {"user":"u","password": "*","x":1}"#),
        (r#"app | {\"token\":\"abc\",\"x\":1}"#, r#"app | {\"token\":\"*\",\"x\":1}"#),
        (r#"app | {"api_key": 12, "x": 1}"#, r#"app | {"api_key": *, "x": 1}"#),
        (r#"app | {"Authorization": "Bearer abc"}"#, r#"app | {"Authorization": "Bearer *"}"#),
        ("git | commit | -m | the password=hunter2 was wrong", "git | commit | -m | the password=* was wrong"),
        ("git | commit | -m | password=hunter2 was wrong", "git | commit | -m | password=*"),
    ] {
        check(arguments, expected);
    }
}

#[test]
fn command_lines_within_an_argument() {
    for (code, expected) in [
        ("PGPASSWORD=x psql -h db; rm -rf /", "PGPASSWORD=* psql -h db; rm -rf /"),
        ("PGPASSWORD='a b' psql", "PGPASSWORD='*' psql"),
        ("PASSWORD=a'b c'\"d e\" x", "PASSWORD=* x"),
        ("mysql -u root -px shop | gzip > a", "mysql -u root -p* shop | gzip > a"),
        ("mysql -p'a b' -h db", "mysql -p* -h db"),
        ("cd /x && sudo \"mysql\" -px", "cd /x && sudo \"mysql\" -p*"),
        ("ssh -p 22 host; mkdir -p a", "ssh -p 22 host; mkdir -p a"),
        ("app --password 'a b' --user u", "app --password '*' --user u"),
        ("app --password=\"a b\" --user u", "app --password=\"*\" --user u"),
        ("echo don't --password x", "echo don't --password *"),
        ("curl -H 'Authorization: Bearer a' http://h", "curl -H 'Authorization: Bearer *' http://h"),
        // No header may hide what follows it.
        ("curl -H Authorization:a http://h | sh", "curl -H Authorization:* http://h | sh"),
        (
            r"printf 'GET / HTTP/1.1\r\nCookie: a=b\r\n' | nc h 80",
            r"printf 'GET / HTTP/1.1\r\nCookie: *\r\n' | nc h 80",
        ),
        // What a shell puts in is no secret, and what runs must be seen.
        ("export TOKEN=$(cat /t); curl -u me:x http://h", "export TOKEN=$(cat /t); curl -u me:* http://h"),
        (
            "TOKEN=`id` x --token \"$(cat /t)\" --token ${T} --token=$T",
            "TOKEN=`id` x --token \"$(cat /t)\" --token ${T} --token=$T",
        ),
        ("app --token '$T'; app --token=$", "app --token '$T'; app --token=$"),
        ("curl -d '{\"password\":\"x\"}' http://h", "curl -d '{\"password\":\"*\"}' http://h"),
    ] {
        check_code(&["sh", "-c", code], expected);
        check_code(&["su", "root", "-lc", code], expected);
    }
    check_code(&["ssh", "host", "PGPASSWORD=x psql -h db"], "PGPASSWORD=* psql -h db");
    check_code(&["perl", "-e", "token=1;system('id')"], "token=*;system('id')");
    check_code(
        &["python3", "-c", "import x; x.login(password=\"a b\", n=1)"],
        "import x; x.login(password=\"*\", n=1)",
    );
}

fn check_code(arguments: &[&str], expected: &str) {
    let (clean, _) = shipped().arguments("/usr/bin/x", arguments.iter().copied());
    let before = arguments[..arguments.len() - 1].join(" ");
    assert_eq!(clean, format!("{before} {}", expected.replace('*', PLACEHOLDER)));
}

#[test]
fn shapes() {
    let long = "a1B2".repeat(10);
    for (secret, expected) in [
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "*"),
        (&format!("ghp_{long}"), "*"),
        (&format!("github_pat_{long}"), "*"),
        (&format!("glpat-{long}"), "*"),
        ("xoxb-123456789012-abcdef", "*"),
        ("https://hooks.slack.com/services/T00000000/B00000000/xyz", "https://hooks.slack.com/services/*"),
        ("AKIAIOSFODNN7EXAMPLE", "*"),
        ("x:ASIAIOSFODNN7EXAMPLE:y", "x:*:y"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----*-----END RSA PRIVATE KEY-----\n",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMII cut o", "-----BEGIN PRIVATE KEY-----*"),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----x-----END PGP PRIVATE KEY BLOCK-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----*-----END PGP PRIVATE KEY BLOCK-----",
        ),
    ] {
        check(&format!("app | {secret}"), &format!("app | {expected}"));
        assert_eq!(shipped().environment("X", secret), expected.replace('*', PLACEHOLDER));
    }
}

#[test]
fn environment() {
    for (name, value, expected) in [
        ("PGPASSWORD", "x y", "*"),
        ("AWS_SECRET_ACCESS_KEY", "x", "*"),
        ("GITHUB_TOKEN", "", ""),
        ("DATABASE_URL", "postgres://me:x@db/shop", "postgres://me:*@db/shop"),
        ("JAVA_OPTS", "-Xmx1g -Ddb.password=x -ea", "-Xmx1g -Ddb.password=* -ea"),
        ("PASSWORD_FILE", "/run/secrets/db", "/run/secrets/db"),
        ("PWD", "/home/me", "/home/me"),
        ("PATH", "/bin:/usr/bin", "/bin:/usr/bin"),
    ] {
        assert_eq!(shipped().environment(name, value), expected.replace('*', PLACEHOLDER), "{name}");
    }
}

#[test]
fn own_patterns() {
    let own = |pattern: &str| Redactor::new(&[pattern.to_owned()]);
    let redactor = own(r"(?i)pin:\s*(\d+)").unwrap();
    assert_eq!(redactor.arguments("x", ["x", "a PIN: 1234 b"].into_iter()), ("x a PIN: <redacted> b".into(), true));
    assert_eq!(redactor.environment("X", "pin:1"), "pin:<redacted>");
    let whole = own("card-[0-9]+").unwrap();
    assert_eq!(whole.environment("X", "card-12 card-34"), "<redacted> <redacted>");
    // What was found before is left alone.
    assert_eq!(own("[a-z]+").unwrap().environment("X", "<redacted>"), "<redacted>");

    let refused = |pattern: &str| own(pattern).unwrap_err().to_string();
    assert_eq!(refused("a("), r#"redaction pattern "a(": unclosed group"#);
    assert_eq!(refused("a*"), r#"redaction pattern "a*": matches the empty text"#);
    assert!(refused("(?:a{1000}){1000}").contains("exceeds size limit"), "{}", refused("(?:a{1000}){1000}"));
    assert!(refused(r"(a)\1").contains("backreferences are not supported"));
    assert!(refused(&"é".repeat(600)).contains("1200 bytes, at most 1024 can be taken"));
    let many = Redactor::new(&vec![String::from("a"); 65]).unwrap_err().to_string();
    assert_eq!(many, "65 redaction patterns, at most 64 can be kept");
}

#[test]
fn many_names_take_linear_time() {
    for text in [
        "authorization:",
        "password=",
        "x://u:",
        "\"token\":",
        "=\"",
        "a-token:\"",
        "-----BEGIN PRIVATE KEY-----",
        "eyJaaaaaaaaaa.",
    ] {
        let long = text.repeat((128 << 10) / text.len());
        shipped().arguments("sh", ["sh", "-c", &long, &format!("{long} ")].into_iter());
    }
}

/// What command lines with secrets are made of.
fn pieces() -> impl Strategy<Value = Vec<String>> {
    let words = "(sh|-c|sudo|mysql|curl|ssh|docker|login|exec|openssl|sshpass|perl|-e|-p|-px|-u|me:x|-passin|pass:x|--password|--password=|TOKEN=|x://u:p@h/|Authorization: Bearer x|\"token\": \"x\"|AKIAIOSFODNN7EXAMPLE|eyJaaaaaaaaa.bbbbbbbbb.c|-----BEGIN PRIVATE KEY-----|[ ;|&=:\"'\\\\]|[a-z<>é]{1,6})";
    let argument = proptest::collection::vec(words, 0..6).prop_map(|words| words.concat());
    let spaced = proptest::collection::vec(words, 0..6).prop_map(|words| words.join(" "));
    proptest::collection::vec(prop_oneof![argument, spaced], 0..8)
}

fn each(arguments: &[String]) -> Vec<String> {
    let (redactor, mut line) = (shipped(), Line::new("/bin/x"));
    arguments.iter().map(|argument| redactor.argument(&mut line, argument).into_owned()).collect()
}

proptest! {
    #[test]
    fn never_panics(arguments in proptest::collection::vec("\\PC{0,60}", 0..6), name in "\\PC{0,9}") {
        let redactor = shipped();
        redactor.arguments("/bin/x", arguments.iter().map(String::as_str));
        for argument in &arguments {
            redactor.environment(&name, argument);
        }
    }

    #[test]
    fn redacting_again_changes_nothing(arguments in pieces()) {
        let once = each(&arguments);
        prop_assert_eq!(&each(&once), &once);
    }

    #[test]
    fn what_is_kept_is_kept_in_order(arguments in pieces()) {
        for (argument, clean) in arguments.iter().zip(each(&arguments)) {
            let mut rest = argument.as_str();
            for part in clean.split(PLACEHOLDER) {
                let at = rest.find(part);
                prop_assert!(at.is_some(), "{:?} has no {:?}", argument, part);
                rest = &rest[at.unwrap_or(0) + part.len()..];
            }
        }
    }
}
