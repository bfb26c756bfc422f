//! A small HTTP server for those who watch the worker: `/healthz`, `/readyz`, `/metrics`.
//!
//! HTTP/1.1, one request per connection, bounded in time, size and number: whoever speaks too slowly, too much or
//! nonsense is let go, and nobody can keep the worker from its work.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::metrics;
use crate::cli::error::{Failure, Kind};
use crate::worker::State;
use crate::worker::state::Link;

/// Connections at a time; more wait in the listener's backlog.
const CONNECTIONS: usize = 32;
/// The longest head of a request.
const HEAD: usize = 8 * 1024;
/// How long a client may take to ask, and again to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener, bound.
#[derive(Debug)]
pub(super) struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens on `HOST:PORT`, or on a port of the loopback interface.
    pub(super) async fn bind(address: &str) -> anyhow::Result<Self> {
        let local = match address.parse::<u16>() {
            Ok(port) => format!("127.0.0.1:{port}"),
            Err(_) => match address.strip_prefix(':') {
                Some(port) => format!("0.0.0.0:{port}"),
                None => address.to_owned(),
            },
        };
        let bound = TcpListener::bind(&local).await.and_then(|listener| {
            let at = listener.local_addr()?;
            Ok((listener, at))
        });
        match bound {
            Ok((listener, at)) => {
                tracing::info!(event = "http.listening", address = %at, "http: listening on {at}");
                Ok(Self { listener })
            }
            Err(error) => Err(Failure::new(
                Kind::Config,
                format!("can't listen on `{address}` (--http): {error}"),
            )
            .hint(match error.kind() {
                io::ErrorKind::AddrInUse => "something else listens there: name another port",
                io::ErrorKind::PermissionDenied => "ports below 1024 need root: name another port",
                _ => "expected HOST:PORT, as in 127.0.0.1:9100, or a port",
            })
            .into()),
        }
    }

    /// Answers for ever.
    pub(super) async fn run(self, state: &Arc<State>) {
        let mut clients = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept(), if clients.len() < CONNECTIONS => accepted,
                Some(_) = clients.join_next() => continue,
            };
            match accepted {
                Ok((stream, _)) => {
                    let state = Arc::clone(state);
                    clients.spawn(async move {
                        if let Err(error) = serve(stream, &state).await {
                            tracing::debug!("http: {error}");
                        }
                    });
                }
                Err(error) => {
                    // Out of files, most likely: others need them too.
                    tracing::warn!("http: can't accept a connection: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let request = match timeout(PATIENCE, head(&mut stream)).await {
        Ok(Ok(head)) => Request::parse(&head),
        Ok(Err(error)) => return Err(error),
        Err(_) => Err(Answer::text("408 Request Timeout", "no request in time\n")),
    };
    let (answer, with_body) = match request {
        Ok(request) => (route(&request, state), request.wants_body),
        Err(answer) => (answer, true),
    };
    let written = async {
        stream.write_all(&answer.bytes(with_body)).await?;
        stream.shutdown().await?;
        // A connection closed with bytes unread is reset, and the answer may be lost on its way.
        let mut rest = [0; 1024];
        let mut unread = 64 * 1024;
        while unread > 0 {
            match stream.read(&mut rest).await? {
                0 => break,
                n => unread = usize::saturating_sub(unread, n),
            }
        }
        Ok(())
    };
    timeout(PATIENCE, written).await.unwrap_or(Ok(()))
}

/// Reads up to the empty line, or as much as anybody may say.
async fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    let mut part = [0; 1024];
    loop {
        match stream.read(&mut part).await? {
            0 => return Ok(head),
            n => head.extend_from_slice(&part[..n]),
        }
        if ends(&head) || head.len() > HEAD {
            return Ok(head);
        }
    }
}

fn ends(head: &[u8]) -> bool {
    head.windows(4).any(|w| w == b"\r\n\r\n") || head.windows(2).any(|w| w == b"\n\n")
}

