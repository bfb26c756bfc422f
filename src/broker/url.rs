//! Broker and back end URLs, with their passwords kept out of sight.

use std::fmt;

use super::BrokerError;

/// A URL; `Debug` and `Display` mask its password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BrokerUrl {
    raw: String,
    scheme: String,
}

impl BrokerUrl {
    /// Reads a URL; `a;b` lists are kept whole (failover, Sentinel).
    ///
    /// # Errors
    /// `Config` if there is no `scheme://`.
    pub fn parse(text: &str) -> Result<Self, BrokerError> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(BrokerError::Config(format!(
                "`{text}` is not a URL: there is no `://`"
            )));
        };
        Ok(Self {
            raw: text.to_owned(),
            scheme: scheme.to_owned(),
        })
    }

    /// The scheme: `redis`, `sqla+sqlite`…
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The whole URL, secrets included: for drivers only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.raw
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        f.write_str("://…")
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUrl({self})")
    }
}
