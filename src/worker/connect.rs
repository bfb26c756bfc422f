//! Waiting for the broker: how often, how long, and what is said of it.
//!
//! Mirrors `celery.worker.consumer.Consumer.connect` and kombu's `ensure_connection`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::WorkerError;
use super::core::Core;
use crate::broker::{self, Broker, BrokerError};

/// Says that the connection is lost.
pub(super) fn say_lost(error: &BrokerError) {
    tracing::warn!(
        event = "worker.connection_lost",
        error = %error,
        "consumer: Connection to broker lost. Trying to re-establish the connection... ({error})"
    );
}

/// Connects, waiting 2, 4, 6… seconds between tries. None if a shutdown was asked for first.
pub(super) async fn connect(
    core: &Core,
    is_first: bool,
) -> Result<Option<Arc<dyn Broker>>, WorkerError> {
    let settings = &core.settings;
    let retries = if is_first {
        settings
            .broker_connection_retry_on_startup
            .unwrap_or(settings.broker_connection_retry)
    } else {
        settings.broker_connection_retry
    };
    let max = settings.broker_connection_max_retries.filter(|n| *n > 0);
    let mut tries = 0u64;
    loop {
        let connected = tokio::select! {
            connected = core.app.broker() => connected,
            () = core.shutdown.warm_asked() => return Ok(None),
        };
        let error = match connected {
            Ok(broker) => return Ok(Some(broker)),
            Err(error) => error,
        };
        // Wrong credentials and bad options do not get better by waiting; after a loss they may (a server that starts).
        if !error.is_transient() && is_first {
            return Err(error.into());
        }
        if !retries {
            // The name that Celery's line has.
            let setting = if is_first {
                "broker_connection_retry_on_startup"
            } else {
                "broker_connection_retry"
            };
            tracing::error!(
                critical = true,
                event = "worker.gave_up",
                "Retrying to establish a connection to the message broker after a connection loss has been disabled \
                 (app.conf.{setting}=False). Shutting down..."
            );
            return Err(WorkerError::GaveUp(error));
        }
        tries += 1;
        if max.is_some_and(|max| tries > max) {
            return Err(WorkerError::GaveUp(error));
        }
        let pause = if is_first {
            at_start(tries)
        } else {
            after_a_loss(tries)
        };
        let url = broker::as_uri(&core.app.read_url()?);
        let most = max.map_or_else(|| "∞".to_owned(), |max| max.to_string());
        tracing::error!(
            event = "worker.cannot_connect",
            error = %error,
            "consumer: Cannot connect to {url}: {error}.\nTrying again in {pause:.2} seconds... ({tries}/{most})\n"
        );
        tokio::select! {
            () = sleep(Duration::from_secs_f64(pause)) => {}
            () = core.shutdown.warm_asked() => return Ok(None),
        }
    }
}

/// Celery's pauses, in seconds: 2, 4, 6… 32.
fn at_start(tries: u64) -> f64 {
    f64::from(u32::try_from(tries.min(16)).unwrap_or(16) * 2)
}

/// A broker that restarts is back in a moment: 0.2, 0.4, 0.8, 1.6, then as at the start.
fn after_a_loss(tries: u64) -> f64 {
    match tries {
        0..=4 => 0.1 * f64::from(1u32 << tries),
        more => at_start(more - 4),
    }
}
