//! The table of result back ends: URL scheme → how to connect.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::disabled::DisabledBackend;
use super::redis::RedisBackend;
use super::{Backend, BackendError, database};
use crate::broker::BrokerUrl;
use crate::protocol::Map;
use crate::protocol::codec::Accept;

/// How to connect and what to write, besides the URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds connecting, TLS and the handshake.
    pub connect_timeout: Duration,
    /// Bounds every command (`redis_socket_timeout`, 120 s).
    pub command_timeout: Duration,
    /// `result_backend_transport_options`.
    pub transport_options: Map,
    /// `redis_backend_use_ssl`.
    pub use_ssl: Option<Map>,
    /// `result_serializer`.
    pub serializer: String,
    /// `result_accept_content`, else `accept_content`.
    pub accept: Accept,
    /// `result_compression`.
    pub compression: Option<String>,
    /// `result_expires`; none means never.
    pub expires: Option<Duration>,
    /// `result_failure_expires`: for FAILURE, if set.
    pub failure_expires: Option<Duration>,
    /// `result_chord_join_timeout`.
    pub chord_join_timeout: Duration,
    /// The app's time zone: `DATETIME` columns hold its wall clock.
    pub timezone: TimeZone,
    /// `database_table_names` (keys `task`, `group`).
    pub table_names: Map,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(4),
            command_timeout: Duration::from_secs(120),
            transport_options: Map::new(),
            use_ssl: None,
            serializer: "json".to_owned(),
            accept: Accept::default(),
            compression: None,
            expires: Some(Duration::from_secs(86_400)),
            failure_expires: None,
            chord_join_timeout: Duration::from_secs(3),
            timezone: TimeZone::UTC,
            table_names: Map::new(),
        }
    }
}

/// The URL schemes that this build can speak.
pub const SCHEMES: &[&str] = &[
    "db+sqlite",
    "sqlite",
    "redis",
    "rediss",
    "redis+socket",
    "sentinel",
    "disabled",
];

/// Opens a back end. It connects at first use and reconnects by itself: a result must not be lost with a connection.
///
/// # Errors
/// `Scheme` for one that is not in [`SCHEMES`], `Config` for a bad option.
pub async fn connect(url: &str, options: &Options) -> Result<Arc<dyn Backend>, BackendError> {
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    match scheme {
        "redis" | "rediss" | "redis+socket" | "sentinel" => Ok(Arc::new(RedisBackend::new(
            &BrokerUrl::parse(url)?,
            options,
        )?)),
        "sqlite" | "db+sqlite" => database::connect(url, options).await,
        "disabled" => Ok(Arc::new(DisabledBackend)),
        // Not quoted: a URL without its scheme may hold a password.
        other if other.contains(['@', ':', '/', '.']) => Err(BackendError::Config(
            "the result back end's URL has no scheme: write it as `redis://HOST:PORT/DB` or `sqlite:///FILE`".to_owned(),
        )),
        other => Err(BackendError::Scheme {
            scheme: other.to_owned(),
            known: SCHEMES,
        }),
    }
}
