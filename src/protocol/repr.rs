//! Python's text forms of values.
//!
//! Mirrors `celery.utils.saferepr` (for `argsrepr`, events and logs) and Python's own `repr` and `str`.

use super::{Map, Value};

/// `saferepr` of positional arguments, as a tuple: `(1, 'a')`.
#[must_use]
pub fn args_repr(args: &[Value]) -> String {
    unimplemented!("{args:?}")
}

/// `saferepr` of keyword arguments: `{'x': 1}`.
#[must_use]
pub fn kwargs_repr(kwargs: &Map) -> String {
    unimplemented!("{kwargs:?}")
}

/// `saferepr` of one value, at most 1024 characters and three levels.
#[must_use]
pub fn saferepr(value: &Value) -> String {
    unimplemented!("{value:?}")
}

/// Python's own `repr`, whole.
#[must_use]
pub fn pyrepr(value: &Value) -> String {
    unimplemented!("{value:?}")
}

/// Python's own `str`.
#[must_use]
pub fn pystr(value: &Value) -> String {
    unimplemented!("{value:?}")
}

/// Python's `repr(float)`: `0.1`, `1e+100`, `nan`.
#[must_use]
pub fn float_repr(f: f64) -> String {
    unimplemented!("{f}")
}
