//! Redis behind TLS: `rediss://`.

use zcomm_core::DevelopmentCa;

use crate::{
    harness::{Start, certificates, empty_folder},
    redis::{
        server::Redis,
        troubles::{open_broadcast, refuses, works},
    },
};

/// Starts a Redis that accepts only TLS, and needs a password.
async fn redis(name: &str) -> Option<Redis> {
    let file = |name: &str| certificates().folder.join(name).display().to_string();
    let (certificate, key, ca) = (file("localhost.pem"), file("localhost.key"), file("ca.pem"));
    let options = [
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
        "--bind",
        "127.0.0.1 127.0.0.2",
        "--requirepass",
        "hunter2hunter2",
    ];
    Redis::start(name, &options).await
}

fn start(scheme: &str, host: &str, redis: &Redis) -> Start {
    let port = redis.port;
    open_broadcast(&format!("{scheme}://:hunter2hunter2@{host}:{port}/"))
}

fn ca() -> String {
    certificates().folder.join("ca.pem").display().to_string()
}

#[tokio::test]
async fn a_redis_behind_tls_is_used_with_its_authority() {
    let Some(redis) = redis("tls").await else {
        return;
    };
    for host in ["127.0.0.1", "localhost"] {
        let demo = start("rediss", host, &redis).env("WEBSOCKET_REDIS_CA", ca());
        let mut demo = demo.start().await;
        demo.says("this server is one of several").await;
        works(&demo).await;
        assert!(!demo.output().contains("hunter"), "{}", demo.output());
    }
}

#[tokio::test]
async fn a_redis_behind_tls_whose_certificate_is_not_trusted_gets_no_password() {
    let Some(redis) = redis("tls-wrong").await else {
        return;
    };
    let other = empty_folder();
    let wrong = DevelopmentCa::new(&[]).unwrap().pem().certificate;
    std::fs::write(other.join("ca.pem"), wrong).unwrap();
    let wrong = other.join("ca.pem").display().to_string();
    let help = "if that authority is your own, WEBSOCKET_REDIS_CA names its file";
    let demo = start("rediss", "127.0.0.1", &redis).env("WEBSOCKET_REDIS_CA", wrong);
    let demo = refuses(demo.start().await, "tls", help).await;
    assert!(!demo.output().contains("hunter"), "{}", demo.output());
    // The certificate is for 127.0.0.1 and localhost, not for 127.0.0.2.
    let demo = start("rediss", "127.0.0.2", &redis).env("WEBSOCKET_REDIS_CA", ca());
    refuses(demo.start().await, "tls", "not for 127.0.0.2").await;
}

#[tokio::test]
async fn tls_on_one_side_only_is_explained() {
    let Some(secret) = redis("tls-only").await else {
        return;
    };
    let demo = start("redis", "127.0.0.1", &secret).start().await;
    let help = "if it expects TLS, the address begins with rediss://";
    let demo = refuses(demo, "away", help).await;
    assert!(!demo.output().contains("hunter"), "{}", demo.output());
    let Some(plain) = Redis::start("tls-none", &[]).await else {
        return;
    };
    let demo = start("rediss", "127.0.0.1", &plain).env("WEBSOCKET_REDIS_CA", ca());
    let help = "if it has no TLS, the address begins with redis://";
    refuses(demo.start().await, "silent", help).await;
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_ends_the_program_with_78() {
    let none = "does-not-exist.pem";
    for (url, file, words) in [
        (
            "rediss://127.0.0.1/",
            none,
            "this is the file of WEBSOCKET_REDIS_CA",
        ),
        ("redis://127.0.0.1/", &ca(), "begins with rediss://"),
    ] {
        let demo = open_broadcast(url).env("WEBSOCKET_REDIS_CA", file);
        let (code, output) = demo.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains(words), "{output}");
    }
}
