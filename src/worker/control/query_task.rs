//! `query_task`: where given tasks are.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run};
use crate::protocol::{Map, Value};
use crate::worker::state::Phase;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        variadic: Some(Arg::required("ids", ArgKind::TaskId, "Task ids")),
        usage: "[id1 [id2 [... [idN]]]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "query_task",
        Kind::Inspect,
        "Query for task information by id",
        Run::Now(|control, arguments| {
            arguments.require(&["ids"])?;
            let ids = arguments.texts("ids")?;
            let found: Vec<_> = {
                let tables = control.state.lock();
                ids.iter().filter_map(|id| tables.get(id)).collect()
            };
            let entries = found.into_iter().map(|(phase, request)| {
                let phase = match phase {
                    Phase::Active => "active",
                    Phase::Reserved => "reserved",
                    Phase::Scheduled => "scheduled",
                };
                let info = request.info(&control.hostname, false);
                let entry = Value::List(vec![phase.into(), info]);
                (request.id().to_owned(), entry)
            });
            Ok(Value::Map(entries.collect::<Map>()))
        }),
    )
};
