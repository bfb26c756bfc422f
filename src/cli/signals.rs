//! Signals, turned into a [`Shutdown`] for the worker and into an exit code for everybody else.
//!
//! What is said, and when, is Celery's (`celery.apps.worker`): TERM is warm, INT is warm and then cold, QUIT is cold,
//! HUP restarts a worker that has no terminal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::shutdown::Shutdown;

const AGAIN_IS_COLD: &str =
    "worker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!";
const AGAIN_TERMINATES: &str = "worker: Hitting Ctrl+C again will terminate all running tasks!";
const WAITING_COLD: &str = "Waiting gracefully for cold shutdown to complete...";
const WARM: &str = "worker: Warm shutdown (MainProcess)";
const COLD: &str = "worker: Cold shutdown (MainProcess)";

/// A signal that a worker obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Term,
    Int,
    Quit,
    Hup,
    Usr1,
}

/// What a signal makes the worker do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Warm,
    Soft,
    Cold,
    /// Leave without waiting for anything.
    Force,
    Dump,
}

/// What has been asked so far.
#[derive(Debug, Default)]
struct History {
    interrupts: u8,
    /// INT twice or QUIT: tasks may be cut.
    cutting: bool,
    cold: bool,
}

impl History {
    /// The step that follows, and what is said about it.
    fn next(&mut self, order: Order) -> (Step, &'static [&'static str]) {
        match order {
            Order::Usr1 => (Step::Dump, &[]),
            Order::Term | Order::Hup => (Step::Warm, &[WARM]),
            Order::Int if !self.cutting && self.interrupts == 0 => {
                self.interrupts = 1;
                (Step::Warm, &[AGAIN_IS_COLD, WARM])
            }
            Order::Int | Order::Quit if self.cold => (Step::Force, &[]),
            Order::Int | Order::Quit if self.cutting => {
                self.cold = true;
                (Step::Cold, &[WAITING_COLD, COLD])
            }
            Order::Int => {
                self.cutting = true;
                (Step::Soft, &[AGAIN_TERMINATES])
            }
            Order::Quit => {
                self.cutting = true;
                (Step::Soft, &[AGAIN_TERMINATES, COLD])
            }
        }
    }
}

/// The signals of a worker, caught from the moment of creation.
#[derive(Debug)]
pub(crate) struct WorkerSignals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
    usr1: Signal,
}

/// What the signals of a worker asked for besides a shutdown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// HUP: start again afterwards.
    pub(crate) restart: CancellationToken,
    /// A cold shutdown was asked twice: wait for nothing.
    pub(crate) force: CancellationToken,
}

impl WorkerSignals {
    /// Catches them.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Obeys them for ever. `term` is what TERM means; `say` prints a line, `dump` what the worker is doing; without a
    /// terminal HUP restarts.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn obey(
        &mut self,
        shutdown: &Shutdown,
        asked: &Asked,
        term: Order,
        has_terminal: bool,
        say: impl Fn(&str),
        dump: impl Fn(),
    ) {
        let mut history = History::default();
        loop {
            let order = tokio::select! {
                Some(()) = self.term.recv() => term,
                Some(()) = self.int.recv() => Order::Int,
                Some(()) = self.quit.recv() => Order::Quit,
                Some(()) = self.hup.recv() => Order::Hup,
                Some(()) = self.usr1.recv() => Order::Usr1,
                else => return,
            };
            let (step, words) = history.next(order);
            if order == Order::Hup && !has_terminal {
                let argv: Vec<_> = std::env::args_os()
                    .map(|a| a.to_string_lossy().into_owned())
                    .collect();
                say(&format!("Restarting celery worker ({})", argv.join(" ")));
                asked.restart.cancel();
            } else {
                for line in words {
                    say(line);
                }
            }
            match step {
                Step::Warm => shutdown.warm(),
                Step::Soft => shutdown.soft(),
                Step::Cold => shutdown.cold(),
                Step::Force => asked.force.cancel(),
                Step::Dump => dump(),
            }
        }
    }
}

/// Resolves with the exit code of a command that was interrupted (130) or terminated (143).
pub(crate) async fn interrupted() -> io::Result<u8> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = int.recv() => 130,
        _ = term.recv() => 143,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(orders: &[Order]) -> Vec<(Step, &'static [&'static str])> {
        let mut history = History::default();
        orders.iter().map(|o| history.next(*o)).collect()
    }

    #[test]
    fn term_is_warm_however_often() {
        assert_eq!(
            steps(&[Order::Term, Order::Term]),
            [(Step::Warm, &[WARM][..]), (Step::Warm, &[WARM][..])]
        );
    }

    #[test]
    fn interrupts_get_harder() {
        assert_eq!(
            steps(&[Order::Int; 4]),
            [
                (Step::Warm, &[AGAIN_IS_COLD, WARM][..]),
                (Step::Soft, &[AGAIN_TERMINATES][..]),
                (Step::Cold, &[WAITING_COLD, COLD][..]),
                (Step::Force, &[][..]),
            ]
        );
    }

    #[test]
    fn quit_cuts_and_then_kills() {
        assert_eq!(
            steps(&[Order::Quit, Order::Quit]),
            [
                (Step::Soft, &[AGAIN_TERMINATES, COLD][..]),
                (Step::Cold, &[WAITING_COLD, COLD][..]),
            ]
        );
    }

    #[test]
    fn an_interrupt_after_term_is_still_the_first() {
        assert_eq!(steps(&[Order::Term, Order::Int])[1].0, Step::Warm);
    }
}
