//! Revoked ids kept over a restart: one JSON object a line.
//!
//! Mirrors `--statedb`; Celery's own file is a Python shelve and is neither read nor overwritten.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::Path;
use std::time::Instant;

use super::{State, WorkerError};

/// Reads the file, if there is one. Ids count as revoked now.
pub(super) fn load(path: &Path, state: &State) -> Result<(), WorkerError> {
    let fail = |source| WorkerError::State {
        path: path.display().to_string(),
        source,
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    let mut ids = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(fail)?;
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line) else {
            tracing::warn!(
                "state file `{}`: a line is no JSON, and is skipped",
                path.display()
            );
            continue;
        };
        ids.extend(
            entry
                .get("revoked")
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned),
        );
    }
    state
        .lock()
        .revoke(ids.iter().map(String::as_str), Instant::now());
    Ok(())
}

/// Writes the file anew, whole or not at all.
pub(super) fn save(path: &Path, state: &State) -> Result<(), WorkerError> {
    let fail = |source| WorkerError::State {
        path: path.display().to_string(),
        source,
    };
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut file = fs::File::create(&name).map_err(fail)?;
    for id in state.lock().revoked() {
        writeln!(file, "{}", serde_json::json!({ "revoked": id })).map_err(fail)?;
    }
    file.sync_all().map_err(fail)?;
    fs::rename(&name, path).map_err(fail)
}
