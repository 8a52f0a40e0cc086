//! The parts of a browser test: a browser (or an error that there is none), the demos as a
//! learner starts them, a page with real clicks and keys, and a limit on every wait.

use std::{
    cell::Cell,
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use reqwest::Url;
use serde_json::{Value, json};
use thirtyfour::{LoggingPrefsLogLevel, prelude::*};

use crate::children;
use crate::recorded::Session;

/// No wait in any test is longer.
const LIMIT: Duration = Duration::from_secs(10);

const FLAGS: &str = "--headless --no-sandbox --disable-gpu --disable-background-networking \
    --disable-component-update --no-first-run";

/// The lines that `zcomm certs` prints for `.zEnv`. The browser trusts that authority.
pub const TLS: [(&str, &str); 3] = [
    ("WEBSOCKET_SSL_ENABLED", "true"),
    ("WEBSOCKET_SSL_CERT", "certs/localhost.pem"),
    ("WEBSOCKET_SSL_KEY", "certs/localhost.key"),
];

/// The browser, chromedriver, and certutil, which adds an authority to the browser.
#[derive(Clone)]
pub struct Tools {
    browser: PathBuf,
    driver: PathBuf,
    certutil: Option<PathBuf>,
}

impl Tools {
    /// Looks on PATH, and for the browser also where its installer puts it.
    pub fn find() -> Result<Tools, &'static str> {
        let path = variable("PATH").unwrap_or_default();
        let on_path = |name: &str| {
            let program = Path::new(name).with_extension(env::consts::EXE_EXTENSION);
            let mut files = env::split_paths(&path).map(|folder| folder.join(&program));
            files.find(|file| file.is_file())
        };
        let usual = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let installed = [
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        ];
        let mut installed = installed.map(PathBuf::from).into_iter();
        let browser = usual.into_iter().find_map(on_path);
        let browser = browser.or_else(|| installed.find(|file| file.is_file()));
        // The one of Windows does something else, and Chrome on macOS asks the keychain.
        let certutil = on_path("certutil").filter(|_| cfg!(target_os = "linux"));
        match (browser, on_path("chromedriver")) {
            (Some(browser), Some(driver)) => Ok(Tools {
                browser,
                driver,
                certutil,
            }),
            (None, Some(_)) => Err("there is no Chromium and no Chrome"),
            (Some(_), None) => Err("there is a browser, but no chromedriver on PATH"),
            (None, None) => Err("there is no Chromium, no Chrome and no chromedriver"),
        }
    }

    /// The same, if the browser can be made to trust an authority.
    pub fn trusting(self) -> Result<Tools, &'static str> {
        let missing = "there is no certutil for Linux, which makes a browser trust an authority";
        self.certutil.is_some().then_some(self).ok_or(missing)
    }
}

/// The one place that reads the environment.
pub fn variable(name: &str) -> Option<std::ffi::OsString> {
    #[allow(clippy::disallowed_methods, reason = "PATH, CI, CARGO: no settings")]
    env::var_os(name)
}

/// The top of the workspace.
pub fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.unwrap()
}

/// Where the programs are: this test is TARGET/PROFILE/deps/browser-…, a demo TARGET/PROFILE/NAME.
fn programs() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

fn program(name: &str) -> Command {
    let program = programs().join(name);
    children::command(program.with_extension(env::consts::EXE_EXTENSION))
}

/// Makes certificates in this folder, and the trust store of a browser whose home it is.
fn trust(certutil: &Path, home: &Path) {
    fs::create_dir_all(home.join(".pki/nssdb")).unwrap();
    let run = |mut program: Command, arguments: &str| {
        let ended = program
            .args(arguments.split(' '))
            .current_dir(home)
            .output();
        let ended = ended.unwrap();
        assert!(ended.status.success(), "{program:?}: {ended:?}");
    };
    let store = |arguments: &str| {
        let arguments = format!("-d sql:.pki/nssdb {arguments}");
        run(children::command(certutil), &arguments);
    };
    run(program("zcomm"), "certs");
    store("-N --empty-password");
    store("-A -t C,, -n zcomm -i certs/ca.pem");
}

