//! The pages in a real browser. Read in order, the test names are the specification.
//!
//! Each page works by double click and from its own server, and most tests run in both
//! ways: `[file://]` and `[http://]` (or `[https://]`, with an authority that the browser
//! trusts). Run some by a part of their name:
//! `cargo test -p browser-tests token`.

#![allow(unreachable_pub, reason = "a test program is not a library")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod attacks;
mod chat;
#[path = "../children.rs"]
mod children;
mod closes;
mod course;
mod explore;
#[cfg(unix)]
mod grader;
mod harness;
mod picture;
#[path = "../xray/recorded.rs"]
mod recorded;
mod strangers;
mod wire;
#[path = "../xray/wireshark.rs"]
mod wireshark;
mod xray;
mod xray_tshark;

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use attacks::*;
use chat::*;
use closes::*;
use course::*;
use explore::*;
#[cfg(unix)]
use grader::*;
use harness::{Demo, Page, Scene, Stage, TLS, Tools, Way, root, variable};
use libtest_mimic::{Arguments, Completion, Trial};
use picture::*;
use reqwest::Url;
use serde_json::json;
use strangers::*;
use thirtyfour::Key;
use wire::*;
use xray::*;
use xray_tshark::*;

const INSTALL: &str = "Debian, Ubuntu: apt-get install chromium chromium-driver libnss3-tools
macOS, Windows: install Chrome, and put the chromedriver of the same version on PATH";

const SECURE: &str = "3_websocket_secure";

/// Each lesson, one after the other, started. The third needs a browser that trusts it.
fn lessons(scene: &Scene) -> impl Iterator<Item = (&'static str, Demo)> {
    lessons_with(scene, &[])
}

