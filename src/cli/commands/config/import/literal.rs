//! Settings from a file of plain assignments, without running it.
//!
//! Reads `name = literal`: text, numbers and sums of them, True, False, None, tuples, lists, sets, dicts, and the calls
//! that stand in many such files: `timedelta`, `crontab`, `dict`, `Queue`, `Exchange`. What is more is named with its
//! line.

use std::str::Chars;

use super::Found;
use crate::protocol::{Map, Value};

/// How deep brackets may nest.
const DEEPEST: usize = 64;

/// The assignments of a file; what could not be read stands in `left`, as `line N`.
pub(super) fn read(text: &str) -> Found {
    let mut found = Found::default();
    for statement in statements(text) {
        let code = statement.text.trim();
        let is_import = code.starts_with("import ") || code.starts_with("from ");
        if code.is_empty() || is_import || code.starts_with('@') || is_text(code) {
            continue;
        }
        let place = format!("line {}", statement.line);
        match assignment(code) {
            Ok((name, _)) if name.starts_with('_') => {}
            Ok((name, value)) => {
                // As in Python, the last one counts.
                found.settings.retain(|(known, _)| *known != name);
                found.settings.push((name, value));
            }
            Err(reason) => {
                let first = code.lines().next().unwrap_or_default();
                let short: String = first.chars().take(60).collect();
                let short = crate::config::mask_url(&short);
                found.left.push((place, format!("{reason}: {short}")));
            }
        }
    }
    found
}

fn is_text(code: &str) -> bool {
    let mut parser = Parser::new(code);
    matches!(parser.value(0), Ok(Value::Str(_))) && parser.at_end()
}

/// One statement, which may stretch over lines inside brackets or quotes.
#[derive(Debug, PartialEq)]
struct Statement {
    line: usize,
    text: String,
}

/// The statements of a file without its comments. An indented block is part of the statement it belongs to.
fn statements(text: &str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    let mut at = Statement {
        line: 1,
        text: String::new(),
    };
    let mut depth = 0usize;
    let mut quote: Option<String> = None;
    let mut line = 1;
    let mut chars: Vec<char> = text.replace("\r\n", "\n").chars().collect();
    chars.push('\n');
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        let three: String = chars[i..chars.len().min(i + 3)].iter().collect();
        if c == '\n' {
            line += 1;
        }
        match &quote {
            Some(_) if c == '\\' => {
                at.text.push(c);
                if let Some(&next) = chars.get(i + 1) {
                    at.text.push(next);
                    line += usize::from(next == '\n');
                    i += 1;
                }
            }
            Some(end) if three.starts_with(end.as_str()) => {
                at.text.push_str(end);
                i += end.len() - 1;
                quote = None;
            }
            Some(_) => at.text.push(c),
            None if c == '#' => {
                while chars.get(i + 1).is_some_and(|c| *c != '\n') {
                    i += 1;
                }
            }
            None if c == '\\' && chars.get(i + 1) == Some(&'\n') => {
                at.text.push(' ');
                line += 1;
                i += 1;
            }
            None if c == '\n' && depth == 0 => {
                let next = Statement {
                    line,
                    text: String::new(),
                };
                let done = std::mem::replace(&mut at, next);
                match found.last_mut() {
                    Some(block)
                        if done.text.starts_with([' ', '\t']) && !done.text.trim().is_empty() =>
                    {
                        block.text.push('\n');
                        block.text.push_str(&done.text);
                    }
                    _ => found.push(done),
                }
            }
            None => {
                match c {
                    '"' | '\'' => {
                        let triple = three.chars().filter(|t| *t == c).count() == 3;
                        quote = Some(c.to_string().repeat(if triple { 3 } else { 1 }));
                        if triple {
                            at.text.push(c);
                            at.text.push(c);
                            i += 2;
                        }
                    }
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at.text.push(c);
            }
        }
        i += 1;
    }
    found.push(at);
    found.retain(|statement| !statement.text.trim().is_empty());
    found
}

fn assignment(code: &str) -> Result<(String, Value), String> {
    let mut parser = Parser::new(code);
    let name = parser.word();
    parser.space();
    // `broker_url: str = …`
    if parser.take(':') {
        while parser.peek().is_some_and(|c| c != '=') {
            parser.next();
        }
    }
    if name.is_empty() || !parser.take('=') || parser.peek() == Some('=') {
        return Err("no assignment".to_owned());
    }
    let value = parser.expression(0)?;
    parser.space();
    if parser.take(',') {
        // `imports = 'a',`
        let mut items = vec![value];
        while !parser.at_end() {
            items.push(parser.expression(0)?);
            parser.space();
            if !parser.take(',') {
                break;
            }
        }
        return finish(&mut parser, name, Value::List(items));
    }
    finish(&mut parser, name, value)
}

