//! The floors: who may know whom in `src/`.
//!
//! Reads the `crate::` paths of every source file. A room may use rooms on lower floors and itself; outsiders go through
//! a room's face (its `mod.rs`, or what that declares `pub mod`); nothing goes through the crate root. A few names are
//! kept to one room: printing, `anyhow`, signals, `process::exit`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Every room and its floor. Rooms on one floor do not know each other.
const FLOORS: &[(u8, &[&str])] = &[
    (7, &["cli"]),
    (6, &["worker", "beat"]),
    (5, &["app"]),
    (4, &["producer", "result"]),
    (3, &["backend", "pool", "events", "pidbox"]),
    (2, &["broker", "task", "config", "canvas"]),
    (1, &["protocol", "shutdown", "sqlite"]),
];

/// Names that belong to one room, as patterns over code without comments and strings, and why.
const KEPT: &[(&str, &str, &str)] = &[
    (
        r"\be?print(ln)?!",
        "cli",
        "only `cli` writes to the terminal",
    ),
    (r"\bdbg!", "cli", "a debugging aid"),
    (
        r"\banyhow\b",
        "cli",
        "the library has an error enum per room",
    ),
    (
        r"\bsignal::(unix|ctrl_c)\b",
        "cli",
        "signals are read in `cli` alone",
    ),
    (
        r"\bprocess::exit\b",
        "main",
        "the program ends through `main`",
    ),
];

/// A source tree: path under `src/`, with `/`, and text.
type Tree = BTreeMap<String, String>;

/// Returns what breaks the rules, one line each.
fn violations(tree: &Tree) -> Vec<String> {
    static PATH: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bcrate\s*::\s*").expect("the pattern is right"));
    let mut found = Vec::new();
    for (file, text) in tree {
        let room = room_of(file);
        let code = code_only(text);
        let mut say = |at: usize, what: String| {
            let line = code[..at].matches('\n').count() + 1;
            found.push(format!("src/{file}:{line}: {what}"));
        };
        if !["lib", "main"].contains(&room) && floor(room).is_none() {
            say(0, format!("`{room}` has no floor in tests/layers.rs"));
        }
        for start in PATH.find_iter(&code) {
            if room == "lib" || room == "main" {
                continue;
            }
            for path in expand(&code[start.end()..]) {
                if let Some(wrong) = judge(room, &path, tree) {
                    say(start.start(), wrong);
                }
            }
        }
        for (pattern, owner, why) in KEPT {
            let pattern = Regex::new(pattern).expect("the pattern is right");
            if room != *owner
                && let Some(hit) = pattern.find(&code)
            {
                say(hit.start(), format!("`{}`: {why}", hit.as_str()));
            }
        }
    }
    found
}

/// Judges one path after `crate::`, as its segments.
fn judge(room: &str, path: &[String], tree: &Tree) -> Option<String> {
    let target = path.first()?.as_str();
    if target == "{" {
        return Some("`crate::{…}` names many rooms in one `use`".to_owned());
    }
    let Some(theirs) = floor(target) else {
        return Some(format!(
            "`crate::{target}` goes through the crate root, not through the room that owns it"
        ));
    };
    if target == room {
        return None;
    }
    let ours = floor(room)?;
    if theirs == ours {
        return Some(format!("`{room}` and `{target}` are on one floor, {ours}"));
    }
    if theirs > ours {
        return Some(format!(
            "`{room}` on floor {ours} knows `{target}` on floor {theirs}"
        ));
    }
    let mut folder = target.to_owned();
    for name in &path[1..] {
        let inner = format!("{folder}/{name}");
        let is_module = tree.contains_key(&format!("{inner}.rs"))
            || tree.contains_key(&format!("{inner}/mod.rs"));
        if !is_module {
            break;
        }
        let face = tree.get(&format!("{folder}/mod.rs"))?;
        if !shown(face, name) {
            return Some(format!(
                "`crate::{}` reaches past the face of `{target}`",
                path.join("::")
            ));
        }
        folder = inner;
    }
    None
}

/// Whether a face shows its module `name`: to all, or to the unit tests of other rooms.
fn shown(face: &str, name: &str) -> bool {
    let show = format!(r"\bpub mod {name};|#\[cfg\(test\)\]\s*pub\(crate\) mod {name};");
    Regex::new(&show)
        .expect("names are plain")
        .is_match(&code_only(face))
}

/// The paths that a `use` tree or a plain path starts with, as segments; a brace right after `crate::` is itself one.
fn expand(code: &str) -> Vec<Vec<String>> {
    if code.starts_with('{') {
        return vec![vec!["{".to_owned()]];
    }
    let mut paths = Vec::new();
    walk(code, &[], &mut paths);
    paths
}

/// Reads `a::b::{c, d::e}` after `prefix` into `paths`, and returns what follows it.
fn walk<'a>(code: &'a str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = prefix.to_vec();
    let mut rest = code;
    loop {
        rest = rest.trim_start();
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                inside = walk(inside, &path, paths).trim_start();
                // ` as name` and the like, up to the next item.
                let Some(end) = inside.find([',', '}']) else {
                    return "";
                };
                let closed = inside.as_bytes()[end] == b'}';
                inside = &inside[end + 1..];
                if closed {
                    return inside;
                }
            }
        }
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        path.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix("::") else {
            break;
        };
        rest = after;
    }
    if path.len() > prefix.len() {
        paths.push(path);
    }
    rest
}