/// The same with arguments.
fn lessons_with(scene: &Scene, arguments: &[&str]) -> impl Iterator<Item = (&'static str, Demo)> {
    let secure = scene.trusting.then_some((SECURE, &TLS[..]));
    let plain = [
        "1_websocket_server",
        "2_websocket_echo",
        "4_websocket_broadcast",
    ];
    let all = plain
        .map(|lesson| (lesson, &[][..]))
        .into_iter()
        .chain(secure);
    all.map(move |(lesson, settings)| (lesson, scene.start_with(lesson, arguments, settings)))
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two browsers at a time are enough for a laptop.
    arguments.test_threads.get_or_insert(2);

    let tools = Tools::find();
    let trusting = tools.clone().and_then(Tools::trusting);
    if let Err(missing) = &trusting {
        let skipped = if tools.is_ok() { "over TLS " } else { "" };
        eprintln!("\nThe browser tests {skipped}are SKIPPED: {missing}.\n{INSTALL}\n");
        if variable("CI").is_some_and(|value| value == "true") {
            eprintln!("With CI=true that is a FAILURE.");
            return ExitCode::FAILURE;
        }
    }

    // Set when the first test needs it, so that a filter costs nothing.
    let stage = Arc::new(OnceLock::new());
    let mut trials = Vec::new();
    macro_rules! tests {
        ($tools:ident, $kind:literal, $way:expr, $($name:ident)*) => {$({
            let (tools, stage) = ($tools.clone(), Arc::clone(&stage));
            let trial = Trial::ignorable_test(stringify!($name), move || match tools {
                Ok(tools) => {
                    stage.get_or_init(|| Stage::set(tools)).play($way, $name);
                    Ok(Completion::Completed)
                }
                Err(missing) => Ok(Completion::ignored_with(missing)),
            });
            trials.push(trial.with_kind($kind));
        })*};
    }
    macro_rules! tests_in_both_ways {
        ($($name:ident)*) => {
            tests!(tools, "file://", Way::File, $($name)*);
            tests!(tools, "http://", Way::Http, $($name)*);
        };
    }
    tests_in_both_ways! {
        the_steps_of_a_life_light_up_and_the_clients_are_counted
        a_server_that_stops_says_so
        a_server_that_is_killed_is_explained
        the_command_that_starts_the_server_is_named
        text_comes_back_with_echo_before_it
        bytes_come_back_unchanged
        html_in_a_message_stays_text
        the_code_panel_shows_the_script_and_lights_it_up
        the_keyboard_alone_is_enough
        two_windows_receive_each_others_messages
        the_token_in_the_link_is_not_left_in_sight
        a_wrong_token_is_explained
        no_token_is_explained
        a_refusal_over_http_is_explained
        each_page_takes_the_token_of_the_link
        a_page_contacts_only_its_server_and_logs_no_error
        larger_type_by_one_key
        the_page_fits_a_phone_in_light_and_dark
        a_lesson_leads_to_its_chapter
    }
    // The course, as every lesson serves it.
    tests!(
        tools,
        "http://",
        Way::Http,
        every_chapter_is_shown
        each_question_answers_when_it_is_clicked
        a_button_copies_the_command_alone
        the_code_of_a_chapter_has_colours
        the_browser_keeps_the_progress
        a_link_without_a_server_says_what_to_start
        the_readme_has_a_picture_of_a_lesson
        the_slides_follow_the_keys
        slides_and_hand_out_can_be_printed
        the_search_finds_sections
        a_result_of_the_search_leads_to_its_section
        the_text_is_reached_by_keyboard
        the_course_fits_a_phone_in_light_and_dark
    );
    tests!(
        tools,
        "http://",
        Way::Http,
        mistakes_do_what_the_course_says
        a_close_is_explained_without_saying_a_thing_twice
        nothing_moves_when_the_state_changes
        status_and_code_are_in_view
        targets_are_44_pixels_high
        the_handler_of_a_refused_client_does_not_light_up
    );
    // The wire of a page.
    tests_in_both_ways! {
        a_page_shows_each_frame_of_its_own_connection
        the_chat_shows_its_wire
        a_refused_handshake_is_on_the_wire
    }
    tests!(
        trusting,
        "https://",
        Way::Http,
        a_page_shows_each_frame_of_its_own_connection
    );
    tests!(
        tools,
        "http://",
        Way::Http,
        the_page_of_the_wire_alone_shows_nothing
        beyond_this_machine_the_page_says_how_to_get_an_xray
        send_and_its_bytes_are_on_one_screen
        a_page_does_not_see_the_wire_of_another
        the_wire_fits_a_phone_in_light_and_dark
    );
    // The explanations of the course.
    tests_in_both_ways! {
        each_step_is_reached_by_button_and_by_key
        each_explanation_leads_to_its_chapter
        the_sum_of_a_key_is_right
        the_bytes_of_a_frame_are_right
    }
    tests!(
        tools,
        "http://",
        Way::Http,
        the_counts_of_the_three_designs_are_right
        the_tunnel_loses_nothing_without_a_gap
        each_step_fits_a_phone_in_light_and_dark
    );
    // The browser itself, graded as a client.
    #[cfg(unix)]
    tests!(tools, "http://", Way::Http, a_browser_is_graded_as_a_client);
    // The chat. What does not depend on the way is seen in one of them.
    tests_in_both_ways! {
        the_users_in_a_room_are_shown
        what_was_missed_is_recovered
        the_conversation_goes_on_after_a_restart
        a_message_to_a_stopped_server_is_sent_later
        a_refusal_stops_the_reconnecting
        a_reload_comes_back_as_the_same_person
        the_chat_contacts_only_its_server_and_shows_no_secret
    }
    tests!(
        tools,
        "http://",
        Way::Http,
        users_have_different_colours
        the_list_of_users_says_when_it_is_old
        a_phone_shows_who_is_here
        a_name_that_is_taken_gets_a_number
        typing_appears_and_disappears
        a_private_message_is_for_one_alone
        a_message_to_an_unknown_user_is_marked_as_not_sent
        rooms_keep_apart_and_count_what_is_unread
        the_ninth_room_is_refused_with_a_reason
        a_message_to_everyone_is_seen_in_every_room
        history_is_shown_to_later_users
        no_name_is_special
        a_long_outbox_arrives_in_its_order
        a_message_whose_ack_is_lost_is_shown_once
        a_message_that_was_delivered_is_not_sent_again_by_a_new_session
        a_message_that_is_sent_twice_is_shown_once
        an_id_of_ours_in_anothers_message_is_not_ours
        the_waits_grow_to_30_seconds
        the_page_retries_at_once_when_it_is_visible_again
        a_connection_that_falls_silent_is_replaced
        a_bad_name_is_refused
        a_room_cannot_be_named_like_a_log
        an_enter_that_ends_a_composition_sends_nothing
        a_goodbye_frees_the_name
        a_session_that_moved_to_another_tab_is_not_taken_back
        a_reload_knows_what_was_read
        a_gap_is_always_shown
        a_position_is_shown_with_its_digest
        the_chat_needs_only_a_keyboard
        the_chart_shows_messages_per_second
        the_chat_fits_a_phone_in_light_and_dark
    );
    tests!(
        tools,
        "file://",
        Way::File,
        the_page_comes_back_only_after_the_codes_of_the_table
        the_page_comes_back_after_too_slow
        the_waits_grow_although_each_connection_is_welcomed
    );
    // Pages away from home.
    tests!(
        tools,
        "http://",
        Way::Http,
        a_page_of_another_web_server_names_the_origin_to_allow
        a_page_says_where_the_token_of_this_run_is
        the_browser_stops_a_page_that_is_not_of_this_machine
        a_page_behind_the_back_button_has_lost_its_connection
    );
    #[cfg(target_os = "linux")]
    tests!(
        tools,
        "http://",
        Way::Http,
        a_public_page_sends_no_handshake_to_this_machine
    );
    tests!(
        tools,
        "file://",
        Way::File,
        a_server_that_is_not_of_this_course_is_asked_once
        a_page_that_was_copied_alone_names_the_missing_files
    );
    // The attacks of chapter 4, against servers without a guard, and with one.
    tests!(
        tools,
        "http://",
        Way::Http,
        a_strangers_page_acts_as_the_visitor_where_a_cookie_is_all_that_is_asked_for
        a_strangers_page_is_kept_out_by_its_origin
        a_strangers_origin_on_the_list_opens_the_door
        a_double_clicked_attack_lacks_the_token
        a_strangers_name_for_this_machine_is_not_this_server
        a_page_cannot_set_a_header_on_a_websocket
        a_token_in_a_pages_address_is_handed_on
    );
    tests!(
        tools,
        "http://",
        Way::Http,
        a_frame_is_shown_byte_by_byte
        a_handshake_is_shown_with_its_sum_and_without_its_token
        rows_are_filtered_by_kind_and_connection
        a_pause_loses_nothing
        the_list_is_bounded_and_says_so
        the_arrow_keys_go_from_frame_to_frame
        the_xray_contacts_only_its_server
        the_xray_says_when_it_ends
        the_xray_fits_a_phone_in_light_and_dark
        wireshark_reads_the_same_in_a_session_of_a_browser
    );
    tests!(
        tools,
        "file://",
        Way::File,
        a_foreign_origin_is_refused_and_explained
    );
    tests!(tools, "http://", Way::Http, without_a_token_every_client_may_send a_smuggled_script_does_not_run);
    tests!(trusting, "https://", Way::Http, a_trusted_authority_opens_wss mixed_content_is_explained);
    tests!(
        trusting,
        "https://",
        Way::Http,
        the_chat_is_encrypted_where_its_page_is
    );
    tests!(
        trusting,
        "file://",
        Way::File,
        a_trusted_authority_opens_wss
        an_untrusted_certificate_is_explained
        a_refusal_over_tls_is_explained
        the_wrong_one_of_ws_and_wss_is_explained
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Connecting, open, closing, closed: a connection is in one of these at any time.
async fn the_steps_of_a_life_light_up_and_the_clients_are_counted(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = scene.open(&demo).await;
    page.shows("status", "no socket yet").await;
    page.connect().await;
    let step = "$('life').querySelector('[aria-current]').textContent";
    page.until(&format!("{step}.startsWith('OPEN')")).await;
    page.until("$('clients').textContent === '1'").await;

    let second = scene.open(&demo).await;
    second.connect().await;
    page.until("$('clients').textContent === '2'").await;

    page.click("disconnect").await;
    page.shows("status", "CLOSED 3").await;
    page.shows("closed", "Closed: 1000 — normal closure").await;
    page.until(&format!("{step}.startsWith('CLOSED')")).await;
    second.until("$('clients').textContent === '1'").await;
}

/// A server that goes in good order sends a Close frame first. (Windows has no SIGTERM.)
async fn a_server_that_stops_says_so(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = scene.open(&demo).await;
    page.connect().await;
    #[cfg(unix)]
    {
        demo.stop();
        // The reason says what the code means, so the page says it once.
        let words = "Closed: 1001 — Server shutting down";
        page.shows("closed", words).await;
        page.shows("status", "CLOSED 3").await;
    }
}

/// A reason that repeats the meaning of the code replaces it; any other reason is added.
async fn a_close_is_explained_without_saying_a_thing_twice(scene: Scene) {
    let page = scene.open(&scene.start("1_websocket_server", &[])).await;
    let hint = "(WEBSOCKET_MAX_MESSAGE_BYTES on the server)";
    for (code, reason, sentence) in [
        (1000, "", "1000 — normal closure".to_owned()),
        (
            1001,
            "Server shutting down",
            "1001 — Server shutting down".to_owned(),
        ),
        (
            1008,
            "Invalid token",
            "1008 — refused by the server's policy (Invalid token)".to_owned(),
        ),
        (
            1009,
            "Message too big",
            format!("1009 — Message too big {hint}"),
        ),
        (
            1009,
            "at most 64",
            format!("1009 — the message was too big {hint}: at most 64"),
        ),
        (
            4999,
            "x",
            "4999 — a code of this application (x)".to_owned(),
        ),
    ] {
        let explained = format!("explain({})", json!({ "code": code, "reason": reason }));
        assert_eq!(page.value(&explained).await, json!(sentence));
    }
}

/// A server that is gone cannot say so: the browser reports 1006, the page finds out more.
async fn a_server_that_is_killed_is_explained(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = scene.open(&demo).await;
    page.connect().await;
    drop(demo);
    page.shows("status", "CLOSED 3").await;
    let words = "Closed: 1006 — the connection broke without a Close frame (the server was killed";
    page.shows("closed", words).await;
    let words = "and now no server answers at ws://127.0.0.1:";
    page.shows("closed", words).await;
}

/// The most common mistake is not to start the server.
async fn the_command_that_starts_the_server_is_named(scene: Scene) {
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        let address = demo.socket.trim_end_matches('/').to_owned();
        drop(demo);
        page.fails(&format!("Closed: 1006 — no server answers at {address}"))
            .await;
        // As it is seen: lesson 3 has a list of steps for it.
        let command = format!("Start it: cargo run --bin {lesson}");
        page.until(&format!("document.body.innerText.includes('{command}')"))
            .await;
    }
}

async fn text_comes_back_with_echo_before_it(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    page.connect().await;
    for text in ["Hello", "Grüße, 世界 🌍", ""] {
        page.say(text).await;
        page.logs("send", text).await;
        page.logs("message", &format!("Echo: {text}")).await;
    }
}

/// Bytes are shown as digits, because bytes are not text.
async fn bytes_come_back_unchanged(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    page.connect().await;
    page.click("send-binary").await;
    page.shows("log", "4 bytes: ").await;
    let sent = page.value("$('log').querySelector('[data-event=send] .text').textContent");
    let sent = sent.await;
    page.logs("message", sent.as_str().unwrap()).await;
}

/// Chapter 2 of the course lists common mistakes and what a browser does with them.
async fn mistakes_do_what_the_course_says(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[("WEBSOCKET_RATE_LIMIT", "off")]);
    let page = scene.open(&demo).await;
    let found = page.value(
        r#"(async () => {
            const found = [];
            const attempt = (act) => {
                try { act(); found.push("no error"); }
                catch (error) { found.push(`${error.name}: ${error.message}`); }
            };
            const socket = new WebSocket($("server").value);
            const next = (event) => new Promise((done) => socket.addEventListener(event, done, { once: true }));
            const answer = async (data) => { socket.send(data); return (await next("message")).data; };
            attempt(() => socket.send("too early"));
            await next("open");
            const echo = await answer("Hello");
            attempt(() => JSON.parse(echo));
            found.push(await answer({ a: 1 }), await answer("\ud800"));
            found.push((await answer(new Uint8Array(4))).constructor.name);
            for (let n = 0; n < 10; n += 1) socket.send("x".repeat(60000));
            found.push(socket.bufferedAmount);
            attempt(() => socket.close(1001));
            socket.close(1000);
            const before = socket.bufferedAmount;
            attempt(() => socket.send("lost"));
            found.push(socket.bufferedAmount - before);
            return found;
        })()"#,
    );
    let found = found.await;
    assert_eq!(
        found,
        json!([
            "InvalidStateError: Failed to execute 'send' on 'WebSocket': Still in CONNECTING state.",
            "SyntaxError: Unexpected token 'E', \"Echo: Hello\" is not valid JSON",
            "Echo: [object Object]",
            "Echo: \u{fffd}",
            "Blob",
            600_000,
            "InvalidAccessError: Failed to execute 'close' on 'WebSocket': The close code must be \
             either 1000, or between 3000 and 4999. 1001 is neither.",
            "no error",
            4,
        ])
    );
}

