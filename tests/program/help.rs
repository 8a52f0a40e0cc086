//! `--help` of every lesson: what it does, its page, its arguments and its settings.

use crate::demo;
use crate::harness::folder;

#[tokio::test]
async fn the_help_of_every_lesson_says_what_it_does_and_names_its_page_and_settings() {
    // The help does not need good settings.
    let folder = folder("help");
    std::fs::write(folder.join(".zEnv"), "nonsense\n").unwrap();
    for (start, what, page) in [
        (
            demo!("1_websocket_server"),
            "1. A server: the life of a connection\n\nAccepts WebSocket",
            "clients/1_client_server.html",
        ),
        (
            demo!("2_websocket_echo"),
            "2. Echo: both directions\n\nSends each message back",
            "clients/2_client_echo.html",
        ),
        (
            demo!("3_websocket_secure"),
            "3. Secure: TLS encrypts",
            "clients/3_client_secure.html",
        ),
        (
            demo!("open_broadcast"),
            "Open broadcast: one to many",
            "http://127.0.0.1:8765/",
        ),
        (
            demo!("4_websocket_broadcast"),
            "4. Broadcast: who may connect",
            "clients/4_client_broadcast.html",
        ),
        (
            demo!("chat_app"),
            "Chat: all lessons",
            "clients/chat_app.html",
        ),
    ] {
        let (code, output) = start.folder(&folder).arguments(["--help"]).fails().await;
        assert_eq!(code, Some(0), "{output}");
        assert!(output.starts_with(what), "{output}");
        assert!(output.contains(page), "{output}");
        assert!(output.contains("--xray"), "{output}");
        for known in zcomm_core::SETTINGS {
            assert!(output.contains(known.name), "{}: {output}", known.name);
        }
        assert!(
            !output.contains("**") && !output.contains("error:"),
            "{output}"
        );
    }
}

#[tokio::test]
async fn a_short_option_or_a_second_argument_asks_for_help_and_a_near_miss_does_not() {
    for arguments in [&["-h"][..], &["--xray", "--help"], &["what", "-h"]] {
        let start = demo!("2_websocket_echo").arguments(arguments.iter().copied());
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(0), "{output}");
        assert!(output.starts_with("2. Echo"), "{output}");
    }
    let (code, output) = demo!("2_websocket_echo")
        .arguments(["--hlep"])
        .fails()
        .await;
    assert_eq!(code, Some(2), "{output}");
    assert!(output.contains("only --xray and --help"), "{output}");
}
