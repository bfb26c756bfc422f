//! The stack machine: opcodes into an arena of nodes. Nothing is called; a call becomes a node that records it.

use std::collections::HashMap;

use super::integer;
use crate::protocol::Value;

/// Place of a node in the arena.
pub(super) type Id = usize;

/// Nodes that one pickle may make.
const MAX_NODES: usize = 1 << 24;

/// What the opcodes made.
#[derive(Debug)]
pub(super) enum Node {
    /// None, numbers, text, bytes.
    Plain(Value),
    /// A list, tuple, set or frozenset.
    Sequence(Vec<Id>),
    /// A dict.
    Dict(Vec<(Id, Id)>),
    /// A name in a module.
    Global(String, String),
    /// A call, and what was added to its result.
    Object(Object),
}

/// An instance as pickle describes it.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// What was called.
    pub(super) class: Id,
    /// With what.
    pub(super) args: Vec<Id>,
    /// `BUILD`'s argument.
    pub(super) state: Option<Id>,
    /// Added by `APPENDS`.
    pub(super) items: Vec<Id>,
    /// Added by `SETITEMS`.
    pub(super) entries: Vec<(Id, Id)>,
}

/// The arena and what is needed to fill it.
pub(super) struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    nodes: Vec<Node>,
    /// Size of the whole pickle.
    pub(super) size: usize,
}

type Step<T = ()> = Result<T, String>;

/// Runs the opcodes to `STOP`; returns the arena and the result's place in it.
pub(super) fn run(input: &[u8]) -> Step<(Machine<'_>, Id)> {
    let mut machine = Machine {
        input,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        nodes: Vec::new(),
        size: input.len(),
    };
    loop {
        let op = machine.byte()?;
        if op == b'.' {
            let root = machine.pop()?;
            return Ok((machine, root));
        }
        machine.step(op)?;
    }
}

