//! From the parser's events to a value. Aliases are copied, within a budget.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::super::limits::{MAX_DEPTH, budget, key_text};
use super::scalar;
use crate::protocol::{Map, Value};

type Loaded<T = Value> = Result<T, String>;

/// The one document of a stream; an empty stream is null.
pub(super) fn document(bytes: &[u8]) -> Loaded {
    let text = decode(bytes)?;
    let mut loader = Loader {
        parser: Parser::new_from_str(&text),
        anchors: HashMap::new(),
        budget: budget(text.len()),
    };
    let mut root = None;
    loop {
        match loader.next()? {
            Event::StreamEnd => return Ok(root.unwrap_or_default()),
            Event::DocumentStart(_) if root.is_some() => {
                return Err("more than one document".to_owned());
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event => root = Some(loader.node(event, 0)?),
        }
    }
}

/// UTF-8, or UTF-16 with a byte order mark.
fn decode(bytes: &[u8]) -> Loaded<Cow<'_, str>> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|u| unit(*u)).collect();
        match String::from_utf16(&units) {
            Ok(text) if rest.is_empty() => Ok(Cow::Owned(text)),
            _ => Err("not UTF-16".to_owned()),
        }
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => std::str::from_utf8(rest)
            .map(Cow::Borrowed)
            .map_err(|e| e.to_string()),
    }
}

struct Loader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// What an alias stands for, with the number of values in it; `None` while it is being read.
    anchors: HashMap<usize, Option<(Value, usize)>>,
    budget: usize,
}

impl<'a> Loader<'a> {
    fn next(&mut self) -> Loaded<Event<'a>> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn spend(&mut self, size: usize) -> Loaded<()> {
        self.budget = self
            .budget
            .checked_sub(size)
            .ok_or("aliases multiply the data beyond what is accepted")?;
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Loaded {
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let before = self.budget;
        let (anchor, value) = match event {
            Event::Alias(id) => {
                let (value, size) = match self.anchors.get(&id) {
                    Some(Some(known)) => known,
                    Some(None) => return Err("an alias inside of what it stands for".to_owned()),
                    None => return Err("an alias without anchor".to_owned()),
                };
                let (value, size) = (value.clone(), *size);
                self.spend(size)?;
                return Ok(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(text.len() + 1)?;
                let value = match own_tag(tag.as_deref())? {
                    Some(tag) => scalar::tagged(tag, &text)?,
                    None if style == ScalarStyle::Plain && tag.is_none() => scalar::plain(&text),
                    None => Value::Str(text.into_owned()),
                };
                (anchor, value)
            }
            Event::SequenceStart(anchor, tag) => {
                self.spend(1)?;
                self.begin(anchor);
                let tag = own_tag(tag.as_deref())?.unwrap_or("seq");
                if !matches!(tag, "seq" | "omap" | "pairs") {
                    return Err(format!("unknown tag `!!{tag}` on a sequence"));
                }
                let items = self.items(depth)?;
                let value = if tag == "seq" {
                    Value::List(items)
                } else {
                    pairs(items)?
                };
                (anchor, value)
            }
            Event::MappingStart(anchor, tag) => {
                self.spend(1)?;
                self.begin(anchor);
                let tag = own_tag(tag.as_deref())?.unwrap_or("map");
                let map = self.mapping(depth)?;
                let value = match tag {
                    "map" => Value::Map(map),
                    "set" => Value::List(map.into_keys().map(Value::Str).collect()),
                    _ => return Err(format!("unknown tag `!!{tag}` on a mapping")),
                };
                (anchor, value)
            }
            _ => return Err("the document ends early".to_owned()),
        };
        if anchor > 0 {
            let size = before - self.budget;
            self.spend(size)?;
            self.anchors.insert(anchor, Some((value.clone(), size)));
        }
        Ok(value)
    }

    fn begin(&mut self, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
    }

    fn items(&mut self, depth: usize) -> Loaded<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Loaded<Map> {
        let mut map = Map::new();
        let mut merged = Map::new();
        loop {
            let event = self.next()?;
            let merge = match &event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
                Event::Scalar(_, _, _, Some(tag)) => {
                    tag.is_yaml_core_schema() && tag.suffix == "merge"
                }
                _ => false,
            };
            if merge {
                let event = self.next()?;
                merge_into(&mut merged, self.node(event, depth + 1)?)?;
                continue;
            }
            let key = key_text(self.node(event, depth + 1)?)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            map.insert(key, value);
        }
        if merged.is_empty() {
            return Ok(map);
        }
        // What is merged comes first and yields to the mapping's own keys.
        merged.extend(map);
        Ok(merged)
    }
}

/// Of several mappings the first has precedence.
fn merge_into(merged: &mut Map, source: Value) -> Loaded<()> {
    match source {
        Value::Map(map) => {
            for (key, value) in map {
                merged.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::List(maps) => {
            for map in maps {
                let Value::Map(map) = map else {
                    return Err("`<<` needs mappings".to_owned());
                };
                merge_into(merged, Value::Map(map))?;
            }
            Ok(())
        }
        _ => Err("`<<` needs mappings".to_owned()),
    }
}

/// `!!omap` and `!!pairs`: a list of pairs.
fn pairs(items: Vec<Value>) -> Loaded {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let Value::Map(map) = item else {
            return Err("a list of pairs needs mappings of one entry".to_owned());
        };
        if map.len() != 1 {
            return Err("a list of pairs needs mappings of one entry".to_owned());
        }
        for (key, value) in map {
            out.push(Value::List(vec![Value::Str(key), value]));
        }
    }
    Ok(Value::List(out))
}

/// The name of a tag of YAML's own; `None` for no tag and for `!`. All others make objects in Python.
fn own_tag(tag: Option<&Tag>) -> Loaded<Option<&str>> {
    let Some(tag) = tag else { return Ok(None) };
    if tag.is_yaml_core_schema() {
        return Ok(Some(&tag.suffix));
    }
    let name = format!("{}{}", tag.handle, tag.suffix);
    if name == "!" {
        return Ok(None);
    }
    // A verbatim tag, `!<tag:yaml.org,2002:int>`.
    match tag.suffix.strip_prefix("tag:yaml.org,2002:") {
        Some(suffix) => Ok(Some(suffix)),
        None => Err(format!("unknown tag `{name}`")),
    }
}
