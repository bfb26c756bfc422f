//! Requests that wait for their time, in little space: there may be a hundred thousand of them.
//!
//! A request that is held is kept as its message, compressed against the first message that was held: the headers of
//! two tasks differ in little but their ids. Mirrors `kombu.asynchronous.timer`, for ETAs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use zstd::bulk::{Compressor, Decompressor};

use super::Request;
use super::reading::Reader;
use super::request::Times;
use crate::broker::{Acker, BrokerError, Settle, Settlement};
use crate::protocol::{Ident, Message, ProtocolError, envelope};

/// Envelopes that are larger are kept as they are: compressing them would hold up the loop.
const LARGE: usize = 64 << 10;

/// Requests by the time when they are due. Removing one is lazy: its entry is skipped when it comes up.
#[derive(Debug, Default)]
pub(super) struct Timer {
    due: BinaryHeap<Reverse<(Timestamp, u32)>>,
    held: HashMap<u32, Held>,
    next: u32,
    /// How many of them are retries.
    retries: usize,
    packer: Packer,
    /// What reading a message again takes.
    reader: Reader,
}

/// A request that is held.
#[derive(Debug)]
enum Held {
    /// Its message, and the right to settle it.
    Packed(Packed),
    /// As it is, where the message does not say all (protocol 1 has its times in the body).
    Whole(Arc<Request>),
}

/// A delivery in little space.
#[derive(Debug)]
struct Packed {
    id: Ident,
    tag: Ident,
    settlements: Option<mpsc::UnboundedSender<Settlement>>,
    bytes: Box<[u8]>,
}

/// What is needed to hold a request: its message before the task was taken out, and where it came from.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) message: Message,
    pub(super) queue: String,
}

/// A request that has been taken out and is to be settled, whatever it was.
#[derive(Debug)]
pub(super) struct Out(Held);

