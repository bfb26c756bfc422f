//! Ways to reach a server, and ways to be refused.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rcelery::broker::{self, BrokerError, BrokerUrl, Options};
use rcelery::protocol::Map;

use super::{connect, works};
use crate::fixture::{consume, publish, take, take_texts};
use crate::harness::{Process, RedisServer, eventually, patience};

#[tokio::test]
async fn a_refused_connection_is_told_in_celerys_words() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = connect(&format!("redis://127.0.0.1:{port}/0"), &[])
        .await
        .unwrap_err();
    let wanted = format!("Error 111 connecting to 127.0.0.1:{port}. Connection refused.");
    assert_eq!(error.to_string(), wanted);
    assert!(error.is_transient());
    let error = connect("redis://nosuch.invalid/0", &[]).await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("nosuch.invalid"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_list_is_tried_in_order() {
    let server = RedisServer::start();
    let url = format!("redis://127.0.0.1:1/0;{}", server.url(0));
    works(&connect(&url, &[]).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_refused_at_once() {
    let server = RedisServer::with(&["--requirepass", "s3cret/@"]);
    let port = server.port();
    for user in ["", ":wrong@", "nobody:s3cret%2F%40@"] {
        let start = Instant::now();
        let error = connect(&format!("redis://{user}127.0.0.1:{port}/0"), &[])
            .await
            .unwrap_err();
        assert!(
            matches!(error, BrokerError::AccessRefused(_)),
            "{user}: {error:?}"
        );
        assert!(!error.is_transient() && start.elapsed() < Duration::from_secs(10));
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let url = format!("redis://:s3cret%2F%40@127.0.0.1:{port}/0");
    let broker = connect(&url, &[]).await.unwrap();
    assert_eq!(broker.as_uri(), format!("redis://:**@127.0.0.1:{port}/0"));
    works(&broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_few_rights_can_work() {
    let server = RedisServer::with(&[
        "--user",
        "default",
        "on",
        "nopass",
        "~*",
        "&*",
        "+@all",
        "--user",
        "app",
        "on",
        ">pw",
        "~celery*",
        "~unacked*",
        "~_kombu*",
        "&*",
        "+@all",
        "-@admin",
        "-@dangerous",
        "-client|tracking",
        "-lrem",
    ]);
    let url = format!("redis://app:pw@127.0.0.1:{}/0", server.port());
    let broker = connect(&url, &[]).await.unwrap();
    // Without CLIENT TRACKING, by polling.
    broker
        .declare(&rcelery::protocol::Queue::direct("celery"))
        .await
        .unwrap();
    let mut consumer = consume(&broker, "celery", 1).await;
    crate::fixture::nothing(&mut consumer).await;
    let start = Instant::now();
    publish(&broker, "celery", &["x"]).await;
    take(&mut consumer).await.acker.ack().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    // Without LREM, by script.
    let many: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    drop(consumer);
    publish(&broker, "celery", &many).await;
    let mut consumer = consume(&broker, "celery", 0).await;
    assert_eq!(take_texts(&mut consumer, many.len()).await, many);
    let error = broker
        .declare(&rcelery::protocol::Queue::direct("celery"))
        .await;
    error.unwrap();
    let refused = broker.queue_length("forbidden").await.unwrap_err();
    assert!(
        matches!(refused, BrokerError::AccessRefused(_)),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_reached() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("r.sock");
    let server = RedisServer::with(&["--unixsocket", path.to_str().unwrap()]);
    let url = format!("redis+socket://{}?virtual_host=3", path.display());
    let broker = connect(&url, &[]).await.unwrap();
    broker
        .declare(&rcelery::protocol::Queue::direct("celery"))
        .await
        .unwrap();
    let keyspace: String = server.query(&["INFO", "keyspace"]);
    assert!(keyspace.contains("db3:"), "{keyspace}");
    works(&broker).await;
    drop(server);
    let error = connect(&url, &[]).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

fn openssl(dir: &Path, args: &[&str]) {
    let mut command = Command::new("openssl");
    command.current_dir(dir).args(args);
    let output = command
        .output()
        .expect("openssl is needed: install the package openssl");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A CA, a server's certificate for 127.0.0.1 and a client's, in `dir`.
fn certificates(dir: &Path) {
    let new_key = |name: &str, subject: &str, rest: &[&str]| {
        let (key, out) = (format!("{name}.key"), format!("{name}.csr"));
        let mut args = vec!["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key];
        args.extend(["-out", &out, "-subj", subject]);
        args.extend(rest);
        openssl(dir, &args);
    };
    openssl(
        dir,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
            "-subj",
            "/CN=test CA",
        ],
    );
    std::fs::write(dir.join("server.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    std::fs::write(dir.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for name in ["server", "client"] {
        new_key(name, &format!("/CN={name}"), &[]);
        let (csr, crt, ext) = (
            format!("{name}.csr"),
            format!("{name}.crt"),
            format!("{name}.ext"),
        );
        openssl(
            dir,
            &[
                "x509",
                "-req",
                "-in",
                &csr,
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-days",
                "2",
                "-out",
                &crt,
                "-extfile",
                &ext,
            ],
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_verified_when_asked() {
    let dir = tempfile::TempDir::new().unwrap();
    certificates(dir.path());
    let file = |name: &str| dir.path().join(name).display().to_string();
    let tls_port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let _server = RedisServer::with(&[
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &file("server.crt"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-auth-clients",
        "optional",
    ]);
    let url = |query: &str| format!("rediss://127.0.0.1:{tls_port}/0{query}");
    let ca = file("ca.crt").replace('/', "%2F");
    // Not verified, as Celery's broker connections are without any ssl_* option.
    works(&connect(&url(""), &[]).await.unwrap()).await;
    works(&connect(&url("?ssl_cert_reqs=none"), &[]).await.unwrap()).await;
    works(
        &connect(
            &url(&format!("?ssl_cert_reqs=required&ssl_ca_certs={ca}")),
            &[],
        )
        .await
        .unwrap(),
    )
    .await;
    let refused = connect(&url("?ssl_cert_reqs=required"), &[])
        .await
        .unwrap_err();
    assert!(
        refused.to_string().to_lowercase().contains("certificate"),
        "{refused}"
    );
    // By broker_use_ssl, with a certificate of our own.
    let mut ssl = Map::new();
    for (name, value) in [
        ("ssl_ca_certs", "ca.crt"),
        ("ssl_certfile", "client.crt"),
        ("ssl_keyfile", "client.key"),
    ] {
        ssl.insert(name.to_owned(), file(value).as_str().into());
    }
    ssl.insert("ssl_cert_reqs".to_owned(), "CERT_REQUIRED".into());
    let options = Options {
        use_ssl: Some(ssl),
        ..Options::default()
    };
    let plain = BrokerUrl::parse(&format!("redis://127.0.0.1:{tls_port}/0")).unwrap();
    works(&broker::connect(&plain, &options).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_names_the_master() {
    let master = RedisServer::start();
    let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    let dir = tempfile::TempDir::new().unwrap();
    let config = dir.path().join("sentinel.conf");
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {} 1\n",
        master.port()
    );
    std::fs::write(&config, text).unwrap();
    let mut sentinel = Process::start(
        Command::new("redis-server").arg(&config).arg("--sentinel"),
        "redis-server is needed: install the package redis-server",
    );
    eventually("the sentinel is up", patience(), || {
        let out = sentinel.stdout();
        if out.contains("+monitor master") {
            Ok(())
        } else {
            Err(out)
        }
    });
    assert!(sentinel.is_running());
    let url = format!("sentinel://127.0.0.1:1/0;sentinel://127.0.0.1:{port}/0");
    assert!(matches!(
        connect(&url, &[]).await,
        Err(BrokerError::Config(_))
    ));
    let broker = connect(&url, &[("master_name", "mymaster".into())])
        .await
        .unwrap();
    works(&broker).await;
    let keys: Vec<String> = master.query(&["KEYS", "_kombu.binding.celery"]);
    assert_eq!(keys.len(), 1);
    let unknown = connect(&url, &[("master_name", "other".into())])
        .await
        .unwrap_err();
    assert!(
        unknown.to_string().contains("No master found for 'other'"),
        "{unknown}"
    );
    drop(replica);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_uses_one_connection_and_hardly_any_commands_when_idle() {
    let server = RedisServer::start();
    let broker = super::ready(&server.url(0), &[("client_name", "w1".into())]).await;
    let mut consumer = consume(&broker, "celery", 4).await;
    crate::fixture::nothing(&mut consumer).await;
    let clients: String = server.query(&["CLIENT", "LIST"]);
    let ours = clients
        .lines()
        .filter(|line| line.contains("name=w1"))
        .count();
    assert_eq!(ours, 1, "{clients}");
    let before: String = server.query(&["INFO", "commandstats"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after: String = server.query(&["INFO", "commandstats"]);
    let evals = |stats: &str| -> u64 {
        let calls = stats
            .lines()
            .filter_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        calls
            .filter_map(|rest| rest.split(',').next()?.parse::<u64>().ok())
            .sum()
    };
    let calls = evals(&after) - evals(&before);
    assert!((1..=8).contains(&calls), "{calls} scripts in 3 s");
}