/// Text from the network never becomes markup.
async fn html_in_a_message_stays_text(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    page.connect().await;
    let html = "<img src=x onerror='document.title = 1'><b>bold</b>";
    page.say(html).await;
    page.logs("message", &format!("Echo: {html}")).await;
    let elements = "document.querySelectorAll('img, b').length";
    assert_eq!(page.value(elements).await, 0);
}

/// The panel cannot drift from what runs: it is read from what runs.
async fn the_code_panel_shows_the_script_and_lights_it_up(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    let file = std::fs::read_to_string(&demo.file).unwrap();
    let file = file.replace("\r\n", "\n");
    let lesson = file.split("// The lesson begins\n").nth(1).unwrap();
    let lesson = lesson.split("// The lesson ends").next().unwrap();
    assert_eq!(page.value("$('code').textContent").await, lesson);
    let handler = include_str!("../../demos/src/bin/2_websocket_echo.rs").replace("\r\n", "\n");
    let handler = &handler[handler.find("async fn echo").unwrap()..];
    assert_eq!(page.value("$('handler').textContent").await, handler);
    let coloured = "Array.from(document.querySelectorAll('#panels .keyword, #panels .string'), e => e.textContent)";
    let coloured = page.value(coloured).await.to_string();
    for token in ["const", "while", "\\\"open\\\""] {
        assert!(coloured.contains(token), "{coloured}");
    }

    // A line glows for a moment only, so the page itself remembers which ones did.
    let remember = "(window.lit = [], new MutationObserver(changes => {
        for (const { target, oldValue } of changes) {
            if (target.matches('.glow') && !/glow/.test(oldValue)) lit.push(target.dataset.event);
        }
    }).observe($('code'), { subtree: true, attributeFilter: ['class'], attributeOldValue: true }))";
    page.value(remember).await;
    page.connect().await;
    page.until("lit.join() === 'new,open'").await;
    page.say("Hello").await;
    page.until("lit.join() === 'new,open,send,message'").await;
    page.click("disconnect").await;
    page.until("lit.join() === 'new,open,send,message,close(),close'")
        .await;
    page.until("$('code').querySelectorAll('.glow').length === 0")
        .await;
    page.until("$('code').querySelector('.latest').dataset.event === 'close'")
        .await;
    // The line of the server, too: its handler has returned.
    page.until("$('handler').querySelector('.latest').textContent.trim() === 'Ok(())'")
        .await;
}

