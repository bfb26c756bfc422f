//! Transports: one suite, every case on every transport, and what only one of them has.

#[path = "../harness/mod.rs"]
mod harness;

mod connection;
mod fanout;
mod fixture;
mod queues;
mod redis;
mod settling;

/// Makes a test of every case on every transport: `conformance!({ case … } on redis, sqlite)`. Each transport is a
/// constructor of [`fixture::Fixture`].
macro_rules! conformance {
    ({ $($case:ident)* } on $transport:ident $(, $more:ident)*) => {
        mod $transport {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::fixture::Fixture::$transport()).await;
                }
            )*
        }
        $crate::conformance!({ $($case)* } on $($more),*);
    };
    ({ $($case:ident)* } on) => {};
}
pub(crate) use conformance;
