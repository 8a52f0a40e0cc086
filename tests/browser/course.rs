//! The course that each lesson serves: chapters, quiz, search, copy buttons, progress.

use data_encoding::BASE64;
use serde_json::{Value, json};
use thirtyfour::Key;

use super::{Way, lessons};
use crate::harness::{Demo, Page, Scene};

/// The page of the course at this path.
async fn open(scene: &Scene, demo: &Demo, path: &str) -> Page {
    let page = scene.open_url(demo.link.join(path).unwrap().as_str()).await;
    page.until("document.readyState === 'complete'").await;
    page
}

/// The paths of all pages, as the map links them.
async fn pages(map: &Page) -> Vec<String> {
    let links = "Array.from(document.querySelectorAll('.map a'), link => link.pathname)";
    let Value::Array(links) = map.value(links).await else {
        panic!("no map");
    };
    assert!(links.len() > 20, "{links:?}");
    let links = links.iter().map(|link| link.as_str().unwrap().to_owned());
    links.collect()
}

/// A lesson leads to its chapter, the chapter to the next one, and back to the lesson.
pub async fn a_lesson_leads_to_its_chapter(scene: Scene) {
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        let own = "document.querySelector('#course a:not([rel])')";
        let title = page.value(&format!("{own}.textContent")).await;
        if scene.way == Way::File {
            let file = page.value(&format!("{own}.href")).await;
            let file = reqwest::Url::parse(file.as_str().unwrap()).unwrap();
            assert!(file.to_file_path().unwrap().exists(), "{lesson}: {file}");
            continue;
        }
        page.click_on("#course a:not([rel])").await;
        let shown = format!("document.querySelector('h1')?.textContent === {title}");
        page.until(&shown).await;
        let next = "document.querySelector('a[rel=next]').textContent";
        let next = page.value(next).await;
        page.click_on("a[rel=next]").await;
        page.until(&format!(
            "document.querySelector('h1')?.textContent === {next}"
        ))
        .await;
        page.click_on("header a[href='/']").await;
        page.until("$('connect') !== null || $('entrance') !== null")
            .await;
    }
}

/// Every page has its title, shows its pictures, and asks only its own server.
pub async fn every_chapter_is_shown(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/").await;
    for path in pages(&page).await {
        let marked =
            format!("document.querySelector('#contents [aria-current]').pathname === '{path}'");
        page.goto(demo.link.join(&path).unwrap().as_str()).await;
        page.until("document.readyState === 'complete'").await;
        assert_eq!(page.value(&marked).await, true, "{path}");
        let broken = "Array.from(document.images).filter(image => !image.naturalWidth).length";
        assert_eq!(page.value(broken).await, 0, "{path}");
        let twice = "Array.from(document.querySelectorAll('[id]'), one => one.id)
            .filter((id, at, all) => all.indexOf(id) !== at)";
        assert_eq!(page.value(twice).await, json!([]), "{path}");
    }
    let own = demo.link.as_str();
    let asked = scene.asked().await;
    assert!(asked.iter().all(|url| url.starts_with(own)), "{asked:?}");
    let console = scene.browser.browser_log().await.unwrap();
    assert!(console.is_empty(), "{console:?}");
}

/// Every option of every quiz is clicked, and every answer is opened.
pub async fn each_question_answers_when_it_is_clicked(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = open(&scene, &demo, "/course/").await;
    let mut options = 0;
    for path in pages(&page).await {
        page.goto(demo.link.join(&path).unwrap().as_str()).await;
        page.until("document.readyState === 'complete'").await;
        let clicked = page
            .value(
                "[...document.querySelectorAll('.quiz > li')].map(question => {
                    const details = question.querySelector('details');
                    const buttons = [...question.querySelectorAll('.options button')];
                    const verdicts = buttons.map(button => {
                        button.click();
                        return button.dataset.option === button.dataset.chosen && details.open
                            === buttons.some(other => other.dataset.chosen === 'right');
                    });
                    details.open = false;
                    details.querySelector('summary').click();
                    return [verdicts, details.open && details.innerText.length > 10];
                })",
            )
            .await;
        for question in clicked.as_array().unwrap() {
            let verdicts = question[0].as_array().unwrap();
            options += verdicts.len();
            assert!(
                verdicts.iter().all(|verdict| *verdict == true),
                "{path}: {clicked}"
            );
            assert_eq!(question[1], true, "{path}: {clicked}");
        }
    }
    assert!(options > 30, "{options} options");
}