/// The browser opens the connection, and then the server refuses it: its handler has not run.
async fn the_handler_of_a_refused_client_does_not_light_up(scene: Scene) {
    let demo = scene.start("4_websocket_broadcast", &[]);
    let page = scene.open(&demo).await;
    page.write("token", "wrong").await;
    page.click("connect").await;
    page.until("$('code').querySelector('.latest')?.dataset.event === 'close'")
        .await;
    assert_eq!(
        page.value("$('handler').querySelector('.latest')").await,
        json!(null)
    );
    page.write(
        "token",
        demo.link.fragment().unwrap().trim_start_matches("token="),
    )
    .await;
    page.connect().await;
    page.until("$('handler').querySelector('.latest')?.textContent.startsWith('async fn')")
        .await;
}

async fn resize(scene: &Scene, width: u32, height: u32) {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    let devtools = scene.browser.cdp();
    let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", &size);
    sized.await.unwrap();
}

/// The log and the code keep their places from the start to the end of a connection.
async fn nothing_moves_when_the_state_changes(scene: Scene) {
    for (lesson, demo) in lessons(&scene) {
        for (width, height) in [(1280, 720), (1024, 768), (390, 844)] {
            let page = scene.open(&demo).await;
            resize(&scene, width, height).await;
            let places = "['log', 'code', 'handler'].map(id => $(id).getBoundingClientRect().top + scrollY).join()";
            let before = page.value(places).await;
            page.connect().await;
            assert_eq!(page.value(places).await, before, "{lesson} {width} open");
            page.click("disconnect").await;
            page.shows("closed", "Closed: 1000").await;
            assert_eq!(page.value(places).await, before, "{lesson} {width} closed");
        }
    }
}

