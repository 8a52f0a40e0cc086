//! A desk with terminals, at which a page is followed.
//!
//! The desk is a folder that looks like the checkout and is not: what a page tells a learner
//! to copy, make or delete stays there. `cargo run --bin X` starts the X that the tests were
//! built with; everything else is what it is.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{children, masks::masked, network, root};

/// For anything that a page waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `cargo` is at this desk.
const CARGO: &str = r#"#!/bin/bash
# `cargo run --bin NAME -- ARGUMENTS` (or `--example`), without the building.
case "$1" in
    run) shift ;;
    install) exit 0 ;;
    *) echo "this cargo runs and installs, and nothing else: $*" >&2; exit 64 ;;
esac
name=1_websocket_server
while [ $# -gt 0 ]; do
    case "$1" in
        --bin) name="$2"; shift 2 ;;
        --example) name="examples/$2"; shift 2 ;;
        -p) shift 2 ;;
        --release) shift ;;
        --) shift; break ;;
        *) echo "this cargo does not know $1" >&2; exit 64 ;;
    esac
done
if [ ! -x "$ZCOMM_PROGRAMS/$name" ]; then
    echo "$name is not built: cargo build --workspace --bins --examples" >&2
    exit 64
fi
exec "$ZCOMM_PROGRAMS/$name" "$@"
"#;

pub struct Desk {
    folder: PathBuf,
}

impl Desk {
    /// An own one for each page in each network.
    pub fn new(page: &Path) -> Desk {
        let page_name = page
            .with_extension("")
            .display()
            .to_string()
            .replace('/', "-");
        let name = format!("desk-{}-{page_name}", network::depth());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(folder.join(".bin")).unwrap();
        for entry in fs::read_dir(root()).unwrap() {
            let name = entry.unwrap().file_name();
            let left_out = ["target", ".git", ".gitattributes", ".zEnv", "certs"];
            if !left_out.iter().any(|other| name == *other) {
                symlink(root().join(&name), folder.join(&name)).unwrap();
            }
        }
        let cargo = folder.join(".bin/cargo");
        fs::write(&cargo, CARGO).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(programs().join("zcomm"), folder.join(".bin/zcomm")).unwrap();
        assert!(
            programs().join("zcomm").exists(),
            "{} needs the command: cargo build --bin zcomm",
            page.display()
        );
        Desk { folder }
    }

    pub fn terminal(&self) -> Terminal {
        Terminal {
            folder: self.folder.clone(),
            running: None,
        }
    }
}

/// Where cargo put the programs.
fn programs() -> PathBuf {
    let one = Path::new(env!("CARGO_BIN_EXE_1_websocket_server"));
    one.parent().unwrap().to_owned()
}

/// A terminal: one program at a time.
pub struct Terminal {
    folder: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    output: File,
    /// What it has shown and nobody has looked at.
    unread: String,
    line: String,
    /// Whether it is known to end by itself, and is waited for.
    ends: bool,
    /// How it ends, if it does so by itself.
    code: Option<String>,
}

