//! Names of files with the node's name in them.

use crate::protocol::Nodename;

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
    fn file_names_are_expanded() {
        let node = Nodename::expand("w1@box.example.org", "other");
        assert_eq!(
            expand("run/%n-%h-%d-%i%I.%%", &node),
            "run/w1-box.example.org-example.org-0.%"
        );
        assert_eq!(expand("%x%", &node), "%x%");
    }
}
