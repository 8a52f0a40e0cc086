//! C: settings. The tests of each value are beside the code that reads it; these tests show what
//! a learner sees. (c08, the buffers of the codec, cannot be configured wrongly: their sizes
//! follow from one setting, and `every_message_limit_makes_a_working_server` tests it.)

use std::path::PathBuf;

use zcomm_core::{Config, DEMO_TOKEN};

use crate::demo;
use crate::harness::{CANARY, Client, echo, get, serve};

/// A folder of its own with this `.zEnv`.
fn folder(name: &str, settings: &str) -> PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(".zEnv"), settings).unwrap();
    folder
}

#[tokio::test]
async fn c01_a_switch_that_is_neither_on_nor_off_refuses_to_start() {
    for value in ["2", "enabled", ""] {
        let start = demo!("2_websocket_echo").env("WEBSOCKET_REQUIRE_AUTH", value);
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(
            output.contains("expected true, 1, yes, on or false, 0, no, off"),
            "{output}"
        );
    }
    for value in ["on", "TRUE "] {
        let demo = demo!("2_websocket_echo")
            .env("WEBSOCKET_REQUIRE_AUTH", value)
            .env("WEBSOCKET_TOKEN", DEMO_TOKEN)
            .start()
            .await;
        assert_eq!(
            Client::connect(demo.url()).await.closed().await.0,
            1008,
            "{value:?} is on"
        );
    }
}

#[tokio::test]
async fn c02_a_dollar_outside_single_quotes_refuses_to_start() {
    let folder = folder("c02", "WEBSOCKET_TOKEN=sixteen$andmore_than_that\n");
    let (code, output) = demo!("4_websocket_broadcast").folder(folder).fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(
        output.contains(".zEnv, line 1") && output.contains("single quotes"),
        "{output}"
    );
    assert!(!output.contains("andmore"), "{output}");
}

#[tokio::test]
async fn c03_a_broken_line_is_named_and_stops_the_program() {
    for (name, settings, line) in [
        ("c03_spaces", "ECHO_PREFIX=a\nECHO_PREFIX=a b\n", "line 2"),
        ("c03_bom", "\u{feff}ECHO_PREFIX=a\n", "line 1"),
        ("c03_junk", "# fine\r\n\r\nwhat is this\r\n", "line 3"),
    ] {
        let (code, output) = demo!("2_websocket_echo")
            .folder(folder(name, settings))
            .fails()
            .await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains(line), "{output}");
    }
    let crlf = folder(
        "c03_crlf",
        "ECHO_PREFIX='Say: '\r\nWEBSOCKET_MAX_CONNECTIONS=7\r\n",
    );
    let demo = demo!("2_websocket_echo").folder(crlf).start().await;
    assert!(
        get(demo.addr, "/stats")
            .await
            .body
            .contains(r#""max_connections":7"#)
    );
    let mut client = Client::connect(demo.url()).await;
    client.say("hi").await;
    assert_eq!(client.hear_text().await, "Say: hi");
}

/// A line end that the reader does not know puts every later setting into a comment: the server
/// would start without its token.
#[tokio::test]
async fn c03_protection_never_disappears_because_of_a_line_end() {
    let settings = |end: &str| {
        let token = format!("WEBSOCKET_TOKEN={CANARY}");
        ["# mine", "WEBSOCKET_REQUIRE_AUTH=true", &token].join(end)
    };
    for (name, end) in [
        ("lf", "\n"),
        ("crlf", "\r\n"),
        ("cr", "\r"),
        ("both", "\r\r\n"),
    ] {
        for last in ["", end] {
            let folder = folder(&format!("c03_{name}"), &(settings(end) + last));
            let demo = demo!("2_websocket_echo").folder(folder).start().await;
            let refused = Client::connect(demo.url()).await.closed().await;
            assert_eq!(refused.0, 1008, "{name}");
            let good = format!("{}?token={CANARY}", demo.url());
            let mut client = Client::connect(good).await;
            client.say("hi").await;
            assert_eq!(client.hear_text().await, "Echo: hi", "{name}");
        }
    }
    for (name, end) in [
        ("separator", "\u{2028}"),
        ("paragraph", "\u{2029}"),
        ("nel", "\u{85}"),
        ("form_feed", "\u{c}"),
        ("vertical_tab", "\u{b}"),
        ("zero", "\0"),
    ] {
        let folder = folder(&format!("c03_{name}"), &settings(end));
        let (code, output) = demo!("2_websocket_echo").folder(folder).fails().await;
        assert_eq!(code, Some(78), "{name}: {output}");
        assert!(output.contains(".zEnv, line 1: has"), "{output}");
        assert!(!output.contains(CANARY), "{output}");
    }
}

