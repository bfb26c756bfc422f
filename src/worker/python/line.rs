//! One child at work: what it has been sent, what it says, and what befalls it.
//!
//! A child runs one request at a time. Quick ones are sent ahead, as long as no other child is idle, and taken back when
//! the one that runs turns out to be slow: a request never waits behind a long one (Celery's `-O fair`). Who runs it is
//! said when it begins: a request that was sent ahead is neither acknowledged nor active.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use nix::sys::signal::Signal;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep_until;

use super::Pool;
use super::after::Fate;
use super::ended::{Ran, finish};
use crate::pool::python::{Child, End, Outcome, Said};
use crate::protocol::{ResultMeta, State as TaskState, repr};
use crate::task::{Stop, TimeLimits};
use crate::worker::Request;
use crate::worker::core::Core;
use crate::worker::undone::{cancelled, revoked, signal_number};

/// How long a request may run while others are in the child's queue.
pub(super) const SLOW: Duration = Duration::from_millis(5);
/// How often a child is told again that the soft limit has passed: it may have begun a moment later than it was told to.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a task may clean up after its hard limit (billiard.pool, _trywaitkill).
const CLEAN_UP: Duration = Duration::from_millis(100);

/// A request that a child has.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) request: Arc<Request>,
    pub(super) number: u32,
    pub(super) limits: TimeLimits,
    pub(super) unsettled: OwnedSemaphorePermit,
    /// When it began, or was sent.
    pub(super) since: Instant,
    pub(super) has_begun: bool,
    /// Whether it is too large for a packet of its own.
    pub(super) is_large: bool,
    /// Whether results of it were handed in.
    pub(super) has_stored: bool,
    /// Whether one of them is its success.
    pub(super) has_succeeded: bool,
    /// It was cut off, and what becomes of it is dealt with: what the child says of it does not count.
    pub(super) is_cut_off: bool,
    /// It is a thread, which nothing can end.
    pub(super) goes_on: bool,
    /// Its hard limit has passed, and its process is ended.
    pub(super) timed_out: bool,
    /// When a process is killed that was told to end.
    pub(super) kill_at: Option<Instant>,
    /// When to say that its soft limit has passed; none if it has none.
    pub(super) soft_at: Option<Instant>,
    pub(super) has_passed_soft: bool,
}

/// A child at work.
pub(super) struct Line<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) pool: &'a Arc<Pool>,
    pub(super) child: Option<Child>,
    /// What it has, in order; the first runs.
    pub(super) sent: VecDeque<Sent>,
    /// Number of the last request.
    pub(super) number: u32,
    /// The last result, as long as it may be followed by the end of its run at once.
    pub(super) last: Option<ResultMeta>,
    /// What the child waits for.
    pub(super) fence: Option<BoxFuture<'static, ()>>,
    /// How many times it has asked to be told of that: a wait that was cut short asks again.
    pub(super) fences: usize,
    /// How long a run takes, in microseconds: what was seen last counts most.
    pub(super) pace: f64,
}

/// What happens next.
enum Next {
    Said(Said),
    Fenced,
    Stop(Stop),
    Time,
}

/// Runs a request in a child, and then the next ones, as long as they are Python tasks and there are any.
pub(in crate::worker) async fn serve(core: &Arc<Core>, pool: &Arc<Pool>, first: Arc<Request>) {
    let mut line = Line {
        core,
        pool,
        child: None,
        sent: VecDeque::new(),
        number: 0,
        last: None,
        fence: None,
        fences: 0,
        pace: f64::MAX,
    };
    let mut next = Some(first);
    loop {
        if line.sent.is_empty() {
            let Some(request) = next.take().or_else(|| core.slots.next_python(core)) else {
                break;
            };
            line.begin(request).await;
        } else {
            line.ahead().await;
            line.step().await;
        }
    }
    if let Some(child) = line.child.take() {
        pool.put_back(child, core.slots.len());
    }
}

