//! The explanations of the course (`docs/explore`): each step of each way, by mouse and by
//! keyboard; the sums; the form on a phone.

use std::fs;

use serde_json::json;
use thirtyfour::Key;

use crate::{
    Url,
    harness::{Demo, Page, Scene, Way},
    root,
};

/// The names of all explanations.
fn explanations() -> Vec<String> {
    let files = fs::read_dir(root().join("docs/explore")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let pages = names.filter_map(|name| Some(name.strip_suffix(".html")?.to_owned()));
    let pages: Vec<_> = pages.collect();
    assert_eq!(pages.len(), 6, "{pages:?}");
    pages
}

/// Text that is shown with a contrast under 4.5:1. SVG text is compared with the shape behind it.
pub const POOR: &str = r"(() => {
    const numbers = (color) => color.match(/[\d.]+/g).map(Number);
    const share = (part) => part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const light = ([red, green, blue]) => 0.2126 * share(red) + 0.7152 * share(green) + 0.0722 * share(blue);
    const paint = (element) => {
        const style = getComputedStyle(element);
        return element instanceof SVGElement ? style.fill : style.backgroundColor;
    };
    const opaque = (color) => color !== 'none' && numbers(color).length === 3;
    const behind = (element) => {
        const ancestors = [];
        for (let part = element; part; part = part.parentElement) ancestors.push(part);
        if (!(element instanceof SVGElement)) return ancestors;
        element.scrollIntoView({ block: 'end' });
        const { left, top, width, height } = element.getBoundingClientRect();
        const stack = document.elementsFromPoint(left + width / 2, top + height / 2);
        return [...stack.slice(stack.indexOf(element) + 1).filter(part => !part.closest('text, svg:root')), ...ancestors.slice(1)]
            .filter(part => !['svg', 'g', 'text'].includes(part.localName));
    };
    const poor = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const shown = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
        if (!shown || !texts.currentNode.data.trim()) continue;
        const style = getComputedStyle(element);
        const color = element instanceof SVGElement ? style.fill : style.color;
        const ground = behind(element).map(paint).find(opaque);
        const [low, high] = [color, ground].map(each => light(numbers(each))).sort((a, b) => a - b);
        if ((high + 0.05) / (low + 0.05) < 4.5) poor.push([texts.currentNode.data, color, ground]);
    }
    return poor;
})()";

/// The page, and the server that it came from.
async fn open(scene: &Scene, name: &str) -> (Page, Option<Demo>) {
    let file = format!("explore/{name}.html");
    match scene.way {
        Way::File => {
            let file = root().join("docs").join(file);
            let url = Url::from_file_path(file).unwrap();
            (scene.open_url(url.as_str()).await, None)
        }
        Way::Http => {
            let demo = scene.start("1_websocket_server", &[]);
            let url = demo.link.join(&format!("course/{file}")).unwrap();
            (scene.open_url(url.as_str()).await, Some(demo))
        }
    }
}

/// The names of the ways of this page; a page with one way has no names.
async fn ways(page: &Page) -> Vec<String> {
    let names = "Array.from(document.querySelectorAll('[data-way]'), button => button.id)";
    let names: Vec<String> = serde_json::from_value(page.value(names).await).unwrap();
    names
}

async fn words(page: &Page, id: &str) -> String {
    let text = page.value(&format!("$('{id}').textContent")).await;
    text.as_str().unwrap().to_owned()
}

/// From the first step to the last, and what each says.
async fn walk(page: &Page, next: impl AsyncFn()) -> Vec<String> {
    let count = page.value("steps.length").await.as_u64().unwrap();
    let mut said = Vec::new();
    for step in 1..=count {
        assert_eq!(
            words(page, "count").await,
            format!("Step {step} of {count}")
        );
        said.push(words(page, "say").await);
        next().await;
    }
    said
}

/// A step has its own sentence. The button and the key lead to the same.
pub async fn each_step_is_reached_by_button_and_by_key(scene: Scene) {
    for name in explanations() {
        let (page, _server) = open(&scene, &name).await;
        let mut ways = ways(&page).await;
        if ways.is_empty() {
            ways.push("back".into()); // a click there changes nothing
        }
        for way in ways {
            page.click(&way).await;
            let clicked = walk(&page, async || page.click("next").await).await;
            for (step, sentence) in clicked.iter().enumerate() {
                assert!(sentence.len() > 20, "{name}, {way}: {sentence}");
                assert!(!clicked[..step].contains(sentence), "{name}: {sentence}");
            }
            page.press(Key::Home).await;
            let pressed = walk(&page, async || page.press(Key::Right).await).await;
            assert_eq!(clicked, pressed, "{name}, {way}");
            page.press(Key::Left).await;
            assert_eq!(words(&page, "say").await, pressed[pressed.len() - 2]);
            page.press(Key::End).await;
            assert_eq!(words(&page, "say").await, pressed[pressed.len() - 1]);
            page.click("back").await;
            assert_eq!(words(&page, "say").await, pressed[pressed.len() - 2]);
        }
        let live = "$('say').getAttribute('aria-live')"; // a screen reader reads the sentence
        assert_eq!(page.value(live).await, "polite", "{name}");
        let console = scene.browser.browser_log().await.unwrap();
        assert!(console.is_empty(), "{name}: {console:?}");
        let mut asked = scene.asked().await;
        asked.retain(|url| !url.ends_with("/favicon.ico")); // by the browser, not by the page
        assert_eq!(asked.len(), 1, "{name} asks {asked:?}");
    }
}

