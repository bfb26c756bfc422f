//! What to do with a request: a pure function of the request, what is revoked, and the time.
//!
//! Mirrors `celery.worker.strategy.default` and the checks of `Request.execute_using_pool`.

use jiff::Timestamp;

use super::Request;

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Do not run it.
    Discard(Discard),
    /// Keep it until its time.
    Hold(Timestamp),
    /// Run it as soon as its rate limit and a slot allow.
    Run,
}

/// Why a request is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discard {
    /// `expires` has passed.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Discard {
    /// The reason as results give it.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Decides on a request that has been received, or whose time has come.
#[must_use]
pub(super) fn decide(request: &Request, revoked: bool, now: Timestamp) -> Decision {
    if revoked {
        return Decision::Discard(Discard::Revoked);
    }
    if request.expires.is_some_and(|at| at <= now) {
        return Decision::Discard(Discard::Expired);
    }
    match request.eta {
        Some(eta) if eta > now => Decision::Hold(eta),
        _ => Decision::Run,
    }
}
