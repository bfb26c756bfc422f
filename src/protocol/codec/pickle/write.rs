//! Writing, in protocol 4 with the opcodes that Python chooses.

use std::collections::HashMap;

use jiff::civil::Time;
use jiff::tz::Offset;

use super::integer;
use crate::protocol::{Exception, ProtocolError, Value, time};

/// Elements between `MARK` and `APPENDS` or `SETITEMS` (pickle.py, `_BATCHSIZE`).
const BATCH: usize = 1000;
/// Shorter pickles have no frame (pickle.py, `_FRAME_SIZE_MIN`).
const MIN_FRAME: usize = 4;

/// Writes plain data in protocol 4.
///
/// # Errors
/// `Encode` for a date that is none, or an integer of more digits than Python reads.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, ProtocolError> {
    let mut writer = Writer::default();
    writer.value(value)?;
    Ok(writer.finish())
}

/// Writes an exception as Python would, an instance of its class: what the database back end stores.
///
/// # Errors
/// As [`to_vec`], for its arguments.
pub fn exception_to_vec(exception: &Exception) -> Result<Vec<u8>, ProtocolError> {
    let mut writer = Writer::default();
    let module = exception.exc_module.as_deref().unwrap_or("builtins");
    writer.global(module, &exception.exc_type);
    let args = &exception.exc_message;
    if args.len() > 3 {
        writer.out.push(b'(');
    }
    for arg in args {
        writer.value(arg)?;
    }
    writer.tuple(args.len());
    writer.op_memoized(b'R');
    Ok(writer.finish())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "errors and texts are handed over alike"
)]
fn refuse(reason: impl ToString) -> ProtocolError {
    ProtocolError::Encode {
        serializer: "pickle".to_owned(),
        reason: reason.to_string(),
    }
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    memo: u32,
    /// Places in the memo of module names, and of classes.
    modules: HashMap<String, u32>,
    classes: HashMap<(String, String), u32>,
}

impl Writer {
    fn finish(mut self) -> Vec<u8> {
        self.out.push(b'.');
        let mut all = vec![0x80, 4];
        if self.out.len() >= MIN_FRAME {
            all.push(0x95);
            all.extend((self.out.len() as u64).to_le_bytes());
        }
        all.append(&mut self.out);
        all
    }

    fn value(&mut self, value: &Value) -> Result<(), ProtocolError> {
        match value {
            Value::Null => self.out.push(b'N'),
            Value::Bool(b) => self.out.push(if *b { 0x88 } else { 0x89 }),
            Value::Int(i) => self.int(*i)?,
            Value::BigInt(digits) => self.long(digits)?,
            Value::Float(f) => {
                self.out.push(b'G');
                self.out.extend(f.to_be_bytes());
            }
            Value::Str(s) => self.str(s),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::List(items) => {
                self.op_memoized(b']');
                for batch in items.chunks(BATCH) {
                    if batch.len() > 1 {
                        self.out.push(b'(');
                    }
                    for item in batch {
                        self.value(item)?;
                    }
                    self.out.push(if batch.len() > 1 { b'e' } else { b'a' });
                }
            }
            Value::Map(map) => {
                self.op_memoized(b'}');
                for start in (0..map.len()).step_by(BATCH) {
                    let size = BATCH.min(map.len() - start);
                    if size > 1 {
                        self.out.push(b'(');
                    }
                    for (key, item) in map.iter().skip(start).take(size) {
                        self.str(key);
                        self.value(item)?;
                    }
                    self.out.push(if size > 1 { b'u' } else { b's' });
                }
            }
            Value::DateTime(text) => self.datetime(text)?,
            Value::Date(text) => {
                let (civil, _) = time::parse_civil(text).map_err(refuse)?;
                let (year, date) = (civil.year().to_be_bytes(), civil.date());
                self.global("datetime", "date");
                self.bytes(&[year[0], year[1], byte(date.month()), byte(date.day())]);
                self.tuple(1);
                self.op_memoized(b'R');
            }
            Value::Time(text) => {
                let (clock, offset) = time::parse_time(text)
                    .ok_or_else(|| refuse(format!("`{text}` is not a time")))?;
                self.global("datetime", "time");
                self.bytes(&clock_bytes(clock));
                self.zoned(offset)?;
            }
            Value::Decimal(text) => {
                self.global("decimal", "Decimal");
                self.str(text);
                self.tuple(1);
                self.op_memoized(b'R');
            }
            Value::Uuid(uuid) => {
                self.global("uuid", "UUID");
                self.out.push(b')');
                self.op_memoized(0x81);
                self.op_memoized(b'}');
                self.str("int");
                self.long(&uuid.as_u128().to_string())?;
                self.out.extend(b"sb");
            }
        }
        Ok(())
    }

