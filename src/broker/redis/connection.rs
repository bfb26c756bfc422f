//! One connection to a Redis server: opened within a deadline, every command within a deadline, its end noticed.
//!
//! Shared with the Redis result back end. It never reconnects.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, FromRedisValue,
    IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo,
    RedisError, TlsCertificates,
};
use tokio::sync::watch;
use tokio::time::timeout;

use super::endpoint::{Address, Endpoint, Tls};
use crate::broker::BrokerError;

/// What the server says unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Push {
    /// Keys that this connection has looked at have changed (`CLIENT TRACKING`).
    Changed,
    /// A message of a channel, or of a pattern.
    Message {
        /// The pattern, for pattern subscriptions.
        pattern: Option<String>,
        /// The channel.
        channel: String,
        /// What was published.
        payload: Vec<u8>,
    },
}

/// Why a connection has ended: kept as text, because many wait for it.
#[derive(Debug, Clone)]
struct Lost(Arc<str>);

/// An open connection; clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: MultiplexedConnection,
    /// `host:port`, for messages.
    peer: Arc<str>,
    deadline: Duration,
    lost: watch::Sender<Option<Lost>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.peer)
    }
}

impl Connection {
    /// Opens a connection; `on_push` is called for what the server sends unasked and must not block.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        on_push: impl Fn(Push) + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        Self::open_as(endpoint, Arc::new(on_push), watch::channel(None).0).await
    }

    /// Opens another connection to the same server; when one of the two is lost, so is the other.
    pub(crate) async fn open_twin(
        &self,
        endpoint: &Endpoint,
        on_push: impl Fn(Push) + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        Self::open_as(endpoint, Arc::new(on_push), self.lost.clone()).await
    }

    async fn open_as(
        endpoint: &Endpoint,
        on_push: Arc<dyn Fn(Push) + Send + Sync>,
        lost: watch::Sender<Option<Lost>>,
    ) -> Result<Self, BrokerError> {
        if endpoint.sentinel.is_some() {
            return timeout(
                endpoint.connect_timeout,
                open_master(endpoint, on_push, lost),
            )
            .await
            .unwrap_or_else(|_| {
                Err(BrokerError::Timeout(format!(
                    "no Sentinel named a reachable master in {}",
                    spoken(endpoint.connect_timeout)
                )))
            });
        }
        let address = endpoint
            .addresses
            .first()
            .ok_or_else(|| BrokerError::Config("the URL names no server".to_owned()))?;
        open_server(endpoint, address, &Login::of(endpoint), on_push, lost).await
    }

    /// Runs one command.
    pub(crate) async fn run<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(cmd.query_async(&mut inner)).await
    }

    /// Runs commands in one round trip.
    pub(crate) async fn run_all<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(pipeline.query_async(&mut inner)).await
    }

    /// Subscribes to patterns.
    pub(crate) async fn psubscribe(&self, patterns: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.psubscribe(patterns)).await
    }

    /// Ends subscriptions to patterns.
    pub(crate) async fn punsubscribe(&self, patterns: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.punsubscribe(patterns)).await
    }

    /// Subscribes to channels.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.subscribe(channels)).await
    }

    /// Ends subscriptions to channels.
    pub(crate) async fn unsubscribe(&self, channels: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.unsubscribe(channels)).await
    }

    /// Whether the connection is known to be gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Resolves when the connection is known to be gone.
    pub(crate) async fn lost(&self) -> BrokerError {
        let mut lost = self.lost.subscribe();
        // The sender lives in `self`, so this ends with a reason.
        let reason = lost.wait_for(Option::is_some).await;
        let reason = reason.ok().and_then(|reason| reason.clone());
        reason.map_or_else(
            || BrokerError::connection("the connection is closed"),
            |Lost(reason)| BrokerError::connection(reason.to_string()),
        )
    }

    async fn answered<T>(
        &self,
        command: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, BrokerError> {
        let error = match timeout(self.deadline, command).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => classify(error, &self.peer),
            Err(_) => BrokerError::Timeout(format!(
                "{} has not answered for {}",
                self.peer,
                spoken(self.deadline)
            )),
        };
        if error.is_transient() {
            mark_lost(&self.lost, &error.to_string());
        }
        Err(error)
    }
}

/// The first reason stays.
fn mark_lost(lost: &watch::Sender<Option<Lost>>, reason: &str) {
    lost.send_if_modified(|lost| {
        let first = lost.is_none();
        if first {
            *lost = Some(Lost(reason.into()));
        }
        first
    });
}

struct Login {
    user: Option<String>,
    password: Option<String>,
    db: i64,
}

impl Login {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            user: endpoint.user.clone(),
            password: endpoint.password.clone(),
            db: endpoint.db,
        }
    }
}