fn finish(parser: &mut Parser<'_>, name: String, value: Value) -> Result<(String, Value), String> {
    if parser.at_end() {
        Ok((name, value))
    } else {
        Err("not a plain value".to_owned())
    }
}

struct Parser<'a> {
    rest: Chars<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.chars() }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        self.rest.next()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }

    fn at_end(&mut self) -> bool {
        self.space();
        self.peek().is_none()
    }

    fn word(&mut self) -> String {
        self.space();
        let mut word = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_alphanumeric() || "_.".contains(*c))
        {
            word.push(c);
            self.next();
        }
        word
    }

    /// Values with `+` and `-` between them.
    fn expression(&mut self, depth: usize) -> Result<Value, String> {
        let mut value = self.product(depth)?;
        loop {
            self.space();
            let minus = self.peek() == Some('-');
            if !minus && self.peek() != Some('+') {
                return Ok(value);
            }
            self.next();
            let right = self.product(depth)?;
            value = match (value, right) {
                (Value::List(mut left), Value::List(right)) if !minus => {
                    left.extend(right);
                    Value::List(left)
                }
                (Value::Str(left), Value::Str(right)) if !minus => Value::Str(left + &right),
                (left, right) => number(&left, &right, |a, b| if minus { a - b } else { a + b })?,
            };
        }
    }

    fn product(&mut self, depth: usize) -> Result<Value, String> {
        let mut value = self.value(depth)?;
        loop {
            self.space();
            let Some(sign) = self.peek().filter(|c| *c == '*' || *c == '/') else {
                return Ok(value);
            };
            self.next();
            let twice = self.take(sign);
            let right = self.value(depth)?;
            value = match (sign, twice) {
                ('*', false) => number(&value, &right, |a, b| a * b)?,
                ('*', true) => number(&value, &right, f64::powf)?,
                (_, true) => number(&value, &right, |a, b| (a / b).floor())?,
                _ => number(&value, &right, |a, b| a / b)?,
            };
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        self.space();
        match self.peek() {
            Some('"' | '\'') => self.texts(false),
            Some('[') => Ok(Value::List(self.items(']', depth)?.0)),
            Some('(') => match self.items(')', depth)? {
                // Brackets around one value are no tuple.
                (mut items, false) if items.len() == 1 => Ok(items.remove(0)),
                (items, _) => Ok(Value::List(items)),
            },
            Some('{') => self.braces(depth),
            Some('-') => {
                self.next();
                let value = self.value(depth + 1)?;
                number(&Value::Int(0), &value, |a, b| a - b)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.digits(),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(depth),
            _ => Err("not a plain value".to_owned()),
        }
    }

    /// Text, and text right behind it.
    fn texts(&mut self, raw: bool) -> Result<Value, String> {
        let mut text = self.text(raw)?;
        loop {
            self.space();
            if !matches!(self.peek(), Some('"' | '\'')) {
                return Ok(Value::Str(text));
            }
            text.push_str(&self.text(false)?);
        }
    }

    fn text(&mut self, raw: bool) -> Result<String, String> {
        let open = || "a text without its end".to_owned();
        let quote = self.next().ok_or_else(open)?;
        let triple = self.rest.as_str().starts_with(&quote.to_string().repeat(2));
        if triple {
            self.next();
            self.next();
        }
        let end = quote.to_string().repeat(if triple { 3 } else { 1 });
        let mut text = String::new();
        loop {
            if self.rest.as_str().starts_with(&end) {
                for _ in end.chars() {
                    self.next();
                }
                return Ok(text);
            }
            let c = self.next().ok_or_else(open)?;
            if c != '\\' || raw {
                text.push(c);
                continue;
            }
            match self.next().ok_or_else(open)? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                '\n' => {}
                c @ ('\\' | '\'' | '"') => text.push(c),
                _ => return Err("an escape that is not plain".to_owned()),
            }
        }
    }

    fn digits(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let exponent = text.ends_with(['e', 'E']) && !text.starts_with("0x");
            if c.is_ascii_alphanumeric() || c == '.' || (exponent && "+-".contains(c)) {
                text.push(c);
            } else if c != '_' {
                break;
            }
            self.next();
        }
        let whole = match text.get(..2) {
            Some("0x" | "0X") => i64::from_str_radix(&text[2..], 16),
            Some("0o" | "0O") => i64::from_str_radix(&text[2..], 8),
            _ => text.parse(),
        };
        whole
            .map(Value::Int)
            .or_else(|_| text.parse().map(Value::Float))
            .map_err(|_| "not a plain number".to_owned())
    }

    /// Items up to the closing bracket, and whether there was a comma.
    fn items(&mut self, close: char, depth: usize) -> Result<(Vec<Value>, bool), String> {
        self.next();
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            self.space();
            if self.take(close) {
                comma |= items.is_empty();
                return Ok((items, comma));
            }
            items.push(self.expression(depth + 1)?);
            self.space();
            if self.take(',') {
                comma = true;
            } else if self.peek() != Some(close) {
                return Err("not a plain value".to_owned());
            }
        }
    }

    /// A dict or a set.
    fn braces(&mut self, depth: usize) -> Result<Value, String> {
        self.next();
        let (mut table, mut items) = (Map::new(), Vec::new());
        loop {
            self.space();
            if self.take('}') {
                return Ok(match items.is_empty() {
                    true => Value::Map(table),
                    false => Value::List(items),
                });
            }
            let key = self.expression(depth + 1)?;
            self.space();
            if self.take(':') {
                let name = match key {
                    Value::Str(name) => name,
                    Value::Int(number) => number.to_string(),
                    _ => return Err("a key that is no text".to_owned()),
                };
                table.insert(name, self.expression(depth + 1)?);
            } else {
                items.push(key);
            }
            self.space();
            if !self.take(',') && self.peek() != Some('}') {
                return Err("not a plain value".to_owned());
            }
        }
    }

    fn named(&mut self, depth: usize) -> Result<Value, String> {
        let word = self.word();
        match (word.as_str(), self.peek()) {
            ("True", _) => return Ok(Value::Bool(true)),
            ("False", _) => return Ok(Value::Bool(false)),
            ("None", _) => return Ok(Value::Null),
            ("r" | "R", Some('"' | '\'')) => return self.texts(true),
            ("u" | "U" | "b" | "B", Some('"' | '\'')) => return self.texts(false),
            _ => {}
        }
        self.space();
        if self.peek() != Some('(') {
            return Err("not a plain value".to_owned());
        }
        let (args, kwargs) = self.arguments(depth)?;
        call(word.rsplit('.').next().unwrap_or_default(), args, kwargs)
    }

    fn arguments(&mut self, depth: usize) -> Result<(Vec<Value>, Map), String> {
        self.next();
        let (mut args, mut kwargs) = (Vec::new(), Map::new());
        loop {
            self.space();
            if self.take(')') {
                return Ok((args, kwargs));
            }
            let ahead = self.rest.clone();
            let name = self.word();
            self.space();
            if !name.is_empty() && self.take('=') {
                kwargs.insert(name, self.expression(depth + 1)?);
            } else {
                self.rest = ahead;
                args.push(self.expression(depth + 1)?);
            }
            self.space();
            if !self.take(',') && self.peek() != Some(')') {
                return Err("not a plain value".to_owned());
            }
        }
    }
}