/// Each step of each way at 360 px, in light and dark: no scrolling to the side, text that can be
/// read, targets for a finger. And no motion, where a reader wants none.
pub async fn each_step_fits_a_phone_in_light_and_dark(scene: Scene) {
    let devtools = scene.browser.cdp();
    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    for name in explanations() {
        let (page, _server) = open(&scene, &name).await;
        let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", &phone);
        sized.await.unwrap();
        for scheme in ["light", "dark"] {
            let media = json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] });
            let set = devtools.send_raw("Emulation.setEmulatedMedia", media).await;
            set.unwrap();
            page.reload().await; // ends what has begun to move
            let mut ways = ways(&page).await;
            ways.push("back".into());
            for way in ways {
                page.value(&format!("$('{way}').click()")).await;
                each_step_fits(&page, &format!("{name}, {scheme}, {way}")).await;
            }
            // The check finds a sentence that is too pale.
            page.value("$('say').style.color = 'var(--edge)'").await;
            assert_eq!(page.value(&format!("{POOR}.length")).await, 1, "{name}");
        }
    }
}

async fn each_step_fits(page: &Page, place: &str) {
    let count = page.value("steps.length").await.as_u64().unwrap();
    for step in 0..count {
        page.value(&format!("show({step})")).await;
        let width = page.value("document.documentElement.scrollWidth").await;
        assert_eq!(width, 360, "{place}, step {step}");
        assert_eq!(page.value(POOR).await, json!([]), "{place}, step {step}");
        let moving = page.value("document.getAnimations().length").await;
        assert_eq!(moving, 0, "{place}, step {step}");
    }
    let small = "Array.from(document.querySelectorAll('button, input'))
        .filter(target => target.offsetHeight < 44).map(target => target.id)";
    assert_eq!(page.value(small).await, json!([]), "{place}");
}

/// By double click, the link leads to the file of the chapter. A server has the chapter as a page.
pub async fn each_explanation_leads_to_its_chapter(scene: Scene) {
    for name in explanations() {
        let (page, _server) = open(&scene, &name).await;
        let link = "document.querySelector('footer a')";
        let title = page.value(&format!("{link}.textContent")).await;
        if scene.way == Way::File {
            let file = page.value(&format!("{link}.href")).await;
            let file = Url::parse(file.as_str().unwrap()).unwrap();
            let text = fs::read_to_string(file.to_file_path().unwrap()).unwrap();
            assert!(text.starts_with(&format!("# {}\n", title.as_str().unwrap())));
            continue;
        }
        page.click_on("footer a").await;
        page.until(&format!(
            "document.querySelector('h1')?.textContent === {title}"
        ))
        .await;
    }
}

