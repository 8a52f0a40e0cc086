//! Says in words what a case accepts.

use super::case::{Answer, Ask, Attack, Case, Flood, HeaderRule, Play, Reply, Want};

pub(super) fn close_words(codes: &[u16]) -> String {
    let codes: Vec<_> = codes.iter().map(u16::to_string).collect();
    format!("a Close frame with code {}", codes.join(" or "))
}

impl Case {
    pub(super) fn expected(&self) -> String {
        match &self.play {
            Play::Opening(_, answer) => answer.words(),
            Play::Frames(_, want) => want.words(),
            Play::Attack(attack) => attack.words(),
            Play::Asks(ask) => ask.words(),
            Play::Answering(_, Reply::Opens) => "the client opens: it answers a ping".into(),
            Play::Answering(_, Reply::Leaves) => {
                "the client ends the connection; first, it may send a Close frame".into()
            }
        }
    }
}

impl Answer {
    fn words(&self) -> String {
        match self {
            Answer::Opens => "HTTP 101: the WebSocket opens".into(),
            Answer::Refuses => {
                "an HTTP status that is not 101, or the end of the connection".into()
            }
            Answer::RefusesInHttp => "an HTTP status of an error: 400 to 599".into(),
            Answer::ListsVersion13 => {
                "an HTTP error with the header Sec-WebSocket-Version: 13".into()
            }
            Answer::Has(name, rule) => rule.words(name),
        }
    }
}

impl HeaderRule {
    fn words(self, name: &str) -> String {
        match self {
            HeaderRule::Is(value) => format!("{name}: {value}, once"),
            HeaderRule::SixteenBytes => format!("{name}: 16 bytes in base64, once"),
            HeaderRule::Lists(word) => format!("{name}: a list with {word}"),
            HeaderRule::FitsTheKey => {
                format!("{name}: base64(SHA-1(Sec-WebSocket-Key + GUID)), once")
            }
            HeaderRule::OneOf([]) => format!("no header {name}"),
            HeaderRule::OneOf(words) => {
                format!("{name}: one of {}; or no such header", words.join(", "))
            }
        }
    }
}

impl Attack {
    fn words(&self) -> String {
        match self {
            Attack::HalfARequest | Attack::DrippedRequest => {
                "the end of the connection within 30 s".into()
            }
            Attack::LongRequest => "an error, or the end, before 16 MiB are read".into(),
            Attack::Flood(_, Flood::Ends) => {
                "the end of the connection, or the server stops reading, before 40 MiB".into()
            }
            Attack::Flood(_, Flood::Survives) | Attack::Crowd { .. } => {
                "another client is served; no answers pile up in the server".into()
            }
        }
    }
}

impl Ask {
    fn words(&self) -> String {
        match self {
            Ask::Line => "GET, an address that begins with /, HTTP/1.1".into(),
            Ask::Header(name, rule) => rule.words(name),
            Ask::Host => "Host: the host and the port of the address, once".into(),
            Ask::NewKey => "another Sec-WebSocket-Key than before".into(),
        }
    }
}

impl Want {
    fn words(&self) -> String {
        match self {
            Want::Fails(codes) => format!("{}, or the end of the connection", close_words(codes)),
            Want::CloseWith(codes) => close_words(codes),
            Want::FailsLegally => {
                "code 1002, or another code that may be sent, or the end of the connection".into()
            }
            Want::FailsOrReads => "a pong for the ping after the frame, or a Close frame with \
                                   code 1002, 1003, 1007, 1008 or 1009, or the end of the \
                                   connection"
                .into(),
            Want::Pong(payload) => format!("a pong with the {} of the ping", bytes(payload.len())),
            Want::Silence => "no answer; the connection stays open".into(),
            Want::Close => "a Close frame".into(),
            Want::End => "the end of the TCP connection, after both Close frames".into(),
            Want::Echo(opcode, payload) => {
                let kind = if *opcode == 1 { "text" } else { "binary" };
                format!("the same {kind} message, {}", bytes(payload().len()))
            }
            Want::Reply => "the answer to the message".into(),
            Want::NewKeys => "at least two frames, each with another masking key".into(),
            Want::Keeps(_) => "every frame of the peer keeps the rule".into(),
        }
    }
}

fn bytes(count: usize) -> String {
    match count {
        1 => "1 byte".into(),
        count => format!("{count} bytes"),
    }
}
