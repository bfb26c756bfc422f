//! The Lua scripts, each one atomic step.

use redis::{Cmd, ToRedisArgs};

pub(super) const FETCH: &str = include_str!("fetch.lua");
pub(super) const SETTLE: &str = include_str!("settle.lua");
pub(super) const PUTBACK: &str = include_str!("putback.lua");
pub(super) const RENEW: &str = include_str!("renew.lua");
pub(super) const OVERDUE: &str = include_str!("overdue.lua");
pub(super) const BURY: &str = include_str!("bury.lua");
pub(super) const BIND: &str = include_str!("bind.lua");
pub(super) const RELEASE: &str = include_str!("release.lua");
pub(super) const REWRAP: &str = include_str!("rewrap.lua");

/// `EVAL` with its text: a kilobyte more a call, and nothing to load again after a restart or `SCRIPT FLUSH`.
pub(crate) fn eval<K: ToRedisArgs>(script: &str, keys: &[K]) -> Cmd {
    let mut cmd = redis::cmd("EVAL");
    cmd.arg(script).arg(keys.len()).arg(keys);
    cmd
}
