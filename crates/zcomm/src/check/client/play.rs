//! Plays a case with a client: starts the user's program, answers the handshake, sends frames.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};
use zcomm_core::xray::{EventKind, Head};

use super::port::{Arrived, Port};
use crate::check::{
    bytes::{Frames, PING, TEXT},
    case::{Ask, Case, Play, Reply, Setting, Want},
    judge::judge,
    link::{Link, Next},
    opening::{has, values},
    response::Response,
    run::Played,
    verdict::{Seen, Verdict, passed},
};
use crate::shared::{program::Program, shell::shell};

/// In the command, this text stands for the address.
pub(super) const URL: &str = "{url}";
/// The time limit for a program to start and connect.
pub(super) const START: Duration = Duration::from_secs(15);
/// The time limit for a connection from a program that has already ended. The last output of the
/// program may also arrive during this time.
const LAST: Duration = Duration::from_millis(500);
/// The payload of the ping that follows the answer.
const BAIT: &[u8] = b"are you there?";

/// What all cases of a client share.
pub(crate) struct House {
    pub(super) port: Port,
    pub(super) command: String,
    /// The `Sec-WebSocket-Key` of the first connection.
    pub(super) first_key: String,
}

impl House {
    /// Starts the program and waits until it has connected. An error is a sentence that says why
    /// the program did not connect.
    pub(super) async fn start(&self, name: &str) -> Result<(Program, Arrived), String> {
        let (url, mut arrived) = self.port.expect(name);
        let program = Program::start(shell(&self.command.replace(URL, &url)));
        let mut program = program.map_err(|error| format!("cannot start the command: {error}"))?;
        let what = tokio::select! {
            arrived = timeout(START, &mut arrived) => match arrived {
                Ok(Ok(arrived)) => return Ok((program, arrived)),
                _ => format!("no connection to {url} within {} s", START.as_secs()),
            },
            () = program.ended() => match timeout(LAST, &mut arrived).await {
                Ok(Ok(arrived)) => return Ok((program, arrived)),
                _ => format!("the command ended without a connection to {url}"),
            },
        };
        let last = program.last_line();
        let last = last.map(|line| format!("; its last line: {line}"));
        Err(what + &last.unwrap_or_default())
    }
}

/// Returns the `Sec-WebSocket-Key` of a request, or an empty string.
pub(super) fn key(head: &Head) -> &str {
    let keys = values(head, "Sec-WebSocket-Key");
    keys.first().copied().unwrap_or_default()
}

/// Plays a case against a client.
pub(crate) async fn play(case: &'static Case, house: Arc<House>, setting: Setting) -> Played {
    let name = case.id.trim_start_matches("ws/");
    let (program, arrived) = match house.start(name).await {
        Ok(started) => started,
        Err(what) => return (Seen::new(what).late().failed(), Vec::new()),
    };
    let Arrived {
        mut link,
        head,
        request,
    } = arrived;
    let frames = Frames::of_server(setting.talk.text());
    let mut response = Response::new(key(&head));
    let verdict = match &case.play {
        Play::Asks(ask) => match asks(ask, &head, &house) {
            Ok(seen) => passed(seen),
            Err(what) => Seen::new(what).with(Some(&request), None).failed(),
        },
        Play::Answering(change, reply) => {
            change(&mut response);
            answering(&mut link, &response, *reply, &frames, &setting).await
        }
        Play::Frames(send, want) => {
            link.send(&response.pieces(), setting.limit).await;
            link.sent.clear();
            link.send(&send(&frames), setting.limit).await;
            judge(&mut link, want, &frames, &setting).await
        }
        Play::Opening(..) | Play::Attack(_) => Verdict::Skipped("for servers".into()),
    };
    let sent = std::mem::take(&mut link.sent);
    link.leave().await;
    program.end().await;
    (verdict, sent)
}

fn asks(ask: &Ask, head: &Head, house: &House) -> Result<String, String> {
    match ask {
        Ask::Line => {
            let words: Vec<_> = head.line.split(' ').collect();
            match words.as_slice() {
                ["GET", target, "HTTP/1.1"] if target.starts_with('/') => Ok(head.line.clone()),
                _ => Err("another request line".into()),
            }
        }
        Ask::Header(name, rule) => has(head, name, *rule),
        Ask::Host => {
            let (place, hosts) = (house.port.place(), values(head, "Host"));
            match hosts.as_slice() {
                [host] if *host == place => Ok(format!("Host: {host}")),
                _ => Err(format!("Host is not {place}")),
            }
        }
        Ask::NewKey if key(head).is_empty() => Err("there is no header Sec-WebSocket-Key".into()),
        Ask::NewKey if key(head) == house.first_key => {
            Err("Sec-WebSocket-Key is the key of an earlier connection".into())
        }
        Ask::NewKey => Ok("another key".into()),
    }
}

/// Answers the handshake, and checks whether the client opens the WebSocket.
async fn answering(
    link: &mut Link,
    response: &Response,
    reply: Reply,
    frames: &Frames,
    setting: &Setting,
) -> Verdict {
    link.send(&response.pieces(), setting.limit).await;
    if reply == Reply::Opens {
        let ping = frames.frame(PING, BAIT);
        link.send(&[ping], setting.limit).await;
        return judge(link, &Want::Pong(BAIT), frames, setting).await;
    }
    let bait = [frames.frame(PING, BAIT), frames.frame(TEXT, b"Hello")];
    link.send(&bait, setting.limit).await;
    if !response.upgrades() {
        // The client may read the body of this answer until the connection ends.
        link.hang_up().await;
    }
    leaves(link, setting).await
}

/// Waits for the end of the connection. Before the end, accepts only Close frames.
async fn leaves(link: &mut Link, setting: &Setting) -> Verdict {
    let until = Instant::now() + setting.limit;
    loop {
        match link.next(until).await {
            Next::Event(event) => {
                let close = matches!(&event.kind,
                    EventKind::Frame(frame) if frame.opcode == "close");
                if !close {
                    let what = "the client goes on: it sends something";
                    return Seen::new(what).with(Some(&event), Some(0)).failed();
                }
            }
            Next::Ended(end) => return passed(end.words()),
            Next::Late => {
                let limit = setting.limit.as_secs_f64();
                let what = format!("the connection did not end within {limit:.1} s");
                return Seen::new(what).late().failed();
            }
        }
    }
}
