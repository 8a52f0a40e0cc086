//! Is the port free, and if not, who has it?
//!
//! `127.0.0.1` and `::1` are two addresses, and a port can be free on one and taken on the
//! other. A browser that is told `localhost` may ask either, and often `::1` first: then it
//! talks to the other program, and nobody sees why.
//!
//! Trying to bind is the only sure answer. But a system may let two programs have the same
//! port, one on all addresses and one on this: so the list of who listens counts, too.
//!
//! A server of ours there is good news, and is asked by its `/healthz`.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    time::Instant,
};

use super::{
    PROBE, Situation,
    finding::{Finding, bad, look, note, ok},
};
use crate::shared::processes::{Listening, listening_on};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// How the lessons are called, as far as every system keeps a name.
const LESSONS: [&str; 6] = [
    "1_websocket_ser",
    "2_websocket_ech",
    "3_websocket_sec",
    "4_websocket_bro",
    "open_broadcast",
    "chat_app",
];

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    if situation.ports.is_empty() {
        return vec![ok(
            "ports",
            "WEBSOCKET_PORT=0: each server takes a free one",
        )];
    }
    // Side by side: who holds one may be slow to answer.
    std::thread::scope(|scope| {
        let ports = situation.ports.iter();
        let begun: Vec<_> = ports.map(|port| scope.spawn(|| one(*port))).collect();
        let ended = begun.into_iter().filter_map(|one| one.join().ok());
        ended.collect()
    })
}

fn one(port: u16) -> Finding {
    let topic = format!("port {port}");
    // What cannot be asked for is not known; binding still says whether it is free.
    let known = listening_on(port).unwrap_or_default();
    let (v4, v6) = (state(V4, port, &known), state(V6, port, &known));
    match (v4, v6) {
        (State::Forbidden, _) | (_, State::Forbidden) => {
            let what = "ports below 1024 need special rights here";
            bad(topic, what).fix("take another port: WEBSOCKET_PORT=8765")
        }
        (State::Free, State::Free) => ok(topic, "free, on 127.0.0.1 and ::1"),
        (State::Free, State::None) => ok(topic, "free, on 127.0.0.1; there is no ::1 here"),
        (State::Free, State::Held(holders)) => {
            let who = names(&holders);
            let what = format!(
                "free on 127.0.0.1, but {who} listens on ::1, which a browser may try first for \
                 localhost"
            );
            other_ways(look(topic, what), port, &holders)
                .fix(format!("or open http://127.0.0.1:{port}/"))
        }
        (State::Held(mut holders), other) => {
            if let State::Held(others) = other {
                holders.extend(others);
            }
            holders.sort();
            holders.dedup();
            taken(topic, port, &holders)
        }
        (State::None, _) => bad(
            topic,
            "127.0.0.1 cannot be listened on: this machine has no loopback",
        ),
    }
}

fn taken(topic: String, port: u16, holders: &[Listening]) -> Finding {
    let who = names(holders);
    let mut addresses: Vec<_> = holders.iter().map(|one| one.address.ip()).collect();
    addresses.dedup();
    let first = addresses.first().copied().unwrap_or(V4);
    let lesson = holders.iter().any(|one| is_lesson(&one.name));
    if lesson || is_healthy(reached(first, port)) {
        let what = format!("a lesson is running here: {who}");
        return note(topic, what).fix("to end it: Ctrl-C in its terminal");
    }
    other_ways(bad(topic, format!("taken by {who}")), port, holders)
}

