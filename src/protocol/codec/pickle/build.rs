//! From the arena to values: the few classes that are plain data, and exceptions.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use uuid::Uuid;

use super::super::limits::{MAX_DEPTH, budget, key_text};
use super::machine::{Id, Machine, Node, Object};
use crate::protocol::{Exception, Map, Value, time};

type Built<T = Value> = Result<T, String>;

/// The value of a node.
pub(super) fn value(machine: &Machine<'_>, root: Id) -> Built {
    Builder::new(machine).value(root, 0)
}

/// The exception that a node is an instance of.
pub(super) fn exception(machine: &Machine<'_>, root: Id) -> Built<Exception> {
    let mut builder = Builder::new(machine);
    let Node::Object(object) = machine.node(root) else {
        return Err("not an exception".to_owned());
    };
    let (module, name) = builder.class(object)?;
    let class = name.rsplit('.').next().unwrap_or_default();
    if !class.starts_with(|c: char| c.is_uppercase() || c == '_') {
        return Err(format!("{module}.{name} is not an exception"));
    }
    builder.exception(&module, &name, object, 0)
}

struct Builder<'a> {
    machine: &'a Machine<'a>,
    /// What may still be made: a memo can multiply a small pickle.
    budget: usize,
}

impl<'a> Builder<'a> {
    fn new(machine: &'a Machine<'a>) -> Self {
        Self {
            machine,
            budget: budget(machine.size),
        }
    }

    fn spend(&mut self, size: usize) -> Built<()> {
        self.budget = self
            .budget
            .checked_sub(size)
            .ok_or("the memo multiplies the data beyond what is accepted")?;
        Ok(())
    }

    fn value(&mut self, id: Id, depth: usize) -> Built {
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        match self.machine.node(id) {
            Node::Plain(value) => {
                self.spend(match value {
                    Value::Str(s) | Value::BigInt(s) => s.len() + 1,
                    Value::Bytes(bytes) => bytes.len() + 1,
                    _ => 1,
                })?;
                Ok(value.clone())
            }
            Node::Sequence(items) => self.list(items, depth),
            Node::Dict(entries) => Ok(Value::Map(self.dict(entries, depth)?)),
            Node::Global(module, name) => Err(format!("{module}.{name} is not plain data")),
            Node::Object(object) => self.object(object, depth),
        }
    }

    fn list(&mut self, items: &[Id], depth: usize) -> Built {
        self.spend(1)?;
        let items = items.iter().map(|id| self.value(*id, depth + 1));
        Ok(Value::List(items.collect::<Result<_, _>>()?))
    }

    fn dict(&mut self, entries: &[(Id, Id)], depth: usize) -> Built<Map> {
        self.spend(1)?;
        let mut map = Map::with_capacity(entries.len());
        for (key, item) in entries {
            let key = key_text(self.value(*key, depth + 1)?)?;
            map.insert(key, self.value(*item, depth + 1)?);
        }
        Ok(map)
    }

    /// Module and name of what was called, Python 2's names translated.
    fn class(&self, object: &Object) -> Built<(String, String)> {
        match self.machine.node(object.class) {
            Node::Global(module, name) => {
                let module = match module.as_str() {
                    "__builtin__" | "exceptions" => "builtins",
                    "copy_reg" => "copyreg",
                    other => other,
                };
                Ok((module.to_owned(), name.clone()))
            }
            // Before protocol 4 a method is `getattr(Class, "method")`.
            Node::Object(call) => {
                let [owner, method] = call.args.as_slice() else {
                    return Err("a call of a call is not plain data".to_owned());
                };
                match (self.machine.node(*owner), self.machine.node(*method)) {
                    (Node::Global(module, class), Node::Plain(Value::Str(method))) => {
                        Ok((module.clone(), format!("{class}.{method}")))
                    }
                    _ => Err("a call of a call is not plain data".to_owned()),
                }
            }
            _ => Err("a call of what is no class".to_owned()),
        }
    }

