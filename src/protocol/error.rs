//! What can be wrong with bytes from a wire.

/// A message, result or value that cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are not what their content type says.
    #[error("can't decode {what}: {reason}")]
    Decode {
        /// What was being read: `body`, `envelope`, `result`…
        what: &'static str,
        /// Why it could not be read.
        reason: String,
    },
    /// The value has no form in the requested content type.
    #[error("can't encode as {serializer}: {reason}")]
    Encode {
        /// The serializer asked for.
        serializer: String,
        /// Why it refused.
        reason: String,
    },
    /// The content type is known to us but not accepted here, or not known at all.
    #[error("refusing content type `{content_type}`: {reason}")]
    Refused {
        /// The content type of the message.
        content_type: String,
        /// Why: not in `accept_content`, or unknown.
        reason: String,
    },
    /// The body does not decompress, or its compression is unknown.
    #[error("can't decompress `{compression}`: {reason}")]
    Compression {
        /// The `compression` header.
        compression: String,
        /// Why it failed.
        reason: String,
    },
    /// Well-formed data of the wrong shape, e.g. a task message without an id.
    #[error("invalid {what}: {reason}")]
    Invalid {
        /// What was being read: `task message`, `result meta`…
        what: &'static str,
        /// What is missing or of the wrong type.
        reason: String,
    },
}

impl ProtocolError {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors and texts are handed over alike"
    )]
    pub(crate) fn decode(what: &'static str, reason: impl ToString) -> Self {
        Self::Decode {
            what,
            reason: reason.to_string(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors and texts are handed over alike"
    )]
    pub(crate) fn invalid(what: &'static str, reason: impl ToString) -> Self {
        Self::Invalid {
            what,
            reason: reason.to_string(),
        }
    }
}
