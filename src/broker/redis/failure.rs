//! What a failed command or connect means.

use std::io;
use std::time::Duration;

use redis::RedisError;
use tokio::time::timeout;

use super::endpoint::Address;
use crate::broker::BrokerError;

/// What a failed command means.
pub(super) fn classify(error: RedisError, peer: &str) -> BrokerError {
    let code = error.code().map(str::to_owned);
    match code.as_deref() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => BrokerError::AccessRefused(error_text(&error)),
        // A demoted or loading server: another connection may find the right one.
        Some("READONLY" | "MASTERDOWN" | "LOADING" | "UNBLOCKED") => BrokerError::Connection {
            message: error_text(&error),
            source: Some(Box::new(error)),
        },
        _ if error.kind() == redis::ErrorKind::AuthenticationFailed => {
            BrokerError::AccessRefused(error_text(&error))
        }
        _ if error.is_timeout() => BrokerError::Timeout(format!("{peer} has not answered")),
        _ if error.is_io_error()
            || error.is_connection_dropped()
            || error.is_unrecoverable_error() =>
        {
            BrokerError::Connection {
                message: format!("Connection closed by server {peer}."),
                source: Some(Box::new(error)),
            }
        }
        _ if error
            .detail()
            .is_some_and(|detail| detail.contains("DB index is out of range")) =>
        {
            BrokerError::Config(format!(
                "the server at {peer} has no database of the number in the URL: correct it"
            ))
        }
        _ => BrokerError::Server {
            message: error_text(&error),
            source: Some(Box::new(error)),
        },
    }
}

/// What a failed connect means, in Python's words.
pub(super) fn refused(error: RedisError, peer: &str) -> BrokerError {
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    let mut io_error = None;
    while let Some(e) = source {
        if let Some(e) = e.downcast_ref::<io::Error>() {
            io_error = Some(e);
            break;
        }
        source = e.source();
    }
    let errno = io_error.and_then(io::Error::raw_os_error).or_else(|| {
        // The driver keeps the kind where it drops the number.
        error
            .is_connection_refusal()
            .then_some(nix::libc::ECONNREFUSED)
    });
    if let Some(errno) = errno {
        let words = nix::errno::Errno::from_raw(errno).desc();
        return BrokerError::Connection {
            message: format!("Error {errno} connecting to {peer}. {words}."),
            source: Some(Box::new(error)),
        };
    }
    match classify(error, peer) {
        BrokerError::Connection {
            source: Some(source),
            ..
        } => BrokerError::Connection {
            message: format!("Error connecting to {peer}. {source}."),
            source: Some(source),
        },
        other => other,
    }
}

/// Whether it was the network or the server that did not answer: a look that costs at most half a second.
pub(super) async fn silent(address: &Address, peer: &str, waited: Duration) -> BrokerError {
    let connects = match address {
        Address::Unix(_) => true,
        Address::Tcp(host, port) => {
            let connect = tokio::net::TcpStream::connect((host.as_str(), *port));
            matches!(
                timeout(Duration::from_millis(500), connect).await,
                Ok(Ok(_))
            )
        }
    };
    BrokerError::Timeout(if connects {
        format!(
            "connected to {peer}, but no answer to the handshake in {}",
            spoken(waited)
        )
    } else {
        format!(
            "Timeout connecting to {peer}: no answer in {}",
            spoken(waited)
        )
    })
}

/// The server's words without the driver's category.
fn error_text(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

pub(super) fn spoken(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
