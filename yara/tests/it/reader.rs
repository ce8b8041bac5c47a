use crate::{MARKER, file_at, here, marker_rule, nobody_knows, put, rules, text};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use tracewell_model::{FileRef, FindingSeverity, ProcessRef};
use tracewell_yara::{Limits, Outcome, Reader, Reason, Refused, Request, Verdict};

fn reader(text: &str, limits: Limits) -> Reader {
    Reader::new(rules(text), limits, nobody_knows())
}

fn request(file: FileRef) -> Request {
    Request { number: 0, file, process: here(), reason: Reason::Written }
}

fn scan(reader: &mut Reader, file: FileRef) -> Verdict {
    reader.scan(&request(file))
}

#[test]
fn a_marker_is_found_and_what_does_not_change_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits::default());
    let path = put(&folder, "file", format!("before {MARKER} after"));
    let file = file_at(&path);
    let verdict = scan(&mut reader, file.clone());
    assert_eq!(verdict.outcome, Outcome::Scanned);
    assert_eq!((&*verdict.matches[0].title, &*verdict.matches[0].told), ("marker: a test's", "$m at 7"));
    let again = scan(&mut reader, file.clone());
    assert_eq!((again.outcome, again.matches.len()), (Outcome::Known, 1));
    // As long as before, and of another time.
    put(&folder, "file", format!("before {} after", "-".repeat(MARKER.len())));
    let changed = scan(&mut reader, file);
    assert_eq!((changed.outcome, changed.matches.len()), (Outcome::Scanned, 0));
}

#[test]
fn what_is_larger_than_may_be_is_counted_and_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits { size_max: 64, ..Limits::default() });
    let largest = put(&folder, "largest", format!("{MARKER:<64}"));
    assert_eq!(scan(&mut reader, file_at(&largest)).matches.len(), 1);
    let larger = put(&folder, "larger", format!("{MARKER:<65}"));
    let verdict = scan(&mut reader, file_at(&larger));
    assert_eq!(verdict.outcome, Outcome::Refused(Refused::TooLarge { bytes: 65 }));
    assert!(verdict.matches.is_empty());
    // Terabytes of nothing.
    let sparse = folder.path().join("sparse");
    File::create(&sparse).unwrap().set_len(4 << 40).unwrap();
    let refused = scan(&mut reader, file_at(&sparse)).outcome;
    assert_eq!(refused, Outcome::Refused(Refused::TooLarge { bytes: 4 << 40 }));
}

#[test]
fn nothing_but_regular_files_is_opened_and_nobody_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits::default());
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let not_regular = Outcome::Refused(Refused::NotRegular);
    assert_eq!(scan(&mut reader, file_at(&pipe)).outcome, not_regular);
    assert_eq!(scan(&mut reader, file_at(folder.path())).outcome, not_regular);
    assert_eq!(scan(&mut reader, file_at(Path::new("/dev/null"))).outcome, not_regular);
    // Regular by its mode, and not by what reading it does.
    let of_kernel = Path::new("/proc/self/mem").canonicalize().unwrap();
    assert_eq!(scan(&mut reader, file_at(&of_kernel)).outcome, Outcome::Refused(Refused::Elsewhere));
}

#[test]
fn a_link_leads_nowhere_and_another_file_in_the_place_is_not_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits::default());
    let secret = put(&folder, "secret", MARKER);
    let link = folder.path().join("link");
    symlink(&secret, &link).unwrap();
    // The link itself is what the path means.
    assert_eq!(scan(&mut reader, file_at(&link)).outcome, Outcome::Refused(Refused::NotRegular));
    let by_path = |path: &Path| FileRef { inode: None, ..file_at(path) };
    assert_eq!(scan(&mut reader, by_path(&link)).outcome, Outcome::Refused(Refused::NotRegular));
    // A folder that is a link: only for a file of which more is known than its path.
    let inner = folder.path().join("inner");
    symlink(folder.path(), &inner).unwrap();
    let around = |file: FileRef| FileRef { path: Some(text(&inner.join("secret")).into()), ..file };
    assert_eq!(scan(&mut reader, around(by_path(&secret))).outcome, Outcome::Refused(Refused::Gone));
    assert_eq!(scan(&mut reader, around(file_at(&secret))).matches.len(), 1);
    // Put in the place of what was written.
    let written = put(&folder, "written", "harmless");
    let file = file_at(&written);
    fs::rename(&secret, &written).unwrap();
    assert_eq!(scan(&mut reader, file).outcome, Outcome::Refused(Refused::Gone));
}

