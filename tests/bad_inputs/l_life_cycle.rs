//! L: start, stop, signals, ports. (Rows l10, l13 and l22 to l24, about clients that connect
//! again, are tested with the chat, and l14 to l21, about Redis, in `tests/redis`.)

use zcomm_core::Config;

use crate::demo;
#[cfg(unix)]
use crate::harness::Raw;
use crate::harness::{CANARY, Client, Start, echo, get, serve};

fn every_demo() -> [Start; 5] {
    [
        demo!("1_websocket_server"),
        demo!("2_websocket_echo"),
        demo!("open_broadcast"),
        demo!("4_websocket_broadcast").env("WEBSOCKET_TOKEN", CANARY),
        demo!("chat_app").env("WEBSOCKET_TOKEN", CANARY),
    ]
}

/// Starts every demo with two clients, sends it a signal and checks how it ends.
#[cfg(unix)]
async fn every_demo_stops_on(signal: rustix::process::Signal) {
    for start in every_demo() {
        let mut demo = start.start().await;
        let url = format!("{}?token={CANARY}", demo.url());
        let mut clients = [
            Client::connect(url.as_str()).await,
            Client::connect(url.as_str()).await,
        ];
        let asked = std::time::Instant::now();
        demo.signal(signal);
        for client in &mut clients {
            assert_eq!(client.closed().await, (1001, "Server shutting down".into()));
        }
        assert_eq!(demo.ended().await.code(), Some(0));
        assert!(asked.elapsed().as_secs() < 5);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn l01_ctrl_c_closes_every_client_with_1001_and_ends_with_0() {
    every_demo_stops_on(rustix::process::Signal::INT).await;
}

#[cfg(unix)]
#[tokio::test]
async fn l02_sigterm_does_the_same() {
    every_demo_stops_on(rustix::process::Signal::TERM).await;
}

/// A closed terminal sends SIGHUP. The shell and the kernel may both send it, so the second one
/// must not cut the Close frames.
#[cfg(unix)]
#[tokio::test]
async fn l02_a_closed_terminal_does_the_same() {
    every_demo_stops_on(rustix::process::Signal::HUP).await;
    let mut demo = demo!("2_websocket_echo").start().await;
    let mut silent = Raw::open(demo.addr, "/").await;
    demo.says("conn.opened").await;
    demo.signal(rustix::process::Signal::HUP);
    demo.says("press Ctrl-C again").await;
    demo.signal(rustix::process::Signal::HUP);
    assert_eq!(silent.closed().await, (1001, "Server shutting down".into()));
    assert_eq!(demo.ended().await.code(), Some(0));
}

/// A user types Ctrl-\ when Ctrl-C seems to do nothing.
#[cfg(unix)]
#[tokio::test]
async fn l02_sigquit_does_the_same() {
    every_demo_stops_on(rustix::process::Signal::QUIT).await;
}

/// `nohup` starts a program with SIGHUP ignored, as the first command of this shell does.
#[cfg(unix)]
#[tokio::test]
async fn l02_a_program_under_nohup_survives_its_terminal() {
    for start in every_demo() {
        let mut demo = start.shell("trap '' HUP; exec \"$0\"").start().await;
        let mut client = Client::connect(format!("{}?token={CANARY}", demo.url())).await;
        // Linux prints the set of ignored signals; SIGHUP is the lowest bit.
        if cfg!(target_os = "linux") {
            let status = std::fs::read_to_string(format!("/proc/{}/status", demo.id())).unwrap();
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
            assert_eq!(ignored & 1, 1, "{status}");
        }
        demo.signal(rustix::process::Signal::HUP);
        // The kernel delivers the signals in the order of their numbers, so SIGHUP came first.
        demo.signal(rustix::process::Signal::TERM);
        assert_eq!(client.closed().await.0, 1001);
        assert_eq!(demo.ended().await.code(), Some(0));
    }
}

/// A client that never reads delays the end after the first signal, but not after the second.
#[cfg(unix)]
#[tokio::test]
async fn l03_a_second_signal_ends_it_at_once() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let _silent = Raw::open(demo.addr, "/").await;
    demo.says("conn.opened").await;
    demo.signal(rustix::process::Signal::INT);
    demo.says("press Ctrl-C again").await;
    demo.signal(rustix::process::Signal::INT);
    assert_eq!(demo.ended().await.code(), Some(130));
}

/// A client whose unread echoes fill every buffer. So a stop takes its whole time.
#[cfg(unix)]
async fn stuck(addr: std::net::SocketAddr) -> Raw {
    let mut stuck = Raw::open(addr, "/").await;
    let flood = crate::harness::frame(0x82, &[0; 60_000]);
    let full = async {
        for _ in 0..1000 {
            stuck.send(&flood).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(1), full)
        .await
        .unwrap_err();
    stuck
}

/// As for every program, the exit code is 128 plus the number of the signal that ended it.
#[cfg(unix)]
#[tokio::test]
async fn l03_the_second_signal_is_the_exit_code() {
    use rustix::process::Signal;
    for (first, second, code) in [
        (Signal::TERM, Signal::TERM, 143),
        (Signal::TERM, Signal::INT, 130),
        (Signal::INT, Signal::QUIT, 131),
    ] {
        let mut demo = demo!("2_websocket_echo")
            .env("WEBSOCKET_RATE_LIMIT", "off")
            .start()
            .await;
        let _stuck = stuck(demo.addr).await;
        demo.signal(first);
        demo.says("press Ctrl-C again").await;
        // In the first second, SIGTERM counts as a copy of the first signal.
        let turn = std::time::Duration::from_millis(50);
        let status = loop {
            demo.signal(second);
            if let Ok(status) = tokio::time::timeout(turn, demo.ended()).await {
                break status;
            }
        };
        assert_eq!(status.code(), Some(code), "{first:?} {second:?}");
    }
}

/// Half a handshake, a client that never answers and one that never reads: none of them can
/// delay the end.
#[cfg(unix)]
#[tokio::test]
async fn l04_a_stop_takes_at_most_5_s_whatever_the_clients_do() {
    let mut demo = demo!("2_websocket_echo")
        .env("WEBSOCKET_RATE_LIMIT", "off")
        .start()
        .await;
    let mut half = Raw::connect(demo.addr).await;
    half.send(b"GET / HTTP/1.1\r\n").await;
    let _silent = Raw::open(demo.addr, "/").await;
    let _stuck = stuck(demo.addr).await;
    let asked = std::time::Instant::now();
    demo.signal(rustix::process::Signal::TERM);
    assert_eq!(demo.ended().await.code(), Some(0));
    assert!(asked.elapsed().as_secs_f64() < 5.5, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn l06_a_port_in_use_ends_it_with_1_and_a_sentence_that_helps() {
    let first = demo!("1_websocket_server").start().await;
    let port = first.addr.port().to_string();
    for start in every_demo() {
        let (code, output) = start.env("WEBSOCKET_PORT", port.as_str()).fails().await;
        assert_eq!(code, Some(1));
        assert!(
            output.contains(&format!("another program listens on port {port}")),
            "{output}"
        );
        assert!(
            output.contains("Or take another port with WEBSOCKET_PORT="),
            "{output}"
        );
    }
}

#[tokio::test]
async fn l07_port_0_picks_one_and_prints_it() {
    let demo = demo!("1_websocket_server").start().await;
    assert_ne!(demo.addr.port(), 0);
    assert_eq!(get(demo.addr, "/healthz").await.body, "ok\n");
}

#[tokio::test]
async fn l08_a_wrong_port_ends_it_with_78_and_names_the_setting() {
    for port in ["70000", "abc", ""] {
        let (code, output) = demo!("1_websocket_server")
            .env("WEBSOCKET_PORT", port)
            .fails()
            .await;
        assert_eq!(code, Some(78), "{output}");
        assert!(
            output.contains("WEBSOCKET_PORT") && output.contains("0 to 65535"),
            "{output}"
        );
    }
}

#[tokio::test]
async fn l09_hosts_that_are_not_found_ipv6_and_all_networks() {
    let not_found = demo!("1_websocket_server").env("WEBSOCKET_HOST", "no-such-host.invalid");
    let (code, output) = not_found.fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(
        output.contains("WEBSOCKET_HOST=\"no-such-host.invalid\""),
        "{output}"
    );
    let not_mine = demo!("1_websocket_server").env("WEBSOCKET_HOST", "192.0.2.1");
    let (code, output) = not_mine.fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("an address of this machine"), "{output}");

    let ipv6 = demo!("2_websocket_echo")
        .env("WEBSOCKET_HOST", "::1")
        .start()
        .await;
    let mut client = Client::connect(ipv6.url()).await;
    client.say("six").await;
    assert_eq!(client.hear_text().await, "Echo: six");

    let mut open = demo!("1_websocket_server")
        .env("WEBSOCKET_HOST", "0.0.0.0")
        .start()
        .await;
    open.says("reachable from your network").await;
}

/// Time limits do not use the wall clock, so a jump of it moves none. On tokio's clock an hour
/// passes, the client answers its pings, and it stays.
#[tokio::test(start_paused = true)]
async fn l12_hours_pass_and_a_client_that_answers_pings_stays() {
    let mut server = serve(Config::default(), echo).await;
    let mut client = Client::connect(server.url()).await;
    let start = tokio::time::Instant::now();
    let listen = async {
        // No message comes, so this ends with the time limit; meanwhile pings are answered.
        client.hear().await
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), listen)
        .await
        .unwrap_err();
    for _ in 0..240 {
        tokio::time::timeout(std::time::Duration::from_secs(15), client.hear())
            .await
            .unwrap_err();
    }
    assert!(start.elapsed().as_secs() >= 3600);
    client.say("still here").await;
    assert_eq!(client.hear_text().await, "still here");
    server.stop().await;
}

/// Clients notice at once, and the port is free for the next one.
#[tokio::test]
async fn l11_a_killed_server_is_noticed_and_its_port_is_free_again() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let mut raw = crate::harness::Raw::open(demo.addr, "/").await;
    let port = demo.addr.port().to_string();
    demo.kill().await;
    assert_eq!(raw.rest().await, b"");
    let demo = demo!("2_websocket_echo")
        .env("WEBSOCKET_PORT", port)
        .start()
        .await;
    Client::connect(demo.url()).await.leave().await;
}
