//! The table of remote-control commands.

use async_trait::async_trait;

use super::base::{Arguments, Control, ControlCommand, Run};
use crate::pidbox::{Answer, Handler};
use crate::protocol::Map;

/// Every command that a worker knows, sorted by name.
pub static COMMANDS: &[ControlCommand] = &[
    super::active::COMMAND,
    super::active_queues::COMMAND,
    super::add_consumer::COMMAND,
    super::autoscale::COMMAND,
    super::cancel_consumer::COMMAND,
    super::clock::COMMAND,
    super::conf::COMMAND,
    super::disable_events::COMMAND,
    super::election::COMMAND,
    super::enable_events::COMMAND,
    super::heartbeat::COMMAND,
    super::hello::COMMAND,
    super::memdump::COMMAND,
    super::memsample::COMMAND,
    super::objgraph::COMMAND,
    super::ping::COMMAND,
    super::pool_grow::COMMAND,
    super::pool_restart::COMMAND,
    super::pool_shrink::COMMAND,
    super::query_task::COMMAND,
    super::rate_limit::COMMAND,
    super::registered::COMMAND,
    super::report::COMMAND,
    super::reserved::COMMAND,
    super::revoke::COMMAND,
    super::revoke_by_stamped_headers::COMMAND,
    super::revoked::COMMAND,
    super::scheduled::COMMAND,
    super::shutdown::COMMAND,
    super::stats::COMMAND,
    super::terminate::COMMAND,
    super::time_limit::COMMAND,
];

/// The command of that name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static ControlCommand> {
    COMMANDS
        .iter()
        .find(|command| command.name == name || command.alias == Some(name))
}

#[async_trait]
impl Handler for Control {
    async fn handle(&self, method: &str, arguments: Map) -> Answer {
        let Some(command) = find(method) else {
            return Answer::Unknown;
        };
        let arguments = Arguments::new(command.name, arguments);
        let outcome = match command.run {
            Run::Now(run) => run(self, &arguments),
            Run::Later(run) => run(self, &arguments).await,
        };
        outcome.map_or_else(|answer| answer, Answer::Reply)
    }
}