/// Counts two numbers together; whole ones stay whole where the outcome is.
fn number(left: &Value, right: &Value, count: impl Fn(f64, f64) -> f64) -> Result<Value, String> {
    let whole = matches!((left, right), (Value::Int(_), Value::Int(_)));
    let (Some(a), Some(b)) = (left.as_f64(), right.as_f64()) else {
        return Err("not a plain value".to_owned());
    };
    let outcome = count(a, b);
    match format!("{outcome:.0}").parse() {
        Ok(int) if whole && outcome.fract() == 0.0 => Ok(Value::Int(int)),
        _ if outcome.is_finite() => Ok(Value::Float(outcome)),
        _ => Err("not a plain number".to_owned()),
    }
}

/// The calls that stand for plain values.
fn call(name: &str, args: Vec<Value>, mut kwargs: Map) -> Result<Value, String> {
    let text = |value: &Value| match value {
        Value::Str(text) => Some(text.clone()),
        Value::Int(int) => Some(int.to_string()),
        _ => None,
    };
    match name {
        "dict" if args.is_empty() => Ok(Value::Map(kwargs)),
        "timedelta" => {
            let units = [
                ("days", 86_400.0),
                ("seconds", 1.0),
                ("microseconds", 1e-6),
                ("milliseconds", 1e-3),
                ("minutes", 60.0),
                ("hours", 3_600.0),
                ("weeks", 604_800.0),
            ];
            let named = units
                .iter()
                .filter_map(|(n, unit)| Some((kwargs.get(*n)?, unit)));
            let placed = args.iter().zip(units.iter().map(|(_, unit)| unit));
            let mut seconds = 0.0;
            for (amount, unit) in named.chain(placed) {
                seconds += amount.as_f64().ok_or("not a plain value")? * unit;
            }
            number(&Value::Int(0), &Value::Float(seconds), |_, b| b).map(|value| match value {
                Value::Float(f) if f.fract() == 0.0 => format!("{f:.0}")
                    .parse()
                    .map_or(Value::Float(f), Value::Int),
                other => other,
            })
        }
        "crontab" => {
            let fields = [
                "minute",
                "hour",
                "day_of_week",
                "day_of_month",
                "month_of_year",
            ];
            let field = |at: usize| {
                let given = args.get(at).or_else(|| kwargs.get(fields[at]));
                given.map_or(Some("*".to_owned()), text)
            };
            // Celery's arguments and cron's fields stand in different orders.
            let cron: Option<Vec<String>> = [0, 1, 3, 4, 2].into_iter().map(field).collect();
            let cron = cron.ok_or("a crontab that is not plain")?;
            Ok(Value::Str(cron.join(" ")))
        }
        "Queue" => {
            for (key, value) in ["name", "exchange", "routing_key"].iter().zip(args) {
                kwargs.insert((*key).to_owned(), value);
            }
            if let Some(Value::Map(exchange)) = kwargs.shift_remove("exchange") {
                kwargs.insert("exchange".to_owned(), Value::Map(exchange));
            } else if let Some(name) = kwargs.get("exchange").and_then(text) {
                kwargs.insert("exchange".to_owned(), Value::Str(name));
            }
            Ok(Value::Map(kwargs))
        }
        "Exchange" => {
            for (key, value) in ["name", "type"].iter().zip(args) {
                kwargs.insert((*key).to_owned(), value);
            }
            Ok(Value::Map(kwargs))
        }
        _ => Err("not a plain value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Vec<(String, String)> {
        let found = read(text);
        assert!(found.left.is_empty(), "{:?}", found.left);
        found
            .settings
            .into_iter()
            .map(|(name, value)| (name, crate::cli::output::json::line(&value)))
            .collect()
    }

    #[test]
    fn plain_assignments_are_read() {
        let text = r#"
# A comment with = in it
"""A docstring
over = lines"""
import os
from datetime import timedelta
broker_url = "redis://h/0"  # not this
result_expires = 60 * 60 * 24
timeout: float = -1.5
imports = 'a', 'b'
CELERY_ROUTES = {
    'a.*': {'queue': 'hi'},  # one
    r'b\d': ('x' "y", None, True,),
}
one = (
    'not a tuple'
)
beat_schedule = dict(nightly={'task': 't', 'schedule': crontab(minute=0, hour='3,4')})
every = timedelta(minutes=5, seconds=1)
queues = (Queue('hi', Exchange('x', type='topic'), routing_key='k'), Queue('lo'))
again = 1
again = 0x10 + 1_000
_private = object()
"#;
        let pairs = [
            ("broker_url", r#""redis://h/0""#),
            ("result_expires", "86400"),
            ("timeout", "-1.5"),
            ("imports", r#"["a", "b"]"#),
            (
                "CELERY_ROUTES",
                r#"{"a.*": {"queue": "hi"}, "b\\d": ["xy", null, true]}"#,
            ),
            ("one", r#""not a tuple""#),
            (
                "beat_schedule",
                r#"{"nightly": {"task": "t", "schedule": "0 3,4 * * *"}}"#,
            ),
            ("every", "301"),
            (
                "queues",
                r#"[{"routing_key": "k", "name": "hi", "exchange": {"type": "topic", "name": "x"}}, {"name": "lo"}]"#,
            ),
            ("again", "1016"),
        ];
        let expected: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let found: Vec<(String, String)> = settings(&text.replace("_private = object()\n", ""));
        assert_eq!(found, expected);
    }

    #[test]
    fn each_line_that_is_not_plain_is_named() {
        let found = read(
            "a = 1\nb = os.environ['X']\nif a:\n    c = 2\n    d = 3\ne += 1\nf = 'unfinished\ng = [1, x]\n",
        );
        assert_eq!(found.settings.len(), 1);
        let lines: Vec<&str> = found.left.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 6", "line 7"]);
        let secret = read("broker_url = f'redis://:geheim@{host}'\n");
        assert!(!secret.left[0].1.contains("geheim"), "{:?}", secret.left);
    }

    #[test]
    fn nesting_is_bounded() {
        let text = format!("a = {}", "[".repeat(100_000));
        assert_eq!(read(&text).left.len(), 1);
    }
}
