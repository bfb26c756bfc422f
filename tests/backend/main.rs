//! Result back ends: one suite, every case on every back end, and what only one of them has.

#[path = "../harness/mod.rs"]
mod harness;

mod chords;
mod fixture;
mod redis;
mod results;
mod watching;

/// Makes a test of every case on every back end: `conformance!({ case … } on redis, sqlite)`. Each back end is a
/// constructor of [`fixture::Fixture`].
macro_rules! conformance {
    ({ $($case:ident)* } on $backend:ident $(, $more:ident)*) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::fixture::Fixture::$backend()).await;
                }
            )*
        }
        $crate::conformance!({ $($case)* } on $($more),*);
    };
    ({ $($case:ident)* } on) => {};
}
pub(crate) use conformance;
