//! Secrets kept out of sight: passwords in URLs, and values whose names say what they are.
//!
//! Mirrors `maybe_sanitize_url` of `kombu.utils.url` and `filter_hidden_settings` of `celery.app.utils`, and hides no more
//! than secrets: a URL without a password is shown as it is.

use crate::protocol::{Map, Value};

/// What stands for a secret that has a name: `password = "…"`.
const HIDDEN: &str = "********";

/// Parts of names that say that the value is a secret.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "signature",
    "api_key",
];

/// Whether a setting, an option or a key of a table is a secret by its name.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // The place of a secret is none: `broker_url_file`, `password_file`.
    !name.ends_with("_file") && SECRETS.iter().any(|word| name.contains(word))
}

/// Masks a value, tables and lists inside and out. `name` is what it is called.
pub(super) fn mask(name: &str, value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::Map(map) => Value::Map(mask_table(name, map)),
        Value::List(items) => Value::List(items.into_iter().map(|v| mask(name, v)).collect()),
        // A password of digits is a number in TOML.
        _ if is_secret(name) => Value::from(HIDDEN),
        Value::Str(text) => Value::from(mask_url(&text)),
        other => other,
    }
}

fn mask_table(name: &str, map: Map) -> Map {
    let whole = is_secret(name);
    map.into_iter()
        .map(|(key, value)| {
            let masked = mask(if whole { name } else { &key }, value);
            (key, masked)
        })
        .collect()
}

/// A URL (or list of them, `a;b`) with its passwords as `**`, those of its query as well; other text as it is.
#[must_use]
pub fn mask_url(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(end) = next_url(rest) {
        shown.push_str(&mask_one(&rest[..end]));
        shown.push(';');
        rest = &rest[end + 1..];
    }
    shown.push_str(&mask_one(rest));
    shown
}

/// Where the first URL of a list ends. A `;` without a URL behind it may stand in a password.
fn next_url(text: &str) -> Option<usize> {
    text.match_indices(';').map(|(at, _)| at).find(|at| {
        let next = text[at + 1..].trim_start();
        next.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty()
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        })
    })
}

fn mask_one(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // A URL with a slip in it is refused, and shown in doing so.
        let slip = url
            .rsplit_once('@')
            .filter(|_| !url.contains(char::is_whitespace));
        return match slip.and_then(|(lead, host)| Some((lead.split_once(':')?, host))) {
            Some(((lead, _), host)) => format!("{lead}:**@{host}"),
            None => url.to_owned(),
        };
    };
    let (rest, query) = match rest.rsplit_once('?') {
        // What follows a `?` in a password is no list of `key=value`.
        Some((rest, query))
            if query.split('&').all(|pair| pair.contains('='))
                && (!query.contains('@') || rest.contains('@')) =>
        {
            (rest, format!("?{}", mask_query(query)))
        }
        _ => (rest, String::new()),
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold an unescaped `/` or `?`; the last `@` ends it, so look there first.
    let at = rest.rfind('@').filter(|at| {
        *at < authority_end
            || rest[..*at]
                .split_once(':')
                .is_some_and(|(_, p)| !p.is_empty())
    });
    let secret = at.and_then(|at| Some((at, rest[..at].split_once(':')?)));
    match secret {
        Some((at, (user, password))) if !password.is_empty() => {
            format!("{scheme}://{user}:**{}{query}", &rest[at..])
        }
        _ => format!("{scheme}://{rest}{query}"),
    }
}

fn mask_query(query: &str) -> String {
    let masked: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && is_secret(name) => format!("{name}=**"),
            _ => pair.to_owned(),
        })
        .collect();
    masked.join("&")
}

/// A line of a configuration file, fit to be quoted in an error.
pub(super) fn mask_line(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let secret = SECRETS.iter().filter_map(|word| lower.find(word)).min();
    let line = match secret.and_then(|at| Some(at + line[at..].find(['=', ':'])?)) {
        Some(at) => format!("{} {HIDDEN}", &line[..=at]),
        None => line.to_owned(),
    };
    mask_url(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passwords_are_masked() {
        for (url, shown) in [
            ("redis://:p@h:6379/0", "redis://:**@h:6379/0"),
            ("redis://u:p/w?x@h/0", "redis://u:**@h/0"),
            ("redis://u:p;w@h/0", "redis://u:**@h/0"),
            ("redis://h/0", "redis://h/0"),
            ("amqp://guest@h//", "amqp://guest@h//"),
            (
                "redis://a:1@h;redis://b:2@i",
                "redis://a:**@h;redis://b:**@i",
            ),
            (
                "sentinel://:1@h:26379; sentinel://:2@i",
                "sentinel://:**@h:26379; sentinel://:**@i",
            ),
            (
                "redis://h/0?password=p&db=1",
                "redis://h/0?password=**&db=1",
            ),
            (
                "rediss://u:p@h/0?ssl_cert_reqs=none",
                "rediss://u:**@h/0?ssl_cert_reqs=none",
            ),
            (
                "redis://u:p@h/0?password=a@b",
                "redis://u:**@h/0?password=**",
            ),
            ("sqlite:////home/a@b/c.db", "sqlite:////home/a@b/c.db"),
            ("a plain text", "a plain text"),
            ("redis//u:p@h/0", "redis//u:**@h/0"),
            ("redis:/u:p@h/0", "redis:**@h/0"),
            ("a;b://c", "a;b://c"),
        ] {
            assert_eq!(mask_url(url), shown);
        }
    }

    #[test]
    fn names_say_what_is_a_secret_at_any_depth() {
        let options = Value::from([
            (
                "sentinel_kwargs",
                Value::from([("password", 1234.into()), ("ssl", true.into())]),
            ),
            ("redis_password", "geheim".into()),
            ("hosts", Value::List(vec!["redis://:geheim@h".into()])),
            ("password_file", "/run/secret".into()),
        ]);
        let shown = mask("broker_transport_options", options);
        assert_eq!(
            shown,
            Value::from([
                (
                    "sentinel_kwargs",
                    Value::from([("password", HIDDEN.into()), ("ssl", true.into())]),
                ),
                ("redis_password", HIDDEN.into()),
                ("hosts", Value::List(vec!["redis://:**@h".into()])),
                ("password_file", "/run/secret".into()),
            ])
        );
    }

    #[test]
    fn a_line_of_a_file_may_be_quoted() {
        for (line, shown) in [
            (
                "broker_url = redis://:geheim@h",
                "broker_url = redis://:**@h",
            ),
            ("password = \"geheim", "password = ********"),
            (
                "sentinel_kwargs = { password = 'geheim' bad",
                "sentinel_kwargs = { password = ********",
            ),
            (
                "urls = ['redis://:a@h', 'redis://:b@i']",
                "urls = ['redis://:**@i']",
            ),
            ("result_expires = 'soon'", "result_expires = 'soon'"),
        ] {
            assert_eq!(mask_line(line), shown);
        }
    }
}
