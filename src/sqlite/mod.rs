//! SQLite files that several processes share: opening them, sorting their errors, noticing what others commit.
//!
//! A room of its own on floor 1, since the broker (floor 2) and the result back end (floor 3) both keep their tables in
//! such a file, usually the same one, beside Python programs that reach it through SQLAlchemy. It knows nothing of
//! messages or results. Mirrors what `sqlalchemy.create_engine("sqlite:///…")` gives kombu and Celery.

mod connection;
mod error;
mod file;
mod inotify;
mod location;
mod shared;
mod thread;
mod watch;

pub use self::connection::Connection;
pub use self::error::{Kind, SqliteError};
pub use self::file::{DEFAULT_FILE, Durability, OpenOptions, is_identifier};
pub use self::location::Location;
pub use self::shared::Topic;
pub use self::thread::Thread;
pub use self::watch::{SameFile, Watch};