/// The room of a file under `src/`: its folder, or its own name.
fn room_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

fn floor(room: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(_, rooms)| rooms.contains(&room))
        .map(|(floor, _)| *floor)
}

/// Blanks out comments, strings and character literals; line breaks stay, so that positions hold.
fn code_only(text: &str) -> String {
    static SKIP: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r#"(?s)//[^\n]*|/\*.*?\*/"#,
            r##"|\bb?r#".*?"#"##,
            r#"|\bb?r"[^"]*""#,
            r#"|"(?:\\.|[^"\\])*""#,
            r#"|'(?:\\[^u]|\\u\{[0-9a-fA-F]+\}|[^'\\])'"#,
        ))
        .expect("the pattern is right")
    });
    SKIP.replace_all(text, |hit: &regex::Captures<'_>| {
        hit[0]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect::<String>()
    })
    .into_owned()
}

fn read(folder: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has a name").to_string_lossy();
        if path.is_dir() {
            read(&path, &format!("{prefix}{name}/"), tree);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            tree.insert(format!("{prefix}{name}"), text);
        }
    }
}

#[test]
fn every_room_stays_on_its_floor() {
    let mut tree = Tree::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut tree,
    );
    assert!(tree.len() > 20, "the sources are read: {}", tree.len());
    let found = violations(&tree);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// A tree that is right, with one file put in.
fn found_in(file: &str, text: &str) -> Vec<String> {
    let mut tree: Tree = [
        ("lib.rs", "pub mod broker;\npub use broker::Broker;"),
        ("main.rs", "fn main() { rcelery::cli::run() }"),
        ("protocol/mod.rs", "pub mod codec;\npub(crate) mod time;"),
        ("protocol/codec/mod.rs", "mod json;"),
        ("protocol/codec/json.rs", ""),
        ("protocol/time.rs", ""),
        (
            "broker/mod.rs",
            "mod base;\n#[cfg(test)]\npub(crate) mod fake;\npub use self::base::Broker;",
        ),
        ("broker/fake.rs", ""),
        ("broker/base.rs", "use crate::protocol::{Message, codec};"),
        ("shutdown.rs", ""),
    ]
    .map(|(file, text)| (file.to_owned(), text.to_owned()))
    .into();
    tree.insert(file.to_owned(), text.to_owned());
    violations(&tree)
}

#[test]
fn lower_floors_and_ones_own_are_fine() {
    for (file, text) in [
        ("worker/run.rs", "use crate::broker::Broker;"),
        ("worker/run.rs", "use crate::worker::state::State;"),
        ("app.rs", "use crate::protocol::codec::{Accept, registry};"),
        ("app.rs", "fn f() -> crate::broker::Broker { panic!() }"),
        ("app.rs", "use crate::broker::fake::FakeBroker;"),
        (
            "app.rs",
            "//! [`crate::worker`]\nconst A: &str = \"crate::cli\";",
        ),
        ("app.rs", "const Q: char = '\"'; // crate::cli \"\n"),
        ("cli/run.rs", "fn f() { println!(); }\nuse anyhow::Context;"),
    ] {
        assert_eq!(found_in(file, text), [""; 0], "{file}: {text}");
    }
}

#[test]
fn what_breaks_a_rule_is_named_with_its_place() {
    for (file, text, expected) in [
        (
            "broker/base.rs",
            "\nuse crate::worker::Worker;",
            "src/broker/base.rs:2: `broker` on floor 2 knows `worker` on floor 6",
        ),
        (
            "task/base.rs",
            "type B = crate::broker::Broker;",
            "src/task/base.rs:1: `task` and `broker` are on one floor, 2",
        ),
        (
            "app.rs",
            "use crate::{broker::Broker, protocol::Message};",
            "src/app.rs:1: `crate::{…}` names many rooms in one `use`",
        ),
        (
            "app.rs",
            "use crate::Broker;",
            "src/app.rs:1: `crate::Broker` goes through the crate root, not through the room that owns it",
        ),
        (
            "app.rs",
            "use crate::broker::base::Broker;",
            "src/app.rs:1: `crate::broker::base::Broker` reaches past the face of `broker`",
        ),
        (
            "app.rs",
            "use crate::protocol::{Message, time as t, codec::{Accept, json::Json}};",
            "src/app.rs:1: `crate::protocol::time` reaches past the face of `protocol`\n\
             src/app.rs:1: `crate::protocol::codec::json::Json` reaches past the face of `protocol`",
        ),
        (
            "helpers.rs",
            "",
            "src/helpers.rs:1: `helpers` has no floor in tests/layers.rs",
        ),
        (
            "app.rs",
            "fn f() { eprintln!(\"x\") }",
            "src/app.rs:1: `eprintln!`: only `cli` writes to the terminal",
        ),
        (
            "worker/run.rs",
            "use tokio::signal::unix::signal;\nfn f() -> anyhow::Result<()> { std::process::exit(1) }",
            "src/worker/run.rs:2: `anyhow`: the library has an error enum per room\n\
             src/worker/run.rs:1: `signal::unix`: signals are read in `cli` alone\n\
             src/worker/run.rs:2: `process::exit`: the program ends through `main`",
        ),
    ] {
        assert_eq!(found_in(file, text).join("\n"), expected, "{file}: {text}");
    }
}
