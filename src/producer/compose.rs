//! From a signature to the message on the wire. No I/O; the clock is passed in.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::SendError;
use crate::broker::Destination;
use crate::config::{RouteOptions, Settings};
use crate::protocol::{
    Embed, ExchangeType, Message, Queue, Signature, TaskHeader, TaskMessage, Value, repr, time,
};
use crate::task::{Caller, Registry, TaskOptions};

/// A message on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The queue to declare first, if one is known.
    pub queue: Option<Queue>,
    /// Where it goes.
    pub destination: Destination,
    /// The message.
    pub message: Message,
    /// Its task id.
    pub task_id: String,
}

/// What all messages of an app have in common.
#[derive(Debug, Clone)]
pub struct Composer {
    /// Routes, serializers, defaults.
    pub settings: Arc<Settings>,
    /// The tasks known here: their options are the defaults of their calls.
    pub tasks: Arc<Registry>,
    /// `gen<pid>@<host>`.
    pub origin: String,
    /// The reply queue that messages name.
    pub reply_to: String,
}

/// Options that are not sent as properties: they are read, or mean nothing here.
const KNOWN_OPTIONS: &[&str] = &[
    "task_id",
    "countdown",
    "eta",
    "expires",
    "priority",
    "queue",
    "exchange",
    "exchange_type",
    "routing_key",
    "serializer",
    "compression",
    "time_limit",
    "soft_time_limit",
    "ignore_result",
    "shadow",
    "headers",
    "link",
    "link_error",
    "chain",
    "chord",
    "chord_size",
    "group_id",
    "group_index",
    "root_id",
    "parent_id",
    "retries",
    "reply_to",
    "correlation_id",
    "delivery_mode",
    "replaced_task_nesting",
    "stamped_headers",
    "on_stamp",
    "argsrepr",
    "kwargsrepr",
    "origin",
    "add_to_parent",
    "retry",
    "retry_policy",
    "producer",
    "publisher",
    "connection",
    "router",
    "result_cls",
    "task_type",
    "interval",
    "max_retries",
    "_chord_unlock_exchange_type",
];

impl Composer {
    /// Makes the message of a call. `caller` is the task that sends, if one does.
    ///
    /// # Errors
    /// `Option` for an option of the wrong type, `Protocol` for an argument without a wire form, `Config` for a queue
    /// that may not be made up.
    pub fn compose(
        &self,
        sig: &Signature,
        caller: Option<&Caller>,
        now: Timestamp,
    ) -> Result<Outgoing, SendError> {
        let route = self.settings.task_routes.of(&sig.task);
        let opt = |name: &str| sig.option(name);
        let text = |name: &str| match opt(name) {
            None => Ok(None),
            Some(Value::Str(s)) => Ok(Some(s.clone())),
            Some(Value::Uuid(u)) => Ok(Some(u.to_string())),
            Some(other) => Err(bad(
                name,
                format!("must be text, not {}", other.type_name()),
            )),
        };
        let integer = |name: &str| match opt(name) {
            None => Ok(None),
            Some(Value::Int(i)) => Ok(Some(*i)),
            Some(other) => Err(bad(
                name,
                format!("must be an integer, not {}", other.type_name()),
            )),
        };
        let unknown;
        let defaults = match self.tasks.get(&sig.task) {
            Some(task) => task.options(),
            None => {
                unknown = TaskOptions::default();
                &unknown
            }
        };

        let id = text("task_id")?.unwrap_or_else(|| Uuid::new_v4().to_string());
        let mut header = TaskHeader::new(&sig.task, &id);
        header.root_id = match (text("root_id")?, caller) {
            (Some(root), _) => Some(root),
            (None, Some(caller)) => Some(caller.root_id.clone()),
            (None, None) => Some(id.clone()),
        };
        header.parent_id = text("parent_id")?.or_else(|| caller.map(|c| c.task_id.clone()));
        header.shadow = text("shadow")?;
        header.group = text("group_id")?;
        header.group_index = integer("group_index")?;
        header.retries = integer("retries")?
            .and_then(|r| u32::try_from(r).ok())
            .unwrap_or(0);
        header.replaced_task_nesting = integer("replaced_task_nesting")?.unwrap_or(0);
        header.eta = self.eta(opt("countdown"), opt("eta"), now)?;
        let expires = match opt("expires") {
            Some(v) => Some(v.clone()),
            None => defaults.expires.map(|d| d.as_secs_f64().into()),
        };
        let expires_at = self.expires(expires.as_ref(), now)?;
        header.expires = expires_at.as_ref().map(|(text, _)| text.clone());
        let limit = |name: &'static str, default: Option<Duration>| match opt(name) {
            None => Ok(default.map(|d| d.as_secs_f64())),
            Some(v) => v
                .as_f64()
                .map(Some)
                .ok_or_else(|| bad(name, "must be a number of seconds".to_owned())),
        };
        header.timelimit = (
            limit("time_limit", defaults.time_limit)?,
            limit("soft_time_limit", defaults.soft_time_limit)?,
        );
        header.ignore_result = match opt("ignore_result") {
            Some(v) => Some(v.truthy()),
            None => defaults.ignore_result,
        };
        header.argsrepr = Some(text("argsrepr")?.unwrap_or_else(|| repr::args_repr(&sig.args)));
        header.kwargsrepr =
            Some(text("kwargsrepr")?.unwrap_or_else(|| repr::kwargs_repr(&sig.kwargs)));
        header.origin = Some(text("origin")?.unwrap_or_else(|| self.origin.clone()));
        if let Some(Value::List(names)) = opt("stamped_headers") {
            let names: Vec<String> = names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            for name in &names {
                if let Some(stamp) = sig.options.get(name) {
                    header.stamps.insert(name.clone(), stamp.clone());
                }
            }
            header.stamped_headers = Some(names);
        }
        match opt("headers") {
            None => {}
            Some(Value::Map(custom)) => header.custom.clone_from(custom),
            Some(other) => {
                return Err(bad(
                    "headers",
                    format!("must be an object, not {}", other.type_name()),
                ));
            }
        }

