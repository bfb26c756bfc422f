//! Python apps, unchanged, under `rcelery -A`, and beside it under `celery -A`: real servers, real Celery.
//!
//! `app/feats` uses what Celery has, `app/observe.py` sends all of it and notes what comes of it; `app/flask` is a web
//! service with its check; `app/site` is a Django project; `app/faults.py` has tasks that break their process.

#[path = "../harness/mod.rs"]
mod harness;

mod faults;
mod features;
mod projects;
mod start;

use std::path::{Path, PathBuf};

use harness::{Rcelery, Store, interpreter};

/// A directory of `app`.
fn app(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python/app")
        .join(name)
}

/// The program in the virtual environment of the tests, with an app's directory on Python's path.
#[track_caller]
fn program(store: &Store, directory: &str) -> Rcelery {
    let python = interpreter();
    let env = python.parent().and_then(Path::parent).expect("bin/python");
    let path = app(directory);
    Rcelery::new()
        .env("VIRTUAL_ENV", &env.to_string_lossy())
        .env("PATH", "/usr/bin:/bin")
        .env("PYTHONPATH", &path.to_string_lossy())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("C_FORCE_ROOT", "1")
        .env("BROKER", &store.broker)
        .env("BACKEND", &store.backend)
        .env("NOTES", &store.file("notes").to_string_lossy())
}
