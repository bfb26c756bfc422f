//! The names that settings had in Celery 3, and the namespaces of `worker -- key=value`.
//!
//! Mirrors the `old` names of `celery.app.defaults` and `Celery._config_from_cmdline` (`setup_defaults`).

use super::settings::{TABLE, is_not_applicable};

/// Old lowercase name → today's name, where dropping a prefix is not enough.
const RENAMED: &[(&str, &str)] = &[
    ("celery_acks_late", "task_acks_late"),
    ("celery_always_eager", "task_always_eager"),
    ("celery_annotations", "task_annotations"),
    ("celery_cache_backend", "cache_backend"),
    ("celery_cache_backend_options", "cache_backend_options"),
    ("celery_create_missing_queues", "task_create_missing_queues"),
    ("celery_default_delivery_mode", "task_default_delivery_mode"),
    ("celery_default_exchange", "task_default_exchange"),
    ("celery_default_exchange_type", "task_default_exchange_type"),
    ("celery_default_queue", "task_default_queue"),
    ("celery_default_rate_limit", "task_default_rate_limit"),
    ("celery_default_routing_key", "task_default_routing_key"),
    ("celery_disable_rate_limits", "worker_disable_rate_limits"),
    (
        "celery_eager_propagates_exceptions",
        "task_eager_propagates",
    ),
    (
        "celery_enable_remote_control",
        "worker_enable_remote_control",
    ),
    ("celery_ignore_result", "task_ignore_result"),
    ("celery_max_cached_results", "result_cache_max"),
    ("celery_message_compression", "task_compression"),
    ("celery_publish_retry", "task_publish_retry"),
    ("celery_publish_retry_policy", "task_publish_retry_policy"),
    ("celery_queue_max_priority", "task_queue_max_priority"),
    ("celery_queues", "task_queues"),
    ("celery_reject_on_worker_lost", "task_reject_on_worker_lost"),
    (
        "celery_result_db_short_lived_sessions",
        "database_short_lived_sessions",
    ),
    ("celery_result_db_tablenames", "database_table_names"),
    ("celery_result_dburi", "database_url"),
    ("celery_result_engine_options", "database_engine_options"),
    ("celery_routes", "task_routes"),
    ("celery_send_events", "worker_send_task_events"),
    ("celery_send_task_events", "worker_send_task_events"),
    ("celery_send_task_sent_event", "task_send_sent_event"),
    (
        "celery_store_errors_even_if_ignored",
        "task_store_errors_even_if_ignored",
    ),
    ("celery_task_result_expires", "result_expires"),
    ("celery_track_started", "task_track_started"),
    ("celery_worker_direct", "worker_direct"),
    ("celeryd_task_soft_time_limit", "task_soft_time_limit"),
    ("celeryd_task_time_limit", "task_time_limit"),
    ("celeryd_worker_lost_wait", "worker_lost_wait"),
];

/// Today's name of a setting: an old or upper-case name is translated, any other returned in lower case.
#[must_use]
pub fn current_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if is_setting(&lower) {
        return lower;
    }
    if let Some((_, today)) = RENAMED.iter().find(|(old, _)| *old == lower) {
        return (*today).to_owned();
    }
    // The rest only changed prefixes: CELERYD_CONCURRENCY, CELERYBEAT_SCHEDULE, CELERY_RESULT_BACKEND.
    for (old, today) in [
        ("celerybeat_", "beat_"),
        ("celeryd_", "worker_"),
        ("celery_", ""),
        // A few moved into a namespace: CELERY_REMOTE_TRACEBACKS, CELERY_REDIRECT_STDOUTS.
        ("celery_", "task_"),
        ("celery_", "worker_"),
    ] {
        if let Some(rest) = lower.strip_prefix(old) {
            let candidate = format!("{today}{rest}");
            if is_setting(&candidate) {
                return candidate;
            }
        }
    }
    lower
}

/// The setting that `worker -- key=value` means: dots are underscores, and a bare `key` is `worker_key`.
#[must_use]
pub fn namespaced(key: &str, namespace: &str) -> String {
    let flat = key.trim().replace('.', "_");
    let name = current_name(&flat);
    if key.contains('.') || is_setting(&name) {
        return name;
    }
    let prefixed = format!("{namespace}_{name}");
    if is_setting(&prefixed) {
        prefixed
    } else {
        name
    }
}

/// The variables that may hold a setting under an old name, upper-case.
pub(super) fn old_names(setting: &str) -> Vec<String> {
    let renamed = RENAMED.iter().filter(|(_, today)| *today == setting);
    let mut names: Vec<String> = renamed.map(|(old, _)| old.to_ascii_uppercase()).collect();
    for (today, old) in [("worker_", "CELERYD_"), ("beat_", "CELERYBEAT_")] {
        if let Some(rest) = setting.strip_prefix(today) {
            names.push(format!("{old}{}", rest.to_ascii_uppercase()));
        }
    }
    names
}

/// Whether Celery has a setting of that name, be it one that means nothing here.
fn is_setting(name: &str) -> bool {
    TABLE.iter().any(|entry| entry.name == name) || is_not_applicable(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_become_todays() {
        for (old, today) in [
            ("CELERYD_CONCURRENCY", "worker_concurrency"),
            ("CELERY_RESULT_BACKEND", "result_backend"),
            ("CELERY_TASK_RESULT_EXPIRES", "result_expires"),
            ("CELERYBEAT_SCHEDULE", "beat_schedule"),
            ("BROKER_URL", "broker_url"),
            ("CELERY_ROUTES", "task_routes"),
            ("CELERYD_TASK_TIME_LIMIT", "task_time_limit"),
            ("CELERY_TASK_SERIALIZER", "task_serializer"),
            ("CELERY_ACCEPT_CONTENT", "accept_content"),
            ("task_acks_late", "task_acks_late"),
            ("CELERY_NO_SUCH", "celery_no_such"),
        ] {
            assert_eq!(current_name(old), today);
        }
    }

    #[test]
    fn bare_keys_after_dashes_are_the_workers() {
        for (key, name) in [
            ("concurrency", "worker_concurrency"),
            ("worker.concurrency", "worker_concurrency"),
            ("broker.pool_limit", "broker_pool_limit"),
            ("task_acks_late", "task_acks_late"),
            ("timezone", "timezone"),
            ("nosuch", "nosuch"),
        ] {
            assert_eq!(namespaced(key, "worker"), name);
        }
    }

    #[test]
    fn every_renamed_setting_is_one_that_celery_has() {
        for (old, today) in RENAMED {
            let mut settings = super::super::Settings::default();
            let null = crate::protocol::Value::Null;
            let outcome = settings.set(today, &null, super::super::Origin::Code);
            let unknown = matches!(outcome, Err(super::super::ConfigError::UnknownKey { .. }));
            assert!(!unknown, "{old} → {today}");
        }
    }
}
