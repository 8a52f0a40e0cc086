//! The attacks of chapter 4, as a browser makes them: each works against a server
//! without that guard, and fails against lesson 4.

use reqwest::Url;

use crate::{
    harness::{Demo, Page, Scene},
    root,
};

/// The server without a guard, and the stranger's beside it.
fn unguarded(scene: &Scene) -> Demo {
    scene.start_with("examples/believes_cookies", &["0", "0"], &[])
}

/// The page of another site, open in the same browser.
async fn strangers_page(scene: &Scene, unguarded: &Demo) -> Page {
    let url = unguarded.word_after("the stranger's page: ");
    scene.open_url(url).await
}

impl Page {
    /// Runs the attack on this server, and waits until the page says these words.
    async fn attacks(&self, server: &str, words: &str) {
        self.write("server", server).await;
        self.click("attack").await;
        self.shows("log", words).await;
    }

    async fn never_opened(&self) {
        assert_eq!(
            self.value("$('log').textContent.includes('OPEN')").await,
            false
        );
    }
}

/// The visitor is logged in at one server and looks at a page of another. Two ports of one
/// host are one site, so that not even the cookie's `SameSite=Strict` helps; two hosts are two.
pub async fn a_strangers_page_acts_as_the_visitor_where_a_cookie_is_all_that_is_asked_for(
    scene: Scene,
) {
    let bank = unguarded(&scene);
    let stranger = strangers_page(&scene, &bank).await;
    stranger.attacks(&bank.socket, "CLOSED 1006").await;
    stranger.never_opened().await; // not logged in yet

    scene.open_url(bank.link.as_str()).await;
    let words = "HEARD Ada, your order is done: pay 1000 to Mallory";
    stranger.attacks(&bank.socket, words).await;

    let mut elsewhere: Url = bank.word_after("the stranger's page: ").parse().unwrap();
    elsewhere.set_host(Some("localhost")).unwrap();
    let elsewhere = scene.open_url(elsewhere.as_str()).await;
    elsewhere.attacks(&bank.socket, "CLOSED 1006").await;
    elsewhere.never_opened().await;
}

/// Not even with the right token.
pub async fn a_strangers_page_is_kept_out_by_its_origin(scene: Scene) {
    let stranger = strangers_page(&scene, &unguarded(&scene)).await;
    let demo = scene.start("4_websocket_broadcast", &[]);
    let token = demo.link.fragment().unwrap();
    let server = format!("{}?{token}", demo.socket);
    stranger.attacks(&server, "CLOSED 1006").await;
    stranger.never_opened().await;

    // The page of the server itself is let in with it.
    scene.open(&demo).await.connect().await;
}

/// Lesson 4 without its token, and with a list that is too long.
pub async fn a_strangers_origin_on_the_list_opens_the_door(scene: Scene) {
    let unguarded = unguarded(&scene);
    let stranger = strangers_page(&scene, &unguarded).await;
    let origin = unguarded.word_after("the stranger's page: ");
    let listed = [("WEBSOCKET_ALLOWED_ORIGINS", origin)];
    let demo = scene.start("open_broadcast", &listed);
    let listener = scene.open(&demo).await;
    listener.connect().await;
    stranger.attacks(&demo.socket, "OPEN").await;
    listener
        .logs("message", "client 2 says: pay 1000 to Mallory")
        .await;

    let near = [("WEBSOCKET_ALLOWED_ORIGINS", unguarded.link.as_str())]; // another port
    let demo = scene.start("open_broadcast", &near);
    let stranger = strangers_page(&scene, &unguarded).await;
    stranger.attacks(&demo.socket, "CLOSED 1006").await;
    stranger.never_opened().await;
}

/// Its origin is `null`, which a server on loopback lets in. So the token has to stop it.
pub async fn a_double_clicked_attack_lacks_the_token(scene: Scene) {
    let file = root().join("docs/attacks/hijack.html");
    let stranger = scene
        .open_url(Url::from_file_path(file).unwrap().as_str())
        .await;
    let demo = scene.start("4_websocket_broadcast", &[]);
    let words = "CLOSED 1008 Authentication required";
    stranger.attacks(&demo.socket, words).await;

    let open = scene.start("open_broadcast", &[]);
    let listener = scene.open(&open).await;
    listener.connect().await;
    stranger.attacks(&open.socket, "OPEN").await;
    listener
        .logs("message", "client 2 says: pay 1000 to Mallory")
        .await;
}

/// DNS rebinding: the stranger's name leads to this machine now, so the browser takes the
/// page for the server's own, and `Origin` agrees with `Host`.
pub async fn a_strangers_name_for_this_machine_is_not_this_server(scene: Scene) {
    let heard = "(window.heard = [], window.socket = new WebSocket(`ws://${location.host}/`),
        socket.onmessage = ({ data }) => heard.push(data),
        socket.onclose = ({ code }) => heard.push(code), true)";
    let unguarded = unguarded(&scene);
    let open = async |demo: &Demo| {
        let mut url = demo.link.clone();
        url.set_host(Some("rebound.example")).unwrap();
        url.set_fragment(None);
        scene.open_url(url.as_str()).await
    };
    let page = open(&unguarded).await;
    page.value(heard).await;
    page.until("heard[0] === 'Ada, your balance is 1000'").await;

    for lesson in ["open_broadcast", "4_websocket_broadcast"] {
        let page = open(&scene.start(lesson, &[])).await;
        let refused = "the Host header is not a name or address of this server";
        page.until(&format!("document.body.textContent.includes('{refused}')"))
            .await;
        page.value(heard).await;
        page.until("heard[0] === 1006").await;
    }
}

/// So a token is in the address, in a cookie or in a message; or it poses as a subprotocol,
/// which the server then has to take.
pub async fn a_page_cannot_set_a_header_on_a_websocket(scene: Scene) {
    let demo = scene.start("2_websocket_echo", &[]);
    let page = scene.open(&demo).await;
    let header = "(() => { try {
        new WebSocket($('server').value, { headers: { Authorization: 'Bearer x' } });
    } catch (error) { return error.name; } })()";
    assert_eq!(page.value(header).await, "SyntaxError");
    page.value(
        "(window.offer = new WebSocket($('server').value, ['chat', 'token.abc']),
        offer.onclose = ({ code }) => window.ended = code, true)",
    )
    .await;
    page.until("window.ended === 1006").await;
}

/// The browser sends it to every link of the same site; it never sends the part after `#`.
pub async fn a_token_in_a_pages_address_is_handed_on(scene: Scene) {
    let unguarded = unguarded(&scene);
    let url = unguarded.word_after("the stranger's page: ");
    for (address, referrer) in [
        (format!("{url}?token=secret"), format!("{url}?token=secret")),
        (format!("{url}#token=secret"), url.to_owned()),
    ] {
        let page = scene.open_url(&address).await;
        page.value("void (location.href = '/next')").await;
        page.until("location.pathname === '/next'").await;
        assert_eq!(page.value("document.referrer").await, referrer);
    }
}
