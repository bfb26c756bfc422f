//! Where a Redis server is and how to log in: a URL with its TLS settings.
//!
//! Mirrors `kombu.utils.url.parse_url` and `celery.backends.redis.RedisBackend._params_from_url`.

use std::path::PathBuf;
use std::time::Duration;

use super::options::text;
use crate::broker::url::UrlParts;
use crate::broker::{BrokerError, BrokerUrl};
use crate::protocol::{Map, Value};

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Host and port.
    Tcp(String, u16),
    /// Path of a Unix socket.
    Unix(PathBuf),
}

/// How a server's certificate is checked, and ours shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tls {
    pub(crate) verify: bool,
    pub(crate) check_hostname: bool,
    pub(crate) ca_certs: Option<PathBuf>,
    pub(crate) certfile: Option<PathBuf>,
    pub(crate) keyfile: Option<PathBuf>,
}

/// Sentinel: what to ask the addresses for.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Sentinel {
    pub(crate) master_name: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// A server, or the Sentinels that know it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) addresses: Vec<Address>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) db: i64,
    pub(crate) tls: Option<Tls>,
    pub(crate) sentinel: Option<Sentinel>,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) client_name: Option<String>,
    scheme: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("addresses", &self.addresses)
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// As kombu reads the URL: query options are those of its connection, TLS without `ssl_*` is not verified.
    pub(crate) fn for_broker(url: &BrokerUrl, use_ssl: Option<&Map>) -> Result<Self, BrokerError> {
        let mut servers = url.servers()?;
        let first = servers.first().cloned().unwrap_or_default();
        let mut ssl = use_ssl.cloned();
        let mut virtual_host = first.path.clone();
        for (name, value) in &first.query {
            match name.as_str() {
                name if name.starts_with("ssl_") => {
                    let ssl = ssl.get_or_insert_default();
                    ssl.insert(name.to_owned(), value.as_str().into());
                }
                "virtual_host" if first.scheme == "redis+socket" => virtual_host = value.clone(),
                // kombu's connection takes these; what they say is in Options.
                "connect_timeout" | "heartbeat" | "insist" | "failover_strategy" => {}
                _ => {
                    return Err(BrokerError::Config(format!(
                        "the broker URL has the option `{name}`, which no connection takes: options of the transport belong in broker_transport_options"
                    )));
                }
            }
        }
        if first.scheme == "rediss" && ssl.is_none() {
            ssl = Some(Map::new());
        }
        let tls = ssl.map(|map| Tls::new(&map, false)).transpose()?;
        if first.scheme == "redis+socket" && virtual_host == first.path {
            virtual_host = String::new();
        }
        Self::new(&first, &mut servers, &virtual_host, tls)
    }

    /// As Celery's result back end reads the URL: query options go to the client, TLS must say `ssl_cert_reqs`.
    pub(crate) fn for_backend(url: &BrokerUrl, use_ssl: Option<&Map>) -> Result<Self, BrokerError> {
        let mut servers = url.servers()?;
        let first = servers.first().cloned().unwrap_or_default();
        let mut ssl = use_ssl.cloned();
        let mut virtual_host = if first.scheme == "redis+socket" {
            String::new()
        } else {
            first.path.clone()
        };
        let mut tuning: Vec<(String, f64)> = Vec::new();
        let mut client_name = None;
        for (name, value) in &first.query {
            match name.as_str() {
                name if name.starts_with("ssl_") => {
                    if first.scheme == "redis" {
                        return Err(BrokerError::Config(
                            "the result back end's URL has `ssl_*` options but not the scheme `rediss://`".to_owned(),
                        ));
                    }
                    let ssl = ssl.get_or_insert_default();
                    ssl.insert(name.to_owned(), value.as_str().into());
                }
                "virtual_host" | "db" => virtual_host = value.clone(),
                "socket_timeout" | "socket_connect_timeout" => {
                    let seconds = value.parse::<f64>().ok().filter(|s| *s > 0.0);
                    let seconds = seconds.ok_or_else(|| {
                        BrokerError::Config(format!("`{name}` must be a number of seconds above 0"))
                    })?;
                    tuning.push((name.clone(), seconds.min(1e9)));
                }
                "client_name" => client_name = Some(value.clone()),
                "socket_keepalive"
                | "retry_on_timeout"
                | "max_connections"
                | "health_check_interval"
                | "protocol"
                | "timeout" => {}
                _ => {
                    return Err(BrokerError::Config(format!(
                        "the result back end's URL has an unknown option `{name}`"
                    )));
                }
            }
        }
        if first.scheme == "rediss" && ssl.is_none() {
            ssl = Some(Map::new());
        }
        let tls = ssl.map(|map| Tls::new(&map, true)).transpose()?;
        let mut endpoint = Self::new(&first, &mut servers, &virtual_host, tls)?;
        endpoint.client_name = client_name;
        for (name, seconds) in tuning {
            let duration = Duration::from_secs_f64(seconds);
            if name == "socket_timeout" {
                endpoint.command_timeout = duration;
            } else {
                endpoint.connect_timeout = duration;
            }
        }
        Ok(endpoint)
    }

    fn new(
        first: &UrlParts,
        servers: &mut Vec<UrlParts>,
        virtual_host: &str,
        tls: Option<Tls>,
    ) -> Result<Self, BrokerError> {
        let sentinel = first.scheme == "sentinel";
        if !sentinel {
            servers.truncate(1);
        }
        let default_port = if sentinel { 26379 } else { 6379 };
        let addresses = servers
            .iter()
            .map(|server| {
                if server.scheme == "redis+socket" {
                    return Address::Unix(PathBuf::from(format!("/{}", server.path)));
                }
                let host = if server.host.is_empty() {
                    "127.0.0.1"
                } else {
                    &server.host
                };
                Address::Tcp(host.to_owned(), server.port.unwrap_or(default_port))
            })
            .collect();
        let number = virtual_host.trim_matches('/');
        let db = if number.is_empty() {
            0
        } else {
            number
                .parse::<i64>()
                .ok()
                .filter(|db| *db >= 0)
                .ok_or_else(|| {
                    BrokerError::Config(format!(
                        "the database `{number}` is not a number from 0 up"
                    ))
                })?
        };
        Ok(Self {
            addresses,
            user: first.user.clone(),
            password: first.password.clone(),
            db,
            tls,
            sentinel: sentinel.then(Sentinel::default),
            connect_timeout: Duration::from_secs(4),
            command_timeout: Duration::from_secs(8),
            client_name: None,
            scheme: first.scheme.clone(),
        })
    }

    /// Whether the addresses are Sentinels.
    pub(crate) fn is_sentinel(&self) -> bool {
        self.sentinel.is_some()
    }

    /// Reads `master_name` and `sentinel_kwargs`.
    pub(crate) fn sentinel_options(&mut self, map: &Map) -> Result<(), BrokerError> {
        let Some(sentinel) = &mut self.sentinel else {
            return Ok(());
        };
        sentinel.master_name = text(map, "master_name")?.ok_or_else(|| {
            BrokerError::Config(
                "a `sentinel://` URL needs `master_name` in the transport options".to_owned(),
            )
        })?;
        if let Some(Value::Map(kwargs)) = map.get("sentinel_kwargs") {
            sentinel.user = text(kwargs, "username")?;
            sentinel.password = text(kwargs, "password")?;
        }
        Ok(())
    }

    /// Celery's banner form, with `:**@` even where there is no password (Connection.as_uri).
    pub(crate) fn broker_uri(&self) -> String {
        let user = self.user.as_deref().unwrap_or_default();
        match self.addresses.first() {
            Some(Address::Tcp(host, port)) => {
                format!("{}://{user}:**@{host}:{port}/{}", self.scheme, self.db)
            }
            Some(Address::Unix(path)) => format!("{}://{}", self.scheme, path.display()),
            None => format!("{}://", self.scheme),
        }
    }
}