    fn datetime(&mut self, text: &str) -> Result<(), ProtocolError> {
        let (civil, offset) = time::parse_civil(text).map_err(refuse)?;
        let (year, date) = (civil.year().to_be_bytes(), civil.date());
        let mut state = vec![year[0], year[1], byte(date.month()), byte(date.day())];
        state.extend(clock_bytes(civil.time()));
        self.global("datetime", "datetime");
        self.bytes(&state);
        self.zoned(offset)
    }

    /// The end of a datetime or time: its tzinfo if any, and the call.
    fn zoned(&mut self, offset: Option<Offset>) -> Result<(), ProtocolError> {
        let Some(offset) = offset else {
            self.tuple(1);
            self.op_memoized(b'R');
            return Ok(());
        };
        let seconds = i64::from(offset.seconds());
        self.global("datetime", "timezone");
        self.global("datetime", "timedelta");
        self.int(seconds.div_euclid(86_400))?;
        self.int(seconds.rem_euclid(86_400))?;
        self.int(0)?;
        self.tuple(3);
        self.op_memoized(b'R');
        self.tuple(1);
        self.op_memoized(b'R');
        self.tuple(2);
        self.op_memoized(b'R');
        Ok(())
    }

    fn int(&mut self, i: i64) -> Result<(), ProtocolError> {
        if let Ok(small) = u8::try_from(i) {
            self.out.extend([b'K', small]);
        } else if let Ok(small) = u16::try_from(i) {
            self.out.push(b'M');
            self.out.extend(small.to_le_bytes());
        } else if let Ok(small) = i32::try_from(i) {
            self.out.push(b'J');
            self.out.extend(small.to_le_bytes());
        } else {
            self.long(&i.to_string())?;
        }
        Ok(())
    }

    fn long(&mut self, digits: &str) -> Result<(), ProtocolError> {
        if let Some(i) = digits.parse().ok().filter(|i| i32::try_from(*i).is_ok()) {
            return self.int(i);
        }
        let bytes =
            integer::to_bytes(digits).ok_or_else(|| refuse("not an integer that Python reads"))?;
        match u8::try_from(bytes.len()) {
            Ok(size) => self.out.extend([0x8a, size]),
            Err(_) => {
                self.out.push(0x8b);
                self.out.extend((bytes.len() as u32).to_le_bytes());
            }
        }
        self.out.extend(bytes);
        Ok(())
    }

    fn str(&mut self, s: &str) {
        self.sized(s.as_bytes(), [0x8c, b'X', 0x8d]);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.sized(bytes, [b'C', b'B', 0x8e]);
    }

    fn sized(&mut self, bytes: &[u8], [one, four, eight]: [u8; 3]) {
        if let Ok(size) = u8::try_from(bytes.len()) {
            self.out.extend([one, size]);
        } else if let Ok(size) = u32::try_from(bytes.len()) {
            self.out.push(four);
            self.out.extend(size.to_le_bytes());
        } else {
            self.out.push(eight);
            self.out.extend((bytes.len() as u64).to_le_bytes());
        }
        self.out.extend_from_slice(bytes);
        self.memoize();
    }

    /// Closes a tuple of the last `size` values; for more than three the caller has set a mark.
    fn tuple(&mut self, size: usize) {
        match size {
            0 => self.out.push(b')'),
            1 => self.op_memoized(0x85),
            2 => self.op_memoized(0x86),
            3 => self.op_memoized(0x87),
            _ => self.op_memoized(b't'),
        }
    }

    fn global(&mut self, module: &str, name: &str) {
        let key = (module.to_owned(), name.to_owned());
        if let Some(place) = self.classes.get(&key) {
            self.get(*place);
            return;
        }
        match self.modules.get(module) {
            Some(place) => self.get(*place),
            None => {
                self.modules.insert(module.to_owned(), self.memo);
                self.str(module);
            }
        }
        self.str(name);
        self.classes.insert(key, self.memo);
        self.op_memoized(0x93);
    }

    fn get(&mut self, place: u32) {
        match u8::try_from(place) {
            Ok(place) => self.out.extend([b'h', place]),
            Err(_) => {
                self.out.push(b'j');
                self.out.extend(place.to_le_bytes());
            }
        }
    }

    fn op_memoized(&mut self, op: u8) {
        self.out.push(op);
        self.memoize();
    }

    fn memoize(&mut self) {
        self.out.push(0x94);
        self.memo += 1;
    }
}

fn clock_bytes(clock: Time) -> [u8; 6] {
    let [_, a, b, c] = time::micros(clock).to_be_bytes();
    [
        byte(clock.hour()),
        byte(clock.minute()),
        byte(clock.second()),
        a,
        b,
        c,
    ]
}

/// Parts of a date or time are never negative.
fn byte(part: i8) -> u8 {
    part.unsigned_abs()
}