async fn open_server(
    endpoint: &Endpoint,
    address: &Address,
    login: &Login,
    on_push: Arc<dyn Fn(Push) + Send + Sync>,
    lost: watch::Sender<Option<Lost>>,
) -> Result<Connection, BrokerError> {
    let peer: Arc<str> = match address {
        Address::Tcp(host, port) => format!("{host}:{port}").into(),
        Address::Unix(path) => path.display().to_string().into(),
    };
    let client = client(endpoint, address, login)?;
    let push_lost = lost.clone();
    let push_peer = Arc::clone(&peer);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                mark_lost(
                    &push_lost,
                    &format!("Connection closed by server {push_peer}."),
                );
            } else if let Some(push) = read_push(push) {
                on_push(push);
            }
            Ok::<(), SendError>(())
        });
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let inner = match timeout(endpoint.connect_timeout, connecting).await {
        Ok(Ok(inner)) => inner,
        Ok(Err(error)) => return Err(refused(error, &peer)),
        Err(_) => return Err(silent(address, &peer, endpoint.connect_timeout).await),
    };
    let connection = Connection {
        inner,
        peer,
        deadline: endpoint.command_timeout,
        lost,
    };
    if let Some(name) = &endpoint.client_name {
        connection
            .run::<()>(redis::cmd("CLIENT").arg("SETNAME").arg(name))
            .await?;
    }
    Ok(connection)
}

