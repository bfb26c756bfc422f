//! Bash, which takes words apart at `@`, `:` and `=`: it is asked for its line instead, and answered with what follows
//! the last of these.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::env::EnvCompleter;

const SCRIPT: &str = r#"
FUNCTION() {
    local IFS=$'\n'
    COMPREPLY=($(VAR=bash COMPLETER -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null))
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/:,] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o default -F FUNCTION PROGRAM
"#;

/// Asked with the line up to the cursor and bash's word breaks.
#[derive(Debug)]
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        var: &str,
        _name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let function: String = bin.chars().map(word).collect();
        let script = SCRIPT
            .replace("FUNCTION", &format!("_{function}_live"))
            .replace("PROGRAM", &quote(bin))
            .replace("COMPLETER", &quote(completer))
            .replace("VAR", var);
        buf.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        cmd: &mut Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        let mut args = args.iter().map(|arg| arg.to_string_lossy());
        let line = args.next().unwrap_or_default();
        let breaks = args.next().unwrap_or_default();
        let (words, raw) = split(&line);
        let index = words.len() - 1;
        let given = raw
            .and_then(|raw| raw.rfind(|c| breaks.contains(c)).map(|at| &raw[..=at]))
            .unwrap_or_default();
        let words = words.iter().map(OsString::from).collect();
        for candidate in clap_complete::engine::complete(cmd, words, index, current_dir)? {
            let value = candidate.get_value().to_string_lossy();
            writeln!(buf, "{}", value.strip_prefix(given).unwrap_or(&value))?;
        }
        Ok(())
    }
}

/// The words of a line, the last of which is still being written, and that last one as it stands there: none inside of
/// quotes, where bash has no word breaks.
pub(in crate::cli) fn split(line: &str) -> (Vec<String>, Option<&str>) {
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), 0);
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '\\') => word.extend(chars.next().map(|(_, c)| c)),
            (None, c) if c.is_whitespace() => {
                if begun < at {
                    words.push(std::mem::take(&mut word));
                }
                begun = at + c.len_utf8();
            }
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    (words, quote.is_none().then(|| &line[begun..]))
}

fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_a_shell_does() {
        let words = |line| split(line).0;
        assert_eq!(words("rcelery send "), ["rcelery", "send", ""]);
        assert_eq!(
            words(r#"x -a '[1, "b"]'  -k "{\"a\": 1}" pro\ j"#),
            ["x", "-a", r#"[1, "b"]"#, "-k", r#"{"a": 1}"#, "pro j"]
        );
        assert_eq!(words("x '' y"), ["x", "", "y"]);
        assert_eq!(words(""), [""]);
        assert_eq!(split("x -d w1@b").1, Some("w1@b"));
        assert_eq!(split("x -d 'w1@b").1, None);
    }

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(quote("/usr/bin/rcelery"), "/usr/bin/rcelery");
        assert_eq!(quote("/a b/it's"), r"'/a b/it'\''s'");
    }
}
