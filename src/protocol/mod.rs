//! Everything Celery puts on a wire, as plain data: no I/O, no async, no clock reading.
//!
//! Mirrors `kombu.message`, `kombu.serialization`, `kombu.pidbox`, `celery.app.amqp` and the encoding half of
//! `celery.backends.base`.

pub mod clock;
pub mod codec;
mod de;
pub mod envelope;
mod error;
pub mod event;
pub mod exception;
mod ident;
mod matching;
pub mod message;
pub mod nodename;
pub mod pidbox;
pub mod repr;
pub mod request;
pub mod result;
mod ser;
pub mod signature;
pub mod state;
pub mod task;
pub mod time;
pub mod topology;
mod v1;
mod value;

pub use self::clock::LamportClock;
pub use self::error::ProtocolError;
pub use self::exception::Exception;
pub use self::ident::Ident;
pub use self::message::{DeliveryInfo, Message, Properties};
pub use self::nodename::Nodename;
pub use self::result::{Extended, ResultMeta, ResultTuple};
pub use self::signature::Signature;
pub use self::state::State;
pub use self::task::{Embed, TaskHeader, TaskMessage};
pub use self::topology::{Exchange, ExchangeType, Queue};
pub use self::value::{Map, Value};
