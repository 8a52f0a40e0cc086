//! "Show the wire": each frame of a page's own connections, beside the conversation.

use serde_json::json;
use thirtyfour::Key;

use crate::{
    chat::{TOKEN, enter},
    harness::{Page, Scene, Way},
    lessons,
};

const ECHO: &str = "2_websocket_echo";
const XRAY: &[&str] = &["--xray"];

/// Shows the wire, and goes there.
async fn show(page: &Page) -> Page {
    page.click("wire").await;
    page.until("document.querySelector('iframe') !== null")
        .await;
    page.frame()
}

/// Waits until these are the names of all that passed, from the newest opening on.
async fn passed(wire: &Page, names: &[&str]) {
    let rows = "Array.from($('frames').querySelectorAll('.name'), name => name.textContent)";
    let newest = format!("{rows}.slice({rows}.lastIndexOf('open'))");
    wire.until(&format!("{newest}.join() === {}", json!(names.join(","))))
        .await;
}

/// Whether it was asked to before the page connects, or after.
pub async fn a_page_shows_each_frame_of_its_own_connection(scene: Scene) {
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        let wire = show(&page).await;
        wire.shows("closed", "Press Connect").await;
        page.connect().await;
        passed(&wire, &["open", "request", "response"]).await;
        // Before it, the page and its files were loaded, and other connections are not in it.
        let numbers = "Array.from(new Set(Array.from($('frames').querySelectorAll('.conn'), conn => conn.textContent)))";
        assert_eq!(wire.value(numbers).await, json!(["#1"]));
        page.say("Grüße").await;
        let row = "Array.from($('frames').children).find(row => row.innerText.includes('Grüße'))";
        wire.until(&format!("!!{row}")).await;
        wire.value(&format!("{row}.click()")).await;
        wire.shows("detail", "client → server, text").await;
        wire.shows("detail", "as text Grüße").await;
        let column = "Array.from(document.querySelectorAll('#detail .xor b'), b => b.textContent)";
        assert_eq!(
            wire.value(column).await,
            json!(["47", "72", "c3", "bc", "c3", "9f", "65"])
        );

        // Hidden and shown again, it is there from the beginning.
        page.click("wire").await;
        page.until("document.querySelector('iframe') === null")
            .await;
        let wire = show(&page).await;
        wire.until(&format!("!!{row}")).await;
        page.click("disconnect").await;
        wire.shows("frames", "1000 Goodbye").await;
        wire.shows("frames", "from the server").await;
        // It asks no longer, and looks at the next one.
        wire.shows("closed", "The connection has ended").await;
        page.connect().await;
        wire.shows("status", "live").await;
        passed(&wire, &["open", "request", "response"]).await;
        page.click("disconnect").await;
        page.shows("closed", "Closed: 1000").await;

        let console = scene.browser.browser_log().await.unwrap();
        assert!(console.is_empty(), "{lesson}: {console:?}");
    }
}

pub async fn the_chat_shows_its_wire(scene: Scene) {
    let demo = scene.start("chat_app", &[("WEBSOCKET_TOKEN", TOKEN)]);
    let page = enter(&scene, &demo, "Ada").await;
    let wire = show(&page).await;
    wire.shows("frames", "{\"type\":\"welcome\"").await;
    page.write("message", "Hello").await;
    page.press(Key::Enter).await;
    wire.shows("frames", "{\"type\":\"chat\",\"room\":\"lobby\"")
        .await;
    let all = "document.documentElement.outerHTML";
    let shown = wire
        .value(&format!("{all}.includes({})", json!(TOKEN)))
        .await;
    assert_eq!(shown, false);
}

pub async fn a_refused_handshake_is_on_the_wire(scene: Scene) {
    let settings = [
        ("WEBSOCKET_REFUSE", "http"),
        ("WEBSOCKET_ALLOWED_ORIGINS", "http://a.example"),
    ];
    let demo = scene.start(ECHO, &settings);
    let page = scene.open(&demo).await;
    let wire = show(&page).await;
    // Its own page may always; one from a file may neither connect nor look.
    if scene.way == Way::File {
        page.fails("not allowed").await;
        wire.shows("closed", "Nothing is shown: ").await;
        wire.shows("closed", "origin is not allowed").await;
    } else {
        page.connect().await;
        passed(&wire, &["open", "request", "response"]).await;
    }
}

