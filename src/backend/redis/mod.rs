//! Results in Redis: one value per task, published when it changes; groups; counters of chords.
//!
//! Mirrors `celery.backends.redis` and shares all its keys.

mod chord;
mod client;
mod payload;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::client::Client;
use self::payload::Codec;
use super::registry::Options;
use super::{Backend, BackendError, Changes, ChordProgress, PartOutcome, Stored};
use crate::broker::{BrokerUrl, Endpoint, Script};
use crate::protocol::{Map, ResultMeta, ResultTuple, State, Value};

static STORE: Script = Script::new(include_str!("store.lua"));

/// Results of one call: it blocks the server for about half a millisecond.
const TOGETHER: usize = 100;

/// The server takes no longer value (Celery's limit, too).
const MAX_VALUE: usize = 512 << 20;

/// Bytes of one round trip of results, unless one alone is larger: the driver copies them more than once.
const ROUND_BYTES: usize = 4 << 20;

/// Keys of one round trip.
const CHUNK: usize = 500;

/// Round trips that a look for ids may take: it must not go through a large database.
const SCANS: usize = 10;

/// The back end.
#[derive(Debug)]
pub(super) struct RedisBackend {
    uri: String,
    client: Arc<Client>,
    codec: Codec,
    keys: Keys,
    expires: Option<Duration>,
    failure_expires: Option<Duration>,
    chord_join_timeout: Duration,
    chord_ordered: bool,
}

/// Names of keys; channels are named like them.
#[derive(Debug, Clone)]
struct Keys(String);

impl Keys {
    /// `global_keyprefix` gets a `_` unless it ends in a separator (BaseKeyValueStoreBackend._add_global_keyprefix).
    fn new(prefix: &str) -> Self {
        let joined = prefix.is_empty() || prefix.ends_with([':', '_', '-', '.']);
        Self(if joined {
            prefix.to_owned()
        } else {
            format!("{prefix}_")
        })
    }

    fn task(&self, task_id: &str) -> String {
        format!("{}celery-task-meta-{task_id}", self.0)
    }

    fn group(&self, group_id: &str, suffix: &str) -> String {
        format!("{}celery-taskset-meta-{group_id}{suffix}", self.0)
    }
}

impl RedisBackend {
    pub(super) fn new(url: &BrokerUrl, options: &Options) -> Result<Self, BackendError> {
        let map = &options.transport_options;
        let mut endpoint = Endpoint::for_backend(url, options.use_ssl.as_ref())?;
        endpoint.connect_timeout = endpoint.connect_timeout.min(options.connect_timeout);
        endpoint.command_timeout = endpoint.command_timeout.min(options.command_timeout);
        endpoint.sentinel_options(map)?;
        let prefix = match map.get("global_keyprefix") {
            None | Some(Value::Null) => "",
            Some(Value::Str(prefix)) => prefix,
            Some(_) => {
                return Err(BackendError::Config(
                    "`global_keyprefix` must be text".to_owned(),
                ));
            }
        };
        Ok(Self {
            uri: uri(url),
            client: Arc::new(Client::new(endpoint)),
            codec: Codec::new(options)?,
            keys: Keys::new(prefix),
            expires: options.expires,
            failure_expires: options.failure_expires,
            chord_join_timeout: options.chord_join_timeout,
            chord_ordered: map.get("result_chord_ordered").is_none_or(Value::truthy),
        })
    }

    fn expires_of(&self, state: &State) -> u64 {
        let expires = match (state, self.failure_expires) {
            (state, Some(expires)) if *state == State::FAILURE => Some(expires),
            _ => self.expires,
        };
        seconds(expires)
    }

    async fn set(&self, key: &str, value: &[u8], expires: u64) -> Result<(), BackendError> {
        self.client
            .call(|c| async move {
                let mut pipeline = redis::pipe();
                pipeline.atomic();
                if expires > 0 {
                    pipeline.cmd("SETEX").arg(key).arg(expires).arg(value);
                } else {
                    pipeline.cmd("SET").arg(key).arg(value);
                }
                pipeline.cmd("PUBLISH").arg(key).arg(value);
                c.run_all::<redis::Value>(&pipeline).await
            })
            .await
            .map(drop)
    }