/// With the clipboard of the browser, and without it, as on another machine over http.
pub async fn a_button_copies_the_command_alone(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/1-server.html").await;
    for clipboard in ["navigator.clipboard", "undefined"] {
        let set = format!(
            "(Object.defineProperty(navigator, 'clipboard', {{ value: {clipboard}, configurable: true }}), 0)"
        );
        page.value(&set).await;
        page.click_on(".typed .copy").await;
        page.until("document.querySelector('.typed .copy').textContent === 'Copied'")
            .await;
        page.click("query").await;
        page.press(Key::Control + "a").await;
        page.press(Key::Control + "v").await;
        page.until("$('query').value === 'cargo run --bin 1_websocket_server'")
            .await;
        page.press(Key::Control + "a").await;
        page.press(Key::Delete).await;
        page.reload().await;
    }
}

/// A chapter shows code in the colours of the lesson's page, and changes no character of it.
pub async fn the_code_of_a_chapter_has_colours(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/2-echo.html").await;
    let code = "document.querySelector('.quoted code')";
    let keyword = format!("{code}.querySelector('.keyword').textContent");
    assert_eq!(page.value(&keyword).await, "while");
    let shown = page.value(&format!("{code}.textContent")).await;
    let handler = include_str!("../../demos/src/bin/2_websocket_echo.rs");
    assert!(handler.contains(shown.as_str().unwrap().trim_end()));
}

/// The progress is on the map, also of a lesson on another port, and in no handshake.
pub async fn the_browser_keeps_the_progress(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/start-here.html").await;
    page.click("done").await;
    page.shows("done", "Done ✓").await;
    let other = scene.start("2_websocket_echo", &[]);
    let map = open(&scene, &other, "/course/").await;
    map.shows("progress", "1 of 14 done").await;
    map.shows("continue", "Continue: WebSocket basics").await;
    let lesson = scene.open_url(other.link.as_str()).await;
    assert_eq!(lesson.value("document.cookie").await, "");
    page.click("done").await;
    page.shows("done", "Mark as done").await;
    map.reload().await;
    map.shows("progress", "0 of 14 done").await;
    map.click("continue").await;
    map.until("location.pathname === '/course/start-here.html'")
        .await;
}

/// Between two chapters, a reader stops the lesson.
pub async fn a_link_without_a_server_says_what_to_start(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let port = demo.link.port().unwrap().to_string();
    let page = open(&scene, &demo, "/course/1-server.html").await;
    drop(demo);
    page.click_on("a[rel=next]").await;
    page.until("!$('away').hidden").await;
    let _next = scene.start("2_websocket_echo", &[("WEBSOCKET_PORT", &port)]);
    page.click_on("a[rel=next]").await;
    page.until("location.pathname === '/course/2-echo.html'")
        .await;
}

/// By keyboard alone, and without a server when the list is there.
pub async fn the_search_finds_sections(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/").await;
    page.press("/").await;
    page.press("ping timeout").await;
    page.until("$('found').querySelectorAll('a').length > 2")
        .await;
    page.until("$('found').querySelector('mark') !== null")
        .await;
    page.press(Key::Escape).await;
    page.until("$('found').hidden").await;
    drop(demo);
    page.press(" 1011").await;
    page.until("!$('found').hidden && $('found').querySelector('a') !== null")
        .await;
    page.write("query", "no-such-word-anywhere").await;
    page.shows("found", "0 found").await;
}

/// A click on a result leads to the section.
pub async fn a_result_of_the_search_leads_to_its_section(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/").await;
    page.write("query", "accept loop glossary").await;
    page.until("$('found').querySelector('a') !== null").await;
    page.press(Key::Enter).await;
    page.until("location.hash === '#accept-loop' && document.readyState === 'complete'")
        .await;
    page.until("$('accept-loop').getBoundingClientRect().top < innerHeight")
        .await;
}

/// The first Tab leads to the link that skips the list of chapters.
pub async fn the_text_is_reached_by_keyboard(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/1-server.html").await;
    page.press(Key::Tab).await;
    page.until("document.activeElement.className === 'skip'")
        .await;
    page.press(Key::Enter).await;
    page.until("document.activeElement.id === 'text'").await;
}

