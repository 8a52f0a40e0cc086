//! What the lines of a step share: the program, its port, and the actors that are connected.

use std::{collections::BTreeMap, io, time::Duration};

use tokio::{
    net::{TcpSocket, TcpStream},
    sync::oneshot::Receiver,
    time::{Instant, sleep, timeout},
};
use zcomm_core::{ConnectError, ConnectOptions, Trust};

use super::{
    certificate::Certificate,
    error_line::{error_line, has_error},
    program::Target,
    script::{Kind, Way},
};
use crate::{
    check::{Actor, Arrived, LEAST, Opened, Port},
    shared::{failure::Failure, program::Program},
};

/// The time limit for a program to start, and to listen or connect.
const START: Duration = Duration::from_secs(10);
/// The pause before the next attempt to connect to a program that does not listen yet.
pub(super) const PAUSE: Duration = Duration::from_millis(20);
/// The time for a program to write why it has failed.
const WRITES: Duration = Duration::from_millis(400);

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
pub(super) struct Stage<'a> {
    pub(super) target: &'a Target,
    pub(super) settings: Vec<(String, String)>,
    pub(super) certificate: Option<Certificate>,
    pub(super) program: Option<Program>,
    pub(super) actors: BTreeMap<String, Actor>,
    /// The connections without a handshake.
    stalled: Vec<TcpStream>,
    /// The port of a server.
    pub(super) port: u16,
    /// Keeps the port from other programs until the program listens.
    reserved: Option<TcpSocket>,
    /// Where a client connects, and the next client that arrives there.
    pub(super) house: Option<(Port, String, Receiver<Arrived>)>,
    /// The time when the last connection ended.
    pub(super) ended: Instant,
}

impl Stage<'_> {
    pub(super) fn new(target: &Target) -> Stage<'_> {
        Stage {
            target,
            settings: Vec::new(),
            certificate: None,
            program: None,
            actors: BTreeMap::new(),
            stalled: Vec::new(),
            port: 0,
            reserved: None,
            house: None,
            ended: Instant::now(),
        }
    }

    pub(super) async fn prepare(&mut self, kind: Kind) -> Result<(), But> {
        match kind {
            Kind::Server => {
                let free = free_port().map_err(|error| format!("no free port: {error}"))?;
                (self.port, self.reserved) = free;
            }
            Kind::Client => {
                let port = Port::open().await.map_err(|error| error.to_string())?;
                let (url, arrives) = port.expect("1");
                self.house = Some((port, url, arrives));
            }
        }
        Ok(())
    }

    /// Starts the program, if it does not run yet.
    pub(super) fn start(&mut self) -> Result<(), But> {
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

    pub(super) fn program(&mut self) -> Result<&mut Program, But> {
        self.program
            .as_mut()
            .ok_or_else(|| But::from("there is no program".to_owned()))
    }

    pub(super) fn actor(&mut self, who: &str) -> Result<&mut Actor, But> {
        let actor = self.actors.get_mut(who);
        actor.ok_or_else(|| format!("{who} is not connected").into())
    }

    /// The address of the program. Its path is part of `way`.
    pub(super) fn options(&self, way: &Way) -> Result<ConnectOptions, But> {
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
            origin: way.origin(self.port),
            ..ConnectOptions::new(url, &trust)
        })
    }

    /// Connects. A program that has just started does not listen yet: tries again.
    pub(super) async fn open(&mut self, way: &Way) -> Result<Result<Opened, ConnectError>, But> {
        let (options, until) = (self.options(way)?, Instant::now() + START);
        loop {
            let opened = Actor::open(options.clone(), LEAST).await;
            if !matches!(opened, Err(ConnectError::Refused { .. })) {
                return Ok(opened);
            }
            if timeout(PAUSE, self.program()?.ended()).await.is_ok() {
                // Some programs can listen only on a port that is not reserved.
                if self.reserved.take().is_none() {
                    return Err("the program ended".to_owned().into());
                }
                self.program = None;
                self.start()?;
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

    pub(super) async fn connects(&mut self, who: &str, way: &Way) -> Result<(), But> {
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

    /// Opens a TCP connection to a program that listens, and sends nothing.
    pub(super) async fn stalls(&mut self) -> Result<(), But> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = stream.map_err(|error| format!("no TCP connection: {error}"))?;
        self.stalled.push(stream);
        Ok(())
    }

    /// The status 0 accepts every way to refuse, such as the end of the connection.
    pub(super) async fn refused(&mut self, who: &str, way: &Way, expected: u16) -> Result<(), But> {
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

    /// Ends the connection, closes the port for this time, and opens the same port again.
    pub(super) async fn is_down(&mut self, who: &str, pause: Duration) -> Result<(), But> {
        let Some((port, ..)) = self.house.take() else {
            return Err("only the server of a client goes down".to_owned().into());
        };
        let addr = port.addr();
        drop(port);
        if let Some(actor) = self.actors.remove(who) {
            actor.disappear().await;
        }
        self.ended = Instant::now();
        sleep(pause).await;
        let port = Port::at(addr).await;
        let port = port.map_err(|error| format!("cannot open port {addr} again: {error}"))?;
        let (url, arrives) = port.expect("1");
        self.house = Some((port, url, arrives));
        Ok(())
    }

    pub(super) async fn accepts(&mut self, who: &str, pause: Duration) -> Result<(), But> {
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

    /// What the program wrote about its failure. Ends all connections and waits a little: a server in
    /// Python writes the error of a handler only after the end of its connection.
    pub(super) async fn wrote(&mut self) -> Option<String> {
        self.actors.clear();
        let program = self.program.as_mut()?;
        let until = Instant::now() + WRITES;
        while !has_error(&program.said()) && Instant::now() < until {
            sleep(PAUSE).await;
        }
        // The rest of the error may still be on its way.
        sleep(PAUSE).await;
        let ended = timeout(PAUSE, program.ended()).await.is_ok();
        let printed = if ended {
            program.printed()
        } else {
            String::new()
        };
        error_line(&program.said(), &printed)
    }
}

/// Finds a port that no program uses. On Linux, also reserves it: a socket that does not listen
/// keeps it from all but a program that names it and sets `SO_REUSEADDR`, as most servers do.
fn free_port() -> io::Result<(u16, Option<TcpSocket>)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(cfg!(target_os = "linux"))?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let port = socket.local_addr()?.port();
    Ok((port, cfg!(target_os = "linux").then_some(socket)))
}
