//! pickle as data: plain values and exceptions are read and written, no code runs.
//!
//! Mirrors `kombu.serialization.register_pickle`, and what `celery.backends.database` stores with it.

mod build;
mod integer;
mod machine;
mod write;

pub use self::write::{exception_to_vec, to_vec};

use crate::protocol::{Exception, ProtocolError, Value};

/// Reads plain data, protocols 0 to 5. Exceptions become `{exc_type, exc_message, exc_module}`, as in results.
///
/// # Errors
/// `Decode`, naming the class that is not plain data.
pub fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    let (machine, root) = machine::run(bytes).map_err(fail)?;
    build::value(&machine, root).map_err(fail)
}

/// Reads the pickle of one exception, of whatever class: for results whose state says that they hold one.
///
/// # Errors
/// `Decode` if it is no instance of a class.
pub fn exception_from_slice(bytes: &[u8]) -> Result<Exception, ProtocolError> {
    let (machine, root) = machine::run(bytes).map_err(fail)?;
    build::exception(&machine, root).map_err(fail)
}

fn fail(reason: String) -> ProtocolError {
    ProtocolError::decode("pickle", reason)
}

#[cfg(test)]
mod tests;