#[test]
fn what_is_gone_is_told_and_what_runs_is_found_through_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits::default());
    let path = put(&folder, "file", MARKER);
    let file = file_at(&path);
    fs::remove_file(&path).unwrap();
    let gone = Outcome::Refused(Refused::Gone);
    assert_eq!(scan(&mut reader, file.clone()).outcome, gone);
    // A process that has ended, of a file that is there: the first process' root is left.
    let nobody = ProcessRef { pid: u32::MAX >> 1, start: 1, uuid: None };
    let asked = |file| Request { number: 0, file, process: nobody, reason: Reason::Executed };
    assert_eq!(reader.scan(&asked(file)).outcome, gone);

    // This test's own program, under a path that is not there any more.
    let exe = std::env::current_exe().unwrap();
    let file = FileRef { path: Some("/nowhere/program".into()), ..file_at(&exe) };
    let all = Limits { size_max: 1 << 30, ..Limits::default() };
    let mut reader = self::reader(&marker_rule(), all);
    let verdict = reader.scan(&Request { number: 0, file: file.clone(), process: here(), reason: Reason::Executed });
    assert_eq!((verdict.outcome, verdict.matches.len()), (Outcome::Scanned, 1), "the marker is in the test itself");
    assert_eq!(scan(&mut reader, file).outcome, gone, "what is not run is had by its path alone");
}

#[test]
fn what_changes_while_it_is_read_is_told_and_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(&folder, "file", format!("{MARKER} and more"));
    let file = file_at(&path);
    let (of_hook, mut n_asked) = (path.clone(), 0);
    // Who is asked which file this is can change it just before it is read.
    let identify = Box::new(move |_: std::os::fd::BorrowedFd<'_>| {
        n_asked += 1;
        if n_asked == 1 {
            fs::write(&of_hook, format!("{MARKER} less")).unwrap();
        }
        None
    });
    let mut reader = Reader::new(rules(&marker_rule()), Limits::default(), identify);
    let verdict = scan(&mut reader, file.clone());
    assert_eq!((verdict.outcome, verdict.matches.len()), (Outcome::Changed, 1));
    assert_eq!(scan(&mut reader, file).outcome, Outcome::Scanned, "not taken for known");
}

#[test]
fn who_says_which_file_it_is_decides_and_generations_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(&folder, "file", MARKER);
    let inode = file_at(&path).inode.map(|inode| tracewell_model::Inode { generation: 7, ..inode });
    let file = FileRef { inode, ..file_at(&path) };
    let saying = |said| Reader::new(rules(&marker_rule()), Limits::default(), Box::new(move |_| said));
    assert_eq!(scan(&mut saying(inode), file.clone()).matches.len(), 1);
    assert_eq!(scan(&mut saying(file_at(&path).inode), file).outcome, Outcome::Refused(Refused::Gone));
}

#[test]
fn a_scan_that_takes_too_long_ends_and_is_not_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "rule endless { condition: for all i in (0..100000000000) : (i >= 0) }";
    let text = format!("{}\n{endless}", marker_rule());
    let mut reader = reader(&text, Limits { timeout: Duration::from_millis(50), ..Limits::default() });
    let file = file_at(&put(&folder, "file", MARKER));
    let verdict = scan(&mut reader, file.clone());
    assert_eq!((verdict.outcome, verdict.matches.len()), (Outcome::TimedOut, 1), "what was found until then counts");
    assert_eq!(scan(&mut reader, file).outcome, Outcome::Known);
}