/// A program that ends when this is dropped, and what it said until it was ready.
struct Process {
    child: Child,
    said: String,
}

impl Process {
    /// Starts it and waits until it has printed this text.
    fn start(command: &mut Command, words: &str) -> Process {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        Process::listen(child, output, words, command)
    }

    /// The same for a program that prints it on stderr.
    fn start_on_stderr(command: &mut Command, words: &str) -> Process {
        let piped = command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let output = child.stderr.take().unwrap();
        Process::listen(child, output, words, command)
    }

    fn listen(
        child: Child,
        output: impl Read + Send + 'static,
        words: &str,
        command: &Command,
    ) -> Process {
        let output = BufReader::new(output);
        let said = String::new();
        let mut process = Process { child, said };
        let (sender, lines) = mpsc::channel();
        // Reads on after the start: a full pipe would block the program.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        let deadline = Instant::now() + LIMIT;
        while !process.said.contains(words) {
            let rest = deadline.saturating_duration_since(Instant::now());
            let line = lines.recv_timeout(rest);
            let line = line.unwrap_or_else(|_| panic!("{command:?} said only {:?}", process.said));
            process.said += &(line + "\n");
        }
        process
    }

    /// The printed text between these words and the next space, comma or line end.
    fn word_after(&self, words: &str) -> &str {
        let rest = self.said.split(words).nth(1);
        let rest = rest.unwrap_or_else(|| panic!("no {words:?} in {:?}", self.said));
        rest.split([' ', ',', '\n']).next().unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended already
        self.child.wait().ok();
    }
}

/// A demo as a learner starts it. Dropping it kills it.
pub struct Demo {
    process: Process,
    /// Where its WebSocket is.
    pub socket: String,
    /// The link it printed; that of lesson 4 has a token after the `#`.
    pub link: Url,
    /// The file to double-click.
    pub file: PathBuf,
}

impl Demo {
    /// The printed text between these words and the next space, comma or line end.
    pub fn word_after(&self, words: &str) -> &str {
        self.process.word_after(words)
    }

    /// Asks it to end, as Ctrl-C does.
    #[cfg(unix)]
    pub fn stop(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        kill_process(Pid::from_child(&self.process.child), Signal::TERM).unwrap();
    }
}

/// `zcomm xray --page`, and whom it stands before.
pub struct Xray {
    _process: Process,
    /// The link to its page, with a token.
    pub page: Url,
    /// Where clients connect to instead.
    pub socket: String,
}

/// `zcomm xray --json --record`, and where both go.
pub struct Recorder {
    _process: Process,
    /// Where clients connect to instead.
    pub socket: String,
    pub printed: PathBuf,
    pub recording: PathBuf,
}