/// Asks one Sentinel after the other who the master is, and connects to it.
async fn open_master(
    endpoint: &Endpoint,
    on_push: Arc<dyn Fn(Push) + Send + Sync>,
    lost: watch::Sender<Option<Lost>>,
) -> Result<Connection, BrokerError> {
    let sentinel = endpoint.sentinel.clone().unwrap_or_default();
    let login = Login {
        user: sentinel.user.clone(),
        password: sentinel.password.clone(),
        db: 0,
    };
    let mut failure = BrokerError::connection("the URL names no Sentinel");
    // Each Sentinel gets its share of the time, so that a silent one does not use it all.
    let mut asking = endpoint.clone();
    asking.tls = None;
    asking.client_name = None;
    let share = u32::try_from(endpoint.addresses.len() + 1).unwrap_or(u32::MAX);
    asking.connect_timeout = endpoint.connect_timeout / share;
    asking.command_timeout = asking.connect_timeout;
    for address in &endpoint.addresses {
        let ask = async {
            let unheard = Arc::new(|_| {});
            let alone = watch::channel(None).0;
            let connection = open_server(&asking, address, &login, unheard, alone).await?;
            connection
                .run::<Option<(String, u16)>>(
                    redis::cmd("SENTINEL")
                        .arg("GET-MASTER-ADDR-BY-NAME")
                        .arg(&sentinel.master_name),
                )
                .await
        };
        match ask.await {
            Ok(Some((host, port))) => {
                let master = Address::Tcp(host, port);
                let connection = open_server(
                    endpoint,
                    &master,
                    &Login::of(endpoint),
                    Arc::clone(&on_push),
                    lost.clone(),
                )
                .await;
                match connection {
                    Ok(connection) => {
                        let role: redis::Value = connection.run(&redis::cmd("ROLE")).await?;
                        if is_master(&role) {
                            return Ok(connection);
                        }
                        failure = BrokerError::connection(format!(
                            "{} is not a master (yet)",
                            connection.peer
                        ));
                    }
                    Err(error) => failure = error,
                }
            }
            Ok(None) => {
                failure = BrokerError::connection(format!(
                    "No master found for '{}'",
                    sentinel.master_name
                ));
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn is_master(role: &redis::Value) -> bool {
    matches!(role, redis::Value::Array(items)
        if matches!(items.first(), Some(redis::Value::BulkString(s)) if s == b"master"))
}

fn client(endpoint: &Endpoint, address: &Address, login: &Login) -> Result<Client, BrokerError> {
    let config = |error: RedisError| BrokerError::Config(error.to_string());
    let mut info = RedisConnectionInfo::default()
        .set_db(login.db)
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name("rcelery", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &login.user {
        info = info.set_username(user);
    }
    if let Some(password) = &login.password {
        info = info.set_password(password);
    }
    let addr = match (address, &endpoint.tls) {
        (Address::Unix(path), _) => ConnectionAddr::Unix(path.clone()),
        (Address::Tcp(host, port), None) => ConnectionAddr::Tcp(host.clone(), *port),
        (Address::Tcp(host, port), Some(tls)) => ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: !tls.verify,
            tls_params: None,
        },
    };
    let tls = match &addr {
        ConnectionAddr::TcpTls { .. } => endpoint.tls.as_ref(),
        _ => None,
    };
    let settings = TcpSettings::default().set_nodelay(true);
    let info = addr
        .into_connection_info()
        .map_err(config)?
        .set_redis_settings(info)
        .set_tcp_settings(settings);
    let Some(tls) = tls else {
        return Client::open(info).map_err(config);
    };
    let client = Client::build_with_tls(info, certificates(tls)?).map_err(config)?;
    if tls.check_hostname || !tls.verify {
        return Ok(client);
    }
    let info = client.get_connection_info().clone();
    let mut addr = info.addr().clone();
    addr.set_danger_accept_invalid_hostnames(true);
    Client::open(info.set_addr(addr)).map_err(config)
}

fn certificates(tls: &Tls) -> Result<TlsCertificates, BrokerError> {
    let read = |path: &std::path::Path| {
        std::fs::read(path)
            .map_err(|e| BrokerError::Config(format!("can't read `{}`: {e}", path.display())))
    };
    let client_tls = match (&tls.certfile, &tls.keyfile) {
        (None, None) => None,
        (Some(cert), key) => Some(ClientTlsConfig {
            client_cert: read(cert)?,
            // Without a key file the certificate's file holds both, as in Python.
            client_key: read(key.as_ref().unwrap_or(cert))?,
        }),
        (None, Some(_)) => {
            return Err(BrokerError::Config(
                "`ssl_keyfile` needs `ssl_certfile`".to_owned(),
            ));
        }
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert: tls.ca_certs.as_deref().map(read).transpose()?,
    })
}

fn read_push(push: PushInfo) -> Option<Push> {
    let text = |value: redis::Value| match value {
        redis::Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        redis::Value::SimpleString(text) => Some(text),
        _ => None,
    };
    let bytes = |value: redis::Value| match value {
        redis::Value::BulkString(bytes) => Some(bytes),
        redis::Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    };
    let mut data = push.data.into_iter();
    match push.kind {
        PushKind::Invalidate => Some(Push::Changed),
        PushKind::Message => Some(Push::Message {
            pattern: None,
            channel: text(data.next()?)?,
            payload: bytes(data.next()?)?,
        }),
        PushKind::PMessage => Some(Push::Message {
            pattern: Some(text(data.next()?)?),
            channel: text(data.next()?)?,
            payload: bytes(data.next()?)?,
        }),
        _ => None,
    }
}

/// What a failed command means.
fn classify(error: RedisError, peer: &str) -> BrokerError {
    let code = error.code().map(str::to_owned);
    match code.as_deref() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => BrokerError::AccessRefused(error_text(&error)),
        // A demoted or loading server: another connection may find the right one.
        Some("READONLY" | "MASTERDOWN" | "LOADING" | "UNBLOCKED") => BrokerError::Connection {
            message: error_text(&error),
            source: Some(Box::new(error)),
        },
        _ if error.kind() == redis::ErrorKind::AuthenticationFailed => {
            BrokerError::AccessRefused(error_text(&error))
        }
        _ if error.is_timeout() => BrokerError::Timeout(format!("{peer} has not answered")),
        _ if error.is_io_error()
            || error.is_connection_dropped()
            || error.is_unrecoverable_error() =>
        {
            BrokerError::Connection {
                message: format!("Connection closed by server {peer}."),
                source: Some(Box::new(error)),
            }
        }
        _ => BrokerError::Server {
            message: error_text(&error),
            source: Some(Box::new(error)),
        },
    }
}

/// What a failed connect means, in Python's words.
fn refused(error: RedisError, peer: &str) -> BrokerError {
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    let mut io_error = None;
    while let Some(e) = source {
        if let Some(e) = e.downcast_ref::<io::Error>() {
            io_error = Some(e);
            break;
        }
        source = e.source();
    }
    let errno = io_error.and_then(io::Error::raw_os_error).or_else(|| {
        // The driver keeps the kind where it drops the number.
        error
            .is_connection_refusal()
            .then_some(nix::libc::ECONNREFUSED)
    });
    if let Some(errno) = errno {
        let words = nix::errno::Errno::from_raw(errno).desc();
        return BrokerError::Connection {
            message: format!("Error {errno} connecting to {peer}. {words}."),
            source: Some(Box::new(error)),
        };
    }
    match classify(error, peer) {
        BrokerError::Connection {
            source: Some(source),
            ..
        } => BrokerError::Connection {
            message: format!("Error connecting to {peer}. {source}."),
            source: Some(source),
        },
        other => other,
    }
}

/// Whether it was the network or the server that did not answer: a look that costs at most half a second.
async fn silent(address: &Address, peer: &str, waited: Duration) -> BrokerError {
    let connects = match address {
        Address::Unix(_) => true,
        Address::Tcp(host, port) => {
            let connect = tokio::net::TcpStream::connect((host.as_str(), *port));
            matches!(
                timeout(Duration::from_millis(500), connect).await,
                Ok(Ok(_))
            )
        }
    };
    BrokerError::Timeout(if connects {
        format!(
            "connected to {peer}, but no answer to the handshake in {}",
            spoken(waited)
        )
    } else {
        format!(
            "Timeout connecting to {peer}: no answer in {}",
            spoken(waited)
        )
    })
}

/// The server's words without the driver's category.
fn error_text(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn spoken(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
