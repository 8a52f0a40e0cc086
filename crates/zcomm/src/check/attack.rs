//! Plays the attacks of `--hostile`.
//!
//! A *witness* is another client, which connects during or after an attack. The server must still
//! serve the witness. An attack with an unfinished request has no witness.
//!
//! Every attack has a limit: a number of bytes, a time, or a number of connections.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};
use zcomm_core::{ByteStream, ConnectError};

use super::{
    bytes::{Frames, PING, TEXT_BEGINS},
    case::{Attack, Flood, Setting, Want},
    judge::judge,
    link::{Link, Next, Stream},
    opening::{Came, answer},
    server::Server,
    verdict::{Seen, Verdict, passed},
};

/// The time in which a server must end a connection whose request is unfinished.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// The largest number of bytes of a flood.
const FLOOD: usize = 40 << 20;
/// The number of bytes of a long request.
const LONG: usize = 16 << 20;
/// The time limit of a flood.
const FLOOD_TIME: Duration = Duration::from_secs(15);
/// If a server sends more bytes than this after a flood, it has stored many answers in memory. The
/// buffers of the operating system hold fewer bytes.
const PILE: u64 = 24 << 20;
/// The number of connections of a crowd.
const CROWD: usize = 200;

/// Plays an attack.
pub(super) async fn attack(attack: &Attack, server: &Arc<Server>, setting: &Setting) -> Verdict {
    let played = match attack {
        Attack::HalfARequest => unfinished(server, None).await,
        Attack::DrippedRequest => unfinished(server, Some(Duration::from_millis(200))).await,
        Attack::LongRequest => long_request(server, setting).await,
        Attack::Flood(chunk, rule) => flood(server, setting, *chunk, *rule).await,
        Attack::Crowd { resets } => crowd(server, setting, *resets).await,
    };
    played.unwrap_or_else(|what| Seen::new(what).failed())
}

/// The verdict. An error is a sentence that says why the case failed.
type Played = Result<Verdict, String>;

fn gone(error: ConnectError) -> String {
    format!("the server is gone: {error}")
}

/// Sends a request without its end, and waits until the server ends the connection. If `pause` is
/// set, sends another byte after each pause.
async fn unfinished(server: &Server, pause: Option<Duration>) -> Played {
    let mut stream = server.stream().await.map_err(gone)?;
    let head = server.request().pieces().concat();
    let half = &head[..head.len() - 2];
    stream.write_all(half).await.ok();
    stream.flush().await.ok();
    let start = Instant::now();
    let mut buffer = [0; 4096];
    while let Some(left) = HANDSHAKE.checked_sub(start.elapsed()) {
        let wait = pause.unwrap_or(left);
        match timeout(wait, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => {
                let seconds = start.elapsed().as_secs_f64();
                return Ok(passed(format!("the connection ended after {seconds:.1} s")));
            }
            // The server has sent an answer, such as 408.
            Ok(Ok(_)) => {}
            Err(_) => {
                // An error means that the connection has ended.
                stream.write_all(b"x").await.ok();
            }
        }
    }
    let seen = Seen::new("the connection is still open after 30 s");
    Ok(seen.late().failed())
}

async fn long_request(server: &Server, setting: &Setting) -> Played {
    let mut link = server.connect().await.map_err(gone)?;
    let head = server.request().pieces().concat();
    let begin = [&head[..head.len() - 2], b"X-Long: "].concat();
    link.raw().write_all(&begin).await.ok();
    let poured = pour(link.raw(), &[b'x'; 64 * 1024], LONG, setting.limit).await;
    if let Poured::All = poured {
        // A server may send an error, and then read and drop the rest of the request.
        return match answer(&mut link, setting.limit).await {
            Came::Head(101, ..) | Came::Late => {
                Ok(Seen::new("the server read a header of 16 MiB").failed())
            }
            _ => witness(server, setting, "an answer").await,
        };
    }
    witness(server, setting, &poured.words()).await
}

/// How a flood ended.
enum Poured {
    All,
    Ended(usize),
    Stalled(usize),
}

impl Poured {
    fn words(&self) -> String {
        match self {
            Poured::All => "all of it was read".into(),
            Poured::Ended(bytes) => format!("the connection ended after {} KiB", bytes >> 10),
            Poured::Stalled(bytes) => {
                format!("the server stopped reading after {} KiB", bytes >> 10)
            }
        }
    }
}