        let list = |name: &str| match opt(name) {
            None => None,
            Some(Value::List(l)) => Some(l.clone()),
            Some(one) => Some(vec![one.clone()]),
        };
        let embed = Embed {
            callbacks: list("link"),
            errbacks: list("link_error"),
            chain: list("chain"),
            chord: opt("chord").cloned(),
        };
        let serializer = text("serializer")?
            .or_else(|| defaults.serializer.clone())
            .or_else(|| route.and_then(|r| extra_text(r, "serializer")))
            .unwrap_or_else(|| self.settings.task_serializer.clone());
        let compression = text("compression")?
            .or_else(|| defaults.compression.clone())
            .or_else(|| route.and_then(|r| extra_text(r, "compression")))
            .or_else(|| self.settings.task_compression.clone());
        let task = TaskMessage {
            header,
            args: sig.args.clone(),
            kwargs: sig.kwargs.clone(),
            embed,
        };
        let mut message = task.to_message(&serializer, compression.as_deref())?;

        let p = &mut message.properties;
        p.correlation_id = Some(text("correlation_id")?.unwrap_or_else(|| id.clone()));
        p.reply_to = Some(text("reply_to")?.unwrap_or_else(|| self.reply_to.clone()));
        p.delivery_mode = Some(match opt("delivery_mode") {
            None => self.settings.task_default_delivery_mode,
            Some(Value::Int(1)) => 1,
            Some(Value::Str(s)) if s == "transient" => 1,
            Some(_) => 2,
        });
        let inherited = caller
            .filter(|_| self.settings.task_inherit_parent_priority)
            .and_then(|c| c.priority);
        p.priority = integer("priority")?
            .or(defaults.priority)
            .or(inherited)
            .or_else(|| route.and_then(|r| r.priority))
            .or_else(|| self.settings.task_default_priority.map(i64::from));
        p.expiration = expires_at.map(|(_, left)| left.as_millis().max(0).to_string());
        let stamps = sig
            .option("stamped_headers")
            .and_then(Value::as_list)
            .unwrap_or_default();
        for (name, value) in &sig.options {
            let stamp = stamps.iter().any(|s| s.as_str() == Some(name));
            if !KNOWN_OPTIONS.contains(&name.as_str()) && !value.is_null() && !stamp {
                p.extra.insert(name.clone(), value.clone());
            }
        }
        for name in ["queue", "exchange", "routing_key", "exchange_type"] {
            text(name)?;
        }
        let (queue, destination) = self.destination(sig, route)?;
        Ok(Outgoing {
            queue,
            destination,
            message: message.with_fresh_tag(),
            task_id: id,
        })
    }

    /// Where a call goes: its own options first, then the task's, then the route's, then the defaults.
    fn destination(
        &self,
        sig: &Signature,
        route: Option<&RouteOptions>,
    ) -> Result<(Option<Queue>, Destination), SendError> {
        let task = self.tasks.get(&sig.task).map(|t| t.options());
        let pick = |name: &str, own: Option<&String>, routed: Option<&String>| {
            sig.option_str(name)
                .map(str::to_owned)
                .or_else(|| own.cloned())
                .or_else(|| routed.cloned())
        };
        let queue = pick(
            "queue",
            task.and_then(|t| t.queue.as_ref()),
            route.and_then(|r| r.queue.as_ref()),
        );
        let exchange = pick(
            "exchange",
            task.and_then(|t| t.exchange.as_ref()),
            route.and_then(|r| r.exchange.as_ref()),
        );
        let key = pick(
            "routing_key",
            task.and_then(|t| t.routing_key.as_ref()),
            route.and_then(|r| r.routing_key.as_ref()),
        );
        if queue.is_none()
            && let Some(exchange) = exchange
        {
            // An exchange without a queue: the caller knows where it leads.
            let key = key.unwrap_or_else(|| self.settings.default_queue().routing_key);
            let declared = self
                .settings
                .queues()?
                .into_iter()
                .find(|q| q.exchange.name == exchange);
            let kind = match sig.option_str("exchange_type") {
                Some(kind) => ExchangeType::parse(kind).ok_or_else(|| {
                    bad(
                        "exchange_type",
                        format!("`{kind}` is none of direct, topic, fanout"),
                    )
                })?,
                None => declared
                    .as_ref()
                    .map(|q| q.exchange.kind)
                    .unwrap_or_default(),
            };
            return Ok((declared, Destination::exchange(&exchange, kind, &key)));
        }
        let queue = match queue {
            Some(name) => self.settings.queue(&name)?,
            None => self.settings.default_queue(),
        };
        let direct = queue.exchange.kind == ExchangeType::Direct;
        let destination = match (exchange, key) {
            (Some(exchange), Some(key)) => {
                Destination::exchange(&exchange, queue.exchange.kind, &key)
            }
            // A direct queue is reached by its name, through the default exchange (celery.app.amqp, send_task_message).
            _ if direct => Destination::queue(&queue.name),
            (exchange, key) => {
                let exchange = exchange.unwrap_or_else(|| queue.exchange.name.clone());
                let key = key.unwrap_or_else(|| queue.routing_key.clone());
                Destination::exchange(&exchange, queue.exchange.kind, &key)
            }
        };
        Ok((Some(queue), destination))
    }

    fn eta(
        &self,
        countdown: Option<&Value>,
        eta: Option<&Value>,
        now: Timestamp,
    ) -> Result<Option<String>, SendError> {
        match (countdown, eta) {
            (Some(countdown), _) => {
                let seconds = countdown
                    .as_f64()
                    .ok_or_else(|| bad("countdown", "must be a number".to_owned()))?;
                if seconds == 0.0 {
                    return Ok(None);
                }
                Ok(Some(time::isoformat(
                    add("countdown", now, seconds)?,
                    &self.settings.time_zone(),
                )))
            }
            (None, Some(Value::Str(text) | Value::DateTime(text))) => {
                time::parse(text).map_err(|_| bad("eta", format!("`{text}` is not ISO 8601")))?;
                Ok(Some(text.clone()))
            }
            (None, Some(other)) => Err(bad(
                "eta",
                format!("must be a time, not {}", other.type_name()),
            )),
            (None, None) => Ok(None),
        }
    }

    /// The header's text, and how long it is from now.
    fn expires(
        &self,
        expires: Option<&Value>,
        now: Timestamp,
    ) -> Result<Option<(String, SignedDuration)>, SendError> {
        let Some(expires) = expires else {
            return Ok(None);
        };
        let (text, at) = match expires {
            Value::Str(text) | Value::DateTime(text) => {
                let at = time::parse(text)
                    .map_err(|_| bad("expires", format!("`{text}` is not ISO 8601")))?;
                (text.clone(), at)
            }
            other => {
                let seconds = other
                    .as_f64()
                    .ok_or_else(|| bad("expires", "must be a time or seconds".to_owned()))?;
                let at = add("expires", now, seconds)?;
                (time::isoformat(at, &self.settings.time_zone()), at)
            }
        };
        Ok(Some((text, at.duration_since(now))))
    }
}

fn add(option: &str, now: Timestamp, seconds: f64) -> Result<Timestamp, SendError> {
    let out_of_range = || bad(option, format!("{seconds} seconds from now is no date"));
    let span = SignedDuration::try_from_secs_f64(seconds).map_err(|_| out_of_range())?;
    now.checked_add(span).map_err(|_| out_of_range())
}

fn extra_text(route: &RouteOptions, name: &str) -> Option<String> {
    route
        .extra
        .get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn bad(option: &str, reason: String) -> SendError {
    SendError::Option {
        option: option.to_owned(),
        reason,
    }
}