#[tokio::test]
async fn c03_a_file_in_utf16_is_refused_with_the_right_encoding() {
    let path = folder("c03_utf16", "");
    for text in ["\u{feff}# a\nWEBSOCKET_REQUIRE_AUTH=true", "# a\nX=1"] {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(path.join(".zEnv"), bytes).unwrap();
        let (code, output) = demo!("2_websocket_echo").folder(&path).fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(
            output.contains("UTF-16") && output.contains("as UTF-8"),
            "{output}"
        );
    }
}

#[tokio::test]
async fn c03_two_settings_in_one_line_are_refused() {
    for line in [
        "ECHO_PREFIX=a,WEBSOCKET_REQUIRE_AUTH=true",
        "ECHO_PREFIX='a WEBSOCKET_REQUIRE_AUTH=true'",
        "WEBSOCKET_HOST=127.0.0.1 WEBSOCKET_REQUIRE_AUTH=true",
    ] {
        let folder = folder("c03_two", line);
        let (code, output) = demo!("2_websocket_echo").folder(folder).fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains(".zEnv, line 1"), "{output}");
    }
}

#[tokio::test]
async fn c04_the_file_is_read_only_from_the_working_directory() {
    let child = folder("c04", "ECHO_PREFIX=parent\n").join("child");
    std::fs::create_dir_all(&child).unwrap();
    let mut demo = demo!("2_websocket_echo").folder(child).start().await;
    demo.says("no .zEnv in this folder").await;
    let mut client = Client::connect(demo.url()).await;
    client.say("hi").await;
    assert_eq!(client.hear_text().await, "Echo: hi");
}

#[tokio::test]
async fn c05_of_two_lines_with_one_name_the_last_counts_and_the_environment_wins() {
    let twice = folder("c05", "ECHO_PREFIX=first\nECHO_PREFIX=last\n");
    let mut demo = demo!("2_websocket_echo").folder(&twice).start().await;
    demo.says("ECHO_PREFIX is set more than once in .zEnv")
        .await;
    let mut client = Client::connect(demo.url()).await;
    client.say("!").await;
    assert_eq!(client.hear_text().await, "last!");
    let demo = demo!("2_websocket_echo")
        .folder(&twice)
        .env("ECHO_PREFIX", "env")
        .start()
        .await;
    let mut client = Client::connect(demo.url()).await;
    client.say("!").await;
    assert_eq!(client.hear_text().await, "env!");
}

/// Such a server could be ended by its clients.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn limits_that_exceed_the_memory_get_a_warning() {
    let start = || demo!("1_websocket_server").env("WEBSOCKET_MAX_MESSAGE_BYTES", "67108864");
    let mut large = start()
        .env("WEBSOCKET_MAX_CONNECTIONS", "1000000")
        .start()
        .await;
    large
        .says("connections with messages of WEBSOCKET_MAX_MESSAGE_BYTES=67108864 can need")
        .await;
    let mut small = start().env("WEBSOCKET_MAX_CONNECTIONS", "1").start().await;
    small.says("pages that may connect").await;
    assert!(!small.output().contains("can need"), "{}", small.output());
}

#[tokio::test]
async fn c06_a_misspelt_name_gets_a_warning_with_the_right_one() {
    let mut demo = demo!("1_websocket_server")
        .env("WEBSOCKET_TOKN", "whatever")
        .start()
        .await;
    demo.says("unknown setting WEBSOCKET_TOKN: did you mean WEBSOCKET_TOKEN?")
        .await;
    assert!(!demo.output().contains("whatever"));
}

