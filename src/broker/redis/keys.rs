//! Names of keys and channels.
//!
//! Mirrors `kombu.transport.redis.Channel` (`keyprefix_queue`, `_q_for_pri`, `_get_publish_topic`).

use super::options::RedisOptions;
use crate::protocol::{ExchangeType, Message, Queue};

/// All names, prefixed.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    pub(super) sep: String,
    pub(super) steps: Vec<i64>,
    fanout_prefix: String,
    fanout_patterns: bool,
    fanout_compat: bool,
    pub(super) unacked: String,
    pub(super) index: String,
    pub(super) mutex: String,
    /// Ours: connections that hold messages, by the time they were last heard of. A hint; may be deleted at any time.
    pub(super) consumers: String,
    pub(super) deadlines: String,
}

impl Keys {
    pub(super) fn new(options: &RedisOptions) -> Self {
        let prefix = options.global_keyprefix.clone();
        Self {
            unacked: format!("{prefix}{}", options.unacked_key),
            index: format!("{prefix}{}", options.unacked_index_key),
            mutex: format!("{prefix}{}", options.unacked_mutex_key),
            consumers: format!("{prefix}{}.rcelery", options.unacked_index_key),
            deadlines: format!("{prefix}_kombu.binding_deadlines"),
            sep: options.sep.clone(),
            steps: options.priority_steps.clone(),
            fanout_prefix: options.fanout_prefix.clone(),
            fanout_patterns: options.fanout_patterns,
            fanout_compat: options.fanout_compat,
            prefix,
        }
    }

    /// Ours: what one connection holds, with the scores of `unacked_index`. A hint; may be deleted at any time.
    pub(super) fn held(&self, consumer: &str) -> String {
        format!("{}.held.{consumer}", self.consumers)
    }

    /// The list for priorities from `step` up.
    pub(super) fn list(&self, queue: &str, step: i64) -> String {
        if step == 0 {
            format!("{}{queue}", self.prefix)
        } else {
            format!("{}{queue}{}{step}", self.prefix, self.sep)
        }
    }

    /// All lists of a queue, the most urgent first.
    pub(super) fn lists(&self, queue: &str) -> Vec<String> {
        self.steps.iter().map(|s| self.list(queue, *s)).collect()
    }

    /// The list of a queue that a priority belongs to.
    pub(super) fn list_for(&self, queue: &str, priority: Option<i64>) -> String {
        let priority = priority.unwrap_or(0).clamp(0, 9);
        let above = self.steps.partition_point(|step| *step <= priority);
        // Below the first step kombu takes the last one (bisect() - 1 is -1).
        let step = match above {
            0 => self.steps.last(),
            n => self.steps.get(n - 1),
        };
        self.list(queue, step.copied().unwrap_or(0))
    }

    /// The list that a message goes to.
    pub(super) fn list_of(&self, queue: &str, message: &Message) -> String {
        self.list_for(queue, message.properties.priority)
    }

    pub(super) fn bindings(&self, exchange: &str) -> String {
        format!("{}_kombu.binding.{exchange}", self.prefix)
    }

    pub(super) fn permanent_bindings(&self, exchange: &str) -> String {
        format!("{}_kombu.binding_permanent.{exchange}", self.prefix)
    }

    /// The queue that a list belongs to, if the key is one of ours.
    pub(super) fn queue_of(&self, list: &str) -> Option<String> {
        let name = list.strip_prefix(&self.prefix)?;
        Some(name.split(&self.sep).next().unwrap_or(name).to_owned())
    }

    /// The key without the global prefix.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The channels that a fanout message is published to; the first is the one that counts.
    pub(super) fn topics(&self, exchange: &str, routing_key: &str) -> Vec<String> {
        let mut names = vec![self.topic(&self.fanout_prefix, exchange, routing_key)];
        if self.fanout_compat {
            // kombu before 5.4 never filled in the number.
            names.push(self.topic("/{db}.", exchange, routing_key));
        }
        names
    }

    /// The patterns that a fanout queue listens to.
    pub(super) fn patterns(&self, queue: &Queue) -> Vec<String> {
        debug_assert_eq!(queue.exchange.kind, ExchangeType::Fanout);
        self.topics(&queue.exchange.name, &queue.routing_key.replace('#', "*"))
    }

    fn topic(&self, fanout_prefix: &str, exchange: &str, routing_key: &str) -> String {
        let prefix = &self.prefix;
        if routing_key.is_empty() || !self.fanout_patterns {
            format!("{prefix}{fanout_prefix}{exchange}")
        } else {
            format!("{prefix}{fanout_prefix}{exchange}/{routing_key}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::BrokerUrl;
    use crate::broker::registry::Options;
    use crate::protocol::{Map, Value};

    fn keys(options: &[(&str, Value)]) -> Keys {
        let transport_options: Map = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        let options = Options {
            transport_options,
            ..Options::default()
        };
        let url = BrokerUrl::parse("redis://h/2").unwrap();
        Keys::new(&RedisOptions::new(&url, &options).unwrap())
    }

    #[test]
    fn priorities_share_lists_by_step() {
        let k = keys(&[]);
        let of = |p| k.list_for("celery", p);
        assert_eq!(of(None), "celery");
        assert_eq!(of(Some(2)), "celery");
        assert_eq!(of(Some(3)), "celery\u{6}\u{16}3");
        assert_eq!(of(Some(42)), "celery\u{6}\u{16}9");
        assert_eq!(of(Some(-1)), "celery");
        assert_eq!(k.queue_of("celery\u{6}\u{16}3").unwrap(), "celery");
    }

    #[test]
    fn the_prefix_is_before_every_name() {
        let k = keys(&[("global_keyprefix", "P:".into())]);
        assert_eq!(k.index, "P:unacked_index");
        assert_eq!(k.lists("q")[1], "P:q\u{6}\u{16}3");
        assert_eq!(k.bindings("x"), "P:_kombu.binding.x");
        assert_eq!(k.topics("celery.pidbox", ""), ["P:/2.celery.pidbox"]);
    }

    #[test]
    fn fanout_topics_follow_the_options() {
        assert_eq!(keys(&[]).topics("ev", "worker.x"), ["/2.ev/worker.x"]);
        let k = keys(&[
            ("fanout_prefix", false.into()),
            ("fanout_patterns", false.into()),
        ]);
        assert_eq!(k.topics("ev", "worker.x"), ["ev"]);
    }
}
