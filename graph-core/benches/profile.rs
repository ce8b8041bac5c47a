//! Cost per observation of the host profile: a known leaf, one that is counted, a new label, and a day's boundary.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tracewell_graph_core::profile::{HostProfile, ObjectLabel, SubjectId};
use tracewell_model::{EventNs, Operation};
use tracewell_parameters::{Parameters, ProfileParameters};

const START: u64 = 20_000 * EventNs::DAY;
const N_SUBJECTS: usize = 100;
const N_PATHS: usize = 100;

/// Letters only, so that no mask makes two names one.
fn word(mut n: usize) -> String {
    let mut word = String::new();
    for _ in 0..6 {
        word.push(char::from(b'g' + (n % 16) as u8));
        n /= 16;
    }
    word
}

fn path(n: usize) -> String {
    format!("/usr/lib/{}/{}.so", word(n / 40), word(n * 7 + 1))
}

/// A profile that knows 100 subjects with 100 files each, every one seen 20 times.
fn learned(parameters: &ProfileParameters) -> (HostProfile, Vec<SubjectId>) {
    let mut profile = HostProfile::new(parameters);
    let subjects: Vec<_> = (0..N_SUBJECTS).map(|n| profile.subject("", &format!("/bin/{}", word(n)), None)).collect();
    for round in 0..20 {
        for &subject in &subjects {
            for n in 0..N_PATHS {
                let leaf = profile.leaf(subject, Operation::Read, ObjectLabel::File(&path(n))).expect("within budget");
                profile.observe(leaf, EventNs(START + round * 2 * EventNs::SECOND)).expect("within budget");
            }
        }
    }
    (profile, subjects)
}

fn profile(criterion: &mut Criterion) {
    let parameters = Parameters::default().profile;
    let (profile, subjects) = learned(&parameters);
    let mut group = criterion.benchmark_group("profile");
    group.throughput(Throughput::Elements((N_SUBJECTS * N_PATHS) as u64));

    let mut known = profile.clone();
    let leaves: Vec<_> = subjects
        .iter()
        .flat_map(|&subject| (0..N_PATHS).map(move |n| (subject, path(n))))
        .map(|(subject, path)| known.leaf(subject, Operation::Read, ObjectLabel::File(&path)).expect("within budget"))
        .collect();
    let now = START + 100 * EventNs::SECOND;
    let observe_all = |profile: &mut HostProfile, now| {
        for &leaf in &leaves {
            black_box(profile.observe(leaf, EventNs(now))).expect("within budget");
        }
    };
    observe_all(&mut known, now);
    group.bench_function("known leaf", |bencher| {
        bencher.iter(|| observe_all(&mut known, now));
    });

    let (mut counted, mut now) = (known.clone(), now);
    group.bench_function("counted leaf", |bencher| {
        bencher.iter(|| {
            now += EventNs::SECOND;
            observe_all(&mut counted, now);
        });
    });

    let paths: Vec<String> = (0..N_SUBJECTS * N_PATHS).map(path).collect();
    group.bench_function("label again", |bencher| {
        let mut again = known.clone();
        bencher.iter(|| {
            for (path, &subject) in paths[..N_PATHS].iter().cycle().zip(subjects.iter().cycle()).take(paths.len()) {
                black_box(again.leaf(subject, Operation::Read, ObjectLabel::File(path))).expect("within budget");
            }
        });
    });
    group.bench_function("new label", |bencher| {
        bencher.iter_batched_ref(
            || known.clone(),
            |fresh| {
                for (path, &subject) in paths.iter().zip(subjects.iter().cycle()) {
                    let leaf = fresh.leaf(subject, Operation::Write, ObjectLabel::File(path)).expect("within budget");
                    black_box(fresh.observe(leaf, EventNs(now))).expect("just made");
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();

    criterion.bench_function("profile/day boundary of 10,000 leaves", |bencher| {
        let tomorrow = EventNs(START + EventNs::DAY);
        bencher.iter_batched_ref(|| known.clone(), |idle| idle.advance(tomorrow), BatchSize::LargeInput);
    });
}

criterion_group!(benches, profile);
criterion_main!(benches);
