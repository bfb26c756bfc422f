//! A row of `celery_taskmeta` and the meta that it stands for.
//!
//! Mirrors `DatabaseBackend._update_result` and `_get_task_meta_for`: bytes columns hold what `result_serializer` makes,
//! and rows of older versions hold pickles, whatever the serializer.

use bytes::Bytes;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tracing::warn;

use crate::backend::BackendError;
use crate::backend::registry::Options;
use crate::protocol::codec::{self, Accept, pickle};
use crate::protocol::result::{Encoded, Extended};
use crate::protocol::{Exception, ProtocolError, ResultMeta, ResultTuple, State, Value, time};

/// What every pickle of protocol 2 and later starts with.
const PICKLE_MARK: u8 = 0x80;

/// A row as it is stored. Text is kept as bytes until it is known to be text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Row {
    pub(super) task_id: Vec<u8>,
    pub(super) status: Option<Vec<u8>>,
    pub(super) result: Option<Vec<u8>>,
    pub(super) date_done: Option<Vec<u8>>,
    pub(super) traceback: Option<Vec<u8>>,
    pub(super) children: Option<Vec<u8>>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) args: Option<Vec<u8>>,
    pub(super) kwargs: Option<Vec<u8>>,
    pub(super) worker: Option<Vec<u8>>,
    pub(super) retries: Option<i64>,
    pub(super) queue: Option<Vec<u8>>,
    pub(super) stamps: Option<Vec<u8>>,
}

/// How values become bytes and back.
#[derive(Debug, Clone)]
pub(super) struct Coder {
    serializer: String,
    content_type: &'static str,
    accept: Accept,
    zone: TimeZone,
}

impl Coder {
    /// # Errors
    /// `Config` for an unknown serializer.
    pub(super) fn new(options: &Options) -> Result<Self, BackendError> {
        let unknown = |e: ProtocolError| BackendError::Config(format!("`result_serializer`: {e}"));
        let content_type = codec::encode(&options.serializer, &Value::Null)
            .map_err(unknown)?
            .content_type;
        Ok(Self {
            content_type,
            // What is read here is data only, so one's own serializer needs no further permission.
            accept: Accept::new(&[content_type]).map_err(unknown)?,
            serializer: options.serializer.clone(),
            zone: options.timezone.clone(),
        })
    }

    fn is_pickle(&self) -> bool {
        self.content_type == "application/x-python-serialize"
    }

    pub(super) fn encode(&self, value: &Value) -> Result<Vec<u8>, ProtocolError> {
        Ok(codec::encode(&self.serializer, value)?.body.into())
    }

    /// Reads a bytes column of a task in `status`.
    fn decode_result(&self, status: &State, bytes: &[u8]) -> Result<Value, ProtocolError> {
        let unpickle = |bytes: &[u8]| {
            if status.holds_exception() {
                pickle::exception_from_slice(bytes)
                    .map(|e| e.to_value())
                    // An old worker may have left something else.
                    .or_else(|_| pickle::from_slice(bytes))
            } else {
                pickle::from_slice(bytes)
            }
        };
        if self.is_pickle() && bytes.first() == Some(&PICKLE_MARK) {
            return unpickle(bytes);
        }
        self.decode(bytes).or_else(|error| {
            if bytes.first() == Some(&PICKLE_MARK) {
                unpickle(bytes)
            } else {
                Err(error)
            }
        })
    }

