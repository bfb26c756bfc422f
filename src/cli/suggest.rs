//! "Did you mean": the known name that is most like one that nobody knows.

/// Likeness from which on a name is worth suggesting; below it a suggestion misleads.
const ALIKE: f64 = 0.8;
/// As many slips of a finger are forgiven in a name of at least [`LONG`] letters, however unlike it looks.
const SLIPS: usize = 2;
const LONG: usize = 5;

/// The name most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let is_long = name.chars().count() >= LONG;
    known
        .into_iter()
        .map(|k| {
            let slips = strsim::osa_distance(name, k);
            (slips, strsim::jaro_winkler(name, k), k)
        })
        .filter(|(slips, likeness, _)| *likeness >= ALIKE || (is_long && *slips <= SLIPS))
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, k)| k)
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
        assert_eq!(nearest("resid", ["rediss", "redis"]), Some("redis"));
        assert_eq!(
            did_you_mean("porj.sleep", known).as_deref(),
            Some("did you mean `proj.sleep`?")
        );
    }
}
