//! The statements. Lists of ids are passed as JSON arrays: one statement, prepared once, whatever their number.
//!
//! Where a parameter decides on the order (`= ?1 … ORDER BY`) or on a limit, SQLite plans the statement anew whenever it is
//! bound, since the plan may hold for one value only. `?1 || ''` is the same text, and no parameter to the planner.

use std::sync::Arc;

use super::schema::Tables;

macro_rules! statements {
    ($($(#[doc = $doc:literal])* $name:ident = $sql:literal;)*) => {
        /// Each statement with the names of the tables filled in.
        #[derive(Debug, Clone)]
        pub(super) struct Sql {
            $($(#[doc = $doc])* pub(super) $name: Arc<str>,)*
        }

        impl Sql {
            pub(super) fn new(tables: &Tables) -> Self {
                Self { $($name: tables.fill($sql).into(),)* }
            }

            /// All of them, for the test of their query plans.
            #[cfg(test)]
            pub(super) fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), &*self.$name),)*]
            }
        }
    };
}

statements! {
    // Queues and bindings.
    queue_exists = "SELECT EXISTS (SELECT 1 FROM {q} WHERE name = ?1) OR EXISTS (SELECT 1 FROM {o}queue WHERE name = ?1)";
    add_queue = "INSERT INTO {q} (name) VALUES (?1) RETURNING id";
    drop_queue = "DELETE FROM {q} WHERE name = ?1";
    queue_names = "SELECT name FROM {q} WHERE name IS NOT NULL UNION SELECT name FROM {o}queue ORDER BY 1";
    binding_exists = "SELECT EXISTS (SELECT 1 FROM {o}binding WHERE exchange = ?1 AND queue = ?2 AND routing_key = ?3)";
    bind = "INSERT INTO {o}binding (exchange, queue, routing_key) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    unbind_queue = "DELETE FROM {o}binding WHERE queue = ?1";
    bindings = "SELECT queue, routing_key FROM {o}binding WHERE exchange = ?1 || '' ORDER BY queue";

    // Queues that were declared here; most of them end with their consumers.
    /// Where the messages of a queue go: the row of kombu's queue, and how long they live in our own table if they go there.
    queue_place = "SELECT (SELECT id FROM {q} WHERE name = ?1), (SELECT message_ttl FROM {o}queue WHERE name = ?1 AND transient = 1)";
    declare_queue = "INSERT INTO {o}queue (name, transient, auto_delete, lifetime, message_ttl, deadline) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET transient = excluded.transient, \
        auto_delete = excluded.auto_delete, lifetime = excluded.lifetime, message_ttl = excluded.message_ttl, \
        deadline = max(deadline, excluded.deadline)";
    forget_passing = "DELETE FROM {o}queue WHERE name = ?1";
    prolong_passing = "UPDATE {o}queue SET deadline = ?2 + lifetime \
        WHERE name IN (SELECT queue FROM {o}subscription WHERE consumer = ?1)";
    overdue_passing = "SELECT name FROM {o}queue WHERE deadline < ?1 \
        AND NOT EXISTS (SELECT 1 FROM {o}subscription WHERE queue = name)";
    left_queues = "SELECT s.queue FROM {o}subscription AS s JOIN {o}queue AS q ON q.name = s.queue \
        WHERE s.consumer = ?1 AND q.auto_delete = 1 \
        AND NOT EXISTS (SELECT 1 FROM {o}subscription AS other WHERE other.queue = s.queue AND other.consumer <> ?1)";
    put_transient = "INSERT INTO {o}transient (queue, payload, deadline) VALUES (?1, ?2, ?3)";
    put_copy = "INSERT INTO {o}transient (queue, payload, deadline) VALUES (?1 || char(31) || ?4, ?2, ?3)";
    some_transient = "SELECT EXISTS (SELECT 1 FROM {o}transient WHERE queue IN (?1, ?1 || char(31) || ?2))";
    take_transient = "DELETE FROM {o}transient WHERE id IN \
        (SELECT id FROM {o}transient WHERE queue IN (?1, ?1 || char(31) || ?3) ORDER BY id LIMIT ?2) RETURNING id, CAST(payload AS BLOB), deadline";
    count_transient = "SELECT count(*) FROM {o}transient WHERE queue IN \
        (SELECT ?1 UNION ALL SELECT ?1 || char(31) || consumer FROM {o}subscription WHERE queue = ?1)";
    purge_transient = "DELETE FROM {o}transient WHERE queue IN \
        (SELECT ?1 UNION ALL SELECT ?1 || char(31) || consumer FROM {o}subscription WHERE queue = ?1)";
    purge_copies = "DELETE FROM {o}transient WHERE queue = ?1 || char(31) || ?2";
    purge_copies_of_consumer = "DELETE FROM {o}transient WHERE queue IN \
        (SELECT queue || char(31) || consumer FROM {o}subscription WHERE consumer = ?1)";
    some_overdue_transient = "SELECT EXISTS (SELECT 1 FROM {o}transient WHERE deadline < ?1)";
    purge_overdue_transient = "DELETE FROM {o}transient WHERE deadline < ?1";

    // Messages of kombu's tables.
    /// One row; [`several`] makes more of it.
    put = "INSERT INTO {m} (visible, payload, version, queue_id) VALUES (1, ?2, 1, ?1)";
    put_now = "INSERT INTO {m} (visible, payload, version, queue_id) SELECT 1, ?2, 1, id FROM {q} WHERE name = ?1 \
        AND NOT EXISTS (SELECT 1 FROM {o}queue WHERE name = ?1 AND transient = 1)";
    /// [`limited`] ends it.
    waiting = "SELECT id, {priority} FROM {m} WHERE queue_id = (SELECT id FROM {q} WHERE name = ?1) AND visible = 1 \
        ORDER BY {priority}, id";
    // kombu stamps what it takes, too, and never looks at the stamp; two of its indexes would have to follow.
    take = "UPDATE {m} SET visible = 0, version = version + 1 \
        WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id, CAST(payload AS BLOB)";
    take_for_good = "DELETE FROM {m} WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id, CAST(payload AS BLOB)";
    count = "SELECT count(*) FROM {m} WHERE queue_id = (SELECT id FROM {q} WHERE name = ?1) AND visible = 1";
    purge = "DELETE FROM {m} WHERE queue_id = (SELECT id FROM {q} WHERE name = ?1) AND visible = 1";
    purge_taken = "DELETE FROM {m} WHERE queue_id = (SELECT id FROM {q} WHERE name = ?1) AND visible = 0 \
        AND NOT EXISTS (SELECT 1 FROM {o}unacked WHERE message_id = {m}.id)";
    drop_taken = "DELETE FROM {m} WHERE queue_id = (SELECT id FROM {q} WHERE name = ?1) AND visible = 0";

    // Deliveries.
    hold = "INSERT OR REPLACE INTO {o}unacked (message_id, consumer) SELECT value, ?2 FROM json_each(?1) \
        RETURNING delivery, message_id";
    delete_held = "DELETE FROM {m} WHERE id IN (SELECT message_id FROM {o}unacked \
        WHERE delivery IN (SELECT value FROM json_each(?1)))";
    requeue_held = "INSERT INTO {m} (visible, payload, version, queue_id) SELECT 1, {redelivered}, 1, queue_id FROM {m} \
        WHERE id IN (SELECT message_id FROM {o}unacked WHERE delivery IN (SELECT value FROM json_each(?1))) ORDER BY id";
    restore_held = "UPDATE {m} SET visible = 1, timestamp = NULL, version = version + 1, payload = {redelivered} \
        WHERE id IN (SELECT message_id FROM {o}unacked WHERE delivery IN (SELECT value FROM json_each(?1)))";
    is_message = "SELECT EXISTS (SELECT 1 FROM {m} WHERE id = ?1 AND CASE WHEN typeof(payload) = 'text' AND json_valid(payload) \
        THEN json_extract(payload, '$.properties.delivery_tag') END = ?2)";
    adopt_held = "UPDATE {o}unacked SET consumer = ?4 WHERE delivery = ?1 AND message_id = ?2 AND consumer = ?3";
    take_again = "UPDATE {m} SET visible = 0, version = version + 1 WHERE id = ?1 AND visible = 1";
    hold_again = "INSERT OR REPLACE INTO {o}unacked (delivery, message_id, consumer) VALUES (?1, ?2, ?3)";
    release_held = "DELETE FROM {o}unacked WHERE delivery IN (SELECT value FROM json_each(?1))";
    count_unacked = "SELECT count(*) FROM {o}unacked";

    // Consumers.
    add_consumer = "INSERT INTO {o}consumer (place, pid, started, deadline) VALUES (?1, ?2, ?3, ?4) RETURNING id";
    renew_consumer = "UPDATE {o}consumer SET deadline = ?2 WHERE id = ?1";
    is_consumer = "SELECT EXISTS (SELECT 1 FROM {o}consumer WHERE id = ?1)";
    consumers = "SELECT id, place, pid, started, deadline FROM {o}consumer WHERE id <> ?1";
    restore_of_consumer = "UPDATE {m} SET visible = 1, timestamp = NULL, version = version + 1, payload = {redelivered} \
        WHERE id IN (SELECT message_id FROM {o}unacked WHERE consumer = ?1)";
    release_of_consumer = "DELETE FROM {o}unacked WHERE consumer = ?1";
    remove_consumer = "DELETE FROM {o}consumer WHERE id = ?1";
    subscribe = "INSERT INTO {o}subscription (queue, consumer) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    unsubscribe = "DELETE FROM {o}subscription WHERE queue = ?1 AND consumer = ?2";
    unsubscribe_all = "DELETE FROM {o}subscription WHERE consumer = ?1";
    is_subscribed = "SELECT EXISTS (SELECT 1 FROM {o}subscription WHERE queue = ?1)";
    is_auto_delete = "SELECT EXISTS (SELECT 1 FROM {o}queue WHERE name = ?1 AND auto_delete = 1)";
    subscribers = "SELECT s.queue, c.id, c.place, c.pid, c.started, c.deadline FROM {o}subscription AS s \
        JOIN {o}consumer AS c ON c.id = s.consumer WHERE s.queue IN (SELECT value FROM json_each(?1))";
}