impl<'a> Machine<'a> {
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    fn step(&mut self, op: u8) -> Step {
        match op {
            0x80 => {
                let protocol = self.byte()?;
                if protocol > 5 {
                    return Err(format!("unknown protocol {protocol}"));
                }
                Ok(())
            }
            // A frame is only a hint to read ahead.
            0x95 => self.take(8).map(drop),
            b'N' => self.plain(Value::Null),
            0x88 => self.plain(true.into()),
            0x89 => self.plain(false.into()),
            b'I' | b'L' | b'K' | b'M' | b'J' | 0x8a | 0x8b | b'F' | b'G' => self.number(op),
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => self.text(op),
            b'B' | b'C' | 0x8e | 0x96 => self.bytes(op),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => {
                // POP right after MARK takes the mark away.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                    return Ok(());
                }
                self.pop().map(drop)
            }
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memory(op),
            b']' | b')' | 0x8f => self.push(Node::Sequence(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            b'l' | b't' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::Sequence(items))
            }
            0x85..=0x87 => {
                let mut items = vec![0; usize::from(op - 0x84)];
                for item in items.iter_mut().rev() {
                    *item = self.pop()?;
                }
                self.push(Node::Sequence(items))
            }
            b'd' => {
                let entries = pairs(&self.pop_mark()?)?;
                self.push(Node::Dict(entries))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[(key, value)])
            }
            b'u' => {
                let entries = pairs(&self.pop_mark()?)?;
                self.set_items(&entries)
            }
            b'c' | 0x93 | b'i' | b'o' | b'R' | 0x81 | 0x92 | b'b' => self.object(op),
            b'P' | b'Q' => Err("persistent ids are not supported".to_owned()),
            0x82..=0x84 => Err("extension codes are not supported".to_owned()),
            0x97 | 0x98 => Err("out-of-band buffers are not supported".to_owned()),
            other => Err(format!("unknown opcode 0x{other:02x}")),
        }
    }

    fn number(&mut self, op: u8) -> Step {
        let value = match op {
            b'K' => i64::from(self.byte()?).into(),
            b'M' => i64::from(u16::from_le_bytes(self.array()?)).into(),
            b'J' => i32::from_le_bytes(self.array()?).into(),
            0x8a => {
                let size = usize::from(self.byte()?);
                integer::from_bytes(self.take(size)?)?
            }
            0x8b => {
                let size = self.size4()?;
                integer::from_bytes(self.take(size)?)?
            }
            b'G' => f64::from_be_bytes(self.array()?).into(),
            b'F' => match self.line()? {
                "nan" => f64::NAN.into(),
                text => text
                    .parse::<f64>()
                    .map_err(|_| "not a float".to_owned())?
                    .into(),
            },
            _ => match self.line()? {
                "00" if op == b'I' => false.into(),
                "01" if op == b'I' => true.into(),
                text => integer::from_digits(text.strip_suffix('L').unwrap_or(text))?,
            },
        };
        self.plain(value)
    }

    fn text(&mut self, op: u8) -> Step {
        let text = match op {
            b'S' => {
                let line = self.line()?;
                let quote = line.chars().next().unwrap_or(' ');
                let inner = line
                    .strip_prefix(['\'', '"'])
                    .and_then(|rest| rest.strip_suffix(quote))
                    .ok_or("text is not quoted")?;
                unescape(inner)?
            }
            b'V' => {
                // `raw-unicode-escape`: what is not escaped is Latin-1.
                let line: String = self.raw_line()?.iter().map(|b| char::from(*b)).collect();
                unescape_unicode(&line)?
            }
            b'T' => {
                let size = self.size4()?;
                latin1_or_utf8(self.take(size)?)
            }
            b'U' => {
                let size = usize::from(self.byte()?);
                latin1_or_utf8(self.take(size)?)
            }
            _ => {
                let size = match op {
                    0x8c => usize::from(self.byte()?),
                    b'X' => self.size4()?,
                    _ => self.size8()?,
                };
                utf8(self.take(size)?)
            }
        };
        self.plain(Value::Str(text))
    }

    fn bytes(&mut self, op: u8) -> Step {
        let size = match op {
            b'C' => usize::from(self.byte()?),
            b'B' => self.size4()?,
            _ => self.size8()?,
        };
        let bytes = self.take(size)?.to_vec();
        self.plain(Value::Bytes(bytes))
    }

    fn memory(&mut self, op: u8) -> Step {
        let index = match op {
            0x94 => self.memo.len(),
            b'q' | b'h' => usize::from(self.byte()?),
            b'r' | b'j' => self.size4()?,
            _ => self
                .line()?
                .parse()
                .map_err(|_| "not a place in the memo".to_owned())?,
        };
        if matches!(op, b'g' | b'h' | b'j') {
            let id = *self.memo.get(&index).ok_or("nothing in the memo there")?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(index, top);
        }
        Ok(())
    }

    fn object(&mut self, op: u8) -> Step {
        let (class, args) = match op {
            b'c' => {
                let (module, name) = (self.line()?.to_owned(), self.line()?.to_owned());
                return self.push(Node::Global(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Plain(Value::Str(module)), Node::Plain(Value::Str(name))) =
                    (&self.nodes[module], &self.nodes[name])
                else {
                    return Err("the name of a class is not text".to_owned());
                };
                let global = Node::Global(module.clone(), name.clone());
                return self.push(global);
            }
            b'b' => {
                let state = self.pop()?;
                let top = self.top()?;
                match &mut self.nodes[top] {
                    Node::Object(object) => object.state = Some(state),
                    _ => return Err("state for what is no object".to_owned()),
                }
                return Ok(());
            }
            b'i' => {
                let (module, name) = (self.line()?.to_owned(), self.line()?.to_owned());
                let args = self.pop_mark()?;
                self.push(Node::Global(module, name))?;
                (self.pop()?, args)
            }
            b'o' => {
                let mut args = self.pop_mark()?;
                if args.is_empty() {
                    return Err("an object without class".to_owned());
                }
                (args.remove(0), args)
            }
            _ => {
                if op == 0x92 {
                    let kwargs = self.pop()?;
                    if !matches!(&self.nodes[kwargs], Node::Dict(entries) if entries.is_empty()) {
                        return Err(
                            "objects made with keyword arguments are not supported".to_owned()
                        );
                    }
                }
                let (args, class) = (self.pop()?, self.pop()?);
                let Node::Sequence(args) = &self.nodes[args] else {
                    return Err("arguments that are no tuple".to_owned());
                };
                (class, args.clone())
            }
        };
        self.push(Node::Object(Object {
            class,
            args,
            ..Object::default()
        }))
    }

    fn append(&mut self, items: &[Id]) -> Step {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Sequence(list) => list.extend_from_slice(items),
            Node::Object(object) => object.items.extend_from_slice(items),
            _ => return Err("items for what is no list".to_owned()),
        }
        Ok(())
    }

    fn set_items(&mut self, entries: &[(Id, Id)]) -> Step {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Dict(dict) => dict.extend_from_slice(entries),
            Node::Object(object) => object.entries.extend_from_slice(entries),
            _ => return Err("entries for what is no dict".to_owned()),
        }
        Ok(())
    }

    fn plain(&mut self, value: Value) -> Step {
        self.push(Node::Plain(value))
    }

    fn push(&mut self, node: Node) -> Step {
        if self.nodes.len() >= MAX_NODES {
            return Err(format!("more than {MAX_NODES} values"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn top(&self) -> Step<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(id) if self.stack.len() > floor => Ok(*id),
            _ => Err("the stack is empty".to_owned()),
        }
    }

    fn pop(&mut self) -> Step<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?
            .try_into()
            .map_err(|_| "the data ends early".to_owned())
    }

    fn size4(&mut self) -> Step<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn size8(&mut self) -> Step<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?))
            .map_err(|_| "the data ends early".to_owned())
    }

    fn take(&mut self, size: usize) -> Step<&'a [u8]> {
        let (taken, rest) = self
            .input
            .split_at_checked(size)
            .ok_or("the data ends early")?;
        self.input = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Step<&'a str> {
        let line = std::str::from_utf8(self.raw_line()?).map_err(|e| e.to_string())?;
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }

    fn raw_line(&mut self) -> Step<&'a [u8]> {
        let end = self
            .input
            .iter()
            .position(|b| *b == b'\n')
            .ok_or("the data ends early")?;
        Ok(&self.take(end + 1)?[..end])
    }
}

