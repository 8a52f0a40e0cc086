//! Pages away from home: served by another web server, copied alone, or in front of a server that
//! is not of this course. And the token on the pages of all lessons.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::accept_async;

use crate::harness::{Demo, Page, Scene, TLS, Way, root};

/// The first line of each request that a server got.
type Asked = Arc<Mutex<Vec<String>>>;

/// Starts a server that gives each connection and the start of its request to `serve`.
async fn server<F>(
    serve: impl Fn(TcpStream, String) -> F + Send + Sync + 'static,
) -> (String, Asked)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut start = [0; 1024];
            let length = stream.peek(&mut start).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&start[..length]).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            seen.lock().unwrap().push(line);
            tokio::spawn(serve(stream, text));
        }
    });
    (host, asked)
}

async fn answer(mut stream: TcpStream, status: &str, mime: &str, body: Vec<u8>) {
    let mut request = [0; 8192];
    // The browser may have gone.
    let _read = stream.read(&mut request).await.unwrap_or(0);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(&[head.into_bytes(), body].concat())
        .await
        .ok();
}

/// Serves the files of `clients/` as the web server of an editor does. `/` is the page of lesson 2.
async fn serve_file(stream: TcpStream, request: String) {
    let path = request.split(' ').nth(1).unwrap_or("/");
    let name = match path.split('?').next().unwrap_or_default() {
        "/" => "2_client_echo.html",
        name => name.trim_start_matches('/'),
    };
    let mime = match name.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        _ => "text/html",
    };
    match fs::read(root().join("clients").join(name)) {
        Ok(body) => answer(stream, "200 OK", mime, body).await,
        Err(_) => answer(stream, "404 Not Found", "text/html", b"<h1>404".into()).await,
    }
}

/// An echo at `/` alone: every other target, also one with a query, is refused with 404.
async fn strict(stream: TcpStream, request: String) {
    if !request.starts_with("GET / ") || !request.contains("Upgrade: websocket") {
        return answer(stream, "404 Not Found", "text/plain", vec![]).await;
    }
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    use futures_util::{SinkExt, StreamExt};
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            socket.send(message).await.ok();
        }
    }
}

/// The web server of an editor serves the page, and the server of the lesson runs beside it.
pub async fn a_page_of_another_web_server_names_the_origin_to_allow(scene: Scene) {
    let (host, _) = server(serve_file).await;
    let origin = format!("http://{host}");
    let page = scene
        .open_url(&format!("{origin}/2_client_echo.html"))
        .await;
    page.until("$('server').value === 'ws://127.0.0.1:8765/'")
        .await;
    let setting = format!("WEBSOCKET_ALLOWED_ORIGINS={origin} ");
    page.shows("closed", &setting).await;

    let demo = scene.start("2_websocket_echo", &[]);
    page.write("server", &demo.socket).await;
    page.fails(&format!("This page has the origin {origin}"))
        .await;
    let allowed = ("WEBSOCKET_ALLOWED_ORIGINS", origin.as_str());
    let demo = scene.start("2_websocket_echo", &[allowed]);
    page.write("server", &demo.socket).await;
    page.connect().await;

    let chat = scene.open_url(&format!("{origin}/chat_app.html")).await;
    chat.until("$('server').value === 'ws://127.0.0.1:8765/'")
        .await;
    chat.shows("closed", &setting).await;

    // At /, the page cannot see who serves it. It sees that no server of this course answers.
    let page = scene.open_url(&format!("{origin}/")).await;
    page.fails("but it is not a server of this course").await;
}

