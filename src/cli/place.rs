//! Which server it was that failed: the URL, who named it, and whom it refused.

use super::error::{Failure, Kind, backend_error, broker_error};
use crate::backend::BackendError;
use crate::broker::{BrokerError, BrokerUrl};
use crate::config::{Origin, Settings, mask_url};

/// Said of an error once: further out it is known already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Placed(String);

/// Says of an error about a connection which one it was; others stay as they are.
pub(crate) fn placed(error: anyhow::Error, settings: &Settings) -> anyhow::Error {
    if error.downcast_ref::<Placed>().is_some() || error.downcast_ref::<Failure>().is_some() {
        return error;
    }
    let Some((server, trouble)) = trouble(&error) else {
        return error;
    };
    let (url, origin) = server.named(settings);
    let place = format!("{} {} ({origin})", server.name(), mask_url(url));
    match trouble {
        Trouble::Unusable => error.context(Placed(format!("can't use {place}"))),
        Trouble::Refused => {
            let user = user(url);
            error.context(Placed(format!(
                "{place} refused the credentials of user `{user}`"
            )))
        }
        // The server's own words are about its protocol.
        Trouble::Asks => Failure::new(Kind::AuthRefused, format!("{place} asks for a password"))
            .hint("write it into the URL: redis://:PASSWORD@HOST:PORT/DB")
            .into(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Server {
    Broker,
    Backend,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Unusable,
    Refused,
    Asks,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Broker => "the broker",
            Self::Backend => "the result back end",
        }
    }

    fn named(self, settings: &Settings) -> (&str, &Origin) {
        let (key, url) = match self {
            Self::Broker if settings.broker_read_url.is_some() => {
                ("broker_read_url", &settings.broker_read_url)
            }
            Self::Broker => ("broker_url", &settings.broker_url),
            Self::Backend => ("result_backend", &settings.result_backend),
        };
        (url.as_deref().unwrap_or("none"), settings.origin(key))
    }
}

fn trouble(error: &anyhow::Error) -> Option<(Server, Trouble)> {
    error.chain().find_map(|cause| {
        if let Some(error) = broker_error(cause) {
            return Some((
                Server::Broker,
                match error {
                    BrokerError::AccessRefused(words) => refusal(words),
                    BrokerError::Connection { .. }
                    | BrokerError::Timeout(_)
                    | BrokerError::Scheme { .. } => Trouble::Unusable,
                    _ => return None,
                },
            ));
        }
        Some((
            Server::Backend,
            match backend_error(cause)? {
                BackendError::AccessRefused(words) => refusal(words),
                BackendError::Connection { .. }
                | BackendError::Timeout(_)
                | BackendError::Scheme { .. } => Trouble::Unusable,
                _ => return None,
            },
        ))
    })
}

fn refusal(words: &str) -> Trouble {
    match words.split_whitespace().next() {
        Some("NOAUTH") => Trouble::Asks,
        Some("WRONGPASS") => Trouble::Refused,
        // The password is right, and something is forbidden; or it is not Redis that speaks.
        _ => Trouble::Unusable,
    }
}

/// Who the server was told that we are.
fn user(url: &str) -> String {
    BrokerUrl::parse(url)
        .and_then(|url| url.servers())
        .ok()
        .and_then(|servers| servers.into_iter().find_map(|server| server.user))
        .unwrap_or_else(|| "default".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Report;

    fn settings(broker: &str, backend: &str) -> Settings {
        let mut settings = Settings::default();
        settings.broker_url = Some(broker.to_owned());
        settings.result_backend = Some(backend.to_owned());
        settings
    }

    fn report(error: impl Into<anyhow::Error>) -> Report {
        let settings = settings("redis://bob:x@h/0", "redis://:y@r/1");
        Report::of(&placed(placed(error.into(), &settings), &settings))
    }

    #[test]
    fn the_server_is_named_once_and_its_password_is_not() {
        let failed = report(BrokerError::connection("Connection refused."));
        assert_eq!(failed.chain.len(), 2);
        assert!(failed.chain[0].starts_with("can't use the broker redis://bob:**@h/0 ("));
        let failed = report(BackendError::Timeout("silent".into()));
        assert!(failed.chain[0].starts_with("can't use the result back end redis://:**@r/1 ("));
        assert_eq!(report(anyhow::anyhow!("other")).chain, ["other"]);
    }

    #[test]
    fn a_refusal_names_the_user() {
        let refused = |words: &str| BrokerError::AccessRefused(words.to_owned());
        let failed = report(refused("WRONGPASS invalid username-password pair"));
        assert!(failed.chain[0].ends_with("refused the credentials of user `bob`"));
        let failed = report(BackendError::AccessRefused("WRONGPASS no".into()));
        assert!(failed.chain[0].ends_with("refused the credentials of user `default`"));
        assert_eq!(failed.kind.exit(), 77);
        let failed = report(refused("NOAUTH HELLO must be called with …"));
        assert!(failed.chain[0].ends_with("asks for a password"));
        assert_eq!(failed.kind.exit(), 77);
    }
}
