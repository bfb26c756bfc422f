//! Reading fixtures.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcelery::protocol::codec::{Accept, json};
use rcelery::protocol::{Map, Value};

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/fixtures", name]
        .iter()
        .collect()
}

/// All files of a folder by name (without `.json`), in order.
pub(crate) fn all(name: &str) -> Vec<(String, Value)> {
    let mut files: Vec<_> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .collect()
}

/// One file.
pub(crate) fn one(folder_name: &str, name: &str) -> Value {
    let path = folder(folder_name).join(format!("{name}.json"));
    json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A member that must be there.
pub(crate) fn get<'a>(value: &'a Value, name: &str) -> &'a Value {
    value
        .as_map()
        .and_then(|map| map.get(name))
        .unwrap_or_else(|| panic!("no `{name}` in {value:?}"))
}

/// The text of a member.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    get(value, name).as_str().unwrap()
}

/// The entries of an object.
pub(crate) fn map(value: &Value) -> &Map {
    value.as_map().unwrap()
}

/// JSON text as a value.
pub(crate) fn parse(text: &str) -> Value {
    json::from_slice(text.as_bytes()).unwrap()
}

/// Bytes written as base64.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// All content types.
pub(crate) fn accept_all() -> Accept {
    Accept::new(&["json", "msgpack", "yaml", "pickle"]).unwrap()
}

/// Equal as JSON text, the order of keys included; NaN equals NaN.
#[track_caller]
pub(crate) fn same(name: &str, got: &Value, want: &Value) {
    assert_eq!(json::to_string(got), json::to_string(want), "{name}");
}
