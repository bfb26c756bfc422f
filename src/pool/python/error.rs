//! What can go wrong with a Python app and its processes.

/// What can go wrong with a Python app and its processes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// The interpreter can't be started.
    #[error("can't run the Python interpreter `{program}`")]
    Interpreter {
        /// Its name or path.
        program: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The app can't be loaded, or has something that is not supported.
    #[error("{message}")]
    App {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// Where Python found it.
        traceback: Option<String>,
    },
    /// The process ended while it was importing the app.
    #[error("Python ended while it was importing the app: {status}")]
    Ended {
        /// How it ended.
        status: String,
    },
    /// The process that holds the app is gone.
    #[error("the Python process of the app is gone")]
    Gone,
    /// No further process can be made.
    #[error("can't start another process of the app: {reason}")]
    Fork {
        /// Why not.
        reason: String,
    },
    /// The sockets to a process can't be made or used.
    #[error("the socket to a Python process")]
    Socket(#[from] std::io::Error),
}

impl From<nix::errno::Errno> for PythonError {
    fn from(errno: nix::errno::Errno) -> Self {
        Self::Socket(errno.into())
    }
}