    /// Stores until all are written or found to be superseded.
    async fn store_rounds(
        &self,
        mut round: Vec<Pending>,
        outcomes: &mut Outcomes,
    ) -> Result<(), BackendError> {
        while !round.is_empty() {
            let answers = self.store_round(&round).await?;
            let mut again = Vec::new();
            for (mut one, answer) in round.into_iter().zip(answers) {
                let outcome = match answer {
                    redis::Value::Int(1) => Stored::Written,
                    redis::Value::Int(_) => Stored::AlreadySuccess,
                    redis::Value::BulkString(present) => {
                        // Compressed, or another serializer's. What cannot be read is replaced, as Celery does.
                        let meta = self.codec.decode_meta(&one.task_id, &present);
                        if !meta.is_ok_and(|meta| meta.status == State::SUCCESS) {
                            one.replaces = present;
                            again.push(one);
                            continue;
                        }
                        Stored::AlreadySuccess
                    }
                    other => {
                        let message = format!("unexpected answer: {other:?}");
                        outcomes[one.index] = Some(Err(BackendError::server(message)));
                        continue;
                    }
                };
                outcomes[one.index] = Some(Ok(outcome));
            }
            round = again;
        }
        Ok(())
    }

    /// Calls of the script, all sent before the first is answered.
    async fn store_round(&self, round: &[Pending]) -> Result<Vec<redis::Value>, BackendError> {
        let calls = round.chunks(TOGETHER).map(|together| {
            let keys: Vec<&str> = together.iter().map(|one| &*one.key).collect();
            let bytes = together.iter().map(|one| one.value.len() + 8).sum();
            let mut call = STORE.call_with(&keys, 3 * keys.len(), bytes);
            for one in together {
                call.arg(&one.value).arg(one.expires).arg(&one.replaces);
            }
            call
        });
        let calls: Vec<redis::Cmd> = calls.collect();
        let calls = &calls;
        let answers: Vec<Vec<redis::Value>> = self
            .client
            .call(|c| async move {
                let each = calls
                    .iter()
                    .map(|call| c.run_script::<Vec<redis::Value>>(&STORE, call));
                futures_util::future::try_join_all(each).await
            })
            .await?;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// What became of each meta of a batch, as far as it is known.
type Outcomes = Vec<Option<Result<Stored, BackendError>>>;

/// A value on its way.
struct Pending {
    index: usize,
    task_id: String,
    key: String,
    value: Vec<u8>,
    expires: u64,
    /// What was read at the key and may be replaced.
    replaces: Vec<u8>,
}

/// Zero means for ever.
fn seconds(expires: Option<Duration>) -> u64 {
    expires.map_or(0, |e| e.as_secs())
}

/// The URL without password and query, as Celery shows it.
fn uri(url: &BrokerUrl) -> String {
    url.to_string()
}

#[async_trait]
impl Backend for RedisBackend {
    fn as_uri(&self) -> String {
        self.uri.clone()
    }

    fn counts_chords(&self) -> bool {
        true
    }

    async fn store(
        &self,
        batch: &[ResultMeta],
    ) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
        let mut outcomes = Outcomes::new();
        let mut round = Vec::new();
        let mut bytes = 0;
        for (index, meta) in batch.iter().enumerate() {
            let (task_id, expires) = (meta.task_id.clone(), self.expires_of(&meta.status));
            let encoded = self.codec.encode_meta(meta).and_then(|value| {
                if value.len() > MAX_VALUE {
                    return Err(BackendError::server("value too large for Redis backend"));
                }
                Ok(value)
            });
            match encoded {
                Err(error) => outcomes.push(Some(Err(error))),
                Ok(value) => {
                    outcomes.push(None);
                    if bytes + value.len() > ROUND_BYTES {
                        self.store_rounds(std::mem::take(&mut round), &mut outcomes)
                            .await?;
                        bytes = 0;
                    }
                    bytes += value.len();
                    round.push(Pending {
                        index,
                        key: self.keys.task(&task_id),
                        task_id,
                        value,
                        expires,
                        replaces: Vec::new(),
                    });
                }
            }
        }
        self.store_rounds(round, &mut outcomes).await?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Err(BackendError::server("no answer"))))
            .collect())
    }

    async fn get_many(&self, task_ids: &[String]) -> Result<Vec<Option<ResultMeta>>, BackendError> {
        let mut metas = Vec::with_capacity(task_ids.len());
        for chunk in task_ids.chunks(CHUNK) {
            let keys: Vec<String> = chunk.iter().map(|id| self.keys.task(id)).collect();
            for (id, value) in chunk.iter().zip(self.client.mget(&keys).await?) {
                metas.push(match value {
                    None => None,
                    Some(value) => Some(self.codec.decode_meta(id, &value)?),
                });
            }
        }
        Ok(metas)
    }

    async fn watch(&self, task_ids: &[String]) -> Result<Changes, BackendError> {
        let keys = task_ids
            .iter()
            .map(|id| (self.keys.task(id), id.clone()))
            .collect();
        watch::watch(&self.client, keys, self.codec.clone()).await
    }

    async fn find(&self, prefix: &str, limit: usize) -> Result<Vec<String>, BackendError> {
        let start = self.keys.task("");
        let pattern = format!("{}*", escape_glob(&self.keys.task(prefix)));
        let mut found = BTreeSet::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(SCANNED);
            let (next, keys): (u64, Vec<String>) = self
                .client
                .call(|c| {
                    let scan = scan.clone();
                    async move { c.run(&scan).await }
                })
                .await?;
            // A scan may name a key twice.
            let ids = keys.iter().filter_map(|k| k.strip_prefix(&start));
            found.extend(ids.map(str::to_owned));
            cursor = next;
            if cursor == 0 || found.len() >= limit {
                return Ok(found.into_iter().take(limit).collect());
            }
        }
    }

    async fn forget(&self, task_id: &str) -> Result<(), BackendError> {
        self.client.delete(&[self.keys.task(task_id)]).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<String>, BackendError> {
        let prefix = self.keys.task("");
        let pattern = format!("{}*", escape_glob(&prefix));
        let (mut ids, mut cursor) = (Vec::new(), 0_u64);
        for _ in 0..SCANS {
            let (next, keys): (u64, Vec<Vec<u8>>) = self
                .client
                .call(|c| {
                    let mut scan = redis::cmd("SCAN");
                    scan.arg(cursor).arg("MATCH").arg(&pattern);
                    scan.arg("COUNT").arg(1000);
                    async move { c.run(&scan).await }
                })
                .await?;
            let keys = keys.into_iter().filter_map(|k| String::from_utf8(k).ok());
            ids.extend(keys.filter_map(|k| k.strip_prefix(&prefix).map(str::to_owned)));
            cursor = next;
            if cursor == 0 || ids.len() >= limit {
                break;
            }
        }
        ids.truncate(limit);
        Ok(ids)
    }

    async fn save_group(&self, group: &ResultTuple) -> Result<(), BackendError> {
        let mut saved = Map::new();
        saved.insert("result".to_owned(), group.to_value());
        let value = self.codec.encode(&Value::Map(saved))?;
        let key = self.keys.group(&group.id, "");
        self.set(&key, &value, seconds(self.expires)).await
    }

    async fn restore_group(&self, group_id: &str) -> Result<Option<ResultTuple>, BackendError> {
        let values = self.client.mget(&[self.keys.group(group_id, "")]).await?;
        let Some(value) = values.into_iter().next().flatten() else {
            return Ok(None);
        };
        match self.codec.decode(&value)? {
            Value::Map(map) => match map.get("result") {
                Some(tuple) => Ok(Some(ResultTuple::from_value(tuple)?)),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    async fn delete_group(&self, group_id: &str) -> Result<(), BackendError> {
        self.client.delete(&[self.keys.group(group_id, "")]).await
    }

    async fn chord_start(&self, group_id: &str, size: u64) -> Result<(), BackendError> {
        self.start_chord(group_id, size).await
    }

    async fn chord_part(&self, part: &PartOutcome) -> Result<ChordProgress, BackendError> {
        self.count_part(part).await
    }

    async fn chord_done(
        &self,
        group_id: &str,
        claim: &str,
        failed: bool,
    ) -> Result<(), BackendError> {
        self.end_chord(group_id, claim, failed).await
    }

    /// Redis expires by itself.
    async fn cleanup(&self) -> Result<u64, BackendError> {
        Ok(0)
    }

    async fn close(&self) {
        self.client.close().await;
    }
}

/// Keys that Redis looks at per step of a search.
const SCANNED: usize = 1000;

/// A text as a pattern that matches nothing else.
fn escape_glob(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "*?[]^\\".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_joined_as_celery_joins_it() {
        assert_eq!(Keys::new("").task("1"), "celery-task-meta-1");
        assert_eq!(Keys::new("app").task("1"), "app_celery-task-meta-1");
        assert_eq!(
            Keys::new("app:").group("g", ".j"),
            "app:celery-taskset-meta-g.j"
        );
    }
}