impl Line<'_> {
    /// Waits for what happens next, and deals with it.
    async fn step(&mut self) {
        let next = match self.child.as_mut().and_then(Child::said_already) {
            Some(said) => Next::Said(said),
            None => self.wait().await,
        };
        match next {
            Next::Said(said) => self.hear(said).await,
            Next::Fenced => self.answer().await,
            Next::Stop(why) => self.stop(why).await,
            Next::Time => self.pass_time().await,
        }
    }

    async fn answer(&mut self) {
        self.fence = None;
        let fences = std::mem::take(&mut self.fences);
        if let Some(child) = &mut self.child {
            child.fenced(fences).await;
        }
    }

    /// A run may end before its fence is answered, if something has cut its wait short.
    async fn answer_fences(&mut self) {
        if let Some(fence) = &mut self.fence {
            fence.await;
            self.answer().await;
        }
    }

    async fn wait(&mut self) -> Next {
        // Nothing follows it at once.
        if let Some(meta) = self.last.take() {
            self.core.storer.post(meta).await;
        }
        let deadline = self.deadline();
        let first = self.sent.front();
        let stopped = async {
            match first {
                Some(sent) if !sent.is_cut_off && !sent.goes_on => sent.request.stopped().await,
                _ => pending().await,
            }
        };
        let (child, fence) = (&mut self.child, &mut self.fence);
        let said = async {
            match child {
                Some(child) => child.said().await,
                None => Said::Gone(0),
            }
        };
        let fenced = async {
            match fence {
                Some(fence) => fence.await,
                None => pending().await,
            }
        };
        let time = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            said = said => Next::Said(said),
            () = fenced => Next::Fenced,
            why = stopped => Next::Stop(why),
            () = time => Next::Time,
        }
    }

    /// When to look at the clock again.
    fn deadline(&self) -> Option<Instant> {
        let first = self.sent.front()?;
        let slow = (self.sent.len() > 1).then(|| first.since + SLOW);
        if !self.pool.has_processes() || first.is_cut_off {
            return slow;
        }
        let hard = first.limits.hard.filter(|_| !first.timed_out);
        let hard = hard.map(|hard| first.since + hard);
        let all = [slow, hard, first.soft_at, first.kill_at];
        all.into_iter().flatten().min()
    }

    async fn pass_time(&mut self) {
        let now = Instant::now();
        let Some(first) = self.sent.front_mut() else {
            return;
        };
        if !first.is_cut_off && self.pool.has_processes() {
            let hard = first.limits.hard.filter(|_| !first.timed_out);
            if let Some(hard) = hard.filter(|hard| now >= first.since + *hard) {
                first.timed_out = true;
                first.soft_at = None;
                let seconds = short(hard);
                tracing::error!(
                    event = "task.timed_out",
                    task = first.request.name(),
                    id = first.request.id(),
                    limit = hard.as_secs_f64(),
                    "Hard time limit ({seconds}s) exceeded for {}",
                    first.request.label()
                );
                first.kill_at = Some(now + CLEAN_UP);
                return self.signal(Signal::SIGTERM as i32).await;
            }
            if first.kill_at.is_some_and(|at| now >= at) {
                first.kill_at = None;
                return self.signal(Signal::SIGKILL as i32).await;
            }
            if first.soft_at.is_some_and(|at| now >= at) {
                first.soft_at = Some(now + AGAIN);
                if !std::mem::replace(&mut first.has_passed_soft, true) {
                    let seconds = short(first.limits.soft.unwrap_or_default());
                    tracing::warn!(
                        "Soft time limit ({seconds}s) exceeded for {}",
                        first.request.label()
                    );
                }
                self.signal(Signal::SIGUSR1 as i32).await;
            }
        }
        let is_slow = self.sent.front().is_some_and(|s| now >= s.since + SLOW);
        if self.sent.len() > 1 && is_slow {
            self.pace = f64::MAX;
            self.take_back().await;
        }
    }

    /// Takes back what the child has not read, and lets others run it.
    async fn take_back(&mut self) {
        let Some(child) = &mut self.child else { return };
        let numbers = child.recall();
        let mut back = Vec::new();
        let mut kept = VecDeque::new();
        for sent in self.sent.drain(..) {
            if numbers.contains(&sent.number) && !sent.has_begun {
                back.push(sent.request);
            } else {
                kept.push_back(sent);
            }
        }
        self.sent = kept;
        self.core.slots.put_back(self.core, back);
        // A child that is slow to wake up has not read the one that is its turn: it stays its turn.
        let unread = self.sent.front().filter(|s| numbers.contains(&s.number));
        let Some(packet) = unread.map(|sent| self.packet(sent)) else {
            return;
        };
        if let Some(child) = &mut self.child
            && let Err(error) = child.send(&packet).await
        {
            tracing::debug!("a child does not take its request again: {error}");
        }
    }

    async fn signal(&mut self, number: i32) {
        if let Some(child) = &self.child {
            child.kill(number).await;
        }
    }

    /// The run that goes on is to be cut off.
    async fn stop(&mut self, why: Stop) {
        // What is behind it must not be hit.
        self.take_back().await;
        let Some(first) = self.sent.front_mut() else {
            return;
        };
        let request = Arc::clone(&first.request);
        if let Stop::Terminate(signal) = &why
            && self.pool.has_processes()
            && signal_number(signal) == Some(Signal::SIGUSR1 as i32)
        {
            // It is told so by an exception, as if its soft time limit had passed, and what becomes of it counts.
            request.go_on();
            revoked(self.core, &request, "terminated", Some(signal)).await;
            return self.signal(interrupt()).await;
        }
        first.is_cut_off = true;
        if !self.pool.has_processes() {
            tracing::warn!(
                "Task {} can't be cut off: a thread can't be ended from outside",
                request.label()
            );
            if why == Stop::Cancel {
                cancelled(self.core, &request).await;
            } else {
                first.is_cut_off = false;
                first.goes_on = true;
            }
            return;
        }
        match why {
            Stop::Terminate(signal) => {
                let number = signal_number(&signal).unwrap_or(Signal::SIGTERM as i32);
                self.signal(number).await;
                let core = Arc::clone(self.core);
                self.core.running.spawn(async move {
                    revoked(&core, &request, "terminated", Some(&signal)).await;
                });
            }
            Stop::Cancel | Stop::TimeLimit(_) => {
                self.signal(Signal::SIGKILL as i32).await;
                cancelled(self.core, &request).await;
            }
        }
    }

    async fn hear(&mut self, said: Said) {
        match said {
            Said::Up => {}
            Said::Stored(stored) => {
                if let Some(first) = self.sent.front_mut() {
                    let is_own = stored.meta.task_id == first.request.id();
                    if is_own && (first.is_cut_off || first.timed_out) {
                        // It comes too late: what has become of it is said elsewhere.
                        return;
                    }
                    first.has_stored = true;
                    first.has_succeeded |= is_own && stored.meta.status == TaskState::SUCCESS;
                }
                if let Some(before) = self.last.replace(stored.meta) {
                    self.core.storer.post(before).await;
                }
            }
            Said::Fence => {
                if let Some(meta) = self.last.take() {
                    self.core.storer.post(meta).await;
                }
                self.fences += 1;
                let storer = self.core.storer.clone();
                self.fence = Some(Box::pin(async move { storer.flush().await }));
            }
            Said::End(end) => self.ended(*end).await,
            Said::Gone(code) => self.lost(code).await,
        }
    }

    async fn ended(&mut self, end: End) {
        self.answer_fences().await;
        let is_first = self.sent.front().is_some_and(|s| s.number == end.number);
        if !is_first {
            tracing::error!("a Python child speaks of a run that it does not have");
            return self.signal(Signal::SIGKILL as i32).await;
        }
        let Some(sent) = self.sent.pop_front() else {
            return;
        };
        sent.request.mark_ended();
        let took = sent.since.elapsed();
        let micros = took.as_secs_f64() * 1e6;
        self.pace = if self.pace == f64::MAX {
            micros
        } else {
            self.pace.mul_add(0.8, micros * 0.2)
        };
        let mut leaving = None;
        if end.leaves {
            leaving = self
                .child
                .as_ref()
                .map(|child| (child.number(), child.runs));
            self.leave_behind().await;
        }
        let is_plain = !sent.is_cut_off && !sent.timed_out && end.outcome != Outcome::Exit;
        if let Some(meta) = self.last.take_if(|_| !is_plain) {
            self.core.storer.post(meta).await;
        }
        if sent.is_cut_off {
            self.core.remove(&sent.request);
        } else if sent.timed_out {
            let limit = sent.limits.hard.unwrap_or_default().as_secs_f64();
            self.befall(sent, Fate::TimedOut(limit)).await;
        } else if end.outcome == Outcome::Exit {
            let mut text = format!("Worker exited prematurely: {}", end.what);
            if end.what.starts_with("signal ")
                && let Some(child) = leaving
            {
                text.push_str(&job(child));
            }
            text.push('.');
            self.befall(sent, Fate::Lost(text)).await;
        } else {
            let ran = Ran {
                request: sent.request,
                end,
                has_stored: sent.has_stored,
                took,
                _unsettled: sent.unsettled,
            };
            let last = self.last.take();
            finish(self.core, ran, last).await;
        }
        if self
            .child
            .as_ref()
            .is_some_and(|c| self.pool.is_worn_out(c))
            && self.sent.is_empty()
        {
            self.retire();
        }
        if self.child.is_none() {
            self.send_all().await;
        } else {
            self.start_first();
        }
    }

    /// A child that ends by itself: what it has not read goes to another.
    async fn leave_behind(&mut self) {
        self.take_back().await;
        self.retire();
    }

    fn retire(&mut self) {
        if let Some(child) = self.child.take() {
            self.pool.let_go(child);
        }
    }
}

/// What has a child raise `SoftTimeLimitExceeded` in whatever task runs (`child.py`, INTERRUPT). The soft time limit has
/// a signal of its own, which counts only when the limit has passed.
#[cfg(target_os = "linux")]
fn interrupt() -> i32 {
    nix::libc::SIGRTMIN() + 1
}

/// As on Linux, without a signal to spare.
#[cfg(not(target_os = "linux"))]
fn interrupt() -> i32 {
    Signal::SIGUSR1 as i32
}

/// What billiard calls the run of a child: here by the child's number and how many runs it has had.
pub(super) fn job((number, runs): (u64, u64)) -> String {
    format!(" Job: {}", number * 1000 + runs)
}

/// Seconds without a needless `.0`.
pub(super) fn short(duration: Duration) -> String {
    let text = repr::float_repr(duration.as_secs_f64());
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}
