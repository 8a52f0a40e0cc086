//! The picture of a lesson in the README: `docs/figures/lesson-light.webp` and `lesson-dark.webp`.
//!
//! This command makes the pictures anew, after a change of the page:
//!
//! ```text
//! UPDATE_DOCS=1 cargo test -p browser-tests --test browser -- picture
//! ```

use std::fs;

use data_encoding::BASE64;
use serde_json::json;

use crate::harness::{Scene, root, variable};

/// A picture that is larger makes the README slow.
const MOST_BYTES: usize = 120_000;
const SIZE: (u32, u32) = (1360, 765);

/// The page can be shown as the pictures show it. The pictures exist, and are small.
pub async fn the_readme_has_a_picture_of_a_lesson(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    let devtools = scene.browser.cdp();
    let size =
        json!({ "width": SIZE.0, "height": SIZE.1, "deviceScaleFactor": 1, "mobile": false });
    let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", size);
    sized.await.unwrap();
    page.connect().await;
    page.say("Hello").await;
    page.logs("message", "Echo: Hello").await;
    page.write("message", "How are you?").await;
    page.click("send").await;
    page.logs("message", "Echo: How are you?").await;
    // The port of this test is another one in each run.
    page.value("$('server').value = 'ws://127.0.0.1:8765/'")
        .await;
    page.value("document.activeElement.blur()").await;
    page.until("document.querySelector('#code .latest').textContent.includes('\"message\"')")
        .await;
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let set = devtools.send_raw("Emulation.setEmulatedMedia", media);
        set.await.unwrap();
        let is_set = format!("matchMedia('(prefers-color-scheme: {scheme})').matches");
        page.until(&is_set).await;
        let file = root().join(format!("docs/figures/lesson-{scheme}.webp"));
        if variable("UPDATE_DOCS").is_some() {
            let format = json!({ "format": "webp", "quality": 90 });
            let picture = devtools.send_raw("Page.captureScreenshot", format).await;
            let picture = picture.unwrap()["data"].as_str().unwrap().to_owned();
            fs::write(&file, BASE64.decode(picture.as_bytes()).unwrap()).unwrap();
        }
        let picture = fs::read(&file).unwrap();
        assert!(picture.len() <= MOST_BYTES, "{scheme}: {}", picture.len());
        assert_eq!(&picture[8..12], b"WEBP", "{scheme}");
    }
}
