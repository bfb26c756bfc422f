//! What goes over the sockets of a child: packets in, frames out. `port.py` is the other end.

use std::ops::Range;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::protocol::codec::json;
use crate::protocol::result::Encoded;
use crate::protocol::{ProtocolError, ResultMeta, State, Value};

/// The largest packet: longer ones go over the stream. The other end has a buffer of this size, and the kernel takes
/// several of them.
const LARGEST: usize = 60_000;
/// Bytes before the head of a packet: kind, number, length of the head, length of the note.
const PREFIX: usize = 13;
/// Bytes before what a frame holds: kind, number, length.
const FRAME: usize = 9;
/// The length of a column that is null.
const NULL: u32 = u32::MAX;

/// The parts of a request.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Whether both are in Python's own format (marshal), or the head is JSON and the body as it came.
    pub is_plain: bool,
    /// The request without its arguments.
    pub head: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

/// A packet for a child.
#[derive(Debug, Clone)]
pub struct Packet {
    bytes: Vec<u8>,
}

impl Packet {
    /// A request to run. `note` is for the child alone: `soft`, its soft time limit.
    #[must_use]
    pub fn run(number: u32, parts: Parts<'_>, note: Option<&Value>) -> Self {
        let kind = if parts.is_plain { b'r' } else { b'R' };
        Self::new(kind, number, parts.head, note, parts.body)
    }

    /// A request that did not come to its end by itself, and what has become of it.
    #[must_use]
    pub fn after(number: u32, parts: Parts<'_>, note: &Value) -> Self {
        let kind = if parts.is_plain { b'a' } else { b'A' };
        Self::new(kind, number, parts.head, Some(note), parts.body)
    }

    /// Asks the child to end.
    #[must_use]
    pub fn leave() -> Self {
        Self::new(b'X', 0, b"", None, b"")
    }

    fn new(kind: u8, number: u32, head: &[u8], note: Option<&Value>, body: &[u8]) -> Self {
        let note = note.map(json::to_vec).unwrap_or_default();
        let mut bytes = Vec::with_capacity(PREFIX + head.len() + note.len() + body.len());
        prefix(&mut bytes, kind, number, head.len(), note.len());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(&note);
        bytes.extend_from_slice(body);
        Self { bytes }
    }

    /// Whether it has to go over the stream.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.bytes.len() > LARGEST
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packet that announces it on the stream.
    #[must_use]
    pub(super) fn announcement(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PREFIX);
        prefix(&mut bytes, b'L', 0, self.bytes.len(), 0);
        bytes
    }

    /// The number of the run in a packet that was taken back.
    #[must_use]
    pub(super) fn number_in(bytes: &[u8]) -> Option<u32> {
        let number = bytes.get(1..5)?;
        Some(u32::from_le_bytes(number.try_into().ok()?))
    }
}

fn prefix(bytes: &mut Vec<u8>, kind: u8, number: u32, head: usize, note: usize) {
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    bytes.push(kind);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&length(head));
    bytes.extend_from_slice(&length(note));
}

/// How a run ended, as the child's tracer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It returned; everything that follows is done, and its result is handed over.
    Success,
    /// It failed, and that is handed over.
    Failure,
    /// It was sent again.
    Retry,
    /// It raised `Ignore`.
    Ignored,
    /// It does not want its message; a failure is handed over.
    Rejected,
    /// It wants its message to come again.
    Requeued,
    /// The body of its message can't be read.
    Undecodable,
    /// It has asked for the end of its process.
    Exit,
    /// It is recorded as revoked.
    Revoked,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Number of the run.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the child takes nothing more, and ends.
    pub leaves: bool,
    /// Seconds that it took.
    pub runtime: f64,
    /// The representation of the result, or of the exception.
    pub what: String,
    /// The traceback of a failure.
    pub traceback: Option<String>,
}

/// A result that is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Number of the run that has handed it over.
    pub number: u32,
    /// What to store.
    pub meta: ResultMeta,
}

/// A frame from a child.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Up,
    Stored(Box<Stored>),
    Fence,
    End(Box<End>),
}

/// What is no frame comes from a child that has lost its way.
type Result<T> = std::result::Result<T, ProtocolError>;

