//! Whether to colour, and the few styles that are used.

use std::ffi::OsString;

use clap::ValueEnum;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// Into pipes and files as well
    Always,
    /// Not at all
    Never,
}

/// Decides for one stream. `var` looks up an environment variable.
pub(crate) fn decide(
    choice: ColourChoice,
    no_color_flag: bool,
    is_terminal: bool,
    var: impl Fn(&str) -> Option<OsString>,
) -> bool {
    // no-color.org: set and not empty, whatever the value; so it can't be a clap bool.
    let set = |name: &str| var(name).is_some_and(|v| !v.is_empty());
    match choice {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        ColourChoice::Auto if no_color_flag || set("NO_COLOR") => false,
        ColourChoice::Auto
            if set("CLICOLOR_FORCE") && var("CLICOLOR_FORCE") != Some("0".into()) =>
        {
            true
        }
        ColourChoice::Auto if var("TERM") == Some("dumb".into()) => false,
        ColourChoice::Auto => is_terminal,
    }
}

/// Wraps `text` in an SGR code such as `1;31`, if colours are on.
pub(crate) fn paint(on: bool, code: &str, text: &str) -> String {
    if on {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)], choice: ColourChoice, flag: bool, tty: bool) -> bool {
        decide(choice, flag, tty, |name| {
            vars.iter()
                .find(|(k, _)| *k == name)
                .map(|(_, v)| OsString::from(v))
        })
    }

    #[test]
    fn auto_follows_the_terminal() {
        assert!(with(&[], ColourChoice::Auto, false, true));
        assert!(!with(&[], ColourChoice::Auto, false, false));
    }

    #[test]
    fn any_non_empty_no_color_turns_it_off() {
        for value in ["1", "0", "yes please"] {
            assert!(!with(
                &[("NO_COLOR", value)],
                ColourChoice::Auto,
                false,
                true
            ));
        }
        assert!(with(&[("NO_COLOR", "")], ColourChoice::Auto, false, true));
    }

    #[test]
    fn the_flag_beats_force_and_always_beats_all() {
        let force = [("CLICOLOR_FORCE", "1")];
        assert!(with(&force, ColourChoice::Auto, false, false));
        assert!(!with(&force, ColourChoice::Auto, true, true));
        assert!(!with(
            &[("CLICOLOR_FORCE", "0")],
            ColourChoice::Auto,
            false,
            false
        ));
        assert!(with(
            &[("NO_COLOR", "1")],
            ColourChoice::Always,
            true,
            false
        ));
        assert!(!with(&force, ColourChoice::Never, false, true));
    }

    #[test]
    fn a_dumb_terminal_gets_none() {
        assert!(!with(&[("TERM", "dumb")], ColourChoice::Auto, false, true));
    }
}
