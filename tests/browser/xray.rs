//! The page of `zcomm xray`: what passes between another page and its server.

use serde_json::json;
use thirtyfour::Key;

use crate::harness::{Demo, Page, Scene, Xray};

const ECHO: &str = "2_websocket_echo";

/// A lesson, an X-ray before it, the lesson's page through it, and the X-ray's page.
async fn watched(
    scene: &Scene,
    lesson: &str,
    settings: &[(&str, &str)],
) -> (Demo, Xray, Page, Page) {
    let demo = scene.start(lesson, settings);
    let xray = scene.xray(&demo);
    let page = scene.open_url(&through(&demo, &xray)).await;
    let seen = scene.open_url(xray.page.as_str()).await;
    seen.shows("status", "live").await;
    (demo, xray, page, seen)
}

/// The link to the lesson's page, by the way of the X-ray.
fn through(demo: &Demo, xray: &Xray) -> String {
    let fragment = demo.link.fragment().unwrap_or_default();
    format!("{}#{fragment}", xray.socket.replacen("ws", "http", 1))
}

/// A row that is seen and has this in it, as an expression.
fn row(words: &str) -> String {
    let words = json!(words);
    format!(
        "Array.from($('frames').children).find(row => !row.hidden && row.innerText.includes({words}))"
    )
}

/// Waits for such a row, and chooses it.
async fn choose(page: &Page, words: &str) {
    page.until(&format!("!!{}", row(words))).await;
    page.value(&format!("{}.click()", row(words))).await;
}

/// The frame that is chosen has this text, byte by byte and as a whole.
async fn shows_frame(page: &Page, text: &str) {
    let digits: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let column = |part: &str| {
        format!("Array.from(document.querySelectorAll('#detail .xor {part}'), e => e.textContent)")
    };
    assert_eq!(page.value(&column("b")).await, json!(digits));
    assert_eq!(
        page.value("document.querySelector('#detail q').textContent")
            .await,
        json!(text)
    );
}

/// And the markup in it stays text.
pub async fn a_frame_is_shown_byte_by_byte(scene: Scene) {
    let (_demo, _xray, lesson, page) = watched(&scene, ECHO, &[]).await;
    lesson.connect().await;
    let text = "Grüße <script>window.pwned = 1</script><img src=x onerror=pwned=1>";
    lesson.say(text).await;
    lesson.shows("log", "Echo: Grüße").await;

    choose(&page, "→\ntext").await;
    shows_frame(&page, text).await;
    // What is shown of the sum is right: masked XOR key = byte, for each.
    let sums = "Array.from(document.querySelectorAll('#detail .xor li'), li => {
        const [masked, key, byte] = Array.from(li.children, e => parseInt(e.textContent, 16));
        return (masked ^ key) === byte;
    })";
    let sums = page.value(sums).await;
    assert_eq!(sums, json!(vec![true; text.len()]));
    for words in [
        "FIN: the last frame",
        "opcode 1: text",
        "MASK: yes",
        "masking key",
    ] {
        page.shows("detail", words).await;
    }
    choose(&page, "←\ntext").await;
    shows_frame(&page, &format!("Echo: {text}")).await;
    page.shows("detail", "MASK: no, a server must not").await;
    assert_eq!(page.value("window.pwned === undefined").await, true);
    assert_eq!(
        page.value("document.querySelectorAll('main script, main img').length")
            .await,
        0
    );
}

pub async fn a_handshake_is_shown_with_its_sum_and_without_its_token(scene: Scene) {
    let (demo, _xray, lesson, page) = watched(&scene, "4_websocket_broadcast", &[]).await;
    lesson.connect().await;
    choose(&page, "HTTP/1.1 101").await;
    for words in [
        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
        "(equal)",
        "speaks WebSocket",
    ] {
        page.shows("detail", words).await;
    }
    choose(&page, "GET /?attempt=").await;
    page.shows("detail", "&token=***").await;
    let fragment = demo.link.fragment().unwrap();
    let token = json!(fragment.strip_prefix("token=").unwrap());
    let all = "document.documentElement.outerHTML + JSON.stringify(Array.from($('frames').children, row => events.get(row)))";
    assert_eq!(
        page.value(&format!("({all}).includes({token})")).await,
        false
    );
    // Its own token is not in sight either.
    assert_eq!(page.value("location.hash").await, "");
    page.reload().await;
    page.shows("status", "live").await;
}

pub async fn rows_are_filtered_by_kind_and_connection(scene: Scene) {
    let (demo, xray, lesson, page) = watched(&scene, ECHO, &[]).await;
    lesson.connect().await;
    lesson.say("the first").await;
    let other = scene.open_url(&through(&demo, &xray)).await;
    other.connect().await;
    other.say("the second").await;
    other.click("disconnect").await;
    other.shows("closed", "Closed: 1000").await;

    let seen = |words: &str| format!("!!{}", row(words));
    let hidden = |words: &str| format!("!{}", row(words));
    for words in [
        "Echo: the first",
        "Echo: the second",
        "→\nclose",
        "HTTP/1.1 101",
    ] {
        page.until(&seen(words)).await;
    }
    // The requests for the page and its files do not hide the WebSocket.
    page.until(&hidden("GET /style.css")).await;
    page.click("files").await;
    page.until(&seen("GET /style.css")).await;
    page.click("files").await;
    page.until(&hidden("GET /style.css")).await;
    page.click("control").await;
    page.until(&hidden("→\nclose")).await;
    page.click("http").await;
    page.until(&hidden("HTTP/1.1 101")).await;
    let second = format!("{}.dataset.conn", row("Echo: the second"));
    page.value(&format!(
        "($('conn').value = {second}, $('conn').dispatchEvent(new Event('change')))"
    ))
    .await;
    page.until(&hidden("Echo: the first")).await;
    page.until(&seen("Echo: the second")).await;
    page.click("data").await;
    page.until(&hidden("Echo: the second")).await;
}