/// What to type when another program has the port.
fn other_ways(finding: Finding, port: u16, holders: &[Listening]) -> Finding {
    let pids: Vec<_> = holders.iter().map(|one| one.pid).collect();
    // One that is free now, and most likely in a minute.
    let mut next = (port..=u16::MAX).skip(1).chain(8765..).take(100);
    let next = next.find(|next| TcpListener::bind((V4, *next)).is_ok());
    let finding = match pids.first() {
        None => finding.fix("end it: Ctrl-C in its terminal, or its owner has to"),
        Some(pid) if cfg!(windows) => finding.fix(format!(
            "end it: Ctrl-C in its terminal, or taskkill /F /PID {pid}"
        )),
        Some(pid) => finding.fix(format!("end it: Ctrl-C in its terminal, or kill {pid}")),
    };
    let next = next.unwrap_or(0);
    finding.fix(format!("or take another port: WEBSOCKET_PORT={next}"))
}

fn names(holders: &[Listening]) -> String {
    let mut names: Vec<_> = holders
        .iter()
        .map(|one| format!("{} (pid {})", one.name, one.pid))
        .collect();
    names.dedup();
    match names.is_empty() {
        true => "a program of another user".to_owned(),
        false => names.join(" and "),
    }
}

fn is_lesson(name: &str) -> bool {
    LESSONS.iter().any(|lesson| name.starts_with(lesson))
}

/// Whether a port can be had on one address.
enum State {
    Free,
    Held(Vec<Listening>),
    /// The address does not exist here.
    None,
    Forbidden,
}

fn state(ip: IpAddr, port: u16, known: &[Listening]) -> State {
    let in_the_way = |one: &&Listening| {
        let theirs = one.address.ip();
        // `::` is all addresses of IPv6, and on most systems those of IPv4 as well; whether
        // it is here, the bind below says.
        theirs == ip || (theirs.is_unspecified() && theirs.is_ipv4() == ip.is_ipv4())
    };
    let holders: Vec<_> = known.iter().filter(in_the_way).cloned().collect();
    if !holders.is_empty() {
        return State::Held(holders);
    }
    match TcpListener::bind((ip, port)) {
        Ok(_) => State::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let wide = |one: &&Listening| one.address.ip().is_unspecified();
            State::Held(known.iter().filter(wide).cloned().collect())
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => State::Forbidden,
        Err(_) => State::None,
    }
}

/// The address to reach a listener at that listens on this one.
fn reached(ip: IpAddr, port: u16) -> SocketAddr {
    let ip = match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => V4,
        IpAddr::V6(ip) if ip.is_unspecified() => V6,
        ip => ip,
    };
    SocketAddr::new(ip, port)
}

/// Whether a server of ours answers there. One that speaks TLS does not, to plain HTTP.
fn is_healthy(address: SocketAddr) -> bool {
    ask(address).is_ok_and(|answer| {
        let answer = answer.to_ascii_lowercase();
        // Many servers say ok there; ours forbids browsers to guess what it is.
        answer.starts_with("http/1.1 200 ")
            && answer.contains("\r\nx-content-type-options: nosniff\r\n")
            && answer.ends_with("\r\n\r\nok\n")
    })
}

/// The answer to `/healthz`, or the first KiB of it.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let end = Instant::now() + PROBE;
    let mut stream = TcpStream::connect_timeout(&address, PROBE)?;
    stream.set_write_timeout(Some(PROBE))?;
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while answer.len() < piece.len() {
        // A byte now and then must not keep us longer than nothing at all.
        let left = end.checked_duration_since(Instant::now());
        let left = left.ok_or(ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new one would otherwise be called a stranger as soon as it speaks TLS.
    #[test]
    fn every_lesson_is_known_by_the_15_bytes_that_linux_keeps_of_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demos/src/bin");
        let programs = std::fs::read_dir(folder).unwrap().flatten();
        let names = programs.map(|program| program.file_name().into_string().unwrap());
        let names: Vec<_> = names.filter(|name| name.ends_with(".rs")).collect();
        assert!(names.len() >= LESSONS.len(), "{names:?}");
        for name in names {
            let name = name.trim_end_matches(".rs");
            assert!(is_lesson(&name[..name.len().min(15)]), "{name}");
        }
        assert!(!is_lesson("python3") && !is_lesson("websocket") && !is_lesson(""));
    }
}
