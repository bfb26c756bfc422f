//! The library as a Rust service's author has it: typed tasks, a worker in the same process, every case on real Redis and
//! on a real SQLite file; and the programs of `examples/`.

#[path = "../harness/mod.rs"]
mod harness;

mod calls;
mod canvas;
mod context;
mod endings;
mod fixture;
mod limits;
mod results;
mod retries;
mod tasks;
mod web;

/// Makes a test of every case on every kind of store: `everywhere!({ case … })`.
macro_rules! everywhere {
    ({ $($case:ident)* }) => {
        $crate::everywhere!({ $($case)* } on redis, sqlite);
    };
    ({ $($case:ident)* } on $store:ident $(, $more:ident)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::fixture::Fixture::$store()).await;
                }
            )*
        }
        $crate::everywhere!({ $($case)* } on $($more),*);
    };
    ({ $($case:ident)* } on) => {};
}
pub(crate) use everywhere;
