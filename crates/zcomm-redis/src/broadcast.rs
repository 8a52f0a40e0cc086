//! A server whose broadcasts reach the clients of several servers.
//!
//! Every server copies each message from the shared log to its ring, the buffer that its
//! connections read. So the handler and the connections do not know that Redis exists.

use zcomm_core::{ClientId, Error, Hub, Message, Server};

use crate::{
    entry::{Entry, Kind},
    link::Address,
    machine::{Machine, Unknown},
    shared_log::open,
};

/// Makes a server one of several, if the settings name a Redis. Otherwise changes nothing.
///
/// The server starts even if Redis cannot be reached, and clients can connect. Until Redis can be
/// reached, the server answers each message with [`Error::Unavailable`].
///
/// # Errors
/// [`Error::Setting`] for a wrong address. [`Error::Io`] if the system has no random bytes.
pub fn one_service(server: Server) -> zcomm_core::Result<Server> {
    let service = match server.config().require_auth {
        true => "a broadcast with tokens",
        false => "an open broadcast",
    };
    let Some(address) = Address::from_config(server.config(), service)? else {
        return Ok(server);
    };
    let (log, work) = open(&address, Ring(server.hub().clone()))?;
    let (status, figures) = (log.status().clone(), log.status().clone());
    let relay = move |message, sender| {
        let (log, payload) = (log.clone(), write(message, sender));
        async move {
            match log.append(payload).await {
                Ok(reached) => reached,
                Err(_) => Err(Error::Unavailable),
            }
        }
    };
    let mut name = [0; 4];
    getrandom::fill(&mut name).map_err(std::io::Error::other)?;
    Ok(server
        .one_of_several(u32::from_le_bytes(name), relay)
        .health(move || status.health())
        .figures(move || figures.figures())
        .beside(work))
}

/// The ring of this server, which gets the messages of the shared log.
struct Ring(Hub);

impl Machine for Ring {
    type Outcome = zcomm_core::Result<usize>;

    fn apply(&mut self, entry: &Entry) -> Result<Self::Outcome, Unknown> {
        if entry.kind == Kind::Alive {
            return Ok(Ok(0));
        }
        let (message, sender) = read(&entry.payload).ok_or(Unknown)?;
        Ok(match entry.own {
            // Each server numbers its own clients. So `sender` is a client of this server only
            // if this server appended the entry.
            true => self.0.broadcast_except(message, sender),
            false => self.0.broadcast(message),
        })
    }

    fn stuck(&mut self) {
        let words = "(this server cannot read the messages of the other servers: its log says why)";
        // This cannot fail: the text is much shorter than the limit.
        self.0.broadcast(words).ok();
    }

    fn lost(&mut self) {
        let words = "(messages were lost: Redis no longer has them)";
        // This cannot fail: the text is much shorter than the limit.
        self.0.broadcast(words).ok();
    }
}

/// A payload is the number of the sender, a space, `t` for text or `b` for binary, a space, and
/// the message.
fn write(message: Message, sender: ClientId) -> Vec<u8> {
    let (kind, content): (_, &[u8]) = match &message {
        Message::Text(text) => ("t", text.as_bytes()),
        Message::Binary(bytes) => ("b", bytes),
    };
    let head = format!("{} {kind} ", u64::from(sender));
    [head.as_bytes(), content].concat()
}

fn read(payload: &[u8]) -> Option<(Message, ClientId)> {
    let mut parts = payload.splitn(3, |byte| *byte == b' ');
    let sender = std::str::from_utf8(parts.next()?).ok()?;
    let sender = ClientId::from(sender.parse::<u64>().ok()?);
    let (kind, content) = (parts.next()?, parts.next()?);
    let message = match kind {
        b"t" => Message::from(std::str::from_utf8(content).ok()?.to_owned()),
        b"b" => Message::Binary(content.to_vec().into()),
        _ => return None,
    };
    Some((message, sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was_written() {
        let sender = ClientId::from(7);
        for message in [
            Message::from("hello to all"),
            Message::from(""),
            Message::from(" \u{1f980} "),
            Message::Binary(vec![0, 32, 255].into()),
        ] {
            let payload = write(message.clone(), sender);
            assert_eq!(read(&payload), Some((message, sender)));
        }
        for wrong in [&b""[..], b"7", b"7 t", b"x t y", b"7 z y", b"7 t \xff"] {
            assert_eq!(read(wrong), None);
        }
    }
}
