//! A broker in memory for tests of pure logic: what is published is noted, and may be answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Acker, Broker, BrokerError, Capabilities, Consumer, Delivery, Destination, Routed};
use crate::protocol::{Message, Queue};

type Answer = dyn Fn(&Destination, &Message) -> Vec<(String, Message)> + Send + Sync;
type Senders = HashMap<String, Option<mpsc::Sender<Delivery>>>;

/// The broker.
pub(crate) struct FakeBroker {
    receivers: Option<u64>,
    answer: Box<Answer>,
    silent: bool,
    queues: Mutex<Senders>,
    published: Mutex<Vec<(Destination, Message)>>,
}

impl std::fmt::Debug for FakeBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeBroker")
    }
}

impl FakeBroker {
    /// A broker whose fanouts say they reached `receivers`, and that delivers what `answer` makes of each message.
    pub(crate) fn new(
        receivers: Option<u64>,
        answer: impl Fn(&Destination, &Message) -> Vec<(String, Message)> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            receivers,
            answer: Box::new(answer),
            silent: false,
            queues: Mutex::default(),
            published: Mutex::default(),
        })
    }

    /// A broker that never answers.
    pub(crate) fn silent() -> Arc<Self> {
        Arc::new(Self {
            receivers: None,
            answer: Box::new(|_, _| Vec::new()),
            silent: true,
            queues: Mutex::default(),
            published: Mutex::default(),
        })
    }

    /// The declared queues that were not removed.
    pub(crate) fn queues_left(&self) -> Vec<String> {
        self.queues.lock().unwrap().keys().cloned().collect()
    }

    /// What was published, in order.
    pub(crate) fn published(&self) -> Vec<(Destination, Message)> {
        self.published.lock().unwrap().clone()
    }

    /// Delivers a message to a queue that is consumed from.
    pub(crate) fn deliver(&self, queue: &str, message: Message) {
        let queues = self.queues.lock().unwrap();
        let sender = queues.get(queue).and_then(Option::as_ref);
        let sender = sender.expect("only queues that are consumed from are delivered to");
        sender.try_send(delivery(queue, message)).unwrap();
    }
}

/// A delivery without acks.
pub(crate) fn delivery(queue: &str, message: Message) -> Delivery {
    Delivery {
        queue: queue.to_owned(),
        message: Ok(message),
        acker: Acker::new("tag".to_owned(), None),
    }
}

#[async_trait]
impl Broker for FakeBroker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fanout: true,
            counts_receivers: self.receivers.is_some(),
            zero_is_most_urgent: true,
        }
    }

    fn as_uri(&self) -> String {
        "fake://".to_owned()
    }

    async fn declare(&self, queue: &Queue) -> Result<(), BrokerError> {
        self.queues
            .lock()
            .unwrap()
            .entry(queue.name.clone())
            .or_default();
        Ok(())
    }

    async fn delete_queue(&self, queue: &Queue) -> Result<(), BrokerError> {
        self.queues.lock().unwrap().remove(&queue.name);
        Ok(())
    }

    async fn publish(
        &self,
        batch: Vec<(Destination, Message)>,
    ) -> Result<Vec<Routed>, BrokerError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        let mut routed = Vec::new();
        for (to, message) in batch {
            for (queue, answer) in (self.answer)(&to, &message) {
                self.deliver(&queue, answer);
            }
            self.published.lock().unwrap().push((to, message));
            routed.push(Routed {
                queues: 1,
                receivers: self.receivers,
            });
        }
        Ok(routed)
    }

    async fn consume(&self, queues: &[Queue], _prefetch: u32) -> Result<Consumer, BrokerError> {
        let (deliveries, receiver) = mpsc::channel(64);
        let (commands, _) = mpsc::unbounded_channel();
        for queue in queues {
            self.queues
                .lock()
                .unwrap()
                .insert(queue.name.clone(), Some(deliveries.clone()));
        }
        Ok(Consumer::new(receiver, commands))
    }

    async fn purge(&self, _queue: &str) -> Result<Option<u64>, BrokerError> {
        Ok(None)
    }

    async fn queue_length(&self, _queue: &str) -> Result<Option<u64>, BrokerError> {
        Ok(None)
    }

    async fn unacked_count(&self) -> Result<Option<u64>, BrokerError> {
        Ok(None)
    }

    async fn queues(&self) -> Result<Vec<String>, BrokerError> {
        Ok(self.queues_left())
    }

    async fn lost(&self) -> BrokerError {
        std::future::pending().await
    }

    async fn close(&self) -> Result<(), BrokerError> {
        self.queues.lock().unwrap().clear();
        Ok(())
    }
}