/// A server that other machines can reach keeps no wire unless it is told to.
pub async fn beyond_this_machine_the_page_says_how_to_get_an_xray(scene: Scene) {
    let demo = scene.start(ECHO, &[("WEBSOCKET_HOST", "0.0.0.0")]);
    let page = scene.open(&demo).await;
    page.connect().await;
    let wire = show(&page).await;
    wire.shows("closed", "this server runs without an X-ray")
        .await;
    wire.shows("closed", "--xray").await;
    // The page does not mind.
    page.say("hello").await;
    page.shows("log", "Echo: hello").await;
}

/// The frame is chosen by itself, so that its bytes are seen at once.
pub async fn send_and_its_bytes_are_on_one_screen(scene: Scene) {
    let size = json!({ "width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": false });
    let devtools = scene.browser.cdp();
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", &size);
        sized.await.unwrap();
        page.connect().await;
        let wire = show(&page).await;
        page.say("Hello").await;
        wire.shows("detail", "as text Hello").await;
        let bottom = "getBoundingClientRect().bottom";
        let send = page.value(&format!("$('send').{bottom}")).await;
        assert!(send.as_f64().unwrap() <= 720.0, "{lesson}");
        let frame = format!("document.querySelector('iframe').{bottom}");
        assert!(
            page.value(&frame).await.as_f64().unwrap() <= 720.0,
            "{lesson}"
        );
        for part in ["$('chosen')", "document.querySelector('#detail .xor b')"] {
            let seen = format!("{part}.{bottom} <= innerHeight");
            assert_eq!(wire.value(&seen).await, true, "{lesson} {part}");
        }
    }
}

/// At its own address it does not connect to the lesson.
pub async fn the_page_of_the_wire_alone_shows_nothing(scene: Scene) {
    let demo = scene.start_with(ECHO, XRAY, &[]);
    let wire = scene
        .open_url(demo.link.join("/xray.html").unwrap().as_str())
        .await;
    wire.shows("closed", "press Show the wire").await;
    assert_eq!(wire.value("viewer").await, json!(null));
}

pub async fn a_page_does_not_see_the_wire_of_another(scene: Scene) {
    let demo = scene.start_with(ECHO, XRAY, &[]);
    let (one, other) = (scene.open(&demo).await, scene.open(&demo).await);
    let mut wires = Vec::new();
    for (page, text) in [(&one, "this is one"), (&other, "this is the other")] {
        page.connect().await;
        wires.push(show(page).await);
        page.say(text).await;
    }
    wires[0].shows("frames", "Echo: this is one").await;
    wires[1].shows("frames", "Echo: this is the other").await;
    let seen = "$('frames').textContent.includes('the other')";
    assert_eq!(wires[0].value(seen).await, false);
    let seen = "$('frames').textContent.includes('is one')";
    assert_eq!(wires[1].value(seen).await, false);
}

pub async fn the_wire_fits_a_phone_in_light_and_dark(scene: Scene) {
    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": false });
    let devtools = scene.browser.cdp();
    let demo = scene.start_with(ECHO, XRAY, &[]);
    let page = scene.open(&demo).await;
    let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", &phone);
    sized.await.unwrap();
    page.connect().await;
    let wire = show(&page).await;
    page.say(&"wide".repeat(200)).await;
    wire.shows("frames", "widewide").await;
    let last = "$('frames').lastElementChild.click()";
    wire.value(last).await;
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let set = devtools.send_raw("Emulation.setEmulatedMedia", media).await;
        set.unwrap();
        for shown in [&page, &wire] {
            let wide =
                "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(shown.value(wide).await, 0, "{scheme}");
        }
    }
}