impl Timer {
    /// A timer for a worker that reads messages so.
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            ..Self::default()
        }
    }

    /// Keeps a request until `at`.
    pub(super) fn add(&mut self, at: Timestamp, request: Arc<Request>, kept: Option<Kept>) {
        if self.held.is_empty() {
            self.packer = Packer::default();
        }
        self.retries += usize::from(request.message.header.retries > 0);
        let packed = kept.and_then(|kept| self.packer.pack(&kept));
        let held = match packed {
            Some(bytes) => match request.take_acker() {
                Some(acker) => {
                    let (tag, settlements) = acker.into_parts();
                    Held::Packed(Packed {
                        id: request.id().into(),
                        tag: (&*tag).into(),
                        settlements,
                        bytes,
                    })
                }
                None => Held::Whole(request),
            },
            None => Held::Whole(request),
        };
        while self.held.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        self.due.push(Reverse((at, self.next)));
        self.held.insert(self.next, held);
        self.next = self.next.wrapping_add(1);
    }

    /// When the next one is due.
    #[must_use]
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Arc<Request>> {
        while let Some(Reverse((at, key))) = self.due.peek().copied() {
            if at > now {
                return None;
            }
            self.due.pop();
            if let Some(held) = self.held.remove(&key) {
                match self.open(held) {
                    Ok(request) => {
                        self.retries -= usize::from(request.message.header.retries > 0);
                        return Some(request);
                    }
                    // It was read when it came: nothing but memory that has changed can keep it from being read again.
                    Err(error) => tracing::error!("a held message can't be read again: {error}"),
                }
            }
        }
        None
    }

    /// Takes out those with one of these ids.
    pub(super) fn take(&mut self, ids: &[String]) -> Vec<Arc<Request>> {
        let ids: HashSet<Ident> = ids.iter().map(|id| Ident::from(&**id)).collect();
        let wanted = |held: &Held| match held {
            Held::Packed(packed) => ids.contains(&packed.id),
            Held::Whole(request) => ids.contains(&request.id().into()),
        };
        let mut keys: Vec<u32> = self
            .held
            .iter()
            .filter(|(_, held)| wanted(held))
            .map(|(key, _)| *key)
            .collect();
        keys.sort_unstable();
        let taken = keys.into_iter().filter_map(|key| {
            let held = self.held.remove(&key)?;
            self.open(held).ok()
        });
        let taken: Vec<_> = taken.collect();
        let retries = |r: &&Arc<Request>| r.message.header.retries > 0;
        self.retries -= taken.iter().filter(retries).count();
        taken
    }

    /// Takes out all of them, in the order of their arrival.
    pub(super) fn drain(&mut self) -> Vec<Out> {
        self.due.clear();
        self.retries = 0;
        let mut all: Vec<_> = self.held.drain().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.into_iter().map(|(_, held)| Out(held)).collect()
    }

    /// All of them, read anew.
    pub(super) fn requests(&self) -> Vec<Arc<Request>> {
        let read = |held: &Held| match held {
            Held::Packed(packed) => self.read(packed, None).ok(),
            Held::Whole(request) => Some(Arc::clone(request)),
        };
        self.held.values().filter_map(read).collect()
    }

    /// One of them, read anew.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Request>> {
        let ident = Ident::from(id);
        self.held.values().find_map(|held| match held {
            Held::Packed(packed) if packed.id == ident => self.read(packed, None).ok(),
            Held::Whole(request) if request.id() == id => Some(Arc::clone(request)),
            _ => None,
        })
    }

    /// Which of these ids are held.
    pub(super) fn which<'a>(&self, ids: &'a [String]) -> HashSet<&'a str> {
        let ids: HashMap<Ident, &str> = ids.iter().map(|id| (Ident::from(&**id), &**id)).collect();
        let held = self.held.values().filter_map(|held| match held {
            Held::Packed(packed) => ids.get(&packed.id).copied(),
            Held::Whole(request) => ids.get(&request.id().into()).copied(),
        });
        held.collect()
    }

    /// How many of them are retries.
    #[must_use]
    pub(super) fn retries(&self) -> usize {
        self.retries
    }

    /// How many are held.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    fn open(&self, held: Held) -> Result<Arc<Request>, ProtocolError> {
        match held {
            Held::Packed(mut packed) => {
                let acker = packed.acker();
                self.read(&packed, Some(acker))
            }
            Held::Whole(request) => Ok(request),
        }
    }

    /// Makes the request of a message once more. Without an acker it is good for a look at it.
    fn read(&self, packed: &Packed, acker: Option<Acker>) -> Result<Arc<Request>, ProtocolError> {
        let read = || {
            let Kept { mut message, queue } = self.packer.unpack(&packed.bytes)?;
            let read = self.reader.read(&mut message)?;
            let times = Times::of(&read.task.header)?;
            Ok((read, times, message, queue))
        };
        match (read(), acker) {
            (Ok((read, times, message, queue)), acker) => {
                let acker = acker.unwrap_or_else(|| Acker::new(packed.tag.to_string(), None));
                let request = Request::new(read, times, message, queue, acker);
                Ok(Arc::new(request))
            }
            (Err(error), Some(acker)) => {
                // Somebody else may be able to read it.
                drop(acker.settle(Settle::Restore));
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl Packed {
    fn acker(&mut self) -> Acker {
        Acker::new(self.tag.to_string(), self.settlements.take())
    }
}

impl Out {
    /// Settles it.
    ///
    /// # Errors
    /// As [`Request::settle`].
    pub(super) fn settle(self, how: Settle) -> Result<(), BrokerError> {
        match self.0 {
            Held::Packed(mut packed) => packed.acker().settle(how),
            Held::Whole(request) => request.settle(how),
        }
    }
}

/// Packs messages. Its first is the dictionary of all that follow while any of them is held.
#[derive(Default)]
struct Packer {
    dictionary: Vec<u8>,
    compressor: Option<Compressor<'static>>,
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packer({} bytes)", self.dictionary.len())
    }
}

/// What the first byte of packed bytes says of the rest.
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;

impl Packer {
    /// The message and its queue as bytes: a mark, the length, and the envelope without base64.
    fn pack(&mut self, kept: &Kept) -> Option<Box<[u8]>> {
        let head = Message {
            body: bytes::Bytes::new(),
            ..kept.message.clone()
        };
        let head = envelope::encode(&head);
        let room = head.len() + kept.queue.len() + kept.message.body.len() + 9;
        let mut plain = Vec::with_capacity(room);
        // The envelope has 0 for no priority.
        plain.push(u8::from(kept.message.properties.priority.is_some()));
        for part in [head.as_bytes(), kept.queue.as_bytes()] {
            plain.extend_from_slice(&u32::try_from(part.len()).ok()?.to_le_bytes());
            plain.extend_from_slice(part);
        }
        plain.extend_from_slice(&kept.message.body);
        let length = u32::try_from(plain.len()).ok()?;
        if self.dictionary.is_empty() && plain.len() <= LARGE {
            self.dictionary.clone_from(&plain);
            self.compressor = Compressor::with_dictionary(3, &plain).ok();
        }
        let compressed = match &mut self.compressor {
            Some(compressor) if plain.len() <= LARGE => compressor.compress(&plain).ok(),
            _ => None,
        };
        Some(
            match compressed {
                Some(compressed) if compressed.len() + 4 < plain.len() => {
                    [&[COMPRESSED][..], &length.to_le_bytes(), &compressed].concat()
                }
                _ => [&[PLAIN][..], &plain].concat(),
            }
            .into_boxed_slice(),
        )
    }

    fn unpack(&self, packed: &[u8]) -> Result<Kept, ProtocolError> {
        let bad = || ProtocolError::decode("held message", "its bytes have changed");
        let (mark, rest) = packed.split_first().ok_or_else(bad)?;
        let opened;
        let plain = if *mark == COMPRESSED {
            let (length, compressed) = rest.split_first_chunk().ok_or_else(bad)?;
            let mut decompressor =
                Decompressor::with_dictionary(&self.dictionary).map_err(|_| bad())?;
            let length = u32::from_le_bytes(*length) as usize;
            opened = decompressor
                .decompress(compressed, length)
                .map_err(|_| bad())?;
            &opened[..]
        } else {
            rest
        };
        let (has_priority, plain) = plain.split_first().ok_or_else(bad)?;
        let (head, rest) = part(plain).ok_or_else(bad)?;
        let (queue, body) = part(rest).ok_or_else(bad)?;
        let mut message = envelope::decode(head)?;
        message.body = bytes::Bytes::copy_from_slice(body);
        if *has_priority == 0 {
            message.properties.priority = None;
        }
        Ok(Kept {
            message,
            queue: String::from_utf8_lossy(queue).into_owned(),
        })
    }
}

/// A part with its length before it, and what follows.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::codec::Accept;
    use crate::protocol::{TaskHeader, TaskMessage, Value};

    fn message(n: usize, body: &str) -> Message {
        let id = format!("cccccccc-0000-4000-8000-{n:012}");
        let mut header = TaskHeader::new("proj.add", &id);
        header.eta = Some("2030-01-02T03:04:05+00:00".to_owned());
        let task = TaskMessage {
            header,
            args: vec![body.into(), Value::Bytes(vec![0xff, n as u8])],
            kwargs: [("x".to_owned(), Value::Float(f64::INFINITY))].into(),
            embed: Default::default(),
        };
        let mut message = task.to_message("json", None).unwrap().with_fresh_tag();
        message.properties.delivery_info.routing_key = "celery".to_owned();
        message.properties.reply_to = Some("0e4f4b9c-5d1b-3d33-9f51-5f8f0b8e1b11".to_owned());
        message.properties.priority = Some(3);
        message.properties.delivery_mode = Some(2);
        message
    }

    fn hold(timer: &mut Timer, at: i64, message: &Message) {
        let mut taken = message.clone();
        let read = timer.reader.read(&mut taken).unwrap();
        let acker = Acker::new(format!("tag-{at}"), None);
        let times = Times::of(&read.task.header).unwrap();
        let request = Request::new(read, times, taken, "celery".to_owned(), acker);
        let kept = Kept {
            message: message.clone(),
            queue: "celery".to_owned(),
        };
        let at = Timestamp::from_second(at).unwrap();
        timer.add(at, Arc::new(request), Some(kept));
    }

    #[test]
    fn a_held_request_is_what_it_was() {
        let mut timer = Timer::default();
        let messages: Vec<_> = ["a", &"long ".repeat(1000), &"x".repeat(LARGE)]
            .iter()
            .enumerate()
            .map(|(n, body)| message(n, body))
            .collect();
        for (n, message) in messages.iter().enumerate() {
            hold(&mut timer, 100 - i64::try_from(n).unwrap(), message);
        }
        let tasks: Vec<_> = messages
            .iter()
            .map(|m| TaskMessage::from_message(m, &Accept::default()).unwrap())
            .collect();
        assert_eq!(timer.requests().len(), 3);
        assert_eq!(*timer.get(&tasks[1].header.id).unwrap().message, tasks[1]);
        let now = Timestamp::from_second(200).unwrap();
        for n in [2, 1, 0] {
            let request = timer.pop_due(now).unwrap();
            assert_eq!(*request.message, tasks[n]);
            assert_eq!(request.delivery_tag().unwrap(), format!("tag-{}", 100 - n));
            assert_eq!(request.queue, "celery");
            assert_eq!(request.priority, Some(3));
            assert_eq!(request.delivery_info.routing_key, "celery");
            assert_eq!(request.reply_to, messages[n].properties.reply_to);
            assert_eq!(request.eta, Times::of(&tasks[n].header).unwrap().eta);
        }
        assert!(timer.pop_due(now).is_none());
    }

    #[test]
    fn a_held_message_takes_little_space() {
        let mut packer = Packer::default();
        let sizes: Vec<usize> = (0..100)
            .map(|n| {
                let kept = Kept {
                    message: message(n, "a"),
                    queue: "celery".to_owned(),
                };
                packer.pack(&kept).unwrap().len()
            })
            .collect();
        assert!(sizes[1..].iter().all(|size| *size < 130), "{sizes:?}");
    }

    #[test]
    fn those_that_are_revoked_are_taken_out() {
        let mut timer = Timer::default();
        for n in 0..10 {
            hold(&mut timer, 100, &message(n, "a"));
        }
        let id = "cccccccc-0000-4000-8000-000000000004".to_owned();
        let taken = timer.take(std::slice::from_ref(&id));
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].id(), id);
        assert_eq!(timer.len(), 9);
        assert!(timer.get(&id).is_none());
        assert_eq!(timer.drain().len(), 9);
        assert_eq!(timer.len(), 0);
    }
}