/// Nobody has to scroll to see the state, or the line that has just run.
async fn status_and_code_are_in_view(scene: Scene) {
    for (lesson, demo) in lessons(&scene) {
        for (width, height) in [(1280, 720), (1024, 768), (390, 844)] {
            let page = scene.open(&demo).await;
            resize(&scene, width, height).await;
            page.connect().await;
            page.say("Hello").await;
            page.until(
                "$('code').querySelector('.latest')?.dataset.event.match(/send|message/) !== null",
            )
            .await;
            for part in [
                "$('closed')",
                "$('send')",
                "$('code').querySelector('.latest')",
            ] {
                let bottom = page
                    .value(&format!("{part}.getBoundingClientRect().bottom"))
                    .await;
                let bottom = bottom.as_f64().unwrap();
                assert!(
                    bottom > 0.0 && bottom <= f64::from(height),
                    "{lesson} {width} {part} {bottom}"
                );
            }
        }
    }
}

/// A finger hits every control.
async fn targets_are_44_pixels_high(scene: Scene) {
    let small = "Array.from(document.querySelectorAll('button, input, summary, label.check, #course a'))
        .filter(e => e.checkVisibility() && !e.closest('.check input') && e.getBoundingClientRect().height < 43.9)
        .map(e => e.outerHTML)";
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        for width in [1280, 390] {
            resize(&scene, width, 844).await;
            assert_eq!(page.value(small).await, json!([]), "{lesson} {width}");
        }
    }
}

