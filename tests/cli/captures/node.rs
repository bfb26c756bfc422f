//! Nodes that say what they are told to say.

use std::sync::Arc;

use async_trait::async_trait;
use rcelery::broker::{self, Broker, BrokerUrl};
use rcelery::pidbox::{Answer, Handler, Node, Options};
use rcelery::protocol::{Map, Value};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::harness::Store;

/// Says the same to whatever it is asked.
struct Parrot(Value);

#[async_trait]
impl Handler for Parrot {
    async fn handle(&self, _: &str, _: Map) -> Answer {
        Answer::Reply(self.0.clone())
    }
}

/// The nodes; they are gone when this is dropped.
pub(super) struct Nodes {
    runtime: Runtime,
    tasks: JoinSet<()>,
}

impl Nodes {
    /// No nodes.
    pub(super) fn none() -> Self {
        Self {
            runtime: Runtime::new().expect("a runtime"),
            tasks: JoinSet::new(),
        }
    }

    /// Adds a node that listens when this returns.
    pub(super) fn add(&mut self, name: &str, store: &Store, reply: Value) {
        let node = Node::new(
            name,
            &Options::default(),
            Arc::default(),
            Arc::new(Parrot(reply)),
        );
        let url = BrokerUrl::parse(&store.broker).expect("the store's URL");
        let (broker, mut consumer) = self.runtime.block_on(async {
            let broker: Arc<dyn Broker> = broker::connect(&url, &broker::Options::default())
                .await
                .expect("the broker is there");
            broker.declare(node.queue()).await.expect("it declares");
            let queue = std::slice::from_ref(node.queue());
            let consumer = broker.consume(queue, 0).await.expect("it subscribes");
            (broker, consumer)
        });
        let answer = async move {
            while let Some(delivery) = consumer.recv().await {
                if let Some(reply) = node.handle(delivery).await {
                    broker.publish(vec![reply]).await.expect("it replies");
                }
            }
        };
        self.tasks.spawn_on(answer, self.runtime.handle());
    }

    /// Removes all nodes.
    pub(super) fn clear(&mut self) {
        self.runtime.block_on(self.tasks.shutdown());
    }
}
