//! What the broker asks of the engine, and how it is answered.

use tokio::sync::oneshot;

use super::adopt::Orphan;
use super::subscription::Subscription;
use crate::broker::base::{Destination, Held, Routed};
use crate::broker::consumer::Consumer;
use crate::broker::delivery::Acker;
use crate::protocol::{Message, Queue};
use crate::sqlite::SqliteError;

pub(super) type Answer<T> = oneshot::Sender<Result<T, SqliteError>>;

/// What the broker asks for.
#[derive(Debug)]
pub(super) enum Request {
    Declare(Box<Queue>, Answer<()>),
    DeleteQueue(Box<Queue>, Answer<()>),
    Publish(Vec<(Destination, Message)>, Answer<Vec<Routed>>),
    Consume(Vec<Queue>, u32, Answer<Consumer>),
    Adopt(Vec<Held>, Answer<Vec<Acker>>),
    Purge(String, Answer<Option<u64>>),
    Length(String, Answer<Option<u64>>),
    Unacked(Answer<u64>),
    Queues(Answer<Vec<String>>),
    Close(Answer<()>),
}

/// A request that is done, to be answered when the transaction is committed.
pub(super) enum Done {
    Unit(Answer<()>),
    Routed(Answer<Vec<Routed>>, Vec<Routed>),
    Consumer(Answer<Consumer>, Box<(Subscription, Consumer)>),
    Adopted(Answer<Vec<Acker>>, Vec<Orphan>),
    Count(Answer<Option<u64>>, Option<u64>),
    Unacked(Answer<u64>, u64),
    Names(Answer<Vec<String>>, Vec<String>),
}

impl Request {
    pub(super) fn refuse(self, error: &SqliteError) {
        let error = error.clone();
        match self {
            Self::Declare(_, answer) | Self::DeleteQueue(_, answer) | Self::Close(answer) => {
                drop(answer.send(Err(error)));
            }
            Self::Publish(_, answer) => drop(answer.send(Err(error))),
            Self::Adopt(_, answer) => drop(answer.send(Err(error))),
            Self::Consume(_, _, answer) => drop(answer.send(Err(error))),
            Self::Purge(_, answer) | Self::Length(_, answer) => drop(answer.send(Err(error))),
            Self::Unacked(answer) => drop(answer.send(Err(error))),
            Self::Queues(answer) => drop(answer.send(Err(error))),
        }
    }
}

pub(super) fn refuse_all(requests: Vec<Request>, error: &SqliteError) {
    for request in requests {
        request.refuse(error);
    }
}

impl Done {
    pub(super) fn refuse(self, error: &SqliteError) {
        let error = error.clone();
        match self {
            Self::Unit(answer) => drop(answer.send(Err(error))),
            Self::Routed(answer, _) => drop(answer.send(Err(error))),
            Self::Adopted(answer, _) => drop(answer.send(Err(error))),
            Self::Consumer(answer, _) => drop(answer.send(Err(error))),
            Self::Count(answer, _) => drop(answer.send(Err(error))),
            Self::Unacked(answer, _) => drop(answer.send(Err(error))),
            Self::Names(answer, _) => drop(answer.send(Err(error))),
        }
    }
}