impl Terminal {
    /// Types these lines. They end with this code, or else well. When what they show is to be
    /// looked at next and no code is given, they may go on running.
    pub fn types(
        &mut self,
        lines: &str,
        looked_at: bool,
        code: Option<&str>,
    ) -> Result<(), String> {
        self.stop()?;
        // Not another terminal's, and not that of the line before: it may still be written to.
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = self.folder.join(format!(".output-{number}"));
        let output = File::create(&log).unwrap();
        let path = format!(
            "{}/.bin:/usr/local/bin:/usr/bin:/bin",
            self.folder.display()
        );
        let mut command = children::command("/bin/bash");
        command
            .args(["-e", "-c", lines])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.folder)
            .env("ZCOMM_PROGRAMS", programs())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0);
        self.running = Some(Running {
            child: command.spawn().unwrap(),
            output: File::open(log).unwrap(),
            unread: String::new(),
            line: lines.trim().to_owned(),
            ends: code.is_some(),
            code: Some(code.unwrap_or("0").to_owned()),
        });
        if looked_at {
            return Ok(());
        }
        let running = self.running.as_mut().unwrap();
        let start = Instant::now();
        loop {
            match running.child.try_wait().unwrap() {
                Some(_) => return running.ended_well(),
                // One that listens has no end, and nobody said what it shows.
                None if running.read(false).contains("listening on ") => return Ok(()),
                None if start.elapsed() > PATIENCE => return Err(running.said("does not end")),
                None => pause(),
            }
        }
    }

    /// Looks at what is shown next: all of it once the program has ended, unless it is said
    /// to be a part.
    pub fn shows(&mut self, expected: &str, about: bool, part: bool) -> Result<(), String> {
        let running = self.running.as_mut().ok_or("nothing was typed")?;
        let expected: Vec<_> = expected.lines().map(|line| masked(line, about)).collect();
        let start = Instant::now();
        loop {
            let ended = running.child.try_wait().unwrap().is_some();
            running.read(ended);
            let shown: Vec<_> = running.unread.lines().collect();
            let lines: Vec<_> = shown.iter().map(|line| masked(line, about)).collect();
            if (ended || !running.ends)
                && let Some(taken) = matches(&expected, &lines, ended && !part)
            {
                let rest = running.unread.lines().skip(taken);
                running.unread = rest.map(|line| format!("{line}\n")).collect();
                return Ok(());
            }
            if ended || start.elapsed() > PATIENCE {
                return Err(format!(
                    "{:?} does not show\n--- expected\n{}\n--- shown\n{}\n",
                    running.line,
                    expected.join("\n"),
                    lines.join("\n")
                ));
            }
            pause();
        }
    }

    /// Ctrl-C, and the end. What has ended by itself must have done so with its code.
    pub fn stop(&mut self) -> Result<(), String> {
        if let Some(running) = &mut self.running {
            running.ended_well()?;
        }
        self.interrupt()?;
        if let Some(running) = self.running.take() {
            // What was left in the background, stopped perhaps, goes with its terminal.
            kill_process_group(Pid::from_child(&running.child), Signal::KILL).ok();
        }
        Ok(())
    }

    /// Ctrl-C, and whatever it shows then.
    pub fn interrupt(&mut self) -> Result<(), String> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        if running.child.try_wait().unwrap().is_some() {
            return Ok(());
        }
        running.code = None;
        let group = Pid::from_child(&running.child);
        kill_process_group(group, Signal::INT).ok();
        let start = Instant::now();
        while running.child.try_wait().unwrap().is_none() {
            if start.elapsed() > PATIENCE {
                kill_process_group(group, Signal::KILL).ok();
                return Err(running.said("does not stop with Ctrl-C"));
            }
            pause();
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            kill_process_group(Pid::from_child(&running.child), Signal::KILL).ok();
            running.child.wait().ok();
        }
    }
}

impl Running {
    /// Whether it goes on, was ended from elsewhere, or has ended with its code.
    fn ended_well(&mut self) -> Result<(), String> {
        let status = self.child.try_wait().unwrap();
        match (status.and_then(|status| status.code()), &self.code) {
            (Some(code), Some(expected)) if code.to_string() != *expected => {
                Err(self.said(&format!("ended with {code}")))
            }
            _ => Ok(()),
        }
    }

    /// All that is unread; of what goes on, whole lines.
    fn read(&mut self, ended: bool) -> &str {
        let at = self.output.stream_position().unwrap();
        let mut bytes = Vec::new();
        self.output.read_to_end(&mut bytes).unwrap();
        // A line that is not whole is read again.
        let last = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = match ended {
            true => bytes.len(),
            false => last.map_or(0, |end| end + 1),
        };
        self.output
            .seek(SeekFrom::Start(at + whole as u64))
            .unwrap();
        self.unread
            .push_str(&String::from_utf8_lossy(&bytes[..whole]));
        &self.unread
    }

    fn said(&mut self, what: &str) -> String {
        self.read(true);
        format!("{:?} {what}; it said:\n{}", self.line, self.unread)
    }
}

/// Whether these lines are shown, and up to which. Of what has ended, all must be told; what
/// goes on may say more, in between as well: a server has other clients.
fn matches(expected: &[String], shown: &[String], all: bool) -> Option<usize> {
    if all {
        return whole(expected, shown).then_some(shown.len());
    }
    let mut at = 0;
    for line in expected.iter().filter(|line| *line != "…") {
        at += shown[at..].iter().position(|other| other == line)? + 1;
    }
    Some(at)
}

/// Line by line; `…` is any number of them.
fn whole(expected: &[String], shown: &[String]) -> bool {
    match expected.split_first() {
        None => shown.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=shown.len()).any(|skipped| whole(rest, &shown[skipped..]))
        }
        Some((first, rest)) => shown
            .split_first()
            .is_some_and(|(line, shown)| line == first && whole(rest, shown)),
    }
}

fn pause() {
    // This is a program of its own, without tasks that a sleep could stop.
    #[allow(clippy::disallowed_methods, reason = "polls a process")]
    std::thread::sleep(Duration::from_millis(20));
}
