//! One of the people: a socket, and what has been heard and not been told yet.
//!
//! Two logs have no order between them: an ack may come before the message it is for, or
//! after. So what comes while something else is awaited is kept, and found later.
//!
//! Production has one place for each kind of message, and no need to wait for any.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use zcomm_chat::envelope::{ServerMessage, Stamped};
use zcomm_core::{ClientSocket, ConnectOptions, End, Error, Message, Result};

/// Messages that are kept; the oldest goes first.
const KEPT: usize = 1000;
/// Nothing is waited for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Visitor {
    socket: ClientSocket,
    heard: VecDeque<Heard>,
}

/// Something that came.
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) value: Value,
    pub(super) at: Instant,
    /// What it says, where it is a message of the chat.
    pub(super) message: Option<ServerMessage>,
}

impl Heard {
    fn new(text: String) -> Heard {
        Heard {
            value: serde_json::from_str(&text).unwrap_or_default(),
            message: serde_json::from_str(&text)
                .ok()
                .map(|stamped: Stamped| stamped.message),
            at: Instant::now(),
            text,
        }
    }

    /// Whether it has these fields, and any others.
    pub(super) fn fits(&self, expected: &Value) -> bool {
        let fields = expected.as_object();
        fields.is_some_and(|fields| {
            fields
                .iter()
                .all(|(name, value)| self.value.get(name) == Some(value))
        })
    }
}

/// Why something was not heard; what came instead is as it was on the wire.
pub(super) enum Missed {
    /// It did not come. `near`: one of its type did, with other fields.
    Late {
        near: bool,
        instead: Option<String>,
    },
    /// An error came.
    Refused(String),
    Ended(String),
}

impl Visitor {
    pub(super) async fn connect(options: &ConnectOptions) -> Result<Visitor> {
        Ok(Visitor {
            socket: ClientSocket::connect_with(options).await?,
            heard: VecDeque::new(),
        })
    }

    pub(super) async fn says(&mut self, text: &str) -> Result<()> {
        let sent = self.socket.send(text).await;
        sent.map_err(|_| Error::Ended {
            what: self.end(),
            help: self.socket.end().and_then(End::help),
        })
    }

    /// Takes what fits out of all that was heard, or waits for it.
    pub(super) async fn hears(&mut self, expected: &Value) -> Result<Heard, Missed> {
        let until = Instant::now() + PATIENCE;
        // An error that nobody expects will not become anything else.
        let refused = |heard: &Heard| heard.value["type"] == "error";
        let mut looked_at = 0;
        loop {
            while let Some(heard) = self.heard.get(looked_at) {
                let (fits, refused) = (heard.fits(expected), refused(heard));
                if (fits || refused)
                    && let Some(heard) = self.heard.remove(looked_at)
                {
                    return if fits {
                        Ok(heard)
                    } else {
                        Err(Missed::Refused(heard.text))
                    };
                }
                looked_at += 1;
            }
            match timeout_at(until, self.socket.recv()).await {
                Ok(Some(message)) => looked_at -= self.keep(message),
                Ok(None) => return Err(Missed::Ended(self.end())),
                Err(_) => return Err(self.late(expected)),
            }
        }
    }

    /// Forgets what was heard so far.
    pub(super) fn forget(&mut self) {
        self.heard.clear();
    }

    /// Goes on hearing, so that pings are answered while nobody asks. Never ends.
    pub(super) async fn listen(&mut self) {
        while let Some(message) = self.socket.recv().await {
            self.keep(message);
        }
        std::future::pending().await
    }

    /// Waits until the server has closed.
    pub(super) async fn closed(&mut self) -> Option<&End> {
        let closed = async { while self.socket.recv().await.is_some() {} };
        timeout_at(Instant::now() + PATIENCE, closed).await.ok()?;
        self.socket.end()
    }

    /// Says goodbye.
    pub(super) async fn leaves(&mut self) -> Result<String> {
        let why = self.socket.close(1000, "").await?;
        Ok(why.to_string())
    }

    fn late(&self, expected: &Value) -> Missed {
        let mut newest = self.heard.iter().rev();
        let near = newest.find(|heard| heard.value["type"] == expected["type"]);
        Missed::Late {
            near: near.is_some(),
            instead: near.or(self.heard.back()).map(|heard| heard.text.clone()),
        }
    }

    fn end(&self) -> String {
        self.socket.end().map(End::to_string).unwrap_or_default()
    }

    /// Returns how many had to go for it.
    fn keep(&mut self, message: Message) -> usize {
        let Message::Text(text) = message else {
            return 0;
        };
        self.heard.push_back(Heard::new(text.to_string()));
        let full = self.heard.len() > KEPT;
        if full {
            self.heard.pop_front();
        }
        usize::from(full)
    }
}
