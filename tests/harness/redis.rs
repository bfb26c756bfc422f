//! A Redis server of the test's own.

use std::net::TcpListener;
use std::process::Command;

use ::redis::{Cmd, Connection, FromRedisValue};
use tempfile::TempDir;

use super::process::Process;
use super::wait::{eventually, patience, secs};

/// What to do when the server is missing.
const MISSING: &str =
    "redis-server is needed: run `tests/setup`, or install the package redis-server";

/// A `redis-server` on a free port of the loopback interface, in a directory of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    port: u16,
    options: Vec<String>,
    dir: TempDir,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts a server with nothing in it.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further options, such as `["--requirepass", "secret"]`.
    #[track_caller]
    pub(crate) fn with(options: &[&str]) -> Self {
        let mut server = Self {
            port: 0,
            options: options.iter().map(ToString::to_string).collect(),
            dir: TempDir::new().expect("a temporary directory"),
            process: None,
        };
        // Another test may take the port between our look and the server's bind; then the server ends and we ask again.
        for _ in 0..5 {
            server.port = free_port();
            if server.launch() {
                return server;
            }
        }
        panic!("redis-server did not start: {:?}", server.process);
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub(crate) fn url(&self, database: u8) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }

    /// A new connection to database 0.
    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        ::redis::Client::open(self.url(0))
            .and_then(|client| client.get_connection_with_timeout(secs(5)))
            .unwrap_or_else(|e| panic!("cannot connect to {}: {e}", self.url(0)))
    }

    /// Runs one command, given as words, on a connection of its own.
    #[track_caller]
    pub(crate) fn query<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command
            .query(&mut self.connect())
            .unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    /// Its process id, for signals: `SIGSTOP` makes it silent, `SIGKILL` kills it.
    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        self.process.as_ref().expect("the server runs").pid()
    }

    /// The directory it runs in.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Stops the server after it has saved what it holds.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        // The server closes the connection instead of answering.
        let _ = Cmd::new()
            .arg("SHUTDOWN")
            .arg("SAVE")
            .exec(&mut self.connect());
        eventually("redis-server stops", patience(), || {
            if process.is_running() {
                Err(process.stdout())
            } else {
                Ok(())
            }
        });
    }

    /// Starts the stopped server on the same port, with what it had saved.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        assert!(self.launch(), "redis-server did not start again");
    }

    /// Starts the process and waits for its answer; false where it ended instead.
    #[track_caller]
    fn launch(&mut self) -> bool {
        let mut process = Process::start(
            Command::new("redis-server")
                .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
                .args(["--port", &self.port.to_string(), "--dir"])
                .arg(self.dir.path())
                .args(&self.options),
            MISSING,
        );
        let up = eventually("redis-server is up", patience(), || {
            if !process.is_running() {
                return Ok(false);
            }
            if process.stdout().contains("Ready to accept connections") {
                return Ok(true);
            }
            Err(process.stdout())
        });
        self.process = Some(process);
        up
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
