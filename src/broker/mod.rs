//! Message brokers: where tasks wait, and over which remote control and events travel.
//!
//! `base.rs` is the contract, `registry.rs` maps URL schemes to transports. Mirrors `kombu.transport`.

mod base;
mod consumer;
mod delivery;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod redis;
mod registry;
mod sqlite;
mod url;
mod virtual_exchange;

pub use self::base::{Broker, Capabilities, Destination, Held, Routed};
pub use self::consumer::{Command, Consumer};
pub use self::delivery::{Acker, Delivery, Garbled, Settle, Settlement};
pub use self::error::BrokerError;
pub(crate) use self::redis::{Connection, Endpoint, Push, Script, eval};
pub use self::registry::{Options, SCHEMES, as_uri, connect};
pub use self::url::{BrokerUrl, UrlParts};