    fn object(&mut self, object: &Object, depth: usize) -> Built {
        self.spend(1)?;
        let (module, name) = self.class(object)?;
        let args = object.args.as_slice();
        let bad = || format!("{module}.{name} with unexpected arguments");
        match (module.as_str(), name.as_str()) {
            ("builtins", "set" | "frozenset" | "list" | "tuple") | ("collections", "deque") => {
                let mut list = match args.first() {
                    Some(id) => match self.value(*id, depth + 1)? {
                        Value::List(list) => list,
                        _ => return Err(bad()),
                    },
                    None => Vec::new(),
                };
                for id in &object.items {
                    list.push(self.value(*id, depth + 1)?);
                }
                Ok(Value::List(list))
            }
            ("builtins", "dict") | ("collections", "OrderedDict" | "Counter" | "defaultdict") => {
                // A defaultdict's argument is its factory.
                let start = if name == "defaultdict" {
                    None
                } else {
                    args.first()
                };
                let mut map = match start {
                    Some(id) => match self.value(*id, depth + 1)? {
                        Value::Map(map) => map,
                        Value::List(pairs) => entries_of(pairs).ok_or_else(bad)?,
                        _ => return Err(bad()),
                    },
                    None => Map::new(),
                };
                map.extend(self.dict(&object.entries, depth)?);
                Ok(Value::Map(map))
            }
            // A signature is pickled as its dict (celery/canvas.py, Signature.__reduce__).
            ("celery.canvas", "signature" | "subtask") => match args {
                [id, ..] => self.value(*id, depth + 1),
                [] => Err(bad()),
            },
            ("builtins", "bytes" | "bytearray") | ("_codecs", "encode") => match args {
                [] => Ok(Value::Bytes(Vec::new())),
                [id, ..] => self.bytes(*id, depth).map(Value::Bytes).ok_or_else(bad),
            },
            ("datetime", "datetime") => self.datetime(args, depth).ok_or_else(bad),
            ("datetime", "date") => self.date(args, depth).ok_or_else(bad),
            ("datetime", "time") => self.time(args, depth).ok_or_else(bad),
            ("decimal" | "_decimal" | "_pydecimal", "Decimal") => match args {
                [id] => match self.value(*id, depth + 1)? {
                    Value::Str(text) => Ok(Value::Decimal(text)),
                    _ => Err(bad()),
                },
                _ => Err(bad()),
            },
            ("uuid", "UUID") => self.uuid(object, depth).ok_or_else(bad),
            // Protocols 0 and 1: the class is the first argument.
            ("copyreg", "_reconstructor") => match args.first().map(|id| self.machine.node(*id)) {
                Some(Node::Global(m, n)) if m == "uuid" && n == "UUID" => {
                    self.uuid(object, depth).ok_or_else(bad)
                }
                Some(Node::Global(module, name)) => {
                    Err(format!("{module}.{name} is not plain data"))
                }
                _ => Err(bad()),
            },
            _ if is_exception(&module, &name) => {
                Ok(self.exception(&module, &name, object, depth)?.to_value())
            }
            _ => Err(format!("{module}.{name} is not plain data")),
        }
    }

    fn exception(
        &mut self,
        module: &str,
        name: &str,
        object: &Object,
        depth: usize,
    ) -> Built<Exception> {
        let mut args = Vec::with_capacity(object.args.len());
        for id in &object.args {
            args.push(self.argument(*id, depth + 1)?);
        }
        // How Celery stores an exception that pickle can't: (module, class, args, text).
        if module == "celery.utils.serialization"
            && name == "UnpickleableExceptionWrapper"
            && let [
                Value::Str(module),
                Value::Str(class),
                Value::List(inner),
                ..,
            ] = args.as_slice()
        {
            return Ok(Exception::new(module, class, inner.clone()));
        }
        Ok(Exception::new(module, name, args))
    }

    /// An argument of an exception. An instance of some class is shown as text, so that the rest can be read.
    fn argument(&mut self, id: Id, depth: usize) -> Built {
        match (self.value(id, depth), self.machine.node(id)) {
            (Err(_), Node::Object(object)) => {
                self.spend(1)?;
                let (module, name) = self.class(object)?;
                Ok(format!("<{module}.{name} object>").into())
            }
            (Err(reason), _) => {
                self.spend(reason.len())?;
                Ok(format!("<{reason}>").into())
            }
            (built, _) => built,
        }
    }