/// Messages that are put by one statement, most first. To hand a statement to the driver's thread takes as long as to put
/// several messages.
pub(super) const PUT_ROWS: [usize; 4] = [64, 16, 4, 1];

/// [`Sql::put`] for as many rows: the queue is `?1`, the payloads are `?2` and so on.
pub(super) fn several(put: &str, rows: usize) -> Arc<str> {
    let mut sql = put.to_owned();
    for row in 1..rows {
        sql.push_str(&format!(", (1, ?{}, 1, ?1)", row + 2));
    }
    sql.into()
}

/// A statement that answers with at least so many rows, if they are there; up to twice as many, so that there are few
/// statements to prepare.
pub(super) fn limited(sql: &str, rows: usize) -> Arc<str> {
    format!("{sql} LIMIT {}", rows.next_power_of_two()).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Executor as _;

    use super::*;
    use crate::protocol::Map;
    use crate::sqlite::{Connection, Durability, OpenOptions};

    /// Tables that are small by their nature: a row per connection, per mailbox, per queue.
    const SMALL: &[&str] = &["rcelery_consumer", "rcelery_queue", "kombu_queue", "c", "q"];

    #[tokio::test]
    async fn no_statement_scans_messages() {
        let directory = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            connect_timeout: Duration::from_secs(4),
            lock_timeout: Duration::from_secs(4),
            durability: Durability::Process,
        };
        let mut connection = Connection::open(&directory.path().join("f.db"), &options)
            .await
            .unwrap();
        let tables = Tables::from_options(&Map::new()).unwrap();
        tables.create(&mut connection).await.unwrap();
        let mut looked_at = 0;
        for (name, sql) in Sql::new(&tables).all() {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let rows = connection
                .fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(explain)))
                .await
                .unwrap();
            for row in rows {
                let detail: String = sqlx::Row::get(&row, "detail");
                looked_at += 1;
                if name == "count_unacked" {
                    // To count is to walk; these are the held ones only.
                    continue;
                }
                // Walking json_each is walking the ids that were passed.
                let scans = detail
                    .strip_prefix("SCAN ")
                    .filter(|what| !what.contains("VIRTUAL TABLE") && *what != "CONSTANT ROW")
                    .filter(|what| {
                        !SMALL.contains(&what.split_whitespace().next().unwrap_or_default())
                    });
                assert_eq!(scans, None, "{name}: {detail}\n{sql}");
                let sorts = detail.contains("TEMP B-TREE") && name == "waiting";
                assert!(
                    !sorts,
                    "{name} must read in the order of the index: {detail}"
                );
            }
        }
        assert!(looked_at > 40, "plans were read: {looked_at}");
    }
}
