//! The table of transports: URL scheme → how to connect.

use std::sync::Arc;
use std::time::Duration;

use super::{Broker, BrokerError, BrokerUrl, redis, sqlite};
use crate::protocol::Map;

/// How to connect, besides the URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds connecting, TLS and the handshake (`broker_connection_timeout`, 4 s).
    pub connect_timeout: Duration,
    /// `broker_transport_options`.
    pub transport_options: Map,
    /// `broker_use_ssl`: `ssl_*` keys, or a bare `true` as an empty map.
    pub use_ssl: Option<Map>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(4),
            transport_options: Map::new(),
            use_ssl: None,
        }
    }
}

/// The URL schemes that this build can speak.
pub const SCHEMES: &[&str] = &[
    "sqlite",
    "sqla+sqlite",
    "sqlalchemy+sqlite",
    "redis",
    "rediss",
    "redis+socket",
    "sentinel",
];

/// Opens one connection.
///
/// # Errors
/// `Scheme` for one that is not in [`SCHEMES`], `Config` for a bad option, else what the transport says.
pub async fn connect(url: &BrokerUrl, options: &Options) -> Result<Arc<dyn Broker>, BrokerError> {
    match url.scheme() {
        "redis" | "rediss" | "redis+socket" | "sentinel" => redis::connect(url, options).await,
        "sqlite" | "sqla+sqlite" | "sqlalchemy+sqlite" => sqlite::connect(url, options).await,
        other => Err(BrokerError::Scheme {
            scheme: other.to_owned(),
            known: SCHEMES,
        }),
    }
}

/// The URL as Celery shows it in banners and log lines, whether or not it can be reached.
#[must_use]
pub fn as_uri(url: &BrokerUrl) -> String {
    match url.scheme() {
        "redis" | "rediss" | "redis+socket" => redis::Endpoint::for_broker(url, None)
            .map_or_else(|_| url.to_string(), |e| e.broker_uri()),
        _ => url.to_string(),
    }
}