pub async fn a_pause_loses_nothing(scene: Scene) {
    let (_demo, _xray, lesson, page) = watched(&scene, ECHO, &[]).await;
    lesson.connect().await;
    page.until(&format!("!!{}", row("HTTP/1.1 101"))).await;
    page.click("pause").await;
    lesson.say("in the meantime").await;
    page.shows("pause", "(2 waiting)").await;
    assert_eq!(
        page.value(&format!("!{}", row("in the meantime"))).await,
        true
    );
    page.click("pause").await;
    page.until(&format!("!!{}", row("Echo: in the meantime")))
        .await;
    page.shows("pause", "Pause").await;
}

/// The list has at most 1000 rows and shows the number of removed ones.
pub async fn the_list_is_bounded_and_says_so(scene: Scene) {
    let (_demo, _xray, lesson, page) =
        watched(&scene, ECHO, &[("WEBSOCKET_RATE_LIMIT", "off")]).await;
    lesson.connect().await;
    lesson
        .value("Array.from({ length: 700 }, (_, n) => WebSocket.prototype.send.call(socket, `n${n}.`)) && 0")
        .await;
    page.until(&format!("!!{}", row("Echo: n699."))).await;
    assert_eq!(page.value("$('frames').children.length").await, 1000);
    page.shows("gone", "older rows were removed").await;
    let gone = page.value("parseInt($('gone').textContent)").await;
    // Of 1400 frames; and the page and its parts came over HTTP before.
    assert!((400..500).contains(&gone.as_u64().unwrap()), "{gone}");
    // It follows: the newest is in sight.
    page.until("$('frames').scrollTop + $('frames').clientHeight + 40 > $('frames').scrollHeight")
        .await;
}

pub async fn the_arrow_keys_go_from_frame_to_frame(scene: Scene) {
    let (_demo, _xray, lesson, page) = watched(&scene, ECHO, &[]).await;
    lesson.connect().await;
    lesson.say("one").await;
    page.until(&format!("!!{}", row("Echo: one"))).await;
    page.value("$('frames').focus()").await;
    page.press(Key::End).await;
    shows_frame(&page, "Echo: one").await;
    page.press(Key::Up).await;
    shows_frame(&page, "one").await;
    let selected = "document.querySelectorAll('[aria-selected=true]').length";
    assert_eq!(page.value(selected).await, 1);
    assert_eq!(page.value("$('follow').checked").await, false);
    page.press(Key::Home).await;
    page.shows("detail", "open").await;
}

pub async fn the_xray_contacts_only_its_server(scene: Scene) {
    let demo = scene.start(ECHO, &[]);
    let xray = scene.xray(&demo);
    let page = scene.open_url(xray.page.as_str()).await;
    page.shows("status", "live").await;
    let mut asked = scene.asked().await;
    assert!(asked.len() >= 5, "page, styles, scripts, socket: {asked:?}");
    let (host, port) = (xray.page.host_str().unwrap(), xray.page.port().unwrap());
    let host = format!("{host}:{port}");
    asked.retain(|url| {
        !url.split("://")
            .nth(1)
            .unwrap()
            .starts_with(&format!("{host}/"))
    });
    assert!(asked.is_empty(), "{asked:?}");
    let console = scene.browser.browser_log().await.unwrap();
    assert!(console.is_empty(), "{console:?}");
    // Without the token there is nothing to see.
    let stranger = scene.open_url(&format!("http://{host}/")).await;
    stranger.value("sessionStorage.clear()").await;
    stranger.reload().await;
    stranger.shows("closed", "1008").await;
}

pub async fn the_xray_says_when_it_ends(scene: Scene) {
    let (_demo, xray, lesson, page) = watched(&scene, ECHO, &[]).await;
    lesson.connect().await;
    page.until(&format!("!!{}", row("HTTP/1.1 101"))).await;
    drop(xray);
    page.shows("status", "ended").await;
    page.shows("closed", "The frames stay in the list").await;
    choose(&page, "HTTP/1.1 101").await;
    page.shows("detail", "(equal)").await;
}

/// Also with a frame that is wider than the phone.
pub async fn the_xray_fits_a_phone_in_light_and_dark(scene: Scene) {
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": false });
    let devtools = scene.browser.cdp();
    let (_demo, _xray, lesson, page) = watched(&scene, ECHO, &[]).await;
    lesson.connect().await;
    lesson.say(&"wide".repeat(200)).await;
    for (words, shown) in [("HTTP/1.1 101", "(equal)"), ("→\ntext", "masking key")] {
        choose(&page, words).await;
        page.shows("detail", shown).await;
        let sized = devtools
            .send_raw("Emulation.setDeviceMetricsOverride", &phone)
            .await;
        sized.unwrap();
        for scheme in ["light", "dark"] {
            let media =
                json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            devtools
                .send_raw("Emulation.setEmulatedMedia", media)
                .await
                .unwrap();
            page.until(&format!(
                "matchMedia('(prefers-color-scheme: {scheme})').matches"
            ))
            .await;
            assert_eq!(page.value("innerWidth").await, 390);
            let fits = "document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(page.value(fits).await, true, "{words}, {scheme}");
        }
        devtools
            .send_raw("Emulation.clearDeviceMetricsOverride", json!({}))
            .await
            .unwrap();
    }
}