/// The sum of RFC 6455, and of another key. The second is of openssl.
pub async fn the_sum_of_a_key_is_right(scene: Scene) {
    let (page, _server) = open(&scene, "handshake").await;
    assert_eq!(words(&page, "accept").await, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let sha1 = "b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea";
    assert_eq!(words(&page, "sha1").await, sha1);
    assert_eq!(words(&page, "note").await, "");
    page.write("typed", "AQIDBAUGBwgJCgsMDQ4PEC==").await;
    page.shows("note", "A server may refuse this key").await; // its last bits are not 0
    page.write("typed", "AQIDBAUGBwgJCgsMDQ4PEA==").await;
    assert_eq!(words(&page, "accept").await, "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=");
    assert_eq!(words(&page, "note").await, "");
    // More than one block of SHA-1, and letters of more than one byte.
    page.write("typed", &"ü".repeat(40)).await;
    assert_eq!(words(&page, "accept").await, "rLy4TLskExrYkd8q1iIgFmI4D8A=");
    page.click("random").await;
    assert_eq!(words(&page, "note").await, "");
    page.press(Key::Home).await;
    page.press(Key::Right).await;
    assert!(words(&page, "count").await.starts_with("Step 2"));
}

/// The frames of RFC 6455, section 5.7, and the last and first size of each form of the length.
pub async fn the_bytes_of_a_frame_are_right(scene: Scene) {
    let (page, _server) = open(&scene, "frame").await;
    let bytes = async |id: &str| {
        let spans = format!("Array.from($('{id}').children, byte => byte.textContent).join(' ')");
        page.value(&spans).await.as_str().unwrap().to_owned()
    };
    page.value("show(steps.length - 2)").await;
    assert_eq!(bytes("frame").await, "81 85 37 fa 21 3d 7f 9f 4d 51 58");
    page.press(Key::Right).await;
    assert_eq!(bytes("frame").await, "81 05 48 65 6c 6c 6f");

    page.value("show(0)").await;
    for (size, length) in [
        (125, "fd"),
        (126, "fe 00 7e"),
        (65_535, "fe ff ff"),
        (65_536, "ff 00 00 00 00 00 01 00 00"),
    ] {
        page.value(&format!("useText('x'.repeat({size}))")).await;
        assert_eq!(bytes("length").await, length, "{size} bytes");
    }
    page.click("large").await;
    assert_eq!(bytes("length").await, "ff 00 00 00 00 00 01 00 00");

    page.write("typed", "ü").await;
    page.write("mask", "00 ff 00 f").await;
    page.shows("note", "The key needs 8 digits").await;
    page.write("mask", "00 FF 00 ff").await;
    assert_eq!(words(&page, "note").await, "");
    page.value("show(steps.length - 2)").await;
    assert_eq!(bytes("frame").await, "81 82 00 ff 00 ff c3 43");
}

/// What the model counts: each client's messages, the server's memory, the delay. While one client
/// is frozen, only the log keeps both small.
pub async fn the_counts_of_the_three_designs_are_right(scene: Scene) {
    let (page, _server) = open(&scene, "broadcast").await;
    let counts = async |design: &str| {
        let shown = format!(
            "[...document.querySelectorAll('#{design} .got, #{design} dd')].map(part => part.textContent)"
        );
        let shown: Vec<String> = serde_json::from_value(page.value(&shown).await).unwrap();
        shown.join(", ")
    };
    let frozen = "show(steps.findIndex(({ published, frozen }) => frozen && published === 10))";
    page.value(frozen).await;
    for (design, seen) in [
        ("loop", "got 5, got 2, got 4, 1 message, 5 s, blocks all"),
        (
            "queues",
            "got 10, got 2, got 10, 6 messages, 0 s, its queue grows",
        ),
        (
            "log",
            "got 10, got 2, got 10, 4 messages, 0 s, misses 5 to 6",
        ),
    ] {
        assert_eq!(counts(design).await, seen, "{design}");
    }
    page.value("show(steps.findIndex(({ woke }) => woke))")
        .await;
    for (design, seen) in [
        (
            "loop",
            "got 10, got 10, got 10, 0 messages, 0 s, got all, and all were late",
        ),
        ("queues", "got 10, got 10, got 10, 0 messages, 0 s, got all"),
        (
            "log",
            "got 10, got 8, got 10, 4 messages, 0 s, was told the gap 5 to 6",
        ),
    ] {
        assert_eq!(counts(design).await, seen, "{design}");
    }
}

/// A client that was away has every message once, or is told a gap: in each story, at its end.
pub async fn the_tunnel_loses_nothing_without_a_gap(scene: Scene) {
    let (page, _server) = open(&scene, "tunnel").await;
    for (story, recovered, gaps) in [
        ("short", true, json!([])),
        ("long", false, json!([["k7", "4", "5"]])),
        ("restart", false, json!([["k7", "4", null]])),
    ] {
        page.click(story).await;
        let messages = "steps.flatMap(({ wire }) => wire ?? []).filter(line => line.includes('{'))
            .map(line => JSON.parse(line.slice(line.indexOf('{'))))";
        let of = async |kind: &str, value: &str| {
            let found =
                format!("{messages}.filter(({{ type }}) => type === '{kind}').map({value})");
            page.value(&found).await
        };
        assert_eq!(
            of("joined", "each => each.recovered").await,
            json!([recovered])
        );
        assert_eq!(
            of("gap", "each => [each.epoch, each.from, each.to]").await,
            gaps
        );
        assert_eq!(
            of("ack", "each => each.id").await,
            json!(["a-1"]),
            "{story}"
        );
        page.press(Key::End).await;
        assert_eq!(page.value("$('outbox').dataset.is").await, "hidden");
    }
    let moving =
        "(show(0), document.body.offsetHeight, show(1), document.getAnimations().length > 0)";
    assert_eq!(page.value(moving).await, true);
}
