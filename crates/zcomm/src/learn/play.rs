//! Plays one step: starts the program, and does what the lines of the step say.

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use tokio::{
    sync::oneshot::Receiver,
    time::{Instant, sleep, timeout},
};
use zcomm_core::{ConnectError, ConnectOptions, Trust};

use super::{
    certificate::Certificate,
    program::Target,
    script::{Data, Expected, Kind, Step, Way, What},
};
use crate::{
    check::{Actor, Arrived, Heard, LEAST, Opened, Port, first_failed},
    shared::{
        failure::Failure,
        program::Program,
        text::{cut, visible},
    },
};

/// The time limit for a program to start, and to listen or connect.
const START: Duration = Duration::from_secs(10);
/// The pause before the next attempt to connect to a program that does not listen yet.
const PAUSE: Duration = Duration::from_millis(20);
/// The time limit for a program to end.
const END: Duration = Duration::from_secs(6);

/// Why a step has failed.
pub(super) struct Failed {
    /// The number of the line that failed.
    pub(super) at: usize,
    pub(super) but: But,
    /// The last line that the program wrote.
    pub(super) last_line: Option<String>,
}

/// What happened instead of what a line expects.
#[derive(Default)]
pub(super) struct But {
    pub(super) what: String,
    /// The failed case of `zcomm check`, explained.
    pub(super) case: Option<(&'static str, String)>,
}

impl From<String> for But {
    fn from(what: String) -> But {
        But { what, case: None }
    }
}

impl From<Failure> for But {
    fn from(failure: Failure) -> But {
        But::from(failure.what().to_owned())
    }
}

/// What the lines of a step share.
struct Stage<'a> {
    target: &'a Target,
    settings: Vec<(String, String)>,
    certificate: Option<Certificate>,
    program: Option<Program>,
    actors: BTreeMap<String, Actor>,
    /// The port of a server.
    port: u16,
    /// Where a client connects, and the next client that arrives there.
    house: Option<(Port, String, Receiver<Arrived>)>,
    /// The time when the last connection ended.
    ended: Instant,
}

/// Plays a step. The program and its connections end with the step.
pub(super) async fn play(step: &Step, kind: Kind, target: &Target) -> Result<(), Failed> {
    let mut stage = Stage {
        target,
        settings: Vec::new(),
        certificate: None,
        program: None,
        actors: BTreeMap::new(),
        port: 0,
        house: None,
        ended: Instant::now(),
    };
    let mut result = stage.prepare(kind).await.map_err(|but| (0, but));
    for (at, action) in step.actions.iter().enumerate() {
        if result.is_ok() {
            result = stage.act(&action.what).await.map_err(|but| (at, but));
        }
    }
    let last_line = stage.last_line().await;
    if let Some(program) = stage.program.take() {
        program.end().await;
    }
    result.map_err(|(at, but)| Failed { at, but, last_line })
}