/// By keys and by buttons. A click on a question opens its answer.
pub async fn the_slides_follow_the_keys(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/slides.html").await;
    let at = |index: usize| {
        format!(
            "Math.abs(document.querySelectorAll('section')[{index}].getBoundingClientRect().top) < 2"
        )
    };
    for (key, index) in [
        (Key::Right, 1),
        (Key::PageDown, 2),
        (Key::Left, 1),
        (Key::Home, 0),
        (Key::Left, 0),
    ] {
        page.press(key).await;
        page.until(&at(index)).await;
    }
    page.click("next").await;
    page.until(&at(1)).await;
    page.press(Key::End).await;
    page.until("document.querySelector('section:last-of-type').getBoundingClientRect().top < 2")
        .await;
    page.click_on(".predict summary").await;
    page.until("document.querySelector('.predict details').open && !location.hash")
        .await;
    let console = scene.browser.browser_log().await.unwrap();
    assert!(console.is_empty(), "{console:?}");
}

/// A slide is a page of paper, and the hand-out is one sheet.
pub async fn slides_and_hand_out_can_be_printed(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    for (path, wanted) in [
        (
            "/course/slides.html",
            "document.querySelectorAll('section').length",
        ),
        ("/course/instructors/hand-out.html", "2"),
    ] {
        let page = open(&scene, &demo, path).await;
        let pages = page.value(wanted).await.as_u64().unwrap();
        let paper = json!({ "preferCSSPageSize": true });
        let devtools = scene.browser.cdp();
        let printed = devtools.send_raw("Page.printToPDF", paper).await;
        let printed = printed.unwrap();
        let pdf = BASE64.decode(printed["data"].as_str().unwrap().as_bytes());
        let pdf = String::from_utf8_lossy(&pdf.unwrap()).into_owned();
        let count = pdf.lines().filter(|line| line.ends_with("/Type /Page"));
        assert_eq!(count.count() as u64, pages, "{path}");
    }
}

/// What a script can see of the look: nothing wider than the window, contrast of at least 4.5:1,
/// and buttons and links of the frame that a finger can hit.
const LOOK: &str = "(() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
    for (const option of document.querySelectorAll('.options button')) option.click();
    const luminance = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(part => (part /= 255) <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * x + .7152 * y + .0722 * z;
    };
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parts(getComputedStyle(at).backgroundColor);
            if (colour[3] !== 0) return colour;
        }
        return [255, 255, 255];
    };
    const wrong = [];
    if (document.documentElement.scrollWidth > innerWidth) wrong.push('too wide');
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.checkVisibility()) continue;
        const [a, b] = [luminance(parts(getComputedStyle(element).color)), luminance(behind(element))];
        const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (contrast < 4.5) wrong.push(`${contrast.toFixed(1)}: ${element.textContent.slice(0, 40)}`);
    }
    const targets = 'button, summary, input, header a, #contents a, .map a, footer a';
    for (const target of document.querySelectorAll(targets)) {
        const { height } = target.getBoundingClientRect();
        if (height && height < 43.5) wrong.push(`${height} px: ${target.outerHTML.slice(0, 60)}`);
    }
    return wrong;
})()";

pub async fn the_course_fits_a_phone_in_light_and_dark(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = open(&scene, &demo, "/course/").await;
    let devtools = scene.browser.cdp();
    let mut paths = pages(&page).await;
    paths.extend(["/course/".into(), "/course/slides.html".into()]);
    let mut wrong = Vec::new();
    for path in paths {
        page.goto(demo.link.join(&path).unwrap().as_str()).await;
        for (width, scheme) in [
            (360, "light"),
            (390, "dark"),
            (1024, "light"),
            (1400, "dark"),
        ] {
            let size =
                json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
            let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", size);
            sized.await.unwrap();
            let media =
                json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            let set = devtools.send_raw("Emulation.setEmulatedMedia", media);
            set.await.unwrap();
            page.until(&format!(
                "innerWidth === {width} && matchMedia('(prefers-color-scheme: {scheme})').matches"
            ))
            .await;
            let seen = page.value(LOOK).await;
            if seen != json!([]) {
                wrong.push(format!("{path}, {width}, {scheme}: {seen}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