impl Recorder {
    /// What has been seen until now, when that is what was waited for.
    pub async fn until(&self, what: &str, seen: impl Fn(&Session) -> bool) -> Session {
        let deadline = Instant::now() + LIMIT;
        loop {
            let session = Session::read(&self.printed, &self.recording);
            if let Some(session) = session.filter(&seen) {
                return session;
            }
            assert!(Instant::now() < deadline, "waited {LIMIT:?} for {what}");
            // Do not ask the browser without a pause.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What all tests share.
pub struct Stage {
    tools: Tools,
    driver: Process,
    /// Where the demos run: no learner's `.zEnv` is here. And what browsers leave behind;
    /// its path is short, because they make sockets in it.
    folder: PathBuf,
}

impl Stage {
    /// Builds the programs (quick when they are built already) and starts chromedriver.
    pub fn set(tools: Tools) -> Stage {
        let programs = programs();
        let profile = match programs.file_name() {
            Some(folder) if folder != "debug" => folder,
            _ => "dev".as_ref(),
        };
        let mut build = children::command(variable("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--package=demos", "--package=zcomm"]);
        build.args(["--bins", "--examples"]);
        build.arg("--profile");
        build.arg(profile).arg("--target-dir");
        build.arg(programs.parent().unwrap()).current_dir(root());
        // Cargo describes this package in the environment. Build scripts read these variables, and
        // would build ring and all that depends on it again.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                build.env_remove(&name);
            }
        }
        let built = build.status().is_ok_and(|status| status.success());
        assert!(built, "the programs cannot be built");

        let folder = env::temp_dir().join(format!("zcomm-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut driver = children::command(&tools.driver);
        for name in ["TMPDIR", "TMP", "TEMP"] {
            driver.env(name, &folder);
        }
        if let Some(certutil) = &tools.certutil {
            trust(certutil, &folder);
            driver.env("HOME", &folder);
        }
        Stage {
            driver: Process::start(driver.arg("--port=0"), "successfully on port "),
            tools,
            folder,
        }
    }

    /// A new browser, which knows nothing of the others: chromedriver makes an empty profile
    /// for each. (With a `--user-data-dir` of ours, Chrome loads its New Tab page first,
    /// and all tests together take twice as long.)
    async fn browser(&self) -> WebDriverResult<WebDriver> {
        let mut wishes = DesiredCapabilities::chrome();
        wishes.set_binary(self.tools.browser.to_str().unwrap())?;
        wishes.set_logging_prefs("browser", LoggingPrefsLogLevel::All)?;
        wishes.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
        for flag in FLAGS.split(' ') {
            wishes.add_arg(flag)?;
        }
        // A foreign name that resolves to this machine: DNS rebinding without DNS.
        wishes.add_arg("--host-resolver-rules=MAP rebound.example 127.0.0.1")?;
        // To the browser, an address of the internet.
        wishes.add_arg("--ip-address-space-overrides=127.0.0.2:0=public")?;
        // chromedriver would switch it off.
        wishes.add_exclude_switch("disable-back-forward-cache")?;
        // The proxy of a school does not lead to this machine's 127.0.0.1.
        let client = reqwest::Client::builder().no_proxy().timeout(6 * LIMIT);
        let port = self.driver.word_after("successfully on port ");
        let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        let browser = WebDriver::builder(url, wishes);
        browser.client(client.build().unwrap()).await
    }

    /// Plays a scene in a new browser, and ends the browser also when the scene fails.
    pub fn play<F>(&self, way: Way, act: impl FnOnce(Scene) -> F)
    where
        F: Future<Output = ()>,
    {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let browser = self.browser().await.expect("a browser");
            let played = browser.run_and_quit(async |browser| {
                let blank = Cell::new(true);
                act(Scene {
                    way,
                    browser,
                    blank,
                    trusting: self.tools.certutil.is_some(),
                    program: self.tools.browser.clone(),
                    folder: self.folder.clone(),
                })
                .await;
                Ok::<_, WebDriverError>(())
            });
            played.await
        });
        ended.expect("an end of the browser");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok(); // not worth a failure
    }
}

/// How a page is opened.
#[derive(Clone, Copy, PartialEq)]
pub enum Way {
    /// By double click: its origin is `null`.
    File,
    /// From the demo itself, by http or https: its origin is the server's.
    Http,
}

/// One browser, and the means to start demos.
pub struct Scene {
    pub way: Way,
    pub browser: WebDriver,
    /// Does the browser trust the authority of `TLS`?
    pub trusting: bool,
    program: PathBuf,
    /// Is the browser's first tab still unused?
    blank: Cell<bool>,
    folder: PathBuf,
}

impl Scene {
    /// Grades another browser as a client: it opens the page of `zcomm check` for each of these
    /// cases. Returns the report.
    pub fn graded(&self, only: &str) -> String {
        let page = root().join("tests/zcomm/peers/browser.html");
        let (browser, page) = (self.program.display(), page.display());
        let open =
            format!("'{browser}' {FLAGS} --user-data-dir=$(mktemp -d) 'file://{page}#{{url}}'");
        let mut check = program("zcomm");
        check.args([
            "check", "--client", "--echo", "--only", only, "--exec", &open,
        ]);
        let done = check.env("TMPDIR", &self.folder).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    }

    /// Starts a demo on a free port, with these settings and no others.
    pub fn start(&self, name: &str, settings: &[(&str, &str)]) -> Demo {
        self.start_with(name, &[], settings)
    }

