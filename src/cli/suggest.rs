//! "Did you mean": the known name that is most like one that nobody knows.

/// Likeness from which on a name is worth suggesting; below it a suggestion misleads.
const ALIKE: f64 = 0.8;

/// The name most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// `did you mean ...?` for a hint, if any known name is like `name`.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, known).map(|k| format!("did you mean `{k}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known = ["proj.add", "proj.sleep", "demo.echo"];
        assert_eq!(nearest("proj.adx", known), Some("proj.add"));
        assert_eq!(nearest("video", known), None);
        assert_eq!(
            did_you_mean("porj.sleep", known).as_deref(),
            Some("did you mean `proj.sleep`?")
        );
    }
}
