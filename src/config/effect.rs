//! Settings that are read, checked and shown, and change nothing here: whoever sets one is told.

use super::{Origin, Settings};

/// Celery's, of AMQP, of beat, of the Python pool, of Python's logging, or not built. Sorted.
const WITHOUT_EFFECT: &[&str] = &[
    "beat_cron_starting_deadline",
    "beat_enable_remote_control",
    "beat_max_loop_interval",
    "beat_schedule",
    "beat_schedule_filename",
    "beat_scheduler",
    "beat_sync_every",
    "broker_channel_error_retry",
    "broker_failover_strategy",
    "broker_heartbeat",
    "broker_login_method",
    "broker_native_delayed_delivery_queue_type",
    "broker_pool_limit",
    "control_queue_durable",
    "control_queue_exclusive",
    "database_create_tables_at_setup",
    "database_table_schemas",
    "event_queue_durable",
    "event_queue_exclusive",
    "event_serializer",
    "redis_max_connections",
    "redis_retry_on_timeout",
    "redis_socket_keepalive",
    "result_chord_expires",
    "result_persistent",
    "task_allow_error_cb_on_chord_header",
    "task_protocol",
    "task_repr_maxlevels",
    "task_retry_on_worker_lost",
    "worker_enable_prefetch_count_reduction",
    "worker_enable_soft_shutdown_on_idle",
    "worker_log_format",
    "worker_max_memory_per_child",
    "worker_max_tasks_per_child",
    "worker_proc_alive_timeout",
    "worker_task_log_format",
];

/// Of them, those that have an effect in the processes of a Python app.
const OF_PYTHON: &[&str] = &[
    "broker_pool_limit",
    "broker_failover_strategy",
    "broker_login_method",
    "database_create_tables_at_setup",
    "database_table_schemas",
    "event_serializer",
    "redis_max_connections",
    "redis_retry_on_timeout",
    "redis_socket_keepalive",
    "result_chord_expires",
    "result_persistent",
    "task_allow_error_cb_on_chord_header",
    "task_protocol",
    "task_repr_maxlevels",
    "task_retry_on_worker_lost",
    "worker_log_format",
    "worker_max_memory_per_child",
    "worker_max_tasks_per_child",
    "worker_proc_alive_timeout",
    "worker_task_log_format",
];

impl Settings {
    /// The settings that somebody has changed in vain: they have no effect here.
    #[must_use]
    pub fn without_effect(&self) -> Vec<&'static str> {
        let default = Self::default();
        let differs = |name: &str| self.get(name).ok() != default.get(name).ok();
        let names = WITHOUT_EFFECT.iter().copied();
        let acts =
            |name: &str| matches!(self.origin(name), Origin::App(_)) && OF_PYTHON.contains(&name);
        names.filter(|name| differs(name) && !acts(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_settings() {
        let settings = Settings::default();
        for name in WITHOUT_EFFECT {
            assert!(settings.get(name).is_ok(), "{name}");
        }
        assert!(WITHOUT_EFFECT.is_sorted());
    }

    #[test]
    fn only_what_was_changed_is_told() {
        let mut settings = Settings::default();
        assert!(settings.without_effect().is_empty());
        for (name, text) in [
            ("task_protocol", "2"),
            ("event_queue_durable", "true"),
            ("task_acks_late", "true"),
        ] {
            settings.set_text(name, text, Origin::Code).unwrap();
        }
        assert_eq!(settings.without_effect(), ["event_queue_durable"]);
    }
}
