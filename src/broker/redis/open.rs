//! Opening a connection: to a server, or to the master that a Sentinel names.

use std::sync::Arc;

use redis::aio::SendError;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo,
    ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError, TlsCertificates,
};
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::{Connection, Lost, Push, mark_lost};
use super::endpoint::{Address, Endpoint, Tls};
use super::failure::{refused, silent};
use crate::broker::BrokerError;

/// Who logs in where.
pub(super) struct Login {
    user: Option<String>,
    password: Option<String>,
    db: i64,
}

impl Login {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self {
            user: endpoint.user.clone(),
            password: endpoint.password.clone(),
            db: endpoint.db,
        }
    }
}

/// Connects to one server.
pub(super) async fn open_server(
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
pub(super) async fn open_master(
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
