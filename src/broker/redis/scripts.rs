//! The Lua scripts, each one atomic step.

use std::sync::OnceLock;

use redis::{Cmd, ToRedisArgs};

pub(super) static FETCH: Script = Script::new(include_str!("fetch.lua"));
pub(super) static SETTLE: Script = Script::new(include_str!("settle.lua"));
pub(super) static RENEW: Script = Script::new(include_str!("renew.lua"));
pub(super) const PUTBACK: &str = include_str!("putback.lua");
pub(super) const OVERDUE: &str = include_str!("overdue.lua");
pub(super) const BURY: &str = include_str!("bury.lua");
pub(super) const BIND: &str = include_str!("bind.lua");
pub(super) const RELEASE: &str = include_str!("release.lua");
pub(super) const TRIM: &str = include_str!("trim.lua");
pub(super) const REWRAP: &str = include_str!("rewrap.lua");

/// A script that runs often: the server is sent its digest, and its text only if it does not know that.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    digest: OnceLock<String>,
}

impl Script {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self {
            text,
            digest: OnceLock::new(),
        }
    }

    fn digest(&self) -> &str {
        self.digest
            .get_or_init(|| redis::Script::new(self.text).get_hash().to_owned())
    }

    /// `EVALSHA`, for [`super::Connection::run_script`].
    pub(crate) fn call<K: ToRedisArgs>(&self, keys: &[K]) -> Cmd {
        self.call_with(keys, 0, 0)
    }

    /// The same, with room for so many arguments of so many bytes.
    pub(crate) fn call_with<K: ToRedisArgs>(&self, keys: &[K], args: usize, bytes: usize) -> Cmd {
        let mut cmd = Cmd::with_capacity(args + keys.len() + 3, bytes + 64 * keys.len() + 64);
        cmd.arg("EVALSHA").arg(self.digest());
        cmd.arg(keys.len()).arg(keys);
        cmd
    }

    /// The same call as `EVAL`.
    pub(super) fn with_text(&self, call: &Cmd) -> Cmd {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(self.text);
        for arg in call.args_iter().skip(2) {
            if let redis::Arg::Simple(arg) = arg {
                cmd.arg(arg);
            }
        }
        cmd
    }
}

/// `EVAL` with its text, for scripts that run now and then: nothing to load again after a restart or `SCRIPT FLUSH`.
pub(crate) fn eval<K: ToRedisArgs>(script: &str, keys: &[K]) -> Cmd {
    let mut cmd = redis::cmd("EVAL");
    cmd.arg(script).arg(keys.len()).arg(keys);
    cmd
}