    /// Reads a bytes column.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Value, ProtocolError> {
        match codec::decode(self.content_type, bytes, &self.accept) {
            Ok(value) => Ok(value),
            // Written before `result_serializer` was changed to or from pickle.
            Err(_) if bytes.first() == Some(&PICKLE_MARK) => pickle::from_slice(bytes),
            Err(error) if self.is_pickle() => codec::json::from_slice(bytes).map_err(|_| error),
            Err(error) => Err(error),
        }
    }

    /// The row of a meta.
    ///
    /// # Errors
    /// `Encode` if a value has no form in the serializer, `Invalid` for a `date_done` that is no date.
    pub(super) fn to_row(&self, meta: &ResultMeta) -> Result<Row, ProtocolError> {
        if let Some(Encoded::Row(columns)) = &meta.encoded {
            return Ok(encoded_row(meta, columns));
        }
        let exception = if self.is_pickle() {
            meta.exception()
        } else {
            None
        };
        let result = match &exception {
            Some(exception) => pickle::exception_to_vec(exception)?,
            None => self.encode(&meta.result)?,
        };
        let children = match meta.children.as_deref() {
            None | Some([]) => None,
            Some(children) => {
                let tuples: Vec<Value> = children.iter().map(ResultTuple::to_value).collect();
                Some(self.encode(&Value::List(tuples))?)
            }
        };
        let stamps = match meta.stamped_headers.as_deref() {
            None | Some([]) => None,
            Some(names) => {
                let names: Vec<Value> = names.iter().map(|n| n.as_str().into()).collect();
                Some(self.encode(&Value::from([
                    ("stamped_headers", names.into()),
                    ("stamps", meta.stamps.clone().into()),
                ]))?)
            }
        };
        let text = |text: &Option<String>| text.as_ref().map(|t| t.as_bytes().to_vec());
        let mut row = Row {
            task_id: meta.task_id.as_bytes().to_vec(),
            status: Some(meta.status.as_str().as_bytes().to_vec()),
            result: Some(result),
            date_done: self.date_done(meta.date_done.as_deref())?,
            traceback: text(&meta.traceback),
            children,
            stamps,
            ..Row::default()
        };
        if let Some(extended) = &meta.extended {
            row.name = text(&extended.name);
            row.args = Some(self.encode(&extended.args)?);
            row.kwargs = Some(self.encode(&extended.kwargs)?);
            row.worker = text(&extended.worker);
            row.retries = extended.retries;
            row.queue = text(&extended.queue);
        }
        Ok(row)
    }

    /// The wall clock of the app's zone, without its offset.
    fn date_done(&self, iso: Option<&str>) -> Result<Option<Vec<u8>>, ProtocolError> {
        let Some(iso) = iso else {
            return Ok(None);
        };
        let text = match time::parse_civil(iso)? {
            (civil, None) => civil.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
            (_, Some(_)) => time::sqlite_datetime(time::parse(iso)?, &self.zone),
        };
        Ok(Some(text.into_bytes()))
    }

    /// The meta of a row.
    ///
    /// # Errors
    /// `Decode` if the result cannot be read. What else cannot be read is left out, with a warning.
    pub(super) fn to_meta(&self, row: Row) -> Result<ResultMeta, ProtocolError> {
        let task_id = string(row.task_id);
        let status = row
            .status
            .map_or(State::PENDING, |s| State::new(&string(s)));
        let result = match &row.result {
            None => Value::Null,
            Some(bytes) => self.decode_result(&status, bytes)?,
        };
        let mut meta = ResultMeta::new(&task_id, status, result);
        // A pickled exception in a state of its own reads as any other value; one as text stays what it is.
        if meta.status.holds_exception()
            && let Some(exception) = Exception::from_value(&meta.result)
        {
            meta.result = exception.to_value();
        }
        let read = |column: &str, bytes: Option<Vec<u8>>| -> Value {
            let Some(bytes) = bytes else {
                return Value::Null;
            };
            self.decode(&bytes).unwrap_or_else(|error| {
                warn!(task_id, column, %error, "column cannot be read");
                Value::Null
            })
        };
        meta.traceback = row.traceback.map(string);
        meta.date_done = row.date_done.map(|text| self.iso(string(text)));
        if let Value::List(children) = read("children", row.children) {
            let tuples = children.iter().map(ResultTuple::from_value).collect();
            match tuples {
                Ok(children) => meta.children = Some(children),
                Err(error) => warn!(task_id, %error, "column `children` cannot be read"),
            }
        }
        if row.name.is_some() || row.worker.is_some() || row.args.is_some() || row.kwargs.is_some()
        {
            meta.extended = Some(Extended {
                name: row.name.map(string),
                args: read("args", row.args),
                kwargs: read("kwargs", row.kwargs),
                worker: row.worker.map(string),
                retries: row.retries,
                queue: row.queue.map(string),
            });
        }
        if let Value::Map(mut stamps) = read("stamps", row.stamps) {
            if let Some(Value::List(names)) = stamps.get("stamped_headers") {
                let names = names.iter().filter_map(Value::as_str);
                meta.stamped_headers = Some(names.map(str::to_owned).collect());
            }
            if let Some(Value::Map(values)) = stamps.swap_remove("stamps") {
                meta.stamps = values;
            }
        }
        Ok(meta)
    }

    /// ISO 8601 with the app's offset, from the wall clock of a row; text that is no date stays as it is.
    fn iso(&self, text: String) -> String {
        let civil: Result<DateTime, _> = text.replacen(' ', "T", 1).parse();
        match civil.map(|civil| self.zone.to_ambiguous_zoned(civil).compatible()) {
            Ok(Ok(zoned)) => time::isoformat(zoned.timestamp(), &self.zone),
            _ => text,
        }
    }
}