fn pairs(items: &[Id]) -> Step<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a dict with a key without value".to_owned());
    }
    Ok(pairs.iter().map(|[k, v]| (*k, *v)).collect())
}

/// Python writes lone surrogates as they are (`surrogatepass`); text can't hold them here.
fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Text of Python 2, whose encoding is not known.
fn latin1_or_utf8(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().map(|b| char::from(*b)).collect(),
        str::to_owned,
    )
}

/// Python 2's `repr` of a byte string, without its quotes.
fn unescape(text: &str) -> Step<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b != b'\\' {
            bytes.push(b);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(c @ (b'\\' | b'\'' | b'"')) => c,
            Some(b'x') => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                match (high, low) {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                    _ => return Err("a bad escape in text".to_owned()),
                }
            }
            _ => return Err("a bad escape in text".to_owned()),
        });
    }
    Ok(latin1_or_utf8(&bytes))
}

/// Python's `raw-unicode-escape`: only `\uXXXX` and `\UXXXXXXXX` are escapes.
fn unescape_unicode(text: &str) -> Step<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let size = match after.as_bytes().first() {
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => {
                out.push('\\');
                rest = after;
                continue;
            }
        };
        let code = after
            .get(1..=size)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .ok_or("a bad escape in text")?;
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &after[size + 1..];
    }
    out.push_str(rest);
    Ok(out)
}