/// These names have the letters of a setting, or mean the setting that asks for a token. Nobody
/// expects that a server without protection starts, and a warning may be hidden.
#[tokio::test]
async fn c06_a_misspelt_name_that_would_protect_the_server_stops_the_program() {
    for (name, words) in [
        ("WEBSOCKET_REQUIREAUTH", "set WEBSOCKET_REQUIRE_AUTH"),
        ("WEBSOCKET_REQUIRE_AUHT", "set WEBSOCKET_REQUIRE_AUTH"),
        ("WEBSOCKET_AUTH", "set WEBSOCKET_REQUIRE_AUTH"),
        ("WEBSOCKET_ALLOWEDHOSTS", "set WEBSOCKET_ALLOWED_HOSTS"),
        ("websocket_token", "set WEBSOCKET_TOKEN"),
    ] {
        for level in ["info", "off"] {
            let start = demo!("2_websocket_echo")
                .env("RUST_LOG", level)
                .env(name, "true");
            let (code, output) = start.fails().await;
            assert_eq!(code, Some(78), "{output}");
            let expected = format!("{name}: unknown setting");
            assert!(output.contains(&expected), "{output}");
            assert!(output.contains(words), "{output}");
        }
    }
    let demo = demo!("2_websocket_echo").env("WEBSOCKET_AUTH", "off");
    demo.start().await;
}

#[tokio::test]
async fn c06_every_unknown_name_in_the_file_gets_a_warning() {
    let lines = "PORT=1\nECHO_PREFX=x\nRUST_LOGG=info\nwebsocket_tokn=whatever\nLEVEL=1\n";
    let folder = folder("c06_file", lines);
    let mut demo = demo!("1_websocket_server").folder(folder).start().await;
    for warning in [
        "unknown setting PORT: did you mean WEBSOCKET_PORT?",
        "unknown setting ECHO_PREFX: did you mean ECHO_PREFIX?",
        "unknown setting RUST_LOGG: did you mean RUST_LOG?",
        "unknown setting websocket_tokn: did you mean WEBSOCKET_TOKEN?",
        "unknown setting LEVEL: .zEnv.example lists all settings",
    ] {
        demo.says(warning).await;
    }
    assert!(!demo.output().contains("whatever"));
}

#[tokio::test]
async fn c06_a_similar_name_in_the_environment_gets_a_warning_and_others_get_none() {
    let mut demo = demo!("1_websocket_server")
        .env("PORT", "9000")
        .env("Echo_Prefix", "x")
        .env("LOG_LEVEL", "info")
        .start()
        .await;
    demo.says("unknown setting PORT: did you mean WEBSOCKET_PORT?")
        .await;
    demo.says("unknown setting Echo_Prefix: did you mean ECHO_PREFIX?")
        .await;
    demo.says("pages that may connect").await;
    assert!(!demo.output().contains("LOG_LEVEL"), "{}", demo.output());
}

/// A file that is there is read, or it stops the program: its settings may protect the server.
#[cfg(unix)]
#[tokio::test]
async fn c04_a_link_without_its_file_stops_the_program() {
    let place = crate::harness::folder("c04_link");
    let link = place.join(".zEnv");
    std::fs::remove_file(&link).ok(); // of an earlier run
    std::os::unix::fs::symlink("missing/settings", &link).unwrap();
    let (code, output) = demo!("2_websocket_echo").folder(&place).fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(
        output.contains(".zEnv: is a link to a missing file"),
        "{output}"
    );
    // Near miss: a link to a file is a file.
    let target = folder("c04_target", "ECHO_PREFIX=linked\n").join(".zEnv");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(target, &link).unwrap();
    let demo = demo!("2_websocket_echo").folder(&place).start().await;
    let mut client = Client::connect(demo.url()).await;
    client.say("!").await;
    assert_eq!(client.hear_text().await, "linked!");
}