/// Such a server gets one attempt without `?attempt=`, and one question for `/stats`.
pub async fn a_server_that_is_not_of_this_course_is_asked_once(scene: Scene) {
    let (host, asked) = server(strict).await;
    for file in ["1_client_server", "2_client_echo", "4_client_broadcast"] {
        asked.lock().unwrap().clear();
        let path = root().join("clients").join(file).with_extension("html");
        let page = scene
            .open_url(Url::from_file_path(path).unwrap().as_str())
            .await;
        page.write("server", &format!("ws://{host}/")).await;
        page.connect().await;
        page.shows("log", "trying once more, without ?attempt=")
            .await;
        page.say("Hello").await;
        page.logs("message", "Hello").await;
        if file.starts_with('1') {
            // This page asks for the number of clients every 2 seconds, but not such a server.
            page.until("performance.now() > 5000").await;
        }
        page.click("disconnect").await;
        page.shows("closed", "Closed: 1000").await;
        let lines = asked.lock().unwrap().clone();
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert!(count("GET /stats") <= 1, "{lines:?}");
        assert_eq!(count("GET /?attempt="), 1, "{lines:?}");
    }
}

/// Learners send each other one file.
pub async fn a_page_that_was_copied_alone_names_the_missing_files(scene: Scene) {
    let folder = std::env::temp_dir().join(format!("zcomm-alone-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let pages = fs::read_dir(root().join("clients")).unwrap();
    let pages = pages.map(|entry| entry.unwrap().path());
    for from in pages.filter(|file| file.extension().is_some_and(|end| end == "html")) {
        // The others are templates of the course, which no one opens by double click.
        if !fs::read_to_string(&from).unwrap().contains("common.js") {
            continue;
        }
        let copy = folder.join(from.file_name().unwrap());
        fs::copy(&from, &copy).unwrap();
        let page = scene
            .open_url(Url::from_file_path(&copy).unwrap().as_str())
            .await;
        for name in ["common.js", "style.css"] {
            let words = format!("/Missing: .*{name}.* Copy the whole folder clients/");
            page.until(&format!("{words}.test(document.body.innerText)"))
                .await;
        }
    }
    fs::remove_dir_all(&folder).ok();
}

/// A public page, or one without an address, may not reach this machine without permission.
pub async fn the_browser_stops_a_page_that_is_not_of_this_machine(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    let page = scene.open_url("about:blank").await;
    page.value(&format!("(new WebSocket('{}'), 0)", demo.socket))
        .await;
    let mut said = String::new();
    while !said.contains("failed: ") {
        let log = scene.browser.browser_log().await.unwrap();
        said += &log
            .iter()
            .map(|line| line.message.clone())
            .collect::<String>();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let words = said.split("failed: ").nth(1).unwrap();
    let page = fs::read_to_string(root().join("docs/reference/troubleshooting.md")).unwrap();
    let words = words.split('"').next().unwrap().trim();
    assert!(page.contains(&format!("### `{words}`")), "{words:?}");
}

/// Opens a WebSocket from this page, waits for 1006, and returns how many handshakes the server
/// has refused.
#[cfg(target_os = "linux")] // 127.0.0.2 is an address of this machine there
async fn refused_after_an_attempt_from(page: &Page, demo: &Demo) -> serde_json::Value {
    page.value(&format!(
        "(window.heard = [], window.attempt = new WebSocket('{}'),
        attempt.onerror = () => heard.push('error'),
        attempt.onclose = ({{ code }}) => heard.push(code), 0)",
        demo.socket
    ))
    .await;
    page.until("String(heard) === 'error,1006'").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let stats = client.get(demo.link.join("stats").unwrap()).send().await;
    let stats: serde_json::Value =
        serde_json::from_str(&stats.unwrap().text().await.unwrap()).unwrap();
    stats["refused"].clone()
}

/// Chapter 4: the browser sends no handshake, so the server's log has no line. The handshake of a
/// stranger's page of this machine arrives, and the server refuses it.
#[cfg(target_os = "linux")]
pub async fn a_public_page_sends_no_handshake_to_this_machine(scene: Scene) {
    let demo = scene.start("1_websocket_server", &[]);
    for (host, refused) in [("127.0.0.2", 0), ("127.0.0.1", 1)] {
        let stranger = scene.start("2_websocket_echo", &[("WEBSOCKET_HOST", host)]);
        let url = stranger.link.join("healthz").unwrap();
        let page = scene.open_url(url.as_str()).await;
        assert_eq!(refused_after_an_attempt_from(&page, &demo).await, refused);
    }
}

/// The chapter Staying alive: the browser keeps a page for the Back button, and closes its connection. It does not
/// keep the pages of the lessons, because they say `no-store`.
pub async fn a_page_behind_the_back_button_has_lost_its_connection(scene: Scene) {
    let demo = scene.start_with("examples/believes_cookies", &["0", "0"], &[]);
    let page = scene.open_url(demo.link.as_str()).await;
    page.value(
        "(window.seen = [], window.kept = new WebSocket(`ws://${location.host}/`),
        kept.onclose = ({ code }) => seen.push(code),
        window.onpageshow = ({ persisted }) => seen.push(persisted), 0)",
    )
    .await;
    page.until("kept.readyState === 1").await;
    page.value("void (location.href = '/elsewhere')").await;
    page.until("location.pathname === '/elsewhere'").await;
    page.value("void history.back()").await;
    page.until("String(window.seen) === 'true,1006'").await;
}

/// The first lessons have the same Token field as lesson 4. It is there when it is needed.
pub async fn each_page_takes_the_token_of_the_link(scene: Scene) {
    let required = ("WEBSOCKET_REQUIRE_AUTH", "true");
    let plain = [required];
    let secure = [TLS[0], TLS[1], TLS[2], required];
    let all = [
        ("1_websocket_server", &plain[..]),
        ("2_websocket_echo", &plain),
        ("open_broadcast", &plain),
        ("3_websocket_secure", &secure),
    ];
    for (lesson, settings) in all.into_iter().take(if scene.trusting { 4 } else { 3 }) {
        let demo = scene.start(lesson, settings);
        let token = demo.link.fragment().unwrap().trim_start_matches("token=");
        let page = scene.open(&demo).await;
        page.connect().await;
        page.click("disconnect").await;
        let sight = "[location.href, document.body.innerText].join()";
        let sight = page.value(sight).await;
        assert!(!sight.as_str().unwrap().contains(token), "{lesson}");

        let page = scene.open_as(scene.way, &demo, None).await;
        let shown = "$('access').offsetParent !== null || $('token').offsetHeight > 0";
        assert_eq!(page.value(shown).await, lesson == "open_broadcast");
        page.fails("(Authentication required). To fix it: ").await;
        page.shows("closed", "this server printed the token when it started")
            .await;
        page.write("token", "not the right one").await;
        page.fails(
            "(Invalid token). To fix it: compare it with the token that this server printed",
        )
        .await;
        page.write("token", token).await;
        page.connect().await;
    }
}

/// With a token in the settings, no link has it. The page says where it is.
pub async fn a_page_says_where_the_token_of_this_run_is(scene: Scene) {
    let token = ("WEBSOCKET_TOKEN", "a-token-for-these-tests");
    for (lesson, refuse) in [
        ("2_websocket_echo", "close"),
        ("2_websocket_echo", "http"),
        ("chat_app", "close"),
        ("chat_app", "http"),
    ] {
        let settings = [
            token,
            ("WEBSOCKET_REQUIRE_AUTH", "true"),
            ("WEBSOCKET_REFUSE", refuse),
        ];
        let demo = scene.start(lesson, &settings);
        assert_eq!(demo.link.fragment(), None);
        let page = scene.open_as(Way::Http, &demo, None).await;
        if lesson == "chat_app" {
            page.write("name", "Ada").await;
        }
        page.click("connect").await;
        page.shows(
            "closed",
            "it is WEBSOCKET_TOKEN in the settings of this server",
        )
        .await;
        page.write("token", token.1).await;
        page.click("connect").await;
        page.until("$('status').dataset.state === 'OPEN'").await;
    }
}