impl Tls {
    /// From `ssl_*` settings; `strict` refuses them without `ssl_cert_reqs`.
    fn new(map: &Map, strict: bool) -> Result<Self, BrokerError> {
        const NAMES: &[&str] = &[
            "ssl_cert_reqs",
            "ssl_ca_certs",
            "ssl_certfile",
            "ssl_keyfile",
            "ssl_check_hostname",
        ];
        if let Some(name) = map.keys().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(BrokerError::Config(format!(
                "unknown TLS option `{name}`: known are {}",
                NAMES.join(", ")
            )));
        }
        let path = |name| text(map, name).map(|path| path.map(PathBuf::from));
        let ca_certs = path("ssl_ca_certs")?;
        let verify = match map.get("ssl_cert_reqs") {
            None | Some(Value::Null) if strict => {
                return Err(BrokerError::Config(
                    "a `rediss://` result back end must say `ssl_cert_reqs`: CERT_REQUIRED, CERT_OPTIONAL or CERT_NONE".to_owned(),
                ));
            }
            // redis-py requires a valid certificate as soon as there is any ssl_* option.
            None | Some(Value::Null) => !map.is_empty(),
            // The values of Python's ssl.CERT_NONE, CERT_OPTIONAL and CERT_REQUIRED.
            Some(Value::Int(0)) => false,
            Some(Value::Int(1 | 2)) => true,
            Some(Value::Str(s)) => match s.as_str() {
                "none" | "CERT_NONE" => false,
                "optional" | "CERT_OPTIONAL" | "required" | "CERT_REQUIRED" => true,
                other => {
                    return Err(BrokerError::Config(format!(
                        "`ssl_cert_reqs` is `{other}`: it must be required, optional or none"
                    )));
                }
            },
            Some(_) => {
                return Err(BrokerError::Config(
                    "`ssl_cert_reqs` must be required, optional or none".to_owned(),
                ));
            }
        };
        let check_hostname = match map.get("ssl_check_hostname") {
            None | Some(Value::Null) => true,
            Some(Value::Str(s)) => !s.eq_ignore_ascii_case("false"),
            Some(value) => value.truthy(),
        };
        Ok(Self {
            verify,
            check_hostname,
            ca_certs,
            certfile: path("ssl_certfile")?,
            keyfile: path("ssl_keyfile")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(url: &str) -> Result<Endpoint, BrokerError> {
        Endpoint::for_broker(&BrokerUrl::parse(url)?, None)
    }

    fn backend(url: &str) -> Result<Endpoint, BrokerError> {
        Endpoint::for_backend(&BrokerUrl::parse(url)?, None)
    }

    #[test]
    fn banners_are_celerys() {
        let uri = |url| broker(url).unwrap().broker_uri();
        assert_eq!(
            uri("redis://127.0.0.1:6404/0"),
            "redis://:**@127.0.0.1:6404/0"
        );
        assert_eq!(uri("redis://u:p@h/3"), "redis://u:**@h:6379/3");
        assert_eq!(
            uri("redis+socket:///tmp/x.sock?virtual_host=2"),
            "redis+socket:///tmp/x.sock"
        );
    }

    #[test]
    fn databases_and_sockets_are_found() {
        let socket = broker("redis+socket:///tmp/x.sock?virtual_host=2").unwrap();
        assert_eq!(socket.addresses, [Address::Unix("/tmp/x.sock".into())]);
        assert_eq!(socket.db, 2);
        assert_eq!(broker("redis://h/").unwrap().db, 0);
        assert!(broker("redis://h/x").is_err());
        let sentinel = broker("sentinel://a:1/5;sentinel://b").unwrap();
        assert_eq!(sentinel.db, 5);
        assert_eq!(
            sentinel.addresses,
            [Address::Tcp("a".into(), 1), Address::Tcp("b".into(), 26379)]
        );
    }

    #[test]
    fn tls_is_verified_as_celery_verifies_it() {
        let tls = |url| broker(url).unwrap().tls.unwrap();
        assert!(!tls("rediss://h").verify);
        assert!(tls("rediss://h?ssl_ca_certs=/x").verify);
        assert!(tls("rediss://h?ssl_cert_reqs=CERT_REQUIRED").verify);
        assert!(!tls("rediss://h?ssl_cert_reqs=none").verify);
        assert!(broker("rediss://h?ssl_cert_reqs=maybe").is_err());
        assert!(broker("rediss://h?ssl_colour=1").is_err());
        assert!(backend("rediss://h").is_err());
        assert!(backend("redis://h?ssl_cert_reqs=none").is_err());
        assert!(
            !backend("rediss://h?ssl_cert_reqs=none")
                .unwrap()
                .tls
                .unwrap()
                .verify
        );
    }

    #[test]
    fn query_options_go_where_celery_takes_them() {
        assert!(broker("redis://h?socket_timeout=5").is_err());
        let endpoint = backend("redis://h?socket_timeout=5&db=3").unwrap();
        assert_eq!(endpoint.command_timeout, Duration::from_secs(5));
        assert_eq!(endpoint.db, 3);
        assert!(backend("redis://h?colour=red").is_err());
    }
}
