//! A Redis for one test, with its own port and its own folder.

use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::{
    children,
    harness::{folder, soon},
};

/// A message may take this long to Redis and back, which is longer than any wait of a test. So where
/// Redis works, no message is given up because the machine is slow.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

/// The setting for a program, for [`PATIENT`] or a shorter time.
pub(crate) const TIMEOUT: &str = "WEBSOCKET_REDIS_TIMEOUT";

/// The options of a Redis that is killed and must lose nothing. By default, Redis delays writes to
/// its file when the disk is busy. If Redis is killed then, it loses entries that it has confirmed,
/// and every client is told a loss.
pub(crate) const DURABLE: [&str; 2] = ["--appendfsync", "always"];

/// A running redis-server. Dropping this value kills the process.
pub(crate) struct Redis {
    child: Child,
    pub(crate) port: u16,
    folder: PathBuf,
}

/// Whether redis-server is installed. If not, prints that the test is skipped. In CI, the test
/// fails.
fn is_installed() -> bool {
    let mut version = children::command("redis-server");
    let found = version.arg("--version").stdout(Stdio::null()).status();
    let missing = "no redis-server: apt-get install redis-server";
    #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
    let required = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(found.is_ok() || !required, "{missing}");
    if found.is_err() {
        eprintln!("skipped: {missing}");
    }
    found.is_ok()
}

impl Redis {
    /// Starts a Redis that keeps its data in a file. In `options`, `{port}` stands for the port of
    /// this Redis. Returns `None` if Redis is not installed.
    pub(crate) async fn start(name: &str, options: &[&str]) -> Option<Redis> {
        if !is_installed() {
            return None;
        }
        // Another program can take the free port before this Redis does. Then Redis ends at once.
        for _ in 0..5 {
            let mut redis = Redis::spawned(name, options);
            if redis.is_ready().await {
                return Some(redis);
            }
        }
        panic!("Redis ended")
    }

    fn spawned(name: &str, options: &[&str]) -> Redis {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = folder(&format!("redis-{}-{name}-{port}", std::process::id()));
        let child = spawn(port, &folder, options);
        Redis {
            child,
            port,
            folder,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.addr())
    }

    /// Sends one command, and returns the answer as Redis writes it. An argument of the command
    /// must not contain a space.
    pub(crate) async fn ask(&self, command: &str) -> String {
        let stream = soon("Redis", TcpStream::connect(self.addr())).await;
        let (read, mut write) = stream.unwrap().into_split();
        let lines = format!("{command}\r\nQUIT\r\n");
        write.write_all(lines.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let mut read = BufReader::new(read);
        soon("an answer of Redis", read.read_to_string(&mut answer))
            .await
            .unwrap();
        answer
            .trim_end()
            .trim_end_matches("+OK")
            .trim_end()
            .to_owned()
    }

    /// Kills Redis without a warning.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts Redis again on the same port, with or without its data.
    pub(crate) async fn restart(&mut self, options: &[&str], keeps_data: bool) {
        if !keeps_data {
            std::fs::remove_dir_all(&self.folder).unwrap();
            std::fs::create_dir_all(&self.folder).unwrap();
        }
        self.child = spawn(self.port, &self.folder, options);
        assert!(self.is_ready().await, "Redis ended");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until Redis accepts connections. Returns `false` if Redis ends before.
    async fn is_ready(&mut self) -> bool {
        let stdout = self.child.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("Ready to accept connections")
                    || line.contains("Server initialized")
                {
                    return true;
                }
            }
            false
        };
        let is_ready = soon("Redis to start", ready).await;
        // Read on, or Redis would wait for space in the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        is_ready
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // This fails if the process has ended. The signal also ends a frozen process.
        self.child.start_kill().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn spawn(port: u16, folder: &std::path::Path, options: &[&str]) -> Child {
    let mut command = Command::from(children::command("redis-server"));
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--appendonly", "yes", "--save", "", "--dir"]);
    let options = options.iter();
    let options = options.map(|option| option.replace("{port}", &port.to_string()));
    command.arg(folder).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}
