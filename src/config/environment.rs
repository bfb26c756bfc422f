//! Settings from environment variables: `CELERY_<SETTING>`, the names of Celery 3, and files that hold a URL.
//!
//! Mirrors the variables of `celery.app.base.Settings`, and what click gives each option of the worker.

use super::ConfigError;
use super::legacy::old_names;
use super::load::{Sources, read_text};
use super::settings::{Origin, Settings, TABLE, is_not_applicable};

/// Variables of Celery's that are no settings, and are meant for somebody else.
const OTHERS: &[&str] = &[
    // A path for click, a dict for Django: neither is a schedule.
    "CELERY_BEAT_SCHEDULE",
    "CELERY_APP",
    "CELERY_BENCH",
    "CELERY_BIN",
    "CELERY_CONFIG",
    "CELERY_CONFIG_MODULE",
    "CELERY_CUSTOM_WORKER_POOL",
    "CELERY_LOADER",
    "CELERY_NO_COLOR",
    "CELERY_QUIET",
    "CELERY_SKIP_CHECKS",
    "CELERY_TRACE_APP",
    "CELERY_VERSION",
    "CELERY_WORKDIR",
];

/// Whether a variable of the environment is a setting, under its name of today or an old one, or is known to be none.
#[must_use]
pub fn knows_variable(name: &str) -> bool {
    let setting = name.strip_prefix("CELERY_").map(str::to_ascii_lowercase);
    OTHERS.contains(&name)
        || name.starts_with("CELERY_RDB")
        || setting.is_some_and(|s| is_not_applicable(&s))
        || TABLE
            .iter()
            .any(|entry| names(entry.name).any(|known| known == name))
}

/// The variables that may hold a setting, the first that is set counts.
fn names(setting: &str) -> impl Iterator<Item = String> {
    let todays = format!("CELERY_{}", setting.to_ascii_uppercase());
    // `-b` under the name that click gives it.
    let option = (setting == "broker_url").then(|| "CELERY_BROKER".to_owned());
    option
        .into_iter()
        .chain(std::iter::once(todays))
        .chain(old_names(setting))
}

/// The text of a variable; an empty one is how a compose file or a unit says "not set".
pub(super) fn variable(sources: &Sources<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    match (sources.env)(name) {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => match text.into_string() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(ConfigError::invalid(name, "not valid UTF-8")),
        },
    }
}

/// Sets what the environment says.
pub(super) fn read_environment(
    sources: &Sources<'_>,
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    for entry in TABLE.iter().filter(|entry| entry.name != "beat_schedule") {
        for name in names(entry.name) {
            if let Some(text) = variable(sources, &name)? {
                settings
                    .set_text(entry.name, &text, Origin::Env(name.clone()))
                    .map_err(|error| error.at(name))?;
                break;
            }
        }
    }
    Ok(())
}

/// `broker_url_file` and `result_backend_file`: a URL in a mounted file, unless one is given at the same place or a
/// stronger one.
pub(super) fn read_url_files(
    sources: &Sources<'_>,
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    for (key, file, path) in [
        (
            "broker_url",
            "broker_url_file",
            settings.broker_url_file.clone(),
        ),
        (
            "result_backend",
            "result_backend_file",
            settings.result_backend_file.clone(),
        ),
    ] {
        let Some(path) = path else {
            continue;
        };
        let origin = settings.origin(file).clone();
        if strength(&origin) <= strength(settings.origin(key)) {
            continue;
        }
        let path = sources.directory.join(path);
        let text = read_text(&path).map_err(|error| error.at(format!("{file} ({origin})")))?;
        let url = text.lines().next().unwrap_or_default().trim();
        if url.is_empty() {
            return Err(ConfigError::invalid(
                file,
                format!("`{}` has no URL in its first line", path.display()),
            ));
        }
        settings.set_text(key, url, origin)?;
    }
    Ok(())
}

fn strength(origin: &Origin) -> u8 {
    match origin {
        Origin::Default => 0,
        Origin::Code => 1,
        Origin::File(_) => 2,
        Origin::App(_) => 3,
        Origin::Env(_) => 4,
        Origin::Flag(_) => 5,
    }
}

/// `BROKER_URL` and `RESULT_BACKEND`, where nothing else names a broker or a back end. Celery lets these beat
/// `CELERY_BROKER_URL`; they are everybody's names, so here they come last.
pub(super) fn read_last(sources: &Sources<'_>, settings: &mut Settings) -> Result<(), ConfigError> {
    for (key, name) in [
        ("broker_url", "BROKER_URL"),
        ("result_backend", "RESULT_BACKEND"),
    ] {
        if settings.origin(key) == &Origin::Default
            && let Some(text) = variable(sources, name)?
        {
            settings
                .set_text(key, &text, Origin::Env(name.to_owned()))
                .map_err(|error| error.at(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_apart_from_slips() {
        for name in [
            "CELERY_TASK_ACKS_LATE",
            "CELERYD_CONCURRENCY",
            "CELERY_TASK_ALWAYS_EAGER",
            "CELERY_BROKER",
            "CELERY_BROKER_URL_FILE",
            "CELERY_VERSION",
        ] {
            assert!(knows_variable(name), "{name}");
        }
        for name in ["CELERY_TASK_ACK_LATE", "CELERY_WORKER_PORT", "CELERY_"] {
            assert!(!knows_variable(name), "{name}");
        }
    }
}
