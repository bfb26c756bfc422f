//! Canvases of calls: chain, group and chord.
//!
//! Mirrors the constructors and `|` of `celery.canvas`.

use std::ops::BitOr;

use super::{App, Call};
use crate::canvas;
use crate::protocol::{ProtocolError, Signature};

impl App {
    /// One call after the other, in this order: each gets the result of the one before it as its first argument, unless
    /// it is [`immutable`](Call::immutable). The result is the last one's. See also [`Call::then`].
    pub fn chain<R>(&self, calls: impl IntoIterator<Item = Call<R>>) -> Call<R> {
        let (tasks, problem) = signatures(calls);
        Call::new(self.clone(), canvas::chain(tasks), problem)
    }

    /// Calls side by side. The result is the list of theirs, in this order.
    ///
    /// ```no_run
    /// # async fn example(app: rcelery::App) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use rcelery::{GroupResult, Value};
    ///
    /// let calls = (0..10).map(|n| app.send_task("proj.add").args([n, n]));
    /// let sums = app.group(calls).apply_async().await?;
    /// let group: GroupResult = sums.group().expect("it is a group's");
    /// println!("{} of {} are done", group.completed_count().await?, group.len());
    /// let sums: Vec<Value> = sums.get(Duration::from_secs(10)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn group<R>(&self, calls: impl IntoIterator<Item = Call<R>>) -> Call<Vec<R>> {
        let (tasks, problem) = signatures(calls);
        Call::new(self.clone(), canvas::group(tasks), problem)
    }

    /// Calls side by side, and `body`, which gets the list of their results once all are in. The result is `body`'s; if
    /// one of the calls fails, `body` fails with a `ChordError` without being run.
    pub fn chord<R, S>(&self, header: impl IntoIterator<Item = Call<R>>, body: Call<S>) -> Call<S> {
        let (tasks, problem) = signatures(header);
        let (body, body_problem) = body.into_parts();
        let chord = canvas::chord(tasks, &body);
        Call::new(self.clone(), chord, problem.or(body_problem))
    }
}

impl<R> Call<R> {
    /// This call, then `next`, with this one's result as its first argument (unless it is
    /// [`immutable`](Call::immutable)): the same as `self | next`. A group followed by a call is a chord.
    ///
    /// ```
    /// # use rcelery::{App, Call, Value};
    /// # let app = App::new();
    /// let add = |n: i64| app.send_task("proj.add").args([n]);
    /// let chain: Call<Value> = app.send_task("proj.add").args([1, 2]) | add(10) | add(100); // 113
    /// let chord = app.group([add(1), add(2)]) | app.send_task("proj.sum");
    /// ```
    pub fn then<S>(self, next: Call<S>) -> Call<S> {
        let app = self.app().clone();
        let (first, problem) = self.into_parts();
        let (next, next_problem) = next.into_parts();
        let chain = canvas::then(first, next);
        Call::new(app, chain, problem.or(next_problem))
    }
}

impl<R, S> BitOr<Call<S>> for Call<R> {
    type Output = Call<S>;

    fn bitor(self, next: Call<S>) -> Call<S> {
        self.then(next)
    }
}

fn signatures<R>(
    calls: impl IntoIterator<Item = Call<R>>,
) -> (Vec<Signature>, Option<ProtocolError>) {
    let mut problem = None;
    let signatures = calls.into_iter().map(|call| {
        let (signature, wrong) = call.into_parts();
        problem = problem.take().or(wrong);
        signature
    });
    (signatures.collect(), problem)
}