/// Takes the next frame out of what was read; none if it is not complete.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<Frame>> {
    let Some(length) = read.get(5..FRAME) else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(length.try_into().map_err(|_| bad("length"))?) as usize;
    if read.len() < FRAME + length {
        read.reserve(FRAME + length - read.len());
        return Ok(None);
    }
    let mut frame = read.split_to(FRAME + length).freeze();
    let kind = frame.get_u8();
    let number = frame.get_u32_le();
    frame.advance(4);
    Ok(Some(match kind {
        b'U' => Frame::Up,
        b'F' => Frame::Fence,
        b'S' => Frame::Stored(Box::new(stored(number, &frame)?)),
        b'D' => Frame::End(Box::new(end(number, frame)?)),
        other => {
            return Err(ProtocolError::decode(
                "frame",
                format!("unknown kind {other}"),
            ));
        }
    }))
}

fn bad(what: &'static str) -> ProtocolError {
    ProtocolError::decode("frame", format!("a bad {what}"))
}

fn stored(number: u32, frame: &Bytes) -> Result<Stored> {
    let [form, id0, id1, state, ..] = frame[..] else {
        return Err(bad("result"));
    };
    let (id, state) = (
        usize::from(u16::from_le_bytes([id0, id1])),
        usize::from(state),
    );
    let text = |range: Range<usize>| {
        let bytes = frame.get(range).ok_or_else(|| bad("result"))?;
        std::str::from_utf8(bytes).map_err(|_| bad("task id"))
    };
    let mut meta = ResultMeta::new(
        text(4..4 + id)?,
        State::new(text(4 + id..4 + id + state)?),
        Value::Null,
    );
    let rest = frame.slice(4 + id + state..);
    meta.encoded = Some(match form {
        b'o' => Encoded::Object(rest),
        _ => Encoded::Row(columns(rest)?),
    });
    Ok(Stored { number, meta })
}

fn columns(mut rest: Bytes) -> Result<Vec<Option<Bytes>>> {
    let mut columns = Vec::with_capacity(Encoded::COLUMNS.len());
    while rest.len() >= 4 {
        let length = rest.get_u32_le();
        columns.push(match length {
            NULL => None,
            length if length as usize <= rest.len() => Some(rest.split_to(length as usize)),
            _ => return Err(bad("column")),
        });
    }
    Ok(columns)
}

fn end(number: u32, mut frame: Bytes) -> Result<End> {
    if frame.len() < 10 {
        return Err(bad("end"));
    }
    let outcome = match frame.get_u8() {
        b's' => Outcome::Success,
        b'f' => Outcome::Failure,
        b'r' => Outcome::Retry,
        b'i' => Outcome::Ignored,
        b'j' => Outcome::Rejected,
        b'q' => Outcome::Requeued,
        b'd' => Outcome::Undecodable,
        b'x' => Outcome::Exit,
        b'v' => Outcome::Revoked,
        _ => return Err(bad("outcome")),
    };
    let leaves = frame.get_u8() != 0;
    let runtime = frame.get_f64_le();
    let text = String::from_utf8_lossy(&frame);
    let mut end = End {
        number,
        outcome,
        leaves,
        runtime,
        what: String::new(),
        traceback: None,
    };
    use Outcome::{Failure, Rejected, Requeued, Retry};
    if matches!(outcome, Failure | Retry | Rejected | Requeued) {
        let pair = json::from_slice(text.as_bytes())?;
        let mut pair = pair.as_list().unwrap_or_default().iter();
        let mut next = || pair.next().and_then(Value::as_str).map(str::to_owned);
        end.what = next().unwrap_or_default();
        end.traceback = next();
    } else {
        end.what = text.into_owned();
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        let mut read = BytesMut::from(&b"U\x00\x00\x00\x00\x00\x00\x00"[..]);
        assert_eq!(take(&mut read).unwrap(), None);
        read.extend_from_slice(b"\x00F\x07\x00\x00\x00\x00\x00\x00\x00S");
        assert_eq!(take(&mut read).unwrap(), Some(Frame::Up));
        assert_eq!(take(&mut read).unwrap(), Some(Frame::Fence));
        assert_eq!(take(&mut read).unwrap(), None);
    }

    #[test]
    fn results_keep_their_bytes() {
        let body = b"o\x02\x00\x07idSUCCESS\x80\x04K\x05.";
        let mut read = BytesMut::from(&b"S\x03\x00\x00\x00"[..]);
        read.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        read.extend_from_slice(body);
        let Some(Frame::Stored(stored)) = take(&mut read).unwrap() else {
            panic!("no result");
        };
        assert_eq!((stored.number, stored.meta.task_id.as_str()), (3, "id"));
        assert_eq!(
            stored.meta.encoded,
            Some(Encoded::Object(Bytes::from_static(b"\x80\x04K\x05.")))
        );
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        assert!(
            take(&mut BytesMut::from(
                &b"Z\x00\x00\x00\x00\x00\x00\x00\x00"[..]
            ))
            .is_err()
        );
    }
}