    /// The same with arguments. An example is one, too: `examples/NAME`.
    pub fn start_with(&self, name: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Demo {
        let mut command = program(name);
        command.args(arguments);
        command.env_clear().env("WEBSOCKET_PORT", "0");
        // Windows programs do not start without it.
        command.envs(env::vars_os().filter(|(name, _)| name == "SystemRoot"));
        command.envs(settings.iter().copied());
        command.current_dir(&self.folder);
        let process = Process::start(&mut command, "listening on ");
        let link = process.word_after("- open ");
        let page = link.split('#').next().unwrap_or_default();
        Demo {
            socket: page.replacen("http", "ws", 1),
            link: link.parse().unwrap(),
            // Without a number of its own it uses lesson 4's.
            file: root().join("clients").join(match name {
                "open_broadcast" => "4_client_broadcast.html".to_owned(),
                lesson => lesson.replace("_websocket_", "_client_") + ".html",
            }),
            process,
        }
    }

    /// Puts an X-ray with a page before a demo.
    pub fn xray(&self, demo: &Demo) -> Xray {
        let mut command = program("zcomm");
        command.env_clear();
        command.envs(env::vars_os().filter(|(name, _)| name == "SystemRoot"));
        command.args(["xray", &demo.socket, "--listen", "127.0.0.1:0", "--page"]);
        let process = Process::start_on_stderr(&mut command, "Ctrl-C ends the proxy.");
        Xray {
            page: process.word_after("open this page:\n  ").parse().unwrap(),
            socket: process.word_after("instead:\n  ").to_owned(),
            _process: process,
        }
    }

    /// Puts an X-ray before a demo that keeps what passes.
    pub fn recorder(&self, demo: &Demo) -> Recorder {
        let (printed, recording) = (self.folder.join("it.json"), self.folder.join("it.jsonl"));
        let mut command = program("zcomm");
        command.env_clear();
        command.envs(env::vars_os().filter(|(name, _)| name == "SystemRoot"));
        command.args(["xray", &demo.socket, "--listen", "127.0.0.1:0", "--json"]);
        command.arg("--record").arg(&recording);
        command.stdout(fs::File::create(&printed).unwrap());
        let process = Process::start_on_stderr(&mut command, "Ctrl-C ends the proxy.");
        Recorder {
            socket: process.word_after("instead:\n  ").to_owned(),
            _process: process,
            printed,
            recording,
        }
    }

    /// Opens an address in a tab of its own.
    pub async fn open_url(&self, url: &str) -> Page {
        let tab = match self.blank.take() {
            true => self.browser.window().await.unwrap(),
            false => self.browser.new_tab().await.unwrap(),
        };
        let browser = self.browser.clone();
        let page = Page {
            browser,
            tab,
            in_frame: false,
        };
        page.front().await.goto(url).await.unwrap();
        page
    }

    /// Opens the demo's page in a tab of its own, with the printed token if there is one.
    pub async fn open(&self, demo: &Demo) -> Page {
        self.open_as(self.way, demo, demo.link.fragment()).await
    }

    /// Opens it in this way, with this after the `#`.
    pub async fn open_as(&self, way: Way, demo: &Demo, fragment: Option<&str>) -> Page {
        let mut url = match way {
            Way::File => Url::from_file_path(&demo.file).unwrap(),
            Way::Http => demo.link.clone(),
        };
        url.set_fragment(fragment);
        let page = self.open_url(url.as_str()).await;
        if way == Way::File {
            let address = json!(demo.socket);
            page.value(&format!("$('server').value = {address}")).await;
        }
        page
    }

    /// The addresses that the browser has asked for since the last look.
    pub async fn asked(&self) -> Vec<String> {
        let mut asked = Vec::new();
        for entry in self.browser.get_log("performance").await.unwrap() {
            let entry: Value = serde_json::from_str(&entry.message).unwrap();
            let event = &entry["message"];
            let url = match event["method"].as_str() {
                Some("Network.requestWillBeSent") => &event["params"]["request"]["url"],
                Some("Network.webSocketCreated") => &event["params"]["url"],
                _ => continue,
            };
            asked.push(url.as_str().unwrap().to_owned());
        }
        asked.retain(|url| url != "data:,"); // where chromedriver starts
        asked
    }
}

/// A page in its tab, used as a person uses it: by sight, mouse and keyboard.
pub struct Page {
    browser: WebDriver,
    tab: WindowHandle,
    in_frame: bool,
}

impl Page {
    /// What is in the page's frame.
    pub fn frame(&self) -> Page {
        Page {
            browser: self.browser.clone(),
            tab: self.tab.clone(),
            in_frame: true,
        }
    }

