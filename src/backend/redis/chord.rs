//! Chords: counting parts, and the results once all are in.
//!
//! Mirrors `celery.backends.redis.RedisBackend.on_chord_part_return` of 5.7.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{RedisBackend, seconds};
use crate::backend::{Backend, BackendError, ChordProgress, PartOutcome};
use crate::broker::eval;
use crate::protocol::{Exception, ResultMeta, ResultTuple, State, Value, repr};

const PART: &str = include_str!("chord_part.lua");
const EXTEND: &str = include_str!("chord_extend.lua");
const DONE: &str = include_str!("chord_done.lua");

/// Seconds that a claim is prolonged by, for publishing the body: Celery's estimate with its default retry policy.
const PUBLISH_CLAIM: u64 = 21;

/// Least seconds for which late copies of a part are told that all is over.
const DONE_EXPIRES: u64 = 300;

/// How often members of a nested group are looked at while one is not ready.
const POLL: Duration = Duration::from_millis(50);

impl RedisBackend {
    pub(super) async fn start_chord(&self, group_id: &str, size: u64) -> Result<(), BackendError> {
        let (claim, count) = (
            self.keys.group(group_id, ".c"),
            self.keys.group(group_id, ".s"),
        );
        let (claim, count) = (&claim, &count);
        let expires = seconds(self.expires);
        self.client
            .call(|c| async move {
                let mut pipeline = redis::pipe();
                pipeline.cmd("DEL").arg(claim).ignore();
                let set = pipeline.cmd("SET").arg(count).arg(size);
                if expires > 0 {
                    set.arg("EX").arg(expires);
                }
                set.ignore();
                c.run_all(&pipeline).await
            })
            .await
    }

    pub(super) async fn count_part(
        &self,
        part: &PartOutcome,
    ) -> Result<ChordProgress, BackendError> {
        let gid = &part.group_id;
        let member = self.codec.encode_plain(&Value::List(vec![
            1.into(),
            part.task_id.as_str().into(),
            part.state.as_str().into(),
            part.result.clone(),
        ]))?;
        let keys = [".j", ".t", ".s", ".d", "", ".c"].map(|suffix| self.keys.group(gid, suffix));
        let score = part
            .group_index
            .map_or("+inf".to_owned(), |i| i.to_string());
        let token = Uuid::new_v4().simple().to_string();
        let claim_expires = self.claim_expires();
        let expires = seconds(self.expires);
        let (keys, score, member, token) = (&keys, &score, &member, &token);
        let state: i64 = self
            .client
            .call(|c| async move {
                let mut count = eval(PART, keys);
                count.arg(&part.task_id).arg(member);
                count.arg(u8::from(self.chord_ordered)).arg(score);
                count
                    .arg(expires)
                    .arg(expires)
                    .arg(claim_expires)
                    .arg(token);
                c.run(&count).await
            })
            .await?;
        // A repeated call after a lost answer finds its own claim.
        if state != 1 && !(state == 0 && self.owns(gid, token).await?) {
            return Ok(ChordProgress::Incomplete);
        }
        let joined = match self.restore_group(gid).await? {
            Some(group) => self.join_group(&group).await?,
            None => self.join_parts(gid).await?,
        };
        Ok(match joined {
            Err(reason) => ChordProgress::Failed {
                reason,
                claim: token.clone(),
            },
            Ok(results) if self.extend(gid, token).await? => ChordProgress::Complete {
                results,
                claim: token.clone(),
            },
            Ok(_) => {
                tracing::warn!(group_id = %gid, "the claim on a chord's body went to another worker");
                ChordProgress::Incomplete
            }
        })
    }

    fn claim_expires(&self) -> u64 {
        (self.chord_join_timeout * 2).as_secs().max(5)
    }

    async fn owns(&self, group_id: &str, token: &str) -> Result<bool, BackendError> {
        let values = self.client.mget(&[self.keys.group(group_id, ".c")]).await?;
        Ok(matches!(values.first(), Some(Some(owner)) if owner == token.as_bytes()))
    }

    async fn extend(&self, group_id: &str, token: &str) -> Result<bool, BackendError> {
        let keys = [".c", ".s"].map(|suffix| self.keys.group(group_id, suffix));
        let (keys, seconds) = (&keys, self.claim_expires().max(PUBLISH_CLAIM));
        self.client
            .call(|c| async move {
                let mut extend = eval(EXTEND, keys);
                extend.arg(token).arg(seconds);
                c.run(&extend).await
            })
            .await
    }

