//! A small echo server, and a client, with a switch for each fault. Without a fault they are right.
//!
//! It shares no code with the product, and is written as a learner would write it: one thread for
//! each client, one loop for the frames. Where it can be wrong, it asks `self.is(Fault::…)`.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, sleep},
    time::Duration,
};

use data_encoding::BASE64;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::faults::Fault;

/// Starts the server. Returns its address. Its threads end with the test.
pub(super) fn start(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || Peer::new(stream, fault, Role::Server).serve());
        }
    });
    url
}

/// Why a connection ends: a code for a Close frame, or `None` for a bare end.
type Stop = Option<u16>;

/// Connects to this address as a client, and sends each message back until the end.
pub(super) fn connect(fault: Fault, url: &str) {
    let place = url.trim_start_matches("ws://");
    let (host, path) = place.split_once('/').unwrap();
    let stream = TcpStream::connect(host).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut peer = Peer::new(stream, fault, Role::Client);
    if peer.ask(host, path).is_some() {
        peer.talk();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

struct Peer {
    stream: TcpStream,
    fault: Fault,
    role: Role,
    /// The number of frames that were sent.
    sent: u8,
    buffer: Vec<u8>,
    /// The opcode and the bytes of a message that has begun.
    message: Option<(u8, Vec<u8>)>,
    /// The number of its frames.
    parts: usize,
    pings: usize,
    /// The opcodes that were read since the last read of the socket.
    before: Vec<u8>,
}

struct Request {
    method: String,
    version: String,
    headers: Vec<(String, String)>,
    whole: bool,
}

impl Request {
    fn all(&self, name: &str) -> Vec<&str> {
        let headers = self.headers.iter();
        let named = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

impl Peer {
    fn new(stream: TcpStream, fault: Fault, role: Role) -> Peer {
        Peer {
            stream,
            fault,
            role,
            sent: 0,
            buffer: Vec::new(),
            message: None,
            parts: 0,
            pings: 0,
            before: Vec::new(),
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn serve(mut self) {
        if self.handshake().is_some() {
            self.talk();
        }
    }

    /// Answers frames until the end.
    fn talk(&mut self) {
        let Err(stop) = self.frames();
        let Some(code) = stop else { return };
        match self.fault {
            Fault::EndsWithoutClose if code >= 1002 => {}
            Fault::ClosesWithoutCode if code >= 1002 => self.send(0x88, &[]),
            _ => self.send(0x88, &code.to_be_bytes()),
        }
        // Read what is on its way, or TCP discards the Close frame.
        self.stream.shutdown(std::net::Shutdown::Write).ok();
        self.stream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .ok();
        while matches!(self.stream.read(&mut [0; 4096]), Ok(1..)) {}
    }

    /// Reads more bytes; `None` at the end.
    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 65_536];
        let length = self
            .stream
            .read(&mut bytes)
            .ok()
            .filter(|length| *length > 0)?;
        self.buffer.extend(&bytes[..length]);
        self.before.clear();
        Some(())
    }

    #[allow(clippy::disallowed_methods, reason = "this thread has one client")]
    fn pause(&self) {
        if self.is(Fault::Slow) {
            sleep(Duration::from_millis(150));
        }
    }

    /// Reads until the empty line behind a head. Returns the head.
    fn head(&mut self) -> Option<String> {
        let mut begin = 0;
        let end = loop {
            self.more()?;
            let mut fours = self.buffer[begin..].windows(4);
            match fours.position(|four| four == b"\r\n\r\n") {
                Some(end) => break begin + end + 4,
                None if self.is(Fault::OneRead) => break self.buffer.len(),
                None => begin = self.buffer.len().saturating_sub(3),
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    /// Asks for a WebSocket, and checks the answer.
    fn ask(&mut self, host: &str, path: &str) -> Option<()> {
        let method = if self.is(Fault::AnyMethod) {
            "POST"
        } else {
            "GET"
        };
        let host = if self.is(Fault::NoHost) {
            "example.com"
        } else {
            host
        };
        let mut key = BASE64.encode(&rand());
        match self.fault {
            Fault::ShortKey => key = BASE64.encode(b"fifteen bytes!!"),
            Fault::SameKey => key = BASE64.encode(b"sixteen  bytes!!"),
            _ => {}
        }
        let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n");
        head += &format!("Sec-WebSocket-Key: {key}\r\n");
        let version = if self.is(Fault::OldVersion) { 8 } else { 13 };
        head += &format!("Sec-WebSocket-Version: {version}\r\n");
        if !self.is(Fault::NoUpgrade) {
            head += "Upgrade: websocket\r\n";
        }
        if !self.is(Fault::NoConnection) {
            head += "Connection: Upgrade\r\n";
        }
        self.stream.write_all((head + "\r\n").as_bytes()).unwrap();
        let answer = self.head()?;
        match self.believes(&answer, &key) {
            true => Some(()),
            // The end of the process would end the connection.
            false if self.is(Fault::StaysAfterRefusal) => loop {
                thread::park();
            },
            false => None,
        }
    }

    fn believes(&self, answer: &str, key: &str) -> bool {
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let answer = self.read_request(answer);
        let is = |name: &str, right: &str| {
            answer
                .one(name)
                .map(|value| match self.is(Fault::CaseSensitive) {
                    true => value == right,
                    false => value.eq_ignore_ascii_case(right),
                })
        };
        let upgrade = match is("Upgrade", "websocket") {
            None => self.is(Fault::NoUpgradeInAnswer),
            Some(right) => right || self.is(Fault::OtherUpgrade),
        };
        let connection = match is("Connection", "Upgrade") {
            None => self.is(Fault::NoConnectionInAnswer),
            Some(right) => right,
        };
        let accept = match answer.one("Sec-WebSocket-Accept") {
            None => self.is(Fault::NoAccept),
            Some(accept) => {
                accept == derive_accept_key(key.as_bytes()) || self.is(Fault::AnyAccept)
            }
        };
        let extension = answer.one("Sec-WebSocket-Extensions").is_none();
        let protocol = answer.one("Sec-WebSocket-Protocol").is_none();
        (status == "101" || self.is(Fault::AnyStatus))
            && (upgrade && connection && accept)
            && (extension || self.is(Fault::Extension))
            && (protocol || self.is(Fault::Protocol))
    }

    fn handshake(&mut self) -> Option<()> {
        let head = self.head()?;
        let request = self.read_request(&head);
        self.pause();
        let status = match self.judge(&request) {
            Ok(()) => return self.answer(&request),
            Err(_) if self.is(Fault::BareEnd) => return None,
            Err(status) => status,
        };
        let version = match status {
            426 if !self.is(Fault::NoVersionList) => "Sec-WebSocket-Version: 13\r\n",
            _ => "",
        };
        let head = format!("HTTP/1.1 {status} No\r\n{version}Content-Length: 0\r\n\r\n");
        self.stream.write_all(head.as_bytes()).ok();
        None
    }

    fn read_request(&self, head: &str) -> Request {
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let mut words = lines.next().unwrap_or_default().split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let version = words.nth(1).unwrap_or_default().to_owned();
        let (mut headers, mut whole) = (Vec::new(), true);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                whole = self.is(Fault::NoColon);
                continue;
            };
            let value = match self.is(Fault::NoTrim) {
                true => value.strip_prefix(' ').unwrap_or(value),
                false => value.trim(),
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Request {
            method,
            version,
            headers,
            whole,
        }
    }

    /// Whether the request opens a WebSocket; else the status of the answer.
    fn judge(&self, request: &Request) -> Result<(), u16> {
        let must = |right: bool, fault: Fault, status: u16| match right || self.is(fault) {
            true => Ok(()),
            false => Err(status),
        };
        must(request.whole, Fault::NoColon, 400)?;
        must(request.method == "GET", Fault::AnyMethod, 405)?;
        must(request.version == "HTTP/1.1", Fault::OldHttp, 505)?;
        must(request.one("Host").is_some(), Fault::NoHost, 400)?;
        if self.is(Fault::CaseSensitive)
            && !request.headers.iter().any(|(name, _)| name == "Upgrade")
        {
            return Err(400);
        }
        if self.is(Fault::NoCookies) && request.one("Cookie").is_some() {
            return Err(400);
        }
        let upgrade = request.one("Upgrade");
        must(upgrade.is_some(), Fault::NoUpgrade, 426)?;
        let right = upgrade.is_none_or(|value| value.eq_ignore_ascii_case("websocket"));
        must(right, Fault::OtherUpgrade, 426)?;
        let connection = request.one("Connection");
        must(connection.is_some(), Fault::NoConnection, 400)?;
        let lists = |value: &str| match self.is(Fault::WholeConnection) {
            true => value.eq_ignore_ascii_case("upgrade"),
            false => value
                .split(',')
                .any(|word| word.trim().eq_ignore_ascii_case("upgrade")),
        };
        must(connection.is_none_or(lists), Fault::OtherConnection, 400)?;
        self.judge_version(request)?;
        let keys = request.all("Sec-WebSocket-Key");
        must(!keys.is_empty(), Fault::NoKey, 400)?;
        must(keys.len() < 2, Fault::TwoKeys, 400)?;
        let key = keys.first().map(|key| BASE64.decode(key.as_bytes()));
        must(
            key.as_ref().is_none_or(Result::is_ok),
            Fault::NotBase64,
            400,
        )?;
        let length = key.and_then(Result::ok).map_or(16, |key| key.len());
        must(length == 16, Fault::ShortKey, 400)
    }

    fn judge_version(&self, request: &Request) -> Result<(), u16> {
        match request.one("Sec-WebSocket-Version") {
            Some("13") => Ok(()),
            Some("12") if self.is(Fault::OldVersion) => Ok(()),
            None if self.is(Fault::NoVersion) => Ok(()),
            _ => Err(426),
        }
    }

    fn answer(&mut self, request: &Request) -> Option<()> {
        let key = request.one("Sec-WebSocket-Key").unwrap_or_default();
        let accept = match self.fault {
            Fault::DecodedKey => {
                derive_accept_key(&BASE64.decode(key.as_bytes()).unwrap_or_default())
            }
            _ => derive_accept_key(key.as_bytes()),
        };
        let mut head = String::from("HTTP/1.1 101 Switching Protocols\r\n");
        if !self.is(Fault::AnswerWithoutUpgrade) {
            head += "Upgrade: websocket\r\n";
        }
        if !self.is(Fault::AnswerWithoutConnection) {
            head += "Connection: Upgrade\r\n";
        }
        head += &format!("Sec-WebSocket-Accept: {accept}\r\n");
        let (protocols, extensions) = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions");
        match (self.fault, request.one(protocols), request.one(extensions)) {
            (Fault::Protocol, None, _) => head += "Sec-WebSocket-Protocol: chat\r\n",
            (Fault::AllProtocols, Some(all), _) => head += &format!("{protocols}: {all}\r\n"),
            (Fault::Extension, _, None) => head += "Sec-WebSocket-Extensions: x-own\r\n",
            (Fault::AllExtensions, _, Some(all)) => head += &format!("{extensions}: {all}\r\n"),
            _ => {}
        }
        self.stream.write_all((head + "\r\n").as_bytes()).ok()
    }

    /// Answers frames until the connection ends.
    fn frames(&mut self) -> Result<std::convert::Infallible, Stop> {
        loop {
            match self.parse()? {
                Some((first, payload)) => {
                    self.pause();
                    self.frame(first, payload)?;
                    self.before.push(first & 0x0f);
                }
                None if self.is(Fault::OneReadForEachFrame)
                    && (1..8).contains(&self.buffer.len()) =>
                {
                    return Err(Some(1002));
                }
                None => self.more().ok_or(None)?,
            }
        }
    }

    /// Returns the next complete frame of the buffer, unmasked.
    fn parse(&mut self) -> Result<Option<(u8, Vec<u8>)>, Stop> {
        let Some([first, second]) = self.buffer.first_chunk().copied() else {
            return Ok(None);
        };
        let extra = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(bytes) = self.buffer.get(2..2 + extra) else {
            return Ok(None);
        };
        let mut length = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        if extra == 0 {
            length = u64::from(second & 0x7f);
        }
        let start = 2 + extra;
        if length < 126 && self.is(Fault::StopsAtForm(8 * extra)) {
            return Ok(None);
        }
        self.check_header(first, second, length)?;
        let key_length = if second & 0x80 == 0 { 0 } else { 4 };
        let end = start + key_length + length as usize;
        let Some(frame) = self.buffer.get(start..end) else {
            return Ok(None);
        };
        let (key, payload) = frame.split_at(key_length);
        if self.is(Fault::NoKeyOfZeros) && key == [0; 4] {
            return Err(Some(1002));
        }
        let payload = self.unmask(first, key, payload);
        self.buffer.drain(..end);
        Ok(Some((first, payload)))
    }

    fn check_header(&self, first: u8, second: u8, length: u64) -> Result<(), Stop> {
        let (opcode, fin) = (first & 0x0f, first & 0x80 != 0);
        let must = |right: bool, excused: bool| match right || excused {
            true => Ok(()),
            false => Err(Some(1002)),
        };
        let excused = match opcode {
            9 => self.is(Fault::UnmaskedPing),
            _ => self.is(Fault::UnmaskedText),
        };
        must((second & 0x80 != 0) == (self.role == Role::Server), excused)?;
        let bits = match (self.fault, opcode) {
            (Fault::Rsv1, 1) => 0x30,
            (Fault::Rsv2, 1) => 0x50,
            (Fault::Rsv3, 1) => 0x60,
            (Fault::RsvOfControl, 8..) | (Fault::RsvOfContinuation, 0) => 0,
            _ => 0x70,
        };
        must(first & bits == 0, false)?;
        let known = match self.fault {
            Fault::Opcode(known) => known,
            _ => 0,
        };
        must(matches!(opcode, 0..=2 | 8..=10), opcode == known)?;
        if opcode >= 8 {
            must(length <= 125, self.is(Fault::LongControl(opcode)))?;
            must(fin, self.is(Fault::ControlInPieces(opcode)))?;
        }
        match length > 1 << 20 && !self.is(Fault::WaitsForTopBit) {
            true => Err(Some(1009)),
            false => Ok(()),
        }
    }

    fn unmask(&self, first: u8, key: &[u8], payload: &[u8]) -> Vec<u8> {
        if key.is_empty() {
            return payload.to_vec();
        }
        let second_of_three =
            first & 0x0f == 0 && self.message.as_ref().is_some_and(|m| m.1.len() == 5);
        let shift = usize::from(self.is(Fault::KeyGoesOn) && second_of_three);
        let mut bytes: Vec<u8> = payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ key[(at + shift) % 4])
            .collect();
        if self.is(Fault::ForgetsTheRest) && payload.len() == 37 {
            bytes[36] = payload[36];
        }
        bytes
    }

    fn frame(&mut self, first: u8, payload: Vec<u8>) -> Result<(), Stop> {
        match first & 0x0f {
            8 => self.close(&payload),
            9 => self.ping(&payload),
            10 => self.pong(&payload),
            0..=2 => self.data(first, payload),
            _ => Ok(()),
        }
    }

    fn ping(&mut self, payload: &[u8]) -> Result<(), Stop> {
        self.pings += 1;
        let forgotten = match self.fault {
            Fault::NoEmptyPong => payload.is_empty(),
            Fault::NoTextPong => payload == b"Hello",
            Fault::OnePong => self.pings > 1,
            Fault::PongWaits => self.message.is_some(),
            Fault::ForgetsAfterPongs => self.before.iter().filter(|code| **code == 10).count() > 1,
            _ => false,
        };
        if self.is(Fault::PingEndsMessage) {
            self.message = None;
        }
        if forgotten {
            return Ok(());
        }
        match self.fault {
            Fault::PongCut => self.send(0x8a, &payload[..payload.len().min(64)]),
            Fault::PongAsText => {
                let text = String::from_utf8_lossy(payload).into_owned();
                self.send(0x8a, text.as_bytes());
            }
            _ => self.send(0x8a, payload),
        }
        Ok(())
    }

    fn pong(&mut self, payload: &[u8]) -> Result<(), Stop> {
        match self.fault {
            Fault::PongForPong if payload.len() > 5 => self.send(0x8a, payload),
            Fault::EmptyPongIsWrong if payload.is_empty() => return Err(Some(1002)),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, payload: &[u8]) -> Result<(), Stop> {
        if self.message.is_some() && self.is(Fault::CloseWaits) {
            return Ok(());
        }
        if self.is(Fault::CloseBehindText)
            && self.before.last() == Some(&1)
            && self.message.is_none()
        {
            return Ok(());
        }
        let (code, reason) = match payload {
            [] if self.is(Fault::Sends1005) => {
                self.send(0x88, &1005_u16.to_be_bytes());
                return Err(None);
            }
            [] if self.is(Fault::NoAnswerToEmptyClose) => return Err(None),
            [] => (1000, &[][..]),
            [_] if self.is(Fault::HalfACode) => (1000, &[][..]),
            [_] => return Err(Some(1002)),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        if !legal && !self.is(Fault::EchoesCodes) {
            return Err(Some(1002));
        }
        if std::str::from_utf8(reason).is_err() && !self.is(Fault::AnyReason) {
            return Err(Some(1007));
        }
        let refused = match self.fault {
            Fault::NoCloseFrame => true,
            Fault::NoLongReason => reason.len() > 100,
            Fault::UnknownCode(unknown) => code == unknown,
            _ => false,
        };
        if refused {
            return Err(None);
        }
        match self.fault {
            Fault::OwnLongClose => {
                let long = [&code.to_be_bytes()[..], &[b'r'; 130]].concat();
                self.send(0x88, &long);
            }
            _ => self.send(0x88, &code.to_be_bytes()),
        }
        if self.is(Fault::DataAfterClose) {
            self.send(0x81, b"and one more");
        }
        if self.is(Fault::StaysOpen) {
            while self.more().is_some() {}
        }
        Err(None)
    }

    fn data(&mut self, first: u8, payload: Vec<u8>) -> Result<(), Stop> {
        let (opcode, fin) = (first & 0x0f, first & 0x80 != 0);
        if opcode == 0 && self.message.is_none() {
            return if self.is(Fault::StrayFragment) {
                Ok(())
            } else {
                Err(Some(1002))
            };
        }
        if opcode != 0 && self.message.is_some() && !self.is(Fault::Interleaves) {
            return Err(Some(1002));
        }
        if !fin && self.is(Fault::NoFragments) {
            return Err(Some(1002));
        }
        if !fin || opcode == 0 {
            if self.is(Fault::NoEmptyFragment) && payload.is_empty() {
                return Err(Some(1002));
            }
            let part = self.message.as_ref().map_or(opcode, |(opcode, _)| *opcode);
            let alone = std::str::from_utf8(&payload).is_ok();
            if self.is(Fault::TextForEachFrame) && part == 1 && !alone {
                return Err(Some(1007));
            }
        }
        let whole = fin && opcode != 0;
        self.parts = if opcode == 0 { self.parts + 1 } else { 1 };
        if self.is(Fault::AtMostFourParts) && self.parts > 4 {
            return Err(Some(1009));
        }
        let (kind, mut bytes) = match opcode {
            0 => self.message.take().unwrap_or_default(),
            opcode => (opcode, Vec::new()),
        };
        bytes.extend(payload);
        if !fin {
            self.message = Some((kind, bytes));
            return Ok(());
        }
        self.message(kind, &bytes, whole)
    }

    fn message(&mut self, kind: u8, bytes: &[u8], whole: bool) -> Result<(), Stop> {
        if kind == 1 && !self.is_text(bytes, whole) {
            return Err(Some(1007));
        }
        if self.is(Fault::Loses(bytes.len())) {
            return Ok(());
        }
        match self.fault {
            Fault::KindOfLast if !whole && kind == 2 => self.send(0x81, b"?"),
            Fault::TextAsBinary if whole && bytes == b"Hello" => self.send(0x82, bytes),
            Fault::BinaryAsText if bytes.len() == 256 => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                self.send(0x81, text.as_bytes());
            }
            Fault::EndsAtNul if kind == 1 => {
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                self.send(0x81, text);
            }
            _ => self.send(0x80 | kind, bytes),
        }
        Ok(())
    }

    /// A strict check of UTF-8, unless a fault makes it lax.
    fn is_text(&self, bytes: &[u8], whole: bool) -> bool {
        let excused = match self.fault {
            Fault::AnyText => true,
            Fault::AnyTextInFragments => !whole,
            Fault::Overlong => bytes.contains(&0xc0),
            Fault::Surrogates => bytes.starts_with(b"\xed\xa0"),
            Fault::AboveUnicode => bytes.contains(&0xf4),
            Fault::EndsInHalf => whole && bytes.ends_with(b"\xc3"),
            Fault::ReplacesBytes => bytes.starts_with(b"a\xff"),
            _ => false,
        };
        excused || std::str::from_utf8(bytes).is_ok()
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
        let first = if self.is(Fault::OwnRsv) {
            first | 0x20
        } else {
            first
        };
        let masks = (self.role == Role::Client) != self.is(Fault::Masks);
        let mask = if masks { 0x80 } else { 0 };
        self.sent = self.sent.wrapping_add(1);
        let mut frame = vec![first];
        match payload.len() {
            length @ ..126 if !self.is(Fault::OwnLongForm) => frame.push(length as u8 | mask),
            length @ ..65_536 => {
                frame.push(126 | mask);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(127 | mask);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        // A wrong server masks with zeros, which leaves the payload as it is.
        let key = match self.role {
            Role::Client if masks && self.is(Fault::SameMask) => [1, 2, 3, 4],
            Role::Client if masks => [self.sent, 7, 8, 9],
            _ => [0; 4],
        };
        if masks {
            frame.extend(key);
        }
        frame.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        // An error means that the client has left.
        self.stream.write_all(&frame).ok();
    }
}

/// 16 bytes that are different in each process.
fn rand() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0).to_be_bytes();
    [random, random].concat().try_into().unwrap()
}
