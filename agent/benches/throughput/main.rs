//! How many events a core takes: the graph alone, the whole pipeline, and as hosts become many.

mod inputs;
mod insert;
mod pipeline;

criterion::criterion_group!(benches, insert::insert, pipeline::pipeline, pipeline::hosts);
criterion::criterion_main!(benches);