/// F2 enlarges everything, also after a reload, and also in the frame of the wire.
async fn larger_type_by_one_key(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    let size = "parseFloat(getComputedStyle(document.documentElement).fontSize)";
    assert_eq!(page.value(size).await, 18);
    page.press(Key::F2).await;
    assert_eq!(page.value(size).await, 26);
    page.reload().await;
    page.until(&format!("{size} === 26")).await;
    page.click("wire").await;
    page.until("document.querySelector('iframe') !== null")
        .await;
    page.frame().until(&format!("{size} === 26")).await;
    page.click("large").await;
    page.frame().until(&format!("{size} < 18")).await;
    assert_eq!(page.value(size).await, 18);
}

/// Enter works by itself, and the focus goes where the next step is.
async fn the_keyboard_alone_is_enough(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    // The link that skips, and four links to the chapters come first.
    for _ in 0..6 {
        page.press(Key::Tab).await;
    }
    page.until("document.activeElement.id === 'server'").await;
    page.press(Key::Enter).await;
    page.shows("status", "OPEN 1").await;
    page.until("document.activeElement.id === 'message'").await;
    page.press("from the keyboard").await; // instead of what was there: it is selected
    page.press(Key::Enter).await;
    page.logs("message", "Echo: from the keyboard").await;
}

async fn two_windows_receive_each_others_messages(scene: Scene) {
    let demo = scene.start("4_websocket_broadcast", &[]);
    receive_each_others_messages(&scene.open(&demo).await, &scene.open(&demo).await).await;
}

/// Each window has exactly the messages of the other, so it did not get its own.
async fn receive_each_others_messages(one: &Page, other: &Page) {
    one.connect().await;
    other.connect().await;
    one.say("is anybody there?").await;
    let question = "client 1 says: is anybody there?";
    assert_eq!(other.logs("message", question).await, json!([question]));
    other.say("I am").await;
    let answer = "client 2 says: I am";
    assert_eq!(one.logs("message", answer).await, json!([answer]));
}

/// The token in the link is for the page, not for the projector.
async fn the_token_in_the_link_is_not_left_in_sight(scene: Scene) {
    let demo = scene.start("4_websocket_broadcast", &[]);
    let token = demo
        .link
        .fragment()
        .unwrap()
        .strip_prefix("token=")
        .unwrap();
    let page = scene.open(&demo).await;
    page.until("/^[A-Z][2-9] · Broadcast$/.test(document.title)")
        .await;
    page.until("$('window').textContent === `window ${document.title.split(' ')[0]}`")
        .await;
    page.connect().await;
    assert_eq!(page.value("$('token').value").await, token);
    let in_sight = "[location.href, document.title, document.body.innerText].join()";
    let in_sight = page.value(in_sight).await;
    assert!(!in_sight.as_str().unwrap().contains(token), "{in_sight}");
}

async fn a_wrong_token_is_explained(scene: Scene) {
    let demo = scene.start("4_websocket_broadcast", &[]);
    let page = scene.open(&demo).await;
    page.write("token", "not the right one").await;
    page.fails("Closed: 1008 — refused by the server's policy (Invalid token). To fix it: ")
        .await;
}