    fn bytes(&mut self, id: Id, depth: usize) -> Option<Vec<u8>> {
        match self.value(id, depth + 1).ok()? {
            Value::Bytes(bytes) => Some(bytes),
            // Protocols 0 to 2 write bytes as text of the same code points.
            Value::Str(text) => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok())
                .collect(),
            Value::List(items) => items
                .iter()
                .map(|i| u8::try_from(i.as_i64()?).ok())
                .collect(),
            _ => None,
        }
    }

    fn datetime(&mut self, args: &[Id], depth: usize) -> Option<Value> {
        let (id, zone) = args.split_first()?;
        let state: [u8; 10] = self.bytes(*id, depth)?.try_into().ok()?;
        let [y1, y2, month, day, clock @ ..] = state;
        // The highest bit of the month is `fold`: the second of two equal wall clocks.
        let fold = month & 0x80 != 0;
        let date = Date::new(
            i16::from_be_bytes([y1, y2]),
            small(month & 0x7f)?,
            small(day)?,
        )
        .ok()?;
        let civil = date.to_datetime(clock_of(clock)?);
        let mut text = time::civil_text(civil, 'T');
        if let Some(zone) = zone.first()
            && let Some(offset) = self.offset(*zone, Some(civil), fold, depth)?
        {
            time::push_offset(&mut text, offset);
        }
        Some(Value::DateTime(text))
    }

    fn date(&mut self, args: &[Id], depth: usize) -> Option<Value> {
        let [y1, y2, month, day]: [u8; 4] = self.bytes(*args.first()?, depth)?.try_into().ok()?;
        let year = i16::from_be_bytes([y1, y2]);
        let date = Date::new(year, small(month)?, small(day)?).ok()?;
        Some(Value::Date(time::date_text(date)))
    }

    fn time(&mut self, args: &[Id], depth: usize) -> Option<Value> {
        let (id, zone) = args.split_first()?;
        let mut state: [u8; 6] = self.bytes(*id, depth)?.try_into().ok()?;
        state[0] &= 0x7f;
        let mut text = time::time_text(clock_of(state)?);
        if let Some(zone) = zone.first()
            && let Some(offset) = self.offset(*zone, None, false, depth)?
        {
            time::push_offset(&mut text, offset);
        }
        Some(Value::Time(text))
    }

    /// The offset of a tzinfo; the inner `None` is no tzinfo, the outer one we don't know.
    #[expect(
        clippy::option_option,
        reason = "unknown and absent are different answers"
    )]
    fn offset(
        &mut self,
        id: Id,
        civil: Option<DateTime>,
        fold: bool,
        depth: usize,
    ) -> Option<Option<Offset>> {
        let object = match self.machine.node(id) {
            Node::Plain(Value::Null) => return Some(None),
            Node::Object(object) => object,
            _ => return None,
        };
        let (module, name) = self.class(object).ok()?;
        match (module.as_str(), name.as_str()) {
            ("datetime", "timezone") => {
                let Node::Object(delta) = self.machine.node(*object.args.first()?) else {
                    return None;
                };
                if self.class(delta).ok()? != ("datetime".to_owned(), "timedelta".to_owned()) {
                    return None;
                }
                let mut part = |i: usize| match delta.args.get(i) {
                    None => Some(0),
                    Some(id) => self.value(*id, depth + 1).ok()?.as_i64(),
                };
                let (days, seconds) = (part(0)?, part(1)?);
                let seconds = days.checked_mul(86_400)?.checked_add(seconds)?;
                Offset::from_seconds(i32::try_from(seconds).ok()?)
                    .ok()
                    .map(Some)
            }
            ("pytz", "_UTC") | ("dateutil.tz.tz", "tzutc") | ("dateutil.tz", "tzutc") => {
                Some(Some(Offset::UTC))
            }
            ("zoneinfo" | "backports.zoneinfo", "ZoneInfo._unpickle") => {
                let Value::Str(key) = self.value(*object.args.first()?, depth + 1).ok()? else {
                    return None;
                };
                let zone = TimeZone::get(&key).ok()?;
                let ambiguous = zone.to_ambiguous_timestamp(civil?);
                let at: Timestamp = if fold {
                    ambiguous.later().ok()?
                } else {
                    ambiguous.compatible().ok()?
                };
                Some(Some(zone.to_offset(at)))
            }
            _ => None,
        }
    }

    fn uuid(&mut self, object: &Object, depth: usize) -> Option<Value> {
        let state = self.value(object.state?, depth + 1).ok()?;
        let number = match state.as_map()?.get("int")? {
            Value::Int(i) => u128::try_from(*i).ok()?,
            Value::BigInt(digits) => digits.parse().ok()?,
            _ => return None,
        };
        Some(Value::Uuid(Uuid::from_u128(number)))
    }
}

fn entries_of(pairs: Vec<Value>) -> Option<Map> {
    let mut map = Map::with_capacity(pairs.len());
    for pair in pairs {
        let Value::List(pair) = pair else { return None };
        let [key, value] = <[Value; 2]>::try_from(pair).ok()?;
        map.insert(key_text(key).ok()?, value);
    }
    Some(map)
}

fn clock_of([hour, minute, second, a, b, c]: [u8; 6]) -> Option<Time> {
    let micros = i32::from_be_bytes([0, a, b, c]);
    Time::new(
        small(hour)?,
        small(minute)?,
        small(second)?,
        micros.checked_mul(1000)?,
    )
    .ok()
}

fn small(byte: u8) -> Option<i8> {
    i8::try_from(byte).ok()
}

/// Whether a class is an exception, by its name: nothing is imported here.
fn is_exception(module: &str, name: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "Error",
        "Exception",
        "Warning",
        "Exit",
        "Interrupt",
        "Timeout",
        "Exceeded",
        "Failure",
        "ExceptionGroup",
        "Iteration",
        "NotFound",
        "UnpickleableExceptionWrapper",
    ];
    const MODULES: &[&str] = &["exceptions", "exception", "errors", "error", "exc"];
    let class = name.rsplit('.').next().unwrap_or(name);
    if !class.starts_with(|c: char| c.is_uppercase() || c == '_') {
        return false;
    }
    ENDINGS.iter().any(|ending| class.ends_with(ending))
        || module
            .rsplit('.')
            .next()
            .is_some_and(|m| MODULES.contains(&m))
}