    /// The results that the parts brought; the first failure, in order.
    async fn join_parts(&self, group_id: &str) -> Result<Result<Vec<Value>, String>, BackendError> {
        let key = self.keys.group(group_id, ".j");
        let key = &key;
        let range = if self.chord_ordered {
            "ZRANGE"
        } else {
            "LRANGE"
        };
        let parts: Vec<Vec<u8>> = self
            .client
            .call(|c| async move { c.run(redis::cmd(range).arg(key).arg(0).arg(-1)).await })
            .await?;
        let mut results = Vec::with_capacity(parts.len());
        for part in &parts {
            let decoded = match self.codec.decode(part) {
                Ok(Value::List(items)) => <[Value; 4]>::try_from(items).ok(),
                _ => None,
            };
            let Some([_, id, state, result]) = decoded else {
                return Ok(Err(
                    "Join error: a part of the chord cannot be read".to_owned()
                ));
            };
            let state = State::new(state.as_str().unwrap_or_default());
            if state.is_propagate() {
                let id = id.as_str().unwrap_or_default();
                return Ok(Err(format!("Dependency {id} raised {}", raised(&result))));
            }
            results.push(result);
        }
        Ok(Ok(results))
    }

    /// The results of a header with groups in it, in its structure: from the members' own results.
    async fn join_group(
        &self,
        group: &ResultTuple,
    ) -> Result<Result<Vec<Value>, String>, BackendError> {
        let mut ids = Vec::new();
        tasks_of(group, &mut ids);
        let deadline = Instant::now() + self.chord_join_timeout;
        let metas = loop {
            let metas = self.get_many(&ids).await?;
            let ready =
                |meta: &Option<ResultMeta>| meta.as_ref().is_some_and(|m| m.status.is_ready());
            let failed =
                |meta: &Option<ResultMeta>| meta.as_ref().is_some_and(|m| m.status.is_propagate());
            if metas.iter().all(ready) || metas.iter().any(failed) {
                break metas;
            }
            if Instant::now() >= deadline {
                return Ok(Err(
                    "Join error: TimeoutError('The operation timed out.')".to_owned()
                ));
            }
            sleep(POLL).await;
        };
        let failed = metas.iter().flatten().find(|m| m.status.is_propagate());
        if let Some(meta) = failed {
            return Ok(Err(format!("Join error: {}", raised(&meta.result))));
        }
        let mut results = metas
            .into_iter()
            .map(|m| m.map_or(Value::Null, |m| m.result));
        Ok(Ok(nest(group, &mut results)))
    }

    pub(super) async fn end_chord(
        &self,
        group_id: &str,
        claim: &str,
        failed: bool,
    ) -> Result<(), BackendError> {
        if failed {
            // The other counters stay until they expire: a late copy must not fail the chord again.
            return self.client.delete(&[self.keys.group(group_id, ".s")]).await;
        }
        let keys = [".c", ".j", ".t", ".s", ".d"].map(|suffix| self.keys.group(group_id, suffix));
        let keys = &keys;
        let expires = (self.claim_expires() * 2).max(DONE_EXPIRES);
        let ours: bool = self
            .client
            .call(|c| async move {
                let mut done = eval(DONE, keys);
                done.arg(claim).arg(expires);
                c.run(&done).await
            })
            .await?;
        if !ours {
            tracing::warn!(%group_id, "a chord's claim was lost before its counters were removed");
        }
        Ok(())
    }
}

/// The exception's `repr`, or that of what is stored in its place.
fn raised(result: &Value) -> String {
    Exception::from_value(result).map_or_else(|| repr::pyrepr(result), |e| e.repr())
}

fn tasks_of(tuple: &ResultTuple, ids: &mut Vec<String>) {
    match &tuple.members {
        None => ids.push(tuple.id.clone()),
        Some(members) => members.iter().for_each(|m| tasks_of(m, ids)),
    }
}

/// The flat results in the structure of the group.
fn nest(group: &ResultTuple, results: &mut impl Iterator<Item = Value>) -> Vec<Value> {
    let members = group.members.as_deref().unwrap_or_default();
    let nested = members.iter().map(|member| match member.members {
        None => results.next().unwrap_or_default(),
        Some(_) => Value::List(nest_dyn(member, results)),
    });
    nested.collect()
}

/// Keeps the recursion from naming ever deeper iterator types.
fn nest_dyn(group: &ResultTuple, results: &mut dyn Iterator<Item = Value>) -> Vec<Value> {
    let mut results = results;
    nest(group, &mut results)
}