/// Content that was made for what it costs: each byte may begin what the expression looks for, and none ends it.
#[test]
fn content_that_makes_expressions_slow_ends_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let bombs =
        "rule bombs { strings: $a = /aa(a|aa)*[^a]b/ $b = /(a.?){1,99}x/ $c = /a+a+a+y/ condition: any of them }";
    let mut reader = reader(bombs, Limits { timeout: Duration::from_millis(200), ..Limits::default() });
    let file = file_at(&put(&folder, "file", "a".repeat(1 << 20)));
    let outcome = scan(&mut reader, file).outcome;
    assert!(matches!(outcome, Outcome::TimedOut | Outcome::Scanned), "{outcome:?}");
}

#[test]
fn parsers_of_formats_are_shown_what_begins_like_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = "import \"elf\"\nimport \"pe\"\nimport \"macho\"\nimport \"dotnet\"\nimport \"dex\"\nimport \"hash\"\n\
        rule any { condition: elf.number_of_sections > 9999 or pe.number_of_sections > 9999 or dotnet.is_dotnet == 7 \
        or hash.md5(0, filesize) == \"x\" }";
    let mut reader = reader(text, Limits::default());
    let own = fs::read("/proc/self/exe").unwrap();
    let own = &own[..own.len().min(256 << 10)];
    for (at, magic) in [&b"\x7fELF\x02\x01\x01"[..], b"MZ", b"\xcf\xfa\xed\xfe", b"dex\n035\0"].iter().enumerate() {
        for cut in [0, 1, 60, 4000, own.len()] {
            let mut bytes = own[..cut].to_vec();
            bytes.splice(..magic.len().min(cut), magic.iter().copied());
            // Sizes and places that cannot be.
            bytes.iter_mut().skip(24).step_by(97).for_each(|byte| *byte = 0xff);
            let file = file_at(&put(&folder, &format!("{at}-{cut}"), bytes));
            assert_eq!(scan(&mut reader, file).outcome, Outcome::Scanned);
        }
    }
}

#[test]
fn metadata_says_how_bad_it_is_and_which_technique() {
    let folder = tempfile::tempdir().unwrap();
    let text = "rule plain { condition: true }\n\
        rule named : T1059_004 web { meta: severity = \"Low\" description = \"what it is\" condition: true }\n\
        rule scored { meta: score = 60 mitre_attack = \"T1105, T1027.011 and TA0002\" condition: true }\n\
        rule silent { meta: severity = \"none\" condition: true }\n\
        private rule hidden { condition: true }\n";
    let mut reader = reader(text, Limits::default());
    let verdict = scan(&mut reader, file_at(&put(&folder, "file", "x")));
    let told: Vec<_> =
        verdict.matches.iter().map(|found| (found.severity, &*found.title, &found.techniques[..])).collect();
    let expected = [
        (FindingSeverity::High, "plain", &[][..]),
        (FindingSeverity::Medium, "scored", &["T1027.011".into(), "T1105".into()][..]),
        (FindingSeverity::Low, "named: what it is", &["T1059.004".into()][..]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn nothing_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits::default());
    for n in 0..20 {
        let file = file_at(&put(&folder, &n.to_string(), MARKER));
        assert_eq!(scan(&mut reader, file).matches.len(), 1);
    }
    let held = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    assert_eq!(held.filter(|path| path.starts_with(folder.path())).count(), 0);
}

/// Events say such a name with its bytes replaced.
#[test]
fn a_name_that_is_no_utf8_is_told_apart_from_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(&marker_rule(), Limits::default());
    let path = folder.path().join(OsStr::from_bytes(b"bad\xff"));
    fs::write(&path, MARKER).unwrap();
    let as_said = path.to_string_lossy().into_owned();
    let file = FileRef::at_path(as_said);
    assert_eq!(scan(&mut reader, file).outcome, Outcome::Refused(Refused::Nameless));
}

#[test]
fn what_rules_say_moves_no_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("rule marker {{ meta: description = \"\x1b[31mred\" strings: $m = \"{MARKER}\" condition: $m }}");
    let verdict = scan(&mut reader(&text, Limits::default()), file_at(&put(&folder, "file", MARKER)));
    assert_eq!(&*verdict.matches[0].title, "marker: \u{fffd}[31mred");
}
