//! Broker and back end URLs, with their passwords kept out of sight.
//!
//! Mirrors `kombu.utils.url`.

use std::fmt;

use super::BrokerError;

/// A URL; `Debug` and `Display` mask its password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BrokerUrl {
    raw: String,
    scheme: String,
}

/// One server of a URL, percent-decoded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UrlParts {
    /// The scheme: `redis`.
    pub scheme: String,
    /// Host; empty if the URL has none.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// What follows the authority, without the first slash.
    pub path: String,
    /// Query options, in order.
    pub query: Vec<(String, String)>,
}

impl BrokerUrl {
    /// Reads a URL; `a;b` lists are kept whole (failover, Sentinel).
    ///
    /// # Errors
    /// `Config` if there is no `scheme://`.
    pub fn parse(text: &str) -> Result<Self, BrokerError> {
        let text = text.trim();
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme.is_empty() {
            // Not quoted: a URL without its scheme may still hold a password.
            return Err(BrokerError::Config(
                "the broker URL has no scheme: write it as `redis://HOST:PORT/DB` or `sqlite:///FILE`".to_owned(),
            ));
        }
        Ok(Self {
            raw: text.to_owned(),
            scheme: scheme.to_ascii_lowercase(),
        })
    }

    /// The scheme: `redis`, `sqla+sqlite`…
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The whole URL, secrets included: for drivers only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.raw
    }

    /// The servers of the `a;b` list, in order. One without a scheme has that of the first.
    ///
    /// # Errors
    /// `Config` for a port that is not one or a broken percent escape.
    pub fn servers(&self) -> Result<Vec<UrlParts>, BrokerError> {
        self.raw
            .split(';')
            .filter(|chunk| !chunk.trim().is_empty())
            .map(|chunk| self.part(chunk.trim()))
            .collect()
    }

    fn part(&self, chunk: &str) -> Result<UrlParts, BrokerError> {
        let (scheme, rest) = chunk.split_once("://").unwrap_or((&self.scheme, chunk));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (userinfo, address) = match authority.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, authority),
        };
        let (user, password) = match userinfo.map(|u| u.split_once(':').unwrap_or((u, ""))) {
            Some((user, password)) => (present(user)?, present(password)?),
            None => (None, None),
        };
        let (host, port) = split_port(address)?;
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((unquote(name)?, unquote(value)?))
            })
            .collect::<Result<_, BrokerError>>()?;
        Ok(UrlParts {
            scheme: scheme.to_ascii_lowercase(),
            host: unquote(host)?,
            port,
            user,
            password,
            path: unquote(path)?,
            query,
        })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme.ends_with("sqlite") {
            return f.write_str(&self.raw);
        }
        let mut chunks = self.raw.split(';').peekable();
        let mut chunk = String::new();
        while let Some(part) = chunks.next() {
            chunk.push_str(part);
            // A `;` without a URL behind it may stand in a password.
            match chunks.peek() {
                Some(next) if next.contains("://") => {
                    write!(f, "{};", mask(&chunk))?;
                    chunk.clear();
                }
                Some(_) => chunk.push(';'),
                None => f.write_str(&mask(&chunk))?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUrl({self})")
    }
}

impl fmt::Debug for UrlParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlParts({}://{}/{})", self.scheme, self.host, self.path)
    }
}

/// The chunk with its password as `**` and without its query, as Celery shows it. Everything up to the last `@` counts
/// as user information, so that a password with an unescaped slash does not show.
fn mask(chunk: &str) -> String {
    let (chunk, _) = chunk.split_once('?').unwrap_or((chunk, ""));
    let (scheme, rest) = chunk.split_once("://").unwrap_or(("", chunk));
    let lead = if scheme.is_empty() {
        String::new()
    } else {
        format!("{scheme}://")
    };
    match rest.rsplit_once('@') {
        None => format!("{lead}{rest}"),
        Some((userinfo, rest)) => match userinfo.split_once(':') {
            Some((user, _)) => format!("{lead}{user}:**@{rest}"),
            None => format!("{lead}{userinfo}@{rest}"),
        },
    }
}

fn split_port(address: &str) -> Result<(&str, Option<u16>), BrokerError> {
    // Not quoted: with an unescaped `/`, `?` or `;` in it, a password ends up here.
    let bad = || {
        BrokerError::Config(
            "the broker URL's port is not a number (is a `/`, `?`, `;` or `#` in the password written as `%2F`, `%3F`, \
             `%3B`, `%23`?)"
                .to_owned(),
        )
    };
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
        return match rest.strip_prefix(':') {
            None | Some("") => Ok((host, None)),
            Some(port) => Ok((host, Some(port.parse().map_err(|_| bad())?))),
        };
    }
    match address.split_once(':') {
        None => Ok((address, None)),
        Some((host, "")) => Ok((host, None)),
        Some((host, port)) => Ok((host, Some(port.parse().map_err(|_| bad())?))),
    }
}

fn present(text: &str) -> Result<Option<String>, BrokerError> {
    if text.is_empty() {
        return Ok(None);
    }
    unquote(text).map(Some)
}

/// Percent-decodes; an escape that is none stays as it is, as in Python.
fn unquote(text: &str) -> Result<String, BrokerError> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = escaped {
            out.push(byte);
            i += 3;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    String::from_utf8(out)
        .map_err(|_| BrokerError::Config("the broker URL has an escape that is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        BrokerUrl::parse(text).unwrap().to_string()
    }

    #[test]
    fn passwords_do_not_show() {
        assert_eq!(shown("redis://:s3cret@h:1/2"), "redis://:**@h:1/2");
        assert_eq!(shown("redis://u:s3/cr@t@h/0"), "redis://u:**@h/0");
        assert_eq!(
            shown("sentinel://:a@h1;sentinel://:b@h2"),
            "sentinel://:**@h1;sentinel://:**@h2"
        );
        assert_eq!(shown("redis://h/0?password=x"), "redis://h/0");
        assert_eq!(shown("redis://h/1"), "redis://h/1");
        assert_eq!(shown("redis://u:s3;cret@h/1"), "redis://u:**@h/1");
        assert_eq!(shown("redis://h1;h2"), "redis://h1;h2");
        assert_eq!(shown("sqlite:////tmp/a:b@c"), "sqlite:////tmp/a:b@c");
        let url = BrokerUrl::parse("redis://u:s3cret@h").unwrap();
        assert!(!format!("{url:?} {:?}", url.servers().unwrap()).contains("s3cret"));
    }

    #[test]
    fn parts_are_percent_decoded() {
        let url =
            BrokerUrl::parse("rediss://us%40er:p%2Fw%3A@[::1]:7000/3?ssl_ca_certs=%2Fx").unwrap();
        let parts = url.servers().unwrap().remove(0);
        assert_eq!(parts.user.as_deref(), Some("us@er"));
        assert_eq!(parts.password.as_deref(), Some("p/w:"));
        assert_eq!((parts.host.as_str(), parts.port), ("::1", Some(7000)));
        assert_eq!(parts.path, "3");
        assert_eq!(parts.query, [("ssl_ca_certs".to_owned(), "/x".to_owned())]);
    }

    #[test]
    fn bad_urls_are_refused_without_being_quoted() {
        let error = BrokerUrl::parse(":s3cret@host").unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        let url = BrokerUrl::parse("redis://h:port").unwrap();
        assert!(matches!(url.servers(), Err(BrokerError::Config(_))));
        for text in [
            "redis://:s3cret/x@h",
            "redis://:s3cret;x@h",
            "redis://u:s3cret?@h",
        ] {
            let error = BrokerUrl::parse(text).unwrap().servers().unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
