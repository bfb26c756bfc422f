//! Names of files with the node's name in them.

use crate::protocol::Nodename;

/// As [`expand`], with `%i` and `%I` left for the processes of a pool, which count themselves.
pub(super) fn expand_node(template: &str, node: &Nodename) -> String {
    let parts = template.split_inclusive("%i");
    let parts = parts.map(|part| match part.strip_suffix("%i") {
        Some(part) => expand_big(part, node) + "%i",
        None => expand_big(part, node),
    });
    parts.collect()
}

fn expand_big(template: &str, node: &Nodename) -> String {
    let parts: Vec<String> = template
        .split("%I")
        .map(|part| expand(part, node))
        .collect();
    parts.join("%I")
}

/// `%n` node name, `%h` host, `%d` domain, `%p` both, `%%`; `%i` and `%I` count pool processes, of which this is none.
pub(super) fn expand(template: &str, node: &Nodename) -> String {
    let host = node.as_str().split_once('@').map_or("", |(_, host)| host);
    let domain = host.split_once('.').map_or("", |(_, domain)| domain);
    let mut out = String::new();
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push_str(node.name()),
            Some('h') => out.push_str(host),
            Some('d') => out.push_str(domain),
            Some('p') => out.push_str(node.as_str()),
            Some('i') => out.push('0'),
            Some('I') => {}
            Some('%') | None => out.push('%'),
            Some(other) => out.extend(['%', other]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_a_pool_count_themselves() {
        let node = Nodename::expand("w1@box", "other");
        assert_eq!(expand_node("run/%n-%i%I.log", &node), "run/w1-%i%I.log");
        assert_eq!(expand_node("run/%p.log", &node), "run/w1@box.log");
    }

    #[test]
    fn file_names_are_expanded() {
        let node = Nodename::expand("w1@box.example.org", "other");
        assert_eq!(
            expand("run/%n-%h-%d-%i%I.%%", &node),
            "run/w1-box.example.org-example.org-0.%"
        );
        assert_eq!(expand("%x%", &node), "%x%");
    }
}