async fn no_token_is_explained(scene: Scene) {
    let demo = scene.start("4_websocket_broadcast", &[]);
    let page = scene.open_as(scene.way, &demo, None).await;
    let words = "Closed: 1008 — refused by the server's policy (Authentication required). To fix";
    page.fails(words).await;
}

/// A page gets only 1006 from the browser; `/why` has the reason.
async fn a_refusal_over_http_is_explained(scene: Scene) {
    let demo = scene.start("4_websocket_broadcast", &[("WEBSOCKET_REFUSE", "http")]);
    let page = scene.open(&demo).await;
    page.write("token", "not the right one").await;
    page.fails("the server refused the handshake with HTTP 401: Invalid token. To fix it: ")
        .await;
}

/// A double-clicked file is no page of that site; the server's own page needs no list.
async fn a_foreign_origin_is_refused_and_explained(scene: Scene) {
    let site = ("WEBSOCKET_ALLOWED_ORIGINS", "https://app.example.com");
    let demo = scene.start("2_websocket_echo", &[site]);
    let page = scene.open(&demo).await;
    page.fails("HTTP 403: this page's origin is not allowed. To fix it: open the page that")
        .await;
    scene.open_as(Way::Http, &demo, None).await.connect().await;
}

/// Every lesson, with the lines in `.zEnv` that `zcomm certs` prints.
async fn a_trusted_authority_opens_wss(scene: Scene) {
    let demo = scene.start("1_websocket_server", &TLS);
    let page = scene.open(&demo).await;
    page.connect().await;
    page.until("$('clients').textContent === '1'").await; // asked by https

    let demo = scene.start("2_websocket_echo", &TLS);
    let page = scene.open(&demo).await;
    page.connect().await;
    page.say("Hello").await;
    page.logs("message", "Echo: Hello").await;

    let demo = scene.start(SECURE, &TLS);
    let page = scene.open(&demo).await;
    page.connect().await;
    page.logs("open", "encrypted").await;
    page.say("Hello").await;
    page.logs("message", "Hello").await;
    page.shows(
        "known",
        &format!("url\"{}?attempt=…\"readyState1", demo.socket),
    )
    .await;

    let demo = scene.start("4_websocket_broadcast", &TLS);
    receive_each_others_messages(&scene.open(&demo).await, &scene.open(&demo).await).await;
}

/// Without settings, lesson 3 makes a new authority, which no browser trusts.
async fn an_untrusted_certificate_is_explained(scene: Scene) {
    let demo = scene.start(SECURE, &[]);
    let page = scene.open(&demo).await;
    page.until("$('steps').offsetHeight === 0").await;
    page.fails(
        "does not trust its certificate; the browser does not tell scripts which of the two",
    )
    .await;
    page.until("$('steps').offsetHeight > 0").await;
    page.shows("steps", "cargo run --bin zcomm -- certs").await;
    page.until(&format!("$('look').href === '{}'", demo.link))
        .await;

    // Another lesson's page has no list of steps, but a sentence.
    let echo = scene.start("2_websocket_echo", &[]);
    let other = scene.open(&echo).await;
    other.write("server", &demo.socket).await;
    other
        .fails(&format!("Or open {} in a new tab", demo.link))
        .await;

    // The way of the second step.
    let warning = scene.open_as(Way::Http, &demo, None).await;
    warning
        .shows("error-code", "ERR_CERT_AUTHORITY_INVALID")
        .await;
    warning.value("$('proceed-link').click()").await;
    warning.until("document.title.startsWith('Secure')").await;
    page.connect().await;
    page.until("$('steps').offsetHeight === 0").await;
}

async fn a_refusal_over_tls_is_explained(scene: Scene) {
    let site = ("WEBSOCKET_ALLOWED_ORIGINS", "https://app.example.com");
    let demo = scene.start(SECURE, &[TLS[0], TLS[1], TLS[2], site]);
    let page = scene.open(&demo).await;
    page.fails("HTTP 403: this page's origin is not allowed. To fix it: ")
        .await;
    page.until("$('steps').offsetHeight === 0").await;
}

