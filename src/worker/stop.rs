//! The end of a worker: running tasks finish or are cut off, and the connection is closed last.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::consumer::Consumer;
use super::core::Core;
use super::python::Pool;
use super::run::{Exit, Worker};
use super::session::Session;
use crate::broker::{Broker, Held};
use crate::pool::python::Parent;

/// How long tasks that are cut off may take to go.
const CUT_OFF: Duration = Duration::from_secs(5);
/// How often a shutdown that waits says for what.
const SAY_WAITING: Duration = Duration::from_secs(10);

impl Worker {
    /// Lets running tasks finish, or cuts them off, and closes the connection last.
    pub(super) async fn stop(
        &self,
        core: &Arc<Core>,
        mut consumer: Consumer,
        session: Option<Session>,
        mut orphans: Vec<Held>,
        give_up: &CancellationToken,
    ) -> Exit {
        let mut session = session;
        if let Some(session) = &mut session {
            session.leave(&mut consumer).await;
        }
        core.shutdown.warm();
        let mut cut_off = 0;
        let mut say = Instant::now() + SAY_WAITING;
        let mut deadline: Option<Instant> = None;
        let mut is_soft = false;
        while consumer.running() > 0 {
            tokio::select! {
                () = consumer.event() => {}
                () = core.shutdown.cold_asked(), if cut_off == 0 => {
                    cut_off = consumer.running();
                    consumer.cancel_running();
                    give_up_soon(core, give_up);
                    deadline = Some(Instant::now() + CUT_OFF);
                }
                () = core.shutdown.soft_asked(), if !is_soft && !core.shutdown.is_cold() => {
                    is_soft = true;
                    if core.soft_timeout.is_zero() {
                        core.shutdown.cold();
                    } else {
                        let seconds = core.soft_timeout.as_secs_f64();
                        tracing::warn!(event = "worker.soft_shutdown", "Initiating Soft Shutdown, terminating in {seconds:?} seconds");
                        deadline = Some(Instant::now() + core.soft_timeout);
                    }
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if cut_off > 0 {
                        let left = consumer.running_labels();
                        tracing::error!(event = "worker.left_running", "{} task(s) could not be cut off and are left: {}", left.len(), left.join(", "));
                        break;
                    }
                    deadline = None;
                    core.shutdown.cold();
                }
                () = sleep_until(say) => {
                    say = Instant::now() + SAY_WAITING;
                    let running = consumer.running_labels();
                    let tasks = if running.len() == 1 { "task" } else { "tasks" };
                    tracing::warn!(
                        event = "worker.waiting",
                        tasks = running.len(),
                        "waiting for {} {tasks}: {}",
                        running.len(),
                        running.join(", ")
                    );
                }
            }
        }
        if let Some(session) = session {
            orphans.extend(session.close().await);
        }
        if !orphans.is_empty() {
            settle_orphans(core, &consumer, &orphans).await;
        }
        Exit { cut_off }
    }
}

/// Tells a Python app that the worker is to stop, when it is.
pub(super) async fn announce_stop(core: Arc<Core>, pool: Arc<Pool>) {
    core.shutdown.warm_asked().await;
    let how = if core.shutdown.is_cold() {
        "Cold"
    } else {
        "Warm"
    };
    let signal = if how == "Cold" { "SIGQUIT" } else { "SIGTERM" };
    pool.parent().stopping(signal, how).await;
}

/// Stops the worker when the process of its Python app is gone: no task could be run any more.
pub(super) async fn stop_without(core: Arc<Core>, parent: Parent) {
    parent.gone().await;
    if !parent.is_lost() {
        return;
    }
    tracing::error!(
        event = "worker.python_gone",
        "the Python process of the app is gone: shutting down"
    );
    core.shutdown.cold();
}

/// What runs when the worker is gone is cut off.
pub(super) struct Leftovers(pub(super) Arc<Core>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.0.running.cut_off();
    }
}

/// Tasks have ended while the connection was lost: one try on a new one, so that they do not run again.
async fn settle_orphans(core: &Core, consumer: &Consumer, orphans: &[Held]) {
    let settled = async {
        let broker = core.app.broker().await?;
        consumer.adopt(broker.adopt(orphans).await?);
        broker.close().await
    };
    if let Err(error) = settled.await {
        tracing::warn!(
            "{} message(s) could not be acknowledged and will come again: {error}",
            orphans.len()
        );
    }
}

/// After a cold shutdown a result that cannot be stored is not waited for.
pub(super) fn give_up_soon(core: &Core, give_up: &CancellationToken) {
    if core.shutdown.is_cold() {
        give_up.cancel();
    }
}

pub(super) async fn close(broker: &dyn Broker) {
    if let Err(error) = broker.close().await {
        tracing::debug!("closing a lost connection: {error}");
    }
}
