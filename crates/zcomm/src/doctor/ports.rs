//! Is the port free, and if not, which program uses it?
//!
//! `127.0.0.1` and `::1` are two addresses of this machine. A port can be free on `127.0.0.1`,
//! while another program uses the port on `::1`. For `localhost`, a browser often tries `::1`
//! first. Then the browser connects to the other program, and shows no error.
//!
//! To find out whether a port is free, the check tries to bind it. On some systems, this attempt
//! succeeds although another program uses the port: one program can listen on all addresses, and
//! another on `127.0.0.1`. So the check also reads the list of listening programs.
//!
//! It is not a problem if a lesson uses the port. The check recognizes a lesson by its
//! answer to `/healthz`.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::mpsc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::finding::{Finding, error, note, ok, warning};
use crate::shared::{
    processes::{Listening, listening_on},
    run::block_on,
};

/// The time limit for a request to `/healthz` and its answer.
const PROBE: Duration = Duration::from_secs(1);

/// The time limit for the list of programs. On Windows, the list is slow if there are
/// thousands of connections.
const LISTING: Duration = Duration::from_secs(3);

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

pub(super) fn check(port: u16) -> Finding {
    if port == 0 {
        return ok("WEBSOCKET_PORT=0: each server takes a free port");
    }
    let known = known(port);
    match (state(V4, port, &known), state(V6, port, &known)) {
        (State::Forbidden, _) | (_, State::Forbidden) => {
            error("ports below 1024 need administrator rights on this system")
                .fix("use another port: WEBSOCKET_PORT=8765")
        }
        (State::Free, State::Free) => ok("free, on 127.0.0.1 and ::1"),
        (State::Free, State::NoAddress) => ok("free, on 127.0.0.1; this machine has no ::1"),
        (State::Free, State::Taken(holders)) => {
            let who = names(&holders);
            let what = format!(
                "free on 127.0.0.1, but {who} listens on ::1, which a browser may try first for \
                 localhost"
            );
            other_ways(warning(what), port, &holders)
                .fix(format!("or open http://127.0.0.1:{port}/"))
        }
        (State::Taken(mut holders), other) => {
            if let State::Taken(others) = other {
                holders.extend(others);
            }
            holders.sort();
            taken(port, &holders)
        }
        (State::NoAddress, _) => {
            error("cannot listen on 127.0.0.1: this machine has no loopback address")
                .fix("on Linux: sudo ip link set lo up")
        }
    }
}

/// Returns the programs that listen on this port. Returns an empty list if the system does not
/// list them within [`LISTING`].
fn known(port: u16) -> Vec<Listening> {
    let (sender, list) = mpsc::channel();
    std::thread::spawn(move || sender.send(listening_on(port)));
    let list = list.recv_timeout(LISTING);
    list.ok().and_then(Result::ok).unwrap_or_default()
}

fn taken(port: u16, holders: &[Listening]) -> Finding {
    let who = names(holders);
    let ip = match holders.first() {
        Some(first) if first.address.is_ipv6() => V6,
        _ => V4,
    };
    if is_healthy((ip, port).into()) {
        let what = format!("a lesson is running here: {who}");
        return note(what).fix("to stop it: Ctrl-C in its terminal");
    }
    other_ways(error(format!("taken by {who}")), port, holders)
}

/// Adds two fixes for a port that another program uses: stop the program, or use another port.
fn other_ways(finding: Finding, port: u16, holders: &[Listening]) -> Finding {
    let stop = match holders.first().map(|one| one.pid) {
        None => {
            "stop the program: Ctrl-C in its terminal; only the user who started the program can stop it"
                .to_owned()
        }
        Some(pid) if cfg!(windows) => {
            format!("stop it: Ctrl-C in its terminal, or taskkill /F /PID {pid}")
        }
        Some(pid) => format!("stop it: Ctrl-C in its terminal, or kill {pid}"),
    };
    let mut ports = (port..=u16::MAX).skip(1).chain(8765..).take(100);
    let free = ports.find(|port| TcpListener::bind((V4, *port)).is_ok());
    let free = free.unwrap_or(0);
    finding
        .fix(stop)
        .fix(format!("or use another port: WEBSOCKET_PORT={free}"))
}

fn names(holders: &[Listening]) -> String {
    let mut names: Vec<_> = holders
        .iter()
        .map(|one| format!("{} (pid {})", one.name, one.pid))
        .collect();
    names.dedup();
    match names.is_empty() {
        true => "an unknown program".to_owned(),
        false => names.join(" and "),
    }
}

/// The state of a port on one address.
enum State {
    Free,
    /// The programs that use the port, if this user is allowed to see them.
    Taken(Vec<Listening>),
    NoAddress,
    Forbidden,
}

fn state(ip: IpAddr, port: u16, known: &[Listening]) -> State {
    let in_the_way = |one: &&Listening| {
        let theirs = one.address.ip();
        // On most systems a program on `::` uses the port on IPv4, too. The call of `bind`
        // below finds this program.
        theirs == ip || (theirs.is_unspecified() && theirs.is_ipv4() == ip.is_ipv4())
    };
    let holders: Vec<_> = known.iter().filter(in_the_way).cloned().collect();
    if !holders.is_empty() {
        return State::Taken(holders);
    }
    match TcpListener::bind((ip, port)).map_err(|error| error.kind()) {
        Ok(_) => State::Free,
        Err(ErrorKind::AddrInUse) => {
            let wide = |one: &&Listening| one.address.ip().is_unspecified();
            State::Taken(known.iter().filter(wide).cloned().collect())
        }
        Err(ErrorKind::PermissionDenied) => State::Forbidden,
        Err(_) => State::NoAddress,
    }
}

/// Whether a lesson answers at this address, with or without TLS.
fn is_healthy(address: SocketAddr) -> bool {
    // Use one time limit for the whole answer, because a server may send the answer very slowly.
    let answer = block_on(async { timeout(PROBE, ask(address)).await? });
    answer.is_ok_and(|answer| {
        let answer = answer.to_ascii_lowercase();
        // Many servers answer "ok" to `/healthz`. Every lesson also sends `nosniff` in a header.
        let healthy = answer.starts_with("http/1.1 200 ") && answer.ends_with("\r\n\r\nok\n");
        // A lesson with TLS answers plain HTTP with the advice to use TLS.
        let with_tls = answer.starts_with("http/1.1 426 ") && answer.contains("\r\nupgrade: tls/");
        answer.contains("\r\nx-content-type-options: nosniff\r\n") && (healthy || with_tls)
    })
}

/// Returns the first KiB of the answer to `/healthz`.
async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
