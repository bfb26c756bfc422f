//! Taking over what a lost connection held: its lease ran out, or the file was locked for too long.
//!
//! A delivery keeps its number, so that whoever runs it settles what it was given. It is taken over while its row says
//! that the lost connection holds it, or while its message waits again; never once another consumer has it.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;

use super::deliveries::Place;
use super::store::{Result, Store, query, query_scalar};
use crate::broker::base::Held;

/// A delivery of a connection that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Orphan {
    /// The row of the connection.
    pub(super) consumer: i64,
    pub(super) place: Place,
    /// The publisher's tag. Another file may stand at the same path, with the same numbers in it.
    pub(super) tag: String,
}

impl From<Orphan> for Held {
    fn from(orphan: Orphan) -> Self {
        let Orphan {
            consumer,
            place,
            tag,
        } = orphan;
        Self {
            delivery_tag: place.delivery.to_string(),
            proof: format!("{consumer} {} {tag}", place.message),
        }
    }
}

impl Orphan {
    /// Reads what [`Held`] carries; none if another transport wrote it.
    pub(super) fn of(held: &Held) -> Option<Self> {
        let mut proof = held.proof.splitn(3, ' ');
        let mut number = || proof.next()?.parse().ok();
        let (consumer, message) = (number()?, number()?);
        Some(Self {
            consumer,
            place: Place {
                delivery: held.delivery_tag.parse().ok()?,
                message,
            },
            tag: proof.next()?.to_owned(),
        })
    }
}

impl Store {
    /// Takes over what can be, and removes the lost connections, whose other messages thereby come back.
    pub(super) async fn adopt(
        &self,
        c: &mut SqliteConnection,
        consumer: i64,
        orphans: Vec<Orphan>,
    ) -> Result<Vec<Orphan>> {
        let mut adopted = Vec::with_capacity(orphans.len());
        let mut lost = BTreeSet::new();
        for orphan in orphans {
            let Place { delivery, message } = orphan.place;
            let is_there: i64 = query_scalar(&self.sql.is_message)
                .bind(message)
                .bind(&orphan.tag)
                .fetch_one(&mut *c)
                .await?;
            if is_there == 0 {
                continue;
            }
            let still_held = query(&self.sql.adopt_held)
                .bind(delivery)
                .bind(message)
                .bind(orphan.consumer)
                .bind(consumer)
                .execute(&mut *c)
                .await?;
            if still_held.rows_affected() == 1 {
                lost.insert(orphan.consumer);
            } else {
                let waited = query(&self.sql.take_again)
                    .bind(message)
                    .execute(&mut *c)
                    .await?;
                if waited.rows_affected() == 0 {
                    // Somebody else has it.
                    continue;
                }
                query(&self.sql.hold_again)
                    .bind(delivery)
                    .bind(message)
                    .bind(consumer)
                    .execute(&mut *c)
                    .await?;
            }
            adopted.push(orphan);
        }
        for gone in lost {
            self.remove_consumer(c, gone).await?;
        }
        Ok(adopted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_survives_its_way_through_the_worker() {
        let orphan = Orphan {
            consumer: 3,
            place: Place {
                delivery: 1,
                message: 2,
            },
            tag: "a tag".to_owned(),
        };
        assert_eq!(Orphan::of(&Held::from(orphan.clone())), Some(orphan));
        for proof in ["", "1", "1 2", "1.5 2 tag", "a b c"] {
            let held = Held {
                delivery_tag: "1".to_owned(),
                proof: proof.to_owned(),
            };
            assert_eq!(Orphan::of(&held), None, "{proof}");
        }
    }
}