    /// Brings its tab to the front.
    async fn front(&self) -> &WebDriver {
        let switched = self.browser.switch_to_window(self.tab.clone()).await;
        switched.expect("the tab");
        if self.in_frame {
            self.browser.enter_frame(0).await.expect("a frame");
        }
        &self.browser
    }

    /// Loads it again.
    pub async fn reload(&self) {
        self.front().await.refresh().await.unwrap();
    }

    /// The value of a JavaScript expression, in which `$` finds an element by its id.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("const $ = id => document.getElementById(id); return {expression}");
        let found = self.front().await.execute(script, []).await;
        let found = found.unwrap_or_else(|error| panic!("{expression}: {error}"));
        found.json().clone()
    }

    /// Waits until a JavaScript expression is true. The panic prints what the page shows.
    pub async fn until(&self, expression: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.value(expression).await != true {
            if Instant::now() > deadline {
                let state = "['status', 'closed', 'log', 'logs'].map(id => $(id)?.innerText)";
                let state = self.value(state).await;
                panic!("waited {LIMIT:?} for {expression}\nThe page shows {state:#}");
            }
            // Do not ask the browser without a pause.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the element with this id shows this text.
    pub async fn shows(&self, id: &str, words: &str) {
        let words = json!(words);
        self.until(&format!("$('{id}').textContent.includes({words})"))
            .await;
    }

    /// Waits until the newest log entry of this event is this text; returns all of them.
    pub async fn logs(&self, event: &str, text: &str) -> Value {
        let texts = format!(
            "Array.from($('log').querySelectorAll('[data-event={event}] .text'), part => part.textContent)"
        );
        self.until(&format!("{texts}.at(-1) === {}", json!(text)))
            .await;
        self.value(&texts).await
    }

    async fn find(&self, id: &str) -> WebElement {
        let found = self.front().await.find(By::Id(id)).await;
        found.unwrap_or_else(|error| panic!("no {id}: {error}"))
    }

    /// Clicks on the element with this id.
    pub async fn click(&self, id: &str) {
        let clicked = self.find(id).await.click().await;
        clicked.unwrap_or_else(|error| panic!("cannot click on {id}: {error}"));
    }

    /// Clicks on the first element that matches a CSS selector.
    pub async fn click_on(&self, selector: &str) {
        let found = self.front().await.find(By::Css(selector)).await;
        let clicked = found.unwrap_or_else(|error| panic!("no {selector}: {error}"));
        let clicked = clicked.click().await;
        clicked.unwrap_or_else(|error| panic!("cannot click on {selector}: {error}"));
    }

    /// Goes to another address in the same tab.
    pub async fn goto(&self, url: &str) {
        self.front().await.goto(url).await.unwrap();
    }

    /// Writes into the field with this id, instead of what was there.
    pub async fn write(&self, id: &str, text: &str) {
        let field = self.find(id).await;
        let cleared = field.clear().await;
        cleared.unwrap_or_else(|error| panic!("cannot write into {id}: {error}"));
        field.send_keys(text).await.unwrap();
    }

    /// Presses keys, wherever the focus is.
    pub async fn press(&self, keys: impl Into<TypingData>) {
        let focus = self.front().await.active_element().await.unwrap();
        focus.send_keys(keys).await.unwrap();
    }

    /// Connects, and waits until the connection is open.
    pub async fn connect(&self) {
        self.click("connect").await;
        self.shows("status", "OPEN 1").await;
    }

    /// Tries to connect, and waits until the page explains the failure with this text.
    pub async fn fails(&self, words: &str) {
        self.click("connect").await;
        self.shows("status", "CLOSED 3").await;
        self.shows("closed", words).await;
    }

    /// Sends a text.
    pub async fn say(&self, text: &str) {
        self.write("message", text).await;
        self.click("send").await;
    }
}