#[tokio::test]
async fn c04_a_file_with_a_similar_name_gets_a_warning() {
    let place = crate::harness::folder("c04_txt");
    std::fs::write(place.join(".zEnv.txt"), "WEBSOCKET_REQUIRE_AUTH=on").unwrap();
    let mut demo = demo!("2_websocket_echo").folder(place).start().await;
    demo.says(".zEnv.txt is not read: rename it to .zEnv").await;
}

#[tokio::test]
async fn c07_a_star_is_not_an_origin() {
    let start = demo!("1_websocket_server").env("WEBSOCKET_ALLOWED_ORIGINS", "*");
    let (code, output) = start.fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("would allow every web site"), "{output}");
}

#[tokio::test]
async fn every_message_limit_makes_a_working_server() {
    for max_message_bytes in [1, 125, 64 * 1024, 64 * 1024 * 1024] {
        let config = Config {
            max_message_bytes,
            ..Config::default()
        };
        let mut server = serve(config, echo).await;
        let mut client = Client::connect(server.url()).await;
        client.say("x").await;
        assert_eq!(client.hear_text().await, "x");
        server.stop().await;
    }
}

#[tokio::test]
async fn c09_the_courses_token_is_refused_where_others_can_reach_the_server() {
    for host in ["0.0.0.0", "::"] {
        let start = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_HOST", host)
            .env("WEBSOCKET_TOKEN", DEMO_TOKEN);
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains("the course's public token"), "{output}");
        assert!(!output.contains(DEMO_TOKEN), "{output}");
    }
    let own = demo!("4_websocket_broadcast")
        .env("WEBSOCKET_HOST", "0.0.0.0")
        .env("WEBSOCKET_TOKEN", "a_secret_of_our_own")
        .start()
        .await;
    assert_eq!(
        get(([127, 0, 0, 1], own.addr.port()).into(), "/healthz")
            .await
            .status,
        200
    );
}

/// A server whose TLS settings are incomplete must not start in plain text.
#[tokio::test]
async fn tls_that_is_switched_on_is_never_served_as_plain_text() {
    let start = demo!("1_websocket_server").env("WEBSOCKET_SSL_ENABLED", "true");
    let (code, output) = start.fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("WEBSOCKET_SSL_ENABLED"), "{output}");
}

/// If each invalid byte became the same character, the token could be guessed.
#[cfg(unix)]
#[tokio::test]
async fn a_value_that_is_not_utf8_refuses_to_start() {
    let line = r#"WEBSOCKET_TOKEN=$(printf '\377\376\377\376\377\376\377\376\377\376\377\376\377\376\377\376') exec "$0""#;
    let (code, output) = demo!("4_websocket_broadcast").shell(line).fails().await;
    assert_eq!(code, Some(78), "{output}");
    assert!(
        output.contains("WEBSOCKET_TOKEN is not UTF-8 text"),
        "{output}"
    );
}

/// A silent terminal is a bug, above all when there is an error.
#[tokio::test]
async fn no_log_level_makes_a_program_silent_by_mistake() {
    let mut demo = demo!("1_websocket_server")
        .env("RUST_LOG", "verbose")
        .start()
        .await;
    demo.says("RUST_LOG=\"verbose\" is not understood: showing info")
        .await;
    let start = demo!("1_websocket_server")
        .env("RUST_LOG", "off")
        .env("WEBSOCKET_PORT", "abc");
    let (code, output) = start.fails().await;
    assert_eq!(code, Some(78));
    assert!(
        output.contains("error: WEBSOCKET_PORT=\"abc\"") && output.contains("help: "),
        "{output}"
    );
}

#[tokio::test]
async fn a_folder_or_a_file_that_is_too_large_is_not_a_settings_file() {
    let odd = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("odd");
    std::fs::create_dir_all(odd.join(".zEnv")).unwrap();
    let large = folder("large", &"A=1\n".repeat(300_000));
    for folder in [odd, large] {
        let (code, output) = demo!("1_websocket_server").folder(folder).fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains("is not a file of at most"), "{output}");
    }
}
