//! Patterns over node names.
//!
//! Mirrors `kombu.matcher`: `glob` is Python's `fnmatch`, `pcre` is its `re.match`.

use regex::{RegexBuilder, bytes};

/// Compiled size that a pattern from the wire may have.
const MAX_REGEX: usize = 1 << 20;

/// Whether the whole name matches a shell pattern: `*`, `?`, `[a-z]`, `[!a-z]`.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on if the text after the last `*` doesn't match: let the star take one more.
    let mut retry = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            p += 1;
            retry = Some((p, n));
            continue;
        }
        if n == name.len() {
            return p == pattern.len();
        }
        if let Some(next) = one(&pattern, p, name[n]) {
            p = next;
            n += 1;
            continue;
        }
        match retry {
            Some((after_star, taken)) => {
                p = after_star;
                n = taken + 1;
                retry = Some((after_star, n));
            }
            None => return false,
        }
    }
}

/// The place after the pattern's element at `p`, if that matches `c`.
fn one(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match pattern.get(p)? {
        '?' => Some(p + 1),
        '[' => match set(pattern, p) {
            Some((negated, members, next)) => (contains(members, c) != negated).then_some(next),
            None => (c == '[').then_some(p + 1),
        },
        literal => (*literal == c).then_some(p + 1),
    }
}

/// A set that is closed; a `]` that comes first belongs to it.
fn set(pattern: &[char], p: usize) -> Option<(bool, &[char], usize)> {
    let negated = pattern.get(p + 1) == Some(&'!');
    let start = p + 1 + usize::from(negated);
    let end = (start + 1..pattern.len()).find(|i| pattern[*i] == ']')?;
    Some((negated, &pattern[start..end], end + 1))
}

fn contains(members: &[char], c: char) -> bool {
    let mut rest = members;
    loop {
        rest = match rest {
            [] => return false,
            [low, '-', high, rest @ ..] => {
                if (*low..=*high).contains(&c) {
                    return true;
                }
                rest
            }
            [member, rest @ ..] => {
                if *member == c {
                    return true;
                }
                rest
            }
        };
    }
}

/// Whether a regular expression matches at the start of the name.
///
/// # Errors
/// Text for a pattern that is no regular expression, or uses what only Python has (look-around, back references).
pub(super) fn regex(pattern: &str, name: &str) -> Result<bool, String> {
    let anchored = format!(r"\A(?:{pattern})");
    let unicode = RegexBuilder::new(&anchored).size_limit(MAX_REGEX).build();
    match unicode {
        Ok(regex) => Ok(regex.is_match(name)),
        // Ignoring case needs tables that are left out; node names get along with ASCII.
        Err(error) => bytes::RegexBuilder::new(&anchored)
            .size_limit(MAX_REGEX)
            .unicode(false)
            .build()
            .map(|regex| regex.is_match(name.as_bytes()))
            .map_err(|_| format!("bad pattern: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_fnmatch_does() {
        for (pattern, name, want) in [
            ("w*", "w1@h", true),
            ("w*", "celery@w", false),
            ("*@h", "w1@h", true),
            ("w?@h", "w1@h", true),
            ("w?@h", "w12@h", false),
            ("w[0-9]@*", "w1@h", true),
            ("w[!0-9]@*", "w1@h", false),
            ("w[]1]@h", "w]@h", true),
            ("w[1@h", "w[1@h", true),
            ("*a*b*c", "xaxbxbxc", true),
            ("*a*b*c", "xaxbxbx", false),
            ("", "", true),
            ("*", "", true),
            ("a", "A", false),
        ] {
            assert_eq!(glob(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn a_glob_of_many_stars_is_not_slow() {
        assert!(!glob(&"*a".repeat(1000), &"a".repeat(999)));
    }

    #[test]
    fn expressions_are_anchored_at_the_start_only() {
        assert!(regex("w.", "w1@h").unwrap());
        assert!(!regex("1", "w1@h").unwrap());
        assert!(regex("x|w", "w1@h").unwrap());
        assert!(regex("(?i)W1", "w1@h").unwrap());
        assert!(!regex("w1$", "w1@h").unwrap());
        assert!(regex("(", "w1@h").is_err());
        assert!(regex("(?=w)", "w1@h").is_err());
        assert!(regex("(((w{100}){100}){100})", "w").is_err());
    }
}