/// The row whose columns Celery itself has encoded.
fn encoded_row(meta: &ResultMeta, columns: &[Option<Bytes>]) -> Row {
    let mut columns = columns.iter().map(|c| c.as_ref().map(|c| c.to_vec()));
    let mut next = || columns.next().flatten();
    let mut row = Row {
        task_id: meta.task_id.as_bytes().to_vec(),
        status: Some(meta.status.as_str().as_bytes().to_vec()),
        result: next(),
        date_done: next(),
        traceback: next(),
        children: next(),
        name: next(),
        args: next(),
        kwargs: next(),
        worker: next(),
        ..Row::default()
    };
    let retries = next().map(string);
    row.retries = retries.as_deref().and_then(|n| n.parse().ok());
    row.queue = next();
    row.stamps = next();
    row
}

fn string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Map;

    fn coder(serializer: &str, zone: &str) -> Coder {
        Coder::new(&Options {
            serializer: serializer.to_owned(),
            timezone: TimeZone::get(zone).unwrap(),
            ..Options::default()
        })
        .unwrap()
    }

    #[test]
    fn date_done_is_the_wall_clock_of_the_zone_and_comes_back() {
        let coder = coder("json", "Asia/Kolkata");
        let mut meta = ResultMeta::new("id", State::SUCCESS, Value::Int(1));
        meta.date_done = Some("2026-11-22T16:11:25.574246+00:00".to_owned());
        let row = coder.to_row(&meta).unwrap();
        assert_eq!(
            row.date_done.as_deref(),
            Some(&b"2026-11-22 21:41:25.574246"[..])
        );
        let back = coder.to_meta(row).unwrap();
        assert_eq!(
            back.date_done.as_deref(),
            Some("2026-11-22T21:41:25.574246+05:30")
        );
        meta.date_done = Some("soon".to_owned());
        assert!(coder.to_row(&meta).is_err());
    }

    #[test]
    fn every_field_survives_in_every_serializer() {
        let mut meta = ResultMeta::new(
            "id",
            State::FAILURE,
            Exception::builtin("ValueError", "bad").to_value(),
        );
        meta.traceback = Some("Traceback …".to_owned());
        meta.date_done = Some("2030-01-02T03:04:05.678900+00:00".to_owned());
        meta.children = Some(vec![ResultTuple::task("child")]);
        meta.extended = Some(Extended {
            name: Some("tasks.add".to_owned()),
            args: Value::List(vec![1.into()]),
            kwargs: Value::Map(Map::new()),
            worker: Some("w1@host".to_owned()),
            retries: Some(2),
            queue: Some("celery".to_owned()),
        });
        meta.stamped_headers = Some(vec!["who".to_owned()]);
        meta.stamps = Map::from_iter([("who".to_owned(), Value::from("me"))]);
        for serializer in ["json", "yaml", "msgpack", "pickle"] {
            let coder = coder(serializer, "UTC");
            let row = coder.to_row(&meta).unwrap();
            assert_eq!(coder.to_meta(row).unwrap(), meta, "{serializer}");
        }
    }

    #[test]
    fn no_children_are_null_and_none_is_four_bytes() {
        let mut meta = ResultMeta::new("id", State::SUCCESS, Value::Null);
        meta.children = Some(Vec::new());
        let row = coder("json", "UTC").to_row(&meta).unwrap();
        assert_eq!(row.children, None);
        assert_eq!(row.result.as_deref(), Some(&b"null"[..]));
        let row = coder("pickle", "UTC").to_row(&meta).unwrap();
        assert_eq!(row.result.as_deref(), Some(&b"\x80\x04N."[..]));
    }

    #[test]
    fn old_pickled_rows_are_read_with_any_serializer() {
        // pickle.dumps({'k': (1, 2)})
        let old =
            b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01k\x94K\x01K\x02\x86\x94s.";
        let row = Row {
            task_id: b"id".to_vec(),
            status: Some(b"SUCCESS".to_vec()),
            result: Some(old.to_vec()),
            ..Row::default()
        };
        let expected = Value::from([("k", Value::List(vec![1.into(), 2.into()]))]);
        for serializer in ["json", "yaml", "pickle"] {
            let meta = coder(serializer, "UTC").to_meta(row.clone()).unwrap();
            assert_eq!(meta.result, expected, "{serializer}");
        }
        let garbage = Row {
            result: Some(b"\xffgarbage".to_vec()),
            ..row
        };
        assert!(coder("json", "UTC").to_meta(garbage).is_err());
    }
}