async fn the_wrong_one_of_ws_and_wss_is_explained(scene: Scene) {
    for (settings, wrong, right) in [(&TLS[..], "ws:", "wss:"), (&[], "wss:", "ws:")] {
        let demo = scene.start("2_websocket_echo", settings);
        let page = scene.open(&demo).await;
        page.write("server", &demo.socket.replace(right, wrong))
            .await;
        let address = demo.socket.trim_end_matches('/');
        assert!(address.starts_with(right));
        // A port with TLS answers plain HTTP, too, so the page has its own words.
        let words = match wrong {
            "ws:" => "this port speaks TLS. To fix it: use wss://".to_owned(),
            _ => format!("a server answers at {address} instead"),
        };
        page.fails(&words).await;
    }
}

/// The server's policy is stricter than the browser, so that one is set aside for a look.
async fn mixed_content_is_explained(scene: Scene) {
    let demo = scene.start(SECURE, &TLS);
    let page = scene.open(&demo).await;
    page.click("mixed").await;
    page.click("plain").await;
    page.shows("closed", "only with TLS (ws:// is mixed content)")
        .await;

    let bypass = json!({ "enabled": true });
    let devtools = scene.browser.cdp();
    devtools
        .send_raw("Page.setBypassCSP", &bypass)
        .await
        .unwrap();
    scene.browser.refresh().await.unwrap();
    page.write("server", "ws://192.0.2.1/").await; // an address for documentation: no server has it
    page.click("connect").await;
    page.shows("closed", "Not connected: SecurityError: ").await;

    let origin = demo.link.origin().ascii_serialization();
    let near = scene.start(
        "2_websocket_echo",
        &[("WEBSOCKET_ALLOWED_ORIGINS", &origin)],
    );
    page.write("server", &near.socket).await;
    page.connect().await;
    page.logs("open", "plain text").await;
}

async fn without_a_token_every_client_may_send(scene: Scene) {
    let demo = scene.start("open_broadcast", &[]);
    receive_each_others_messages(&scene.open(&demo).await, &scene.open(&demo).await).await;
}

/// The security policy of a served page allows the page's own script and no other.
async fn a_smuggled_script_does_not_run(scene: Scene) {
    let smuggle = "(() => {
        const script = document.createElement('script');
        script.textContent = 'window.smuggled = true';
        document.body.append(script);
        return window.smuggled ?? 'not run';
    })()";
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        assert_eq!(page.value(smuggle).await, "not run", "{lesson}");
        page.connect().await;
    }
}

/// Everything a page needs is beside it.
async fn a_page_contacts_only_its_server_and_logs_no_error(scene: Scene) {
    let clients = Url::from_file_path(root().join("clients")).unwrap();
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        page.connect().await;
        page.say("Hello").await;
        page.logs("send", "Hello").await;
        page.click("disconnect").await;
        page.shows("closed", "Closed: 1000").await;

        let mut asked = scene.asked().await;
        assert!(asked.len() >= 4, "page, style, script, socket: {asked:?}");
        let http = demo.socket.replacen("ws", "http", 1);
        let own = [demo.socket.as_str(), http.as_str(), clients.as_str()];
        asked.retain(|url| !own.iter().any(|own| url.starts_with(own)));
        assert!(asked.is_empty(), "{lesson} asks {asked:?}");

        let console = scene.browser.browser_log().await.unwrap();
        assert!(console.is_empty(), "{lesson}: {console:?}");
    }
}

/// With a word in the log that is wider than the phone.
async fn the_page_fits_a_phone_in_light_and_dark(scene: Scene) {
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": false });
    let devtools = scene.browser.cdp();
    for (lesson, demo) in lessons(&scene) {
        let page = scene.open(&demo).await;
        let sized = devtools
            .send_raw("Emulation.setDeviceMetricsOverride", &phone)
            .await;
        sized.unwrap();
        page.connect().await;
        page.say(&"wide".repeat(200)).await;
        page.logs("send", &"wide".repeat(200)).await;
        for scheme in ["light", "dark"] {
            let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme },
                    { "name": "prefers-reduced-motion", "value": "reduce" }] });
            let set = devtools.send_raw("Emulation.setEmulatedMedia", media).await;
            set.unwrap();
            page.until(&format!(
                "matchMedia('(prefers-color-scheme: {scheme})').matches"
            ))
            .await;
            assert_eq!(page.value("innerWidth").await, 390);
            let fits = "document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(page.value(fits).await, true, "{lesson}, {scheme}");
            page.until("$('panels').querySelectorAll('.glow').length === 0")
                .await;
            assert_eq!(page.value(POOR).await, json!([]), "{lesson}, {scheme}");
        }
    }
}