impl Stage<'_> {
    async fn prepare(&mut self, kind: Kind) -> Result<(), But> {
        match kind {
            Kind::Server => self.port = free_port().map_err(But::from)?,
            Kind::Client => {
                let port = Port::open().await.map_err(|error| error.to_string())?;
                let (url, arrives) = port.expect("1");
                self.house = Some((port, url, arrives));
            }
        }
        Ok(())
    }

    async fn act(&mut self, what: &What) -> Result<(), But> {
        match what {
            What::Set(name, value) => self.settings.push((name.clone(), value.clone())),
            What::Certificate => self.certificate = Some(Certificate::new()?),
            _ => {
                self.start()?;
                self.in_words(what).await?;
            }
        }
        Ok(())
    }

    async fn in_words(&mut self, what: &What) -> Result<(), But> {
        match what {
            What::Connects(who, way) => self.connects(who, way).await?,
            What::Refused(who, way, status) => self.refused(who, way, *status).await?,
            What::Accepts(who, pause) => self.accepts(who, *pause).await?,
            What::Check(names, echo) => self.check(names, *echo).await?,
            What::Stop => self.program()?.interrupt(),
            What::Ends(well) => self.ends(*well).await?,
            What::Prints(expected) => self.prints(expected).await?,
            What::Sends(who, Data::Text(text)) => self.actor(who)?.send_text(text).await,
            What::Sends(who, Data::Bytes(bytes)) => self.actor(who)?.send_bytes(bytes).await,
            What::Gets(who, expected) => self.gets(who, expected).await?,
            What::GetsNothing(who) => match self.actor(who)?.rest().await {
                None => {}
                Some(Heard::Late) => return Err(format!("{who} got no pong").into()),
                Some(other) => return Err(self.got(who, &other).into()),
            },
            What::IsClosed(who, code) => match self.actor(who)?.next().await {
                Heard::Close(other, _) if other == *code => {}
                other => return Err(self.got(who, &other).into()),
            },
            What::Closes(who, code, reason) => {
                self.ended = Instant::now();
                self.actor(who)?.close(*code, reason).await;
                self.actors.remove(who);
            }
            What::Disappears(who) => {
                self.ended = Instant::now();
                if let Some(actor) = self.actors.remove(who) {
                    actor.disappear().await;
                }
            }
            What::Waits(pause) => sleep(*pause).await,
            What::Set(..) | What::Certificate => {}
        }
        Ok(())
    }

    /// Starts the program, if it does not run yet.
    fn start(&mut self) -> Result<(), But> {
        if self.program.is_some() {
            return Ok(());
        }
        let url = self.house.as_ref().map(|(_, url, _)| url.as_str());
        let mut command = self.target.command(url);
        command.env("WEBSOCKET_PORT", self.port.to_string());
        if let Some(certificate) = &self.certificate {
            command.envs(certificate.settings());
        }
        command.envs(self.settings.iter().cloned());
        let program = Program::start(command);
        self.program =
            Some(program.map_err(|error| format!("the program does not start: {error}"))?);
        Ok(())
    }

    fn program(&mut self) -> Result<&mut Program, But> {
        self.program
            .as_mut()
            .ok_or_else(|| But::from("there is no program".to_owned()))
    }

    fn actor(&mut self, who: &str) -> Result<&mut Actor, But> {
        let actor = self.actors.get_mut(who);
        actor.ok_or_else(|| format!("{who} is not connected").into())
    }

    /// The address of the program. Its path is part of `way`.
    fn options(&self, way: &Way) -> Result<ConnectOptions, But> {
        let scheme = if self.certificate.is_some() && !way.plain {
            "wss"
        } else {
            "ws"
        };
        let path = if way.path.is_empty() { "/" } else { &way.path };
        let url = format!("{scheme}://127.0.0.1:{}{path}", self.port);
        let trust = match &self.certificate {
            Some(certificate) => certificate.trust.clone(),
            None => Trust::platform(&[]).map_err(|error| error.to_string())?,
        };
        Ok(ConnectOptions {
            origin: way.origin.clone(),
            ..ConnectOptions::new(url, &trust)
        })
    }

    /// Connects. A program that has just started does not listen yet: tries again.
    async fn open(&mut self, way: &Way) -> Result<Result<Opened, ConnectError>, But> {
        let (options, until) = (self.options(way)?, Instant::now() + START);
        loop {
            let opened = Actor::open(options.clone(), LEAST).await;
            if !matches!(opened, Err(ConnectError::Refused { .. })) {
                return Ok(opened);
            }
            if timeout(PAUSE, self.program()?.ended()).await.is_ok() {
                return Err("the program ended".to_owned().into());
            }
            if Instant::now() > until {
                let (port, limit) = (self.port, START.as_secs());
                let what = format!(
                    "no program listens on port {port} within {limit} s; the port is in the \
                     variable WEBSOCKET_PORT"
                );
                return Err(what.into());
            }
            sleep(PAUSE).await;
        }
    }

    async fn connects(&mut self, who: &str, way: &Way) -> Result<(), But> {
        let what = match self.open(way).await? {
            Ok(Opened::Open(actor)) => {
                self.actors.insert(who.to_owned(), *actor);
                return Ok(());
            }
            Ok(Opened::Refused(status)) => format!("the program answered HTTP {status}"),
            Ok(Opened::No(what)) => format!("{who} got {what}"),
            Err(error) => error.to_string(),
        };
        Err(what.into())
    }

    /// The status 0 accepts every way to refuse, such as the end of the connection.
    async fn refused(&mut self, who: &str, way: &Way, expected: u16) -> Result<(), But> {
        let what = match self.open(way).await? {
            Ok(Opened::Open(_)) => format!("the WebSocket of {who} opens"),
            Ok(Opened::Refused(status)) if expected == 0 || status == expected => return Ok(()),
            Ok(Opened::Refused(status)) => format!("the program answered HTTP {status}"),
            Ok(Opened::No(_)) | Err(_) if expected == 0 => return Ok(()),
            Ok(Opened::No(what)) => format!("{who} got {what}"),
            Err(error) => error.to_string(),
        };
        Err(what.into())
    }

    async fn accepts(&mut self, who: &str, pause: Duration) -> Result<(), But> {
        let Some((port, _, arrives)) = &mut self.house else {
            return Err("only a client connects".to_owned().into());
        };
        let Some(program) = &mut self.program else {
            return Err("there is no program".to_owned().into());
        };
        let arrived = tokio::select! {
            arrived = timeout(START, &mut *arrives) => arrived.ok().and_then(Result::ok),
            () = program.ended() => return Err("the program ended without a connection".to_owned().into()),
        };
        let Some(arrived) = arrived else {
            return Err(format!("no connection within {} s", START.as_secs()).into());
        };
        *arrives = port.expect("1").1;
        let waited = self.ended.elapsed();
        self.actors
            .insert(who.to_owned(), Actor::accept(arrived, LEAST).await);
        match waited < pause {
            true => Err(format!("the program connected after {} ms", waited.as_millis()).into()),
            false => Ok(()),
        }
    }

    async fn check(&mut self, names: &[String], echo: bool) -> Result<(), But> {
        // Waits until the program listens.
        self.connects("check", &Way::default()).await?;
        self.actors.remove("check");
        match first_failed(self.options(&Way::default())?, names, echo).await? {
            None => Ok(()),
            Some((id, block)) => Err(But {
                what: format!("the case {id} failed"),
                case: Some((id, block)),
            }),
        }
    }

    async fn ends(&mut self, well: Option<bool>) -> Result<(), But> {
        let program = self.program()?;
        if timeout(END, program.ended()).await.is_err() {
            return Err(format!("the program still runs after {} s", END.as_secs()).into());
        }
        let code = program.exit_code();
        match well {
            Some(well) if (code == Some(0)) != well => {
                let code = code.map_or("a signal".into(), |code| format!("exit code {code}"));
                Err(format!("the program ended with {code}").into())
            }
            _ => Ok(()),
        }
    }

    /// Looks at the last line on stdout, after the end of the program.
    async fn prints(&mut self, expected: &Expected) -> Result<(), But> {
        self.ends(None).await?;
        sleep(PAUSE).await;
        let printed = self.program()?.printed();
        let line = printed.lines().last().unwrap_or_default().trim();
        match expected.fits(line) {
            true => Ok(()),
            false => Err(format!("the last line is {:?}", cut(&visible(line))).into()),
        }
    }

    async fn gets(&mut self, who: &str, expected: &Expected) -> Result<(), But> {
        let heard = self.actor(who)?.next().await;
        match (&heard, expected) {
            (Heard::Text(text), expected) if expected.fits(text) => Ok(()),
            (Heard::Bytes(bytes), Expected::Bytes(expected)) if bytes == expected => Ok(()),
            _ => Err(self.got(who, &heard).into()),
        }
    }

    fn got(&self, who: &str, heard: &Heard) -> String {
        let limit = self.actors.get(who).map_or(LEAST, |actor| actor.limit);
        let what = match heard {
            Heard::Text(text) => format!("{:?}", cut(&visible(text))),
            Heard::Bytes(bytes) => format!(
                "{} bytes: {:02x?}",
                bytes.len(),
                &bytes[..bytes.len().min(16)]
            ),
            Heard::Close(code, reason) => {
                format!(
                    "a Close frame, code {code}, reason {:?}",
                    cut(&visible(reason))
                )
            }
            Heard::End(end) => (*end).to_owned(),
            Heard::Broken(rule) => format!("a wrong frame {rule}"),
            Heard::Pong(_) => "a pong without a ping".to_owned(),
            Heard::Late => format!("nothing within {:.1} s", limit.as_secs_f64()),
        };
        format!("{who} got {what}")
    }

    /// The last line that the program wrote: on stderr, or on stdout.
    async fn last_line(&mut self) -> Option<String> {
        // The last line of a program that has just ended may still be on its way.
        sleep(PAUSE).await;
        let program = self.program.as_ref()?;
        program.last_line().or_else(|| {
            let printed = program.printed();
            printed.lines().last().map(|line| cut(&visible(line)))
        })
    }
}

/// Finds a port that no program uses.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let port = listener.and_then(|listener| Ok(listener.local_addr()?.port()));
    port.map_err(|error| format!("no free port: {error}"))
}