/// Writes bytes again and again, and reads nothing.
async fn pour(stream: &mut dyn Stream, chunk: &[u8], most: usize, limit: Duration) -> Poured {
    let (mut sent, start) = (0, Instant::now());
    while sent < most && start.elapsed() < FLOOD_TIME {
        match timeout(limit, stream.write_all(chunk)).await {
            Err(_) => return Poured::Stalled(sent),
            Ok(Err(_)) => return Poured::Ended(sent),
            Ok(Ok(())) => sent += chunk.len(),
        }
    }
    match timeout(limit, stream.flush()).await {
        Ok(Ok(())) => Poured::All,
        Ok(Err(_)) => Poured::Ended(sent),
        Err(_) => Poured::Stalled(sent),
    }
}

async fn flood(
    server: &Server,
    setting: &Setting,
    chunk: fn(&Frames) -> Vec<u8>,
    rule: Flood,
) -> Played {
    let frames = Frames::of_client("");
    let mut link = opened(server, setting).await?;
    // Begin a message that never ends.
    let begin = frames.frame(TEXT_BEGINS, b"");
    link.raw().write_all(&begin).await.ok();
    let poured = pour(link.raw(), &chunk(&frames), FLOOD, setting.limit).await;
    if let Poured::All = poured {
        let closed = closed(&mut link, setting).await;
        let pile = link.received();
        if rule == Flood::Ends && !closed {
            return Ok(Seen::new("the server took 40 MiB of one message").failed());
        }
        if pile > PILE {
            let what = format!("{} MiB of answers were piled up", pile >> 20);
            return Ok(Seen::new(what).failed());
        }
        if closed {
            return witness(server, setting, "the server closed").await;
        }
    }
    witness(server, setting, &poured.words()).await
}

/// Reads the answers after a flood. Returns whether the server has closed the connection.
async fn closed(link: &mut Link, setting: &Setting) -> bool {
    loop {
        match link.next(Instant::now() + setting.limit).await {
            Next::Event(event) if event.summary().starts_with("close") => return true,
            Next::Event(_) if link.received() <= PILE => {}
            Next::Ended(_) => return true,
            Next::Event(_) | Next::Late => return false,
        }
    }
}

async fn crowd(server: &Server, setting: &Setting, resets: bool) -> Played {
    let mut held = Vec::new();
    for _ in 0..CROWD {
        // A server may have a limit for connections, so ignore an error.
        if let Ok(stream) = server.stream().await {
            held.push(stream);
        }
    }
    let count = held.len();
    let what = match resets {
        true => {
            held.into_iter().for_each(ByteStream::reset);
            held = Vec::new();
            format!("after {count} resets")
        }
        false => format!("beside {count} idle connections"),
    };
    let seen = witness(server, setting, &what).await;
    drop(held);
    seen
}

/// Opens a WebSocket. An error is a sentence that says why no WebSocket opens.
async fn opened(server: &Server, setting: &Setting) -> Result<Link, String> {
    let mut link = server.connect().await.map_err(gone)?;
    link.send(&server.request().pieces(), setting.limit).await;
    match answer(&mut link, setting.limit).await {
        Came::Head(101, ..) => Ok(link),
        Came::Head(status, ..) => Err(format!("the server answers HTTP {status}")),
        Came::Late => Err("the server does not answer".into()),
        Came::Ended(_) | Came::Other(_) => Err("the server ends the connection".into()),
    }
}

/// Connects another client, which the server must serve. Tries four times, because a server with
/// a limit for connections may need time to notice that other clients have left.
async fn witness(server: &Server, setting: &Setting, after: &str) -> Played {
    let mut why = String::new();
    for _ in 0..4 {
        match opened(server, setting).await {
            Ok(mut link) => {
                let frames = Frames::of_client("");
                let ping = frames.frame(PING, b"witness");
                link.send(&[ping], setting.limit).await;
                let want = Want::Pong(b"witness");
                match judge(&mut link, &want, &frames, setting).await {
                    Verdict::Failed(seen) => why = seen.what,
                    _ => return Ok(passed(format!("{after}; another client is served"))),
                }
            }
            Err(what) => why = what,
        }
        sleep(setting.limit / 4).await;
    }
    Err(format!("{after}; then another client is not served: {why}"))
}