#[derive(Debug, PartialEq)]
struct Request {
    path: String,
    wants_body: bool,
}

impl Request {
    fn parse(head: &[u8]) -> Result<Self, Answer> {
        let bad = || Answer::text("400 Bad Request", "this is no HTTP request\n");
        if !ends(head) {
            return Err(if head.len() > HEAD {
                Answer::text(
                    "431 Request Header Fields Too Large",
                    "the request is too long\n",
                )
            } else {
                bad()
            });
        }
        let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| bad())?;
        let words: Vec<&str> = line.trim_end_matches('\r').split(' ').collect();
        let [method, target, version] = words[..] else {
            return Err(bad());
        };
        if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return Err(bad());
        }
        let wants_body = match method {
            "GET" => true,
            "HEAD" => false,
            _ => {
                return Err(Answer::text(
                    "405 Method Not Allowed",
                    "only GET and HEAD are answered\n",
                ));
            }
        };
        let path = target.split(['?', '#']).next().unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            wants_body,
        })
    }
}

fn route(request: &Request, state: &State) -> Answer {
    match request.path.as_str() {
        "/healthz" if state.is_alive() => Answer::text("200 OK", "ok\n"),
        "/healthz" => Answer::text("503 Service Unavailable", "the worker is stuck\n"),
        "/readyz" => match state.link() {
            Link::Ready => Answer::text("200 OK", "ready\n"),
            Link::Connecting => {
                Answer::text("503 Service Unavailable", "connecting to the broker\n")
            }
            Link::Stopping => Answer::text("503 Service Unavailable", "stopping\n"),
        },
        "/metrics" => Answer {
            status: "200 OK",
            kind: "text/plain; version=0.0.4; charset=utf-8",
            body: metrics::text(state),
        },
        "/" => Answer::text("200 OK", "/healthz\n/readyz\n/metrics\n"),
        _ => Answer::text(
            "404 Not Found",
            "there are /healthz, /readyz and /metrics here\n",
        ),
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: &'static str,
    kind: &'static str,
    body: String,
}

impl Answer {
    fn text(status: &'static str, body: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: body.to_owned(),
        }
    }

    fn bytes(&self, with_body: bool) -> Vec<u8> {
        let allow = if self.status.starts_with("405") {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let body = if with_body { self.body.as_str() } else { "" };
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{allow}Connection: close\r\n\r\n{body}",
            self.status,
            self.kind,
            self.body.len()
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &[u8]) -> &'static str {
        match Request::parse(head) {
            Ok(request) => route(&request, &State::default()).status,
            Err(answer) => answer.status,
        }
    }

    #[test]
    fn requests_are_told_from_garbage() {
        assert_eq!(
            status(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
            "200 OK"
        );
        assert_eq!(status(b"GET /healthz?probe=1 HTTP/1.0\r\n\r\n"), "200 OK");
        assert_eq!(
            status(b"GET /readyz HTTP/1.1\r\n\r\n"),
            "503 Service Unavailable"
        );
        assert_eq!(status(b"GET /nosuch HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(
            status(b"POST /metrics HTTP/1.1\r\n\r\n"),
            "405 Method Not Allowed"
        );
        for garbage in [
            &b""[..],
            b"\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\n",
            b"GET\r\n\r\n",
            b"GET /metrics SMTP\r\n\r\n",
            b"\x16\x03\x01\x02\x00\n\n",
            b"GET http://elsewhere/ HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(status(garbage), "400 Bad Request", "{garbage:?}");
        }
        assert_eq!(
            status(&[b'x'; HEAD + 1]),
            "431 Request Header Fields Too Large"
        );
    }

    #[test]
    fn a_head_has_the_length_and_no_body() {
        let answer = Answer::text("200 OK", "ready\n");
        let text = String::from_utf8(answer.bytes(false)).unwrap();
        assert!(text.contains("\r\nContent-Length: 6\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}
