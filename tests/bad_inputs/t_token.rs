//! T: the token. What is refused is tested in both modes: by close 1008 after the upgrade,
//! which a browser shows its page, and by HTTP 401 before it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use zcomm_core::{Config, DEMO_TOKEN, RefuseBy, Token};

use super::{accepted, refused, survives_as_a_program, survives_at};
use crate::{
    demo,
    harness::{Client, Raw, Running, Start, ask, echo, get, handshake, serve, soon},
};

const TOKEN: &str = "the-right-token-of-this-test";

/// What became of a handshake.
#[derive(Debug, PartialEq)]
enum Answer {
    LetIn,
    /// The status or the close code, and the reason.
    Refused(u16, String),
}
use Answer::LetIn;

/// Shows what is in the target and in further header lines.
async fn show(addr: SocketAddr, target: &str, more: &str) -> Answer {
    let mut raw = Raw::connect(addr).await;
    raw.send(handshake(addr, target, more).as_bytes()).await;
    let head = raw.head().await;
    if head.status != 101 {
        let challenge = (head.status == 401).then_some("Bearer");
        assert_eq!(head.header("www-authenticate"), challenge, "{head:?}");
        let body = String::from_utf8(raw.rest().await).unwrap();
        let words = body
            .strip_prefix(&format!("{} ", head.status))
            .unwrap_or(&body);
        let reason = words.split_once(": ").map_or(words, |(reason, _)| reason);
        return Answer::Refused(head.status, reason.to_owned());
    }
    assert_eq!(head.header("sec-websocket-protocol"), None);
    raw.frame(0x81, b"let in?").await;
    match raw.next_frame().await {
        Some((0x81, payload)) if payload.ends_with(b"let in?") => LetIn,
        Some((0x88, payload)) => {
            // Nothing else comes before the end.
            assert_eq!(raw.rest().await, b"");
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            Answer::Refused(code, String::from_utf8(payload[2..].to_vec()).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

fn guarded(token: &str, refuse: RefuseBy) -> Config {
    Config {
        require_auth: true,
        token: Some(Token::new(token).unwrap()),
        refuse,
        ..Config::default()
    }
}

/// How a server says that a token is missing or wrong.
#[derive(Clone, Copy)]
struct Says(u16);

impl Says {
    fn missing(self) -> Answer {
        Answer::Refused(self.0, "Authentication required".into())
    }
    fn wrong(self) -> Answer {
        Answer::Refused(self.0, "Invalid token".into())
    }
}

/// Runs a row against a server with this token, once in each mode.
async fn in_both_modes(token: &str, row: impl AsyncFn(&Running, Says)) {
    for (refuse, code) in [(RefuseBy::Close, 1008), (RefuseBy::Http, 401)] {
        let witness = format!("?token={}", escaped(token));
        survives_at(&witness, guarded(token, refuse), async |server| {
            row(server, Says(code)).await;
        })
        .await;
    }
}

/// Every byte as `%xx`, which says the same as the text.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn t01_without_a_token_authentication_is_required() {
    in_both_modes(TOKEN, async |server, says| {
        for target in ["/", "/ws", "/?", "/?attempt=0123456789abcdef", "/?room=1&x"] {
            assert_eq!(
                show(server.addr, target, "").await,
                says.missing(),
                "{target}"
            );
        }
        assert_eq!(
            show(server.addr, &format!("/?token={TOKEN}"), "").await,
            LetIn
        );
        assert_eq!(
            show(server.addr, &format!("/ws?token={TOKEN}"), "").await,
            LetIn
        );
        assert_eq!(show(server.addr, "/", &bearer(TOKEN)).await, LetIn);
    })
    .await;
}

/// What the library's client, and so a browser, sees of the default mode.
#[tokio::test]
async fn t01_a_client_reads_the_code_and_the_reason_of_the_close() {
    survives_at(
        &format!("?token={TOKEN}"),
        guarded(TOKEN, RefuseBy::Close),
        async |server| {
            let mut client = Client::connect(server.url()).await;
            assert_eq!(
                client.closed().await,
                (1008, "Authentication required".into())
            );
            let mut client = Client::connect(server.url() + "?token=wrong").await;
            assert_eq!(client.closed().await, (1008, "Invalid token".into()));
        },
    )
    .await;
}

/// Whoever is refused by close is not heard, not counted and not told anything.
#[tokio::test]
async fn t01_a_client_refused_by_close_is_not_one_of_the_clients() {
    let mut server = serve(guarded(TOKEN, RefuseBy::Close), echo).await;
    let mut member = Client::connect(format!("{}?token={TOKEN}", server.url())).await;
    // It stays as long as it may, and does not answer the Close.
    let mut raw = Raw::open(server.addr, "/?token=wrong").await;
    assert_eq!(raw.next_frame().await.unwrap().0, 0x88);
    assert_eq!(server.clients.count(), 1);
    assert_eq!(server.hub.broadcast("for members").unwrap(), 1);
    assert_eq!(member.hear_text().await, "for members");
    raw.frame(0x81, b"hear me").await;
    assert_eq!(raw.rest().await, b"");
    server.stop().await;
}

#[tokio::test]
async fn t02_every_wrong_token_gets_the_same_text() {
    in_both_modes(TOKEN, async |server, says| {
        for wrong in [
            "x",
            "null",
            "undefined",
            "*",
            "***",
            "true",
            DEMO_TOKEN,
            &TOKEN.to_uppercase(),
        ] {
            assert_eq!(
                show(server.addr, &format!("/?token={wrong}"), "").await,
                says.wrong()
            );
            assert_eq!(show(server.addr, "/", &bearer(wrong)).await, says.wrong());
        }
    })
    .await;
}

/// That the time is the same too is not measured here: digests are compared, by `subtle`.
#[tokio::test]
async fn t03_a_token_with_one_byte_wrong_is_as_wrong_as_any() {
    in_both_modes(TOKEN, async |server, says| {
        // Few at a time: who shows many wrong ones is not heard any more (t17).
        for position in [0, 1, TOKEN.len() / 2, TOKEN.len() - 1] {
            let mut wrong = TOKEN.as_bytes().to_vec();
            wrong[position] ^= 1;
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(
                show(server.addr, &format!("/?token={}", escaped(&wrong)), "").await,
                says.wrong()
            );
        }
        for wrong in [
            TOKEN[1..].to_owned(),
            TOKEN[..TOKEN.len() - 1].to_owned(),
            TOKEN.repeat(2),
            format!("{TOKEN}%00"),
            format!("{TOKEN}%20"),
            format!("%20{TOKEN}"),
            format!("{TOKEN}%0a"),
        ] {
            assert_eq!(
                show(server.addr, &format!("/?token={wrong}"), "").await,
                says.wrong(),
                "{wrong}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn t04_an_empty_token_opens_nothing() {
    in_both_modes(TOKEN, async |server, says| {
        for empty in ["/?token=", "/?token", "/?token=&x=1", "/?&&token=&"] {
            assert_eq!(
                show(server.addr, empty, "").await,
                says.missing(),
                "{empty}"
            );
        }
        for spaces in [
            "/?token=%20",
            "/?token=+++",
            "/?token=%00",
            "/?token=%09%0a",
        ] {
            assert_eq!(
                show(server.addr, spaces, "").await,
                says.wrong(),
                "{spaces}"
            );
        }
        for line in [
            "Authorization:\r\n",
            "Authorization: Bearer\r\n",
            "Authorization: Bearer \r\n",
        ] {
            assert_eq!(
                show(server.addr, "/", line).await,
                says.missing(),
                "{line:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn t05_a_server_does_not_start_with_a_token_that_protects_nothing() {
    let longest = "x".repeat(512);
    for token in ["", " ", "x", "fifteen_letters", &(longest.clone() + "y")] {
        let (code, said) = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_TOKEN", token)
            .fails()
            .await;
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains("WEBSOCKET_TOKEN=\"***\""), "{said}");
        assert!(!said.contains("listening"), "{said}");
    }
    for token in ["sixteen_letters_", &longest] {
        let demo = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_TOKEN", token)
            .start()
            .await;
        Client::connect(format!("{}?token={token}", demo.url()))
            .await
            .leave()
            .await;
    }
}

#[tokio::test]
async fn t05_without_a_token_the_server_makes_one_and_prints_a_link() {
    let links = async || {
        let demo = demo!("4_websocket_broadcast").start().await;
        let output = demo.output();
        let token = output
            .split("#token=")
            .nth(1)
            .unwrap()
            .split([',', '\n', ' '])
            .next()
            .unwrap();
        let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(
            token.len() == 24 && token.chars().all(base64url),
            "{token:?}"
        );
        let refused = Answer::Refused(1008, "Authentication required".into());
        assert_eq!(show(demo.addr, "/", "").await, refused);
        Client::connect(format!("{}?token={token}", demo.url()))
            .await
            .leave()
            .await;
        let other = format!("{}x", &token[..23]);
        if other != token {
            let refused = Answer::Refused(1008, "Invalid token".into());
            assert_eq!(
                show(demo.addr, &format!("/?token={other}"), "").await,
                refused
            );
        }
        token.to_owned()
    };
    assert_ne!(links().await, links().await, "each run has its own");
}

#[tokio::test]
async fn t06_a_token_is_decoded_once() {
    in_both_modes("a+b/c=d&e%f#g?h i~\u{e9}", async |server, says| {
        for right in [
            "a%2Bb%2Fc%3Dd%26e%25f%23g%3Fh%20i%7E%C3%A9",
            "a%2bb/c=d%26e%25f%23g?h+i~%c3%a9",
        ] {
            assert_eq!(
                show(server.addr, &format!("/?token={right}"), "").await,
                LetIn,
                "{right}"
            );
        }
        // The & ends it.
        let cut = "/?token=a%2Bb%2Fc%3Dd&e%25f%23g%3Fh%20i%7E%C3%A9";
        assert_eq!(show(server.addr, cut, "").await, says.wrong());
    })
    .await;
    in_both_modes("demo_secure_token_123", async |server, _| {
        for right in ["de%6Do_secure_token_123", &escaped(DEMO_TOKEN)] {
            assert_eq!(
                show(server.addr, &format!("/?token={right}"), "").await,
                LetIn
            );
        }
        // In a header nothing is decoded.
        let raw = show(server.addr, "/", &bearer("de%6Do_secure_token_123")).await;
        assert_ne!(raw, LetIn);
    })
    .await;
}

/// A form's `+` is a space: `encodeURIComponent` writes `%2B`.
#[tokio::test]
async fn t07_a_raw_plus_in_the_query_is_a_space() {
    in_both_modes("one+two+three+four", async |server, says| {
        let plus = "/?token=one+two+three+four";
        assert_eq!(show(server.addr, plus, "").await, says.wrong());
        let encoded = "/?token=one%2Btwo%2Bthree%2Bfour";
        assert_eq!(show(server.addr, encoded, "").await, LetIn);
        assert_eq!(
            show(server.addr, "/", &bearer("one+two+three+four")).await,
            LetIn
        );
    })
    .await;
    in_both_modes("one two three four", async |server, _| {
        assert_eq!(
            show(server.addr, "/?token=one+two+three+four", "").await,
            LetIn
        );
    })
    .await;
}

#[tokio::test]
async fn t08_a_token_encoded_twice_is_wrong() {
    in_both_modes(DEMO_TOKEN, async |server, says| {
        for twice in ["%2564emo_secure_token_123", &escaped(&escaped(DEMO_TOKEN))] {
            assert_eq!(
                show(server.addr, &format!("/?token={twice}"), "").await,
                says.wrong()
            );
        }
        assert_eq!(
            show(server.addr, "/?token=%64emo_secure_token_123", "").await,
            LetIn
        );
    })
    .await;
}

#[tokio::test]
async fn t09_a_token_that_cannot_be_decoded_is_wrong() {
    in_both_modes(DEMO_TOKEN, async |server, says| {
        for nonsense in ["%", "%u0041", "%%%", "%4", "%zz"] {
            let target = format!("/?token={nonsense}");
            assert_eq!(
                show(server.addr, &target, "").await,
                says.wrong(),
                "{nonsense}"
            );
        }
        for bytes in ["%ff", "%ed%a0%80", "%c3", "%f4%90%80%80"] {
            let target = format!("/?token={bytes}");
            let Answer::Refused(400, reason) = show(server.addr, &target, "").await else {
                panic!("{bytes}");
            };
            assert_eq!(reason, "the query of the address is not UTF-8");
        }
    })
    .await;
    // What takes the place of bad bytes is not what they were.
    in_both_modes("sixteen_bytes\u{fffd}", async |server, says| {
        assert_eq!(
            show(server.addr, "/?token=sixteen_bytes%ef%bf%bd", "").await,
            LetIn
        );
        assert_eq!(
            show(server.addr, "/?token=sixteen_bytes%", "").await,
            says.wrong()
        );
    })
    .await;
}

#[tokio::test]
async fn t10_two_tokens_in_the_query_are_400_in_any_order() {
    in_both_modes(TOKEN, async |server, _| {
        for two in [
            format!("token={TOKEN}&token=bad"),
            format!("token=bad&token={TOKEN}"),
            format!("token={TOKEN}&token={TOKEN}"),
            format!("token={TOKEN}&token="),
            format!("token&x=1&token={TOKEN}"),
            format!("token={TOKEN}&%74oken=bad"),
        ] {
            let Answer::Refused(400, reason) = show(server.addr, &format!("/?{two}"), "").await
            else {
                panic!("{two}");
            };
            assert_eq!(reason, "the token was given twice");
        }
    })
    .await;
}

#[tokio::test]
async fn t11_two_carriers_must_agree() {
    in_both_modes(TOKEN, async |server, says| {
        let right = format!("/?token={TOKEN}");
        for (target, token) in [
            (right.as_str(), "bad"),
            ("/?token=bad", TOKEN),
            ("/?token=", TOKEN),
        ] {
            let Answer::Refused(400, reason) = show(server.addr, target, &bearer(token)).await
            else {
                panic!("{target} and {token}");
            };
            assert!(reason.contains("different tokens"), "{reason}");
        }
        assert_eq!(show(server.addr, &right, &bearer(TOKEN)).await, LetIn);
        assert_eq!(
            show(server.addr, "/?token=bad", &bearer("bad")).await,
            says.wrong()
        );
        // Another scheme is for somebody else, such as a proxy.
        let basic = "Authorization: Basic dXNlcjpwYXNz\r\n";
        assert_eq!(show(server.addr, &right, basic).await, LetIn);
        assert_eq!(show(server.addr, "/", basic).await, says.missing());
    })
    .await;
}

#[tokio::test]
async fn t12_the_scheme_has_no_case_and_one_space_after_it() {
    in_both_modes(TOKEN, async |server, says| {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let line = format!("authorization: {scheme} {TOKEN}\r\n");
            assert_eq!(show(server.addr, "/", &line).await, LetIn, "{line}");
        }
        for wrong in [
            format!("Bearer  {TOKEN}"),
            format!("Bearer {TOKEN} x"),
            format!("Bearer \"{TOKEN}\""),
        ] {
            let line = format!("Authorization: {wrong}\r\n");
            assert_eq!(show(server.addr, "/", &line).await, says.wrong(), "{line}");
        }
        for missing in [
            format!("Bearer\t{TOKEN}"),
            format!("Bearer:{TOKEN}"),
            format!("Bearer{TOKEN}"),
            format!("Token {TOKEN}"),
            TOKEN.to_owned(),
        ] {
            let line = format!("Authorization: {missing}\r\n");
            assert_eq!(
                show(server.addr, "/", &line).await,
                says.missing(),
                "{line}"
            );
        }
        let proxy = format!("Proxy-Authorization: Bearer {TOKEN}\r\nCookie: token={TOKEN}\r\n");
        assert_eq!(show(server.addr, "/", &proxy).await, says.missing());
    })
    .await;
}

#[tokio::test]
async fn t13_two_authorization_headers_are_400() {
    in_both_modes(TOKEN, async |server, _| {
        let right = bearer(TOKEN);
        let basic = "Authorization: Basic dXNlcjpwYXNz\r\n".to_owned();
        for two in [
            right.repeat(2),
            right.clone() + &bearer("bad"),
            bearer("bad") + &right,
            basic + &right,
        ] {
            let Answer::Refused(400, reason) = show(server.addr, "/", &two).await else {
                panic!("{two}");
            };
            assert_eq!(reason, "the token was given twice");
        }
    })
    .await;
}

/// That it is not hashed cannot be seen from here; `token.rs` looks at the length first.
#[tokio::test]
async fn t14_a_token_of_more_than_512_bytes_is_wrong() {
    let longest = "x".repeat(512);
    in_both_modes(&longest, async |server, says| {
        assert_eq!(
            show(server.addr, &format!("/?token={longest}"), "").await,
            LetIn
        );
        assert_eq!(
            show(server.addr, &format!("/?token={longest}x"), "").await,
            says.wrong()
        );
        assert_eq!(
            show(server.addr, "/", &bearer(&"x".repeat(10_000))).await,
            says.wrong()
        );
        let huge = handshake(server.addr, "/", &bearer(&"x".repeat(60_000)));
        assert_eq!(ask(server.addr, &huge).await.status, 431);
        let huge = handshake(server.addr, &format!("/?token={}", "x".repeat(60_000)), "");
        assert_eq!(ask(server.addr, &huge).await.status, 431);
    })
    .await;
}

#[tokio::test]
async fn t15_only_a_parameter_of_exactly_this_name_is_a_token() {
    in_both_modes(TOKEN, async |server, says| {
        for query in [
            format!("TOKEN={TOKEN}"),
            format!("Token={TOKEN}"),
            format!("x=1;token={TOKEN}"),
            format!("token%00={TOKEN}"),
            format!("token[]={TOKEN}"),
            format!("%20token={TOKEN}"),
            format!("access_token={TOKEN}"),
            format!("x=token={TOKEN}"),
            format!("#token={TOKEN}"),
            TOKEN.to_owned(),
        ] {
            let answer = show(server.addr, &format!("/?{query}"), "").await;
            assert_eq!(answer, says.missing(), "{query}");
        }
        for right in [format!("x=1&token={TOKEN}"), format!("%74%6fken={TOKEN}&x")] {
            assert_eq!(
                show(server.addr, &format!("/?{right}"), "").await,
                LetIn,
                "{right}"
            );
        }
        // A target with the host in it has a query, too.
        let absolute = format!("http://{}/?token={TOKEN}", server.addr);
        assert_eq!(show(server.addr, &absolute, "").await, LetIn);
    })
    .await;
}

/// `show` and `accepted` check that no subprotocol comes back.
#[tokio::test]
async fn t16_a_token_in_a_subprotocol_is_none_and_is_not_echoed() {
    in_both_modes(TOKEN, async |server, says| {
        for protocol in [
            format!("bearer.{TOKEN}"),
            TOKEN.to_owned(),
            format!("token, {TOKEN}"),
        ] {
            let line = format!("Sec-WebSocket-Protocol: {protocol}\r\n");
            assert_eq!(show(server.addr, "/", &line).await, says.missing());
            accepted(
                server.addr,
                handshake(server.addr, &format!("/?token={TOKEN}"), &line),
            )
            .await;
        }
    })
    .await;
}

/// Three pages on this machine guess without a pause. All clients of this machine have the same
/// address, and a wrong token of one of them costs the others nothing.
#[tokio::test]
async fn t17_the_right_token_is_let_in_while_others_guess() {
    for refuse in [RefuseBy::Http, RefuseBy::Close] {
        let witness = format!("?token={TOKEN}");
        survives_at(&witness, guarded(TOKEN, refuse), async |server| {
            let addr = server.addr;
            let guesses = |page: usize| async move {
                for guess in 0.. {
                    let target = format!("/?token=guess-number-{page}-{guess}");
                    show(addr, &target, "Origin: null\r\n").await;
                }
            };
            let owner = async {
                let right = format!("/?token={TOKEN}");
                guess_at_once(addr, 40, "/").await;
                for origin in ["", "Origin: null\r\n"].repeat(10) {
                    let start = Instant::now();
                    assert_eq!(show(addr, &right, origin).await, LetIn);
                    assert!(start.elapsed() < GUESS_DELAY, "the right one need not wait");
                }
            };
            tokio::select! {
                () = owner => {}
                _ = futures_util::future::join3(guesses(1), guesses(2), guesses(3)) => {}
            }
        })
        .await;
    }
}

/// How long each wrong token waits when there were too many.
const GUESS_DELAY: Duration = Duration::from_secs(1);

/// Shows so many wrong tokens at the same time. Returns the answers, each with its duration.
async fn guess_at_once(addr: SocketAddr, count: usize, path: &str) -> Vec<(Answer, Duration)> {
    let guesses = (0..count).map(|guess| async move {
        let start = Instant::now();
        let target = format!("{path}?token=guess-number-{guess}");
        (show(addr, &target, "").await, start.elapsed())
    });
    futures_util::future::join_all(guesses).await
}

/// In both modes it is HTTP: an upgrade for each guess would be a gift.
#[tokio::test]
async fn t17_too_many_guesses_are_429_and_each_waits_a_second() {
    let modes = [(RefuseBy::Http, 401), (RefuseBy::Close, 1008)];
    for (refuse, code) in modes {
        let witness = format!("?token={TOKEN}");
        survives_at(&witness, guarded(TOKEN, refuse), async |server| {
            let start = Instant::now();
            let answers = guess_at_once(server.addr, 100, "/").await;
            let wrong = Answer::Refused(code, "Invalid token".into());
            let late = Answer::Refused(429, "too many wrong tokens from your address".into());
            let at_once = answers
                .iter()
                .filter(|(answer, _)| *answer == wrong)
                .count();
            let budget = 21 + (10.0 * start.elapsed().as_secs_f64()) as usize;
            assert!((20..=budget).contains(&at_once), "{at_once} of {budget}");
            for (answer, lasted) in answers.iter().filter(|(answer, _)| *answer != wrong) {
                assert_eq!(*answer, late);
                assert!(*lasted >= GUESS_DELAY, "{lasted:?}");
            }
            let stats = get(server.addr, "/stats").await.body;
            assert!(stats.contains("\"refused\":100"), "{stats}");
            // A client without a token is still told so at once.
            let start = Instant::now();
            let missing = Answer::Refused(code, "Authentication required".into());
            assert_eq!(show(server.addr, "/", "").await, missing);
            assert!(start.elapsed() < GUESS_DELAY);
        })
        .await;
    }
}

/// A guess that waits gives its slot back. Each guess here hangs up while it waits.
#[tokio::test]
async fn t17_guesses_never_lock_out_the_right_token() {
    let config = Config {
        max_connections: 3,
        ..guarded(TOKEN, RefuseBy::Http)
    };
    survives_at(&format!("?token={TOKEN}"), config, async |server| {
        let addr = server.addr;
        let mut waited = 0;
        for guess in 0..60 {
            let mut raw = Raw::connect(addr).await;
            let target = format!("/?token=guess-number-{guess}");
            raw.send(handshake(addr, &target, "").as_bytes()).await;
            let answered = tokio::time::timeout(GUESS_DELAY / 10, raw.rest()).await;
            waited += usize::from(answered.is_err());
            raw.stream.set_zero_linger().unwrap();
            drop(raw);
            let right = show(addr, &format!("/?token={TOKEN}"), "").await;
            assert_eq!(right, LetIn, "after {guess} guesses");
        }
        assert!(waited > 0, "no guess had to wait");
    })
    .await;
}

/// Sends a wrong token. Resets the connection when the server has refused `refused` guesses.
async fn guess_and_hang_up(addr: SocketAddr, refused: usize) {
    let mut raw = Raw::connect(addr).await;
    let request = handshake(addr, "/?token=a-guess-that-hangs-up", "");
    raw.send(request.as_bytes()).await;
    let counted = format!("\"refused\":{refused},");
    while !get(addr, "/stats").await.body.contains(&counted) {}
    raw.stream.set_zero_linger().unwrap();
}

/// Sends a wrong token that must wait for its answer. Returns the time until the answer.
async fn delay_of_a_guess(addr: SocketAddr) -> Duration {
    let start = tokio::time::Instant::now();
    let late = Answer::Refused(429, "too many wrong tokens from your address".into());
    assert_eq!(show(addr, "/?token=one-more-guess", "").await, late);
    start.elapsed()
}

/// The delay does not end: the next guess waits too. And the place of a guess that hangs up is
/// not free before the end of its second, so the server has 128 such guesses at most.
#[tokio::test(start_paused = true)]
async fn t17_a_guess_that_hangs_up_keeps_its_delay_and_its_place() {
    let server = serve(guarded(TOKEN, RefuseBy::Http), echo).await;
    guess_at_once(server.addr, 20, "/").await;
    guess_and_hang_up(server.addr, 21).await;
    assert!(delay_of_a_guess(server.addr).await >= GUESS_DELAY);
    // In this second, the address got ten guesses without a delay.
    for guess in 1..=10 + 128 {
        guess_and_hang_up(server.addr, 22 + guess).await;
    }
    assert_eq!(delay_of_a_guess(server.addr).await, Duration::ZERO);
    tokio::time::sleep(2 * GUESS_DELAY).await;
    guess_at_once(server.addr, 20, "/").await;
    assert!(delay_of_a_guess(server.addr).await >= GUESS_DELAY);
}

/// The answer names what to do, and when to come back.
#[tokio::test]
async fn t17_the_429_says_that_the_right_token_needs_no_wait() {
    survives_at(
        &format!("?token={TOKEN}"),
        guarded(TOKEN, RefuseBy::Http),
        async |server| {
            guess_at_once(server.addr, 20, "/").await;
            let told = async {
                loop {
                    let response =
                        ask(server.addr, handshake(server.addr, "/?token=one-more", "")).await;
                    if response.status == 429 {
                        break response;
                    }
                }
            };
            let response = soon("a 429", told).await;
            let seconds = response.header("retry-after").unwrap().parse::<u32>();
            assert!(seconds.unwrap() > 0, "{response:?}");
            assert!(
                response
                    .body
                    .contains("the right one is accepted at any time"),
                "{response:?}"
            );
        },
    )
    .await;
}

fn talkative(refuse: &str) -> Start {
    demo!("2_websocket_echo")
        .env("WEBSOCKET_REQUIRE_AUTH", "true")
        .env("WEBSOCKET_TOKEN", TOKEN)
        .env("WEBSOCKET_REFUSE", refuse)
        .env(
            "RUST_LOG",
            "trace,hyper=trace,tungstenite=trace,tokio_tungstenite=trace",
        )
}

#[tokio::test]
async fn t18_a_token_is_neither_logged_nor_shown() {
    for refuse in ["close", "http"] {
        survives_as_a_program(
            &format!("?token={TOKEN}"),
            talkative(refuse),
            async |demo| {
                let addr = demo.addr;
                let right = format!("/?token={TOKEN}&attempt=0123456789abcdef");
                let wrong = right.replace(TOKEN, "a-wrong-token-somebody-typed");
                let evil = "Origin: https://evil.example\r\n";
                let mut shown = String::new();
                for request in [
                    handshake(addr, &right, ""),
                    handshake(addr, &right, evil),
                    handshake(addr, &right, &bearer("a-wrong-token-somebody-typed")),
                    handshake(addr, &right.replace("/?", "/nowhere?"), ""),
                    handshake(addr, &right, "").replace("Version: 13", "Version: 8"),
                    handshake(addr, &right, "").replace("HTTP/1.1", "HTTP/1.0"),
                    handshake(addr, &right, "").replace("GET", "POST"),
                    handshake(addr, &right, "Content-Length: 5\r\n"),
                    handshake(addr, &right, "X: y\0\r\n"),
                    handshake(addr, "/", &bearer(TOKEN)).replace("Host: ", "Host: evil.example:"),
                    handshake(addr, &wrong, ""),
                    handshake(addr, "/", &bearer("a-wrong-token-somebody-typed")),
                    handshake(addr, &format!("/{TOKEN}/a-wrong-token-somebody-typed"), ""),
                ] {
                    let mut raw = Raw::connect(addr).await;
                    raw.send(request.as_bytes()).await;
                    raw.frame(0x88, &[0x03, 0xe8]).await;
                    shown += &String::from_utf8_lossy(&raw.rest().await);
                }
                for path in ["/", "/stats", "/healthz", "/why?attempt=0123456789abcdef"] {
                    let response = get(addr, path).await;
                    shown += &(response.head + &response.body);
                }
                // Refused last, so logged last.
                refused(addr, handshake(addr, "/last-of-all", ""), 404).await;
                let output = demo
                    .says_times("nothing is served under this path", 3)
                    .await;
                for text in [&shown, &output] {
                    for secret in [TOKEN, "a-wrong-token", "token=", &escaped(TOKEN)] {
                        let known = text.match_indices(secret).any(|(at, _)| {
                            // The help line and the page explain `?token=...` in general.
                            secret != "token=" || !is_explanation(&text[at + secret.len()..])
                        });
                        assert!(!known, "{secret} in {text}");
                    }
                }
                assert!(!output.contains(&"*".repeat(TOKEN.len())), "{output}");
            },
        )
        .await;
    }
    let config = guarded(TOKEN, RefuseBy::Close);
    assert!(!format!("{config:?}").contains(TOKEN) && format!("{config:?}").contains("***"));
}

/// `?token=` as the help line and the page write it: dots, or the end of a string.
fn is_explanation(after: &str) -> bool {
    after.starts_with(|c: char| !c.is_ascii_alphanumeric())
}

/// At `trace`, hyper prints addresses and tungstenite prints frames: with the features we
/// build them with, nothing arrives at all, and `logging.rs` keeps it so.
#[tokio::test]
async fn t19_the_libraries_stay_quiet_whatever_rust_log_says() {
    survives_as_a_program(
        &format!("?token={TOKEN}"),
        talkative("close"),
        async |demo| {
            let mut client = Client::connect(format!("{}?token={TOKEN}", demo.url())).await;
            client.say("hello").await;
            assert_eq!(client.hear_text().await, "Echo: hello");
            client.leave().await;
            // A client that leaves and has sent nothing is a line of the server at debug: the
            // level is in force.
            drop(Raw::connect(demo.addr).await);
            demo.says("DEBUG").await;
            demo.says("conn.closed by the client").await;
            let output = demo.output();
            assert!(!output.contains("TRACE"), "{output}");
            assert!(!output.to_lowercase().contains("sec-websocket"), "{output}");
        },
    )
    .await;
}
