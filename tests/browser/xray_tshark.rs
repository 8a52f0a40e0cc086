//! A session of a browser, read by the X-ray and by Wireshark. Neither the browser nor Wireshark
//! is our code.

use serde_json::json;

use crate::harness::Scene;

/// Opens a socket and sends each message when the echo of the one before has arrived.
const TALK: &str = "(() => {
    const say = [
        'Hello', 'Grüße, 世界 🌍', '', 'x'.repeat(125), 'y'.repeat(126), 'z'.repeat(65000),
        new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, n) => n),
        new Uint8Array(65535), new Uint8Array(65536).fill(7),
    ];
    window.heard = 0;
    window.talk = new WebSocket(WHERE);
    const next = () => heard < say.length && talk.send(say[heard]);
    talk.onopen = next;
    talk.onmessage = () => { heard += 1; next(); };
    talk.onclose = event => { window.gone = [event.wasClean, event.code, event.reason]; };
})()";

/// Text and bytes with all three forms of the length, pings of the server, a Close frame with a
/// reason. A script can neither send a ping nor split a message; the browser may.
pub async fn wireshark_reads_the_same_in_a_session_of_a_browser(scene: Scene) {
    let settings = [
        ("WEBSOCKET_PING_INTERVAL", "0.1"),
        ("WEBSOCKET_RATE_LIMIT", "off"),
    ];
    let demo = scene.start("2_websocket_echo", &settings);
    let recorder = scene.recorder(&demo);
    let page = scene
        .open_url(&recorder.socket.replacen("ws", "http", 1))
        .await;
    page.value(&TALK.replace("WHERE", &json!(recorder.socket).to_string()))
        .await;
    page.until("heard === 10").await;
    // The browser answers pings by itself and does not report them.
    let pongs = |session: &crate::recorded::Session| session.frames("client", "pong").count();
    recorder.until("a pong", |session| pongs(session) > 0).await;
    page.value("talk.close(3001, 'Tschüs, 世界') || 0").await;
    page.until("window.gone !== undefined").await;
    assert_eq!(
        page.value("gone").await,
        json!([true, 3001, "Tschüs, 世界"])
    );

    let session = recorder.until("the end", |session| session.ended()).await;
    session.is_what_wireshark_reads(&recorder.recording.with_extension("pcap"));
    let count = |from, opcode| session.frames(from, opcode).count();
    assert_eq!((count("client", "text"), count("client", "binary")), (6, 4));
    assert_eq!((count("server", "text"), count("server", "binary")), (6, 4));
    let goodbye = session.frames("client", "close").next().unwrap();
    assert_eq!(
        goodbye["close"],
        json!({ "code": 3001, "reason": "Tschüs, 世界" })
    );
    session.offers_compression_in_vain();
}
