//! The storm: two hundred people who talk while their connections break at random, and a
//! server that is killed in the middle and started again.
//!
//! [`Member`] is a client of the chat as the contract wants one, and short enough to be read
//! as one:
//!
//! - A message stays in its **outbox** until the ack comes. After a reconnect it sends the rest
//!   again, with the same ids.
//! - Of each **log** it keeps the epoch and the last position, and shows both when it comes
//!   back. The next message has the next position, or a gap begins there: anything else is a
//!   bug of the server, and fails the test at once.
//! - With another epoch, the old log has ended after its last position, and a gap says exactly
//!   that.
//!
//! Of several servers, a member connects to any of them: see `redis/storm.rs`.
//!
//! In the end the test joins the logs from what all clients have received, and counts all messages.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{sync::watch, time::sleep};
use zcomm_chat::envelope::{ClientMessage, Code, Digest, Fault, Seen, Seq, ServerMessage, Stamped};
use zcomm_core::Message;

use crate::chat::client::chat_app;
use crate::harness::{CANARY, Client, Demo};

const MEMBERS: usize = 200;
/// Messages that each of them sends.
pub(crate) const TEXTS: usize = 24;
/// The time limit of each part of a storm, also on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// Messages that each may have under way without an ack.
const WINDOW: usize = 8;
/// Each client is in the lobby and in one of these.
const ROOMS: usize = 8;

/// A log as one client knows it.
struct Log {
    epoch: String,
    /// `None` until a message came: no message before that was promised.
    last: Option<u64>,
    /// The digest of the last message, if several servers are one chat.
    digest: Option<Digest>,
    heard: BTreeMap<u64, String>,
    /// Positions that are accounted for without a message.
    lost: u64,
}

impl Log {
    fn new(epoch: &str, last: Option<u64>) -> Log {
        let heard = BTreeMap::new();
        let lost = last.unwrap_or(0);
        Log {
            epoch: epoch.to_owned(),
            last,
            digest: None,
            heard,
            lost,
        }
    }

    /// The next message, and no other.
    fn hear(&mut self, seq: Seq, id: Option<String>, digest: Option<Digest>) {
        self.digest = digest;
        let expected = self.last.map_or(seq.0, |last| last + 1);
        assert_eq!(seq.0, expected, "a hole without a gap, or a message twice");
        if self.last.is_none() {
            self.lost = seq.0 - 1;
        }
        self.last = Some(seq.0);
        self.heard.insert(seq.0, id.expect("everybody gives ids"));
    }

    /// These positions will not come.
    fn gap(&mut self, from: Seq, to: Seq) {
        assert_eq!(
            self.last.map(|last| last + 1),
            Some(from.0),
            "a gap begins where we are"
        );
        self.lost += to.0 + 1 - from.0;
        self.last = Some(to.0);
        self.digest = None;
    }

    /// The position to show to a server.
    fn seen(&self) -> Option<Seen> {
        Some(Seen {
            seq: Seq(self.last?),
            digest: self.digest,
        })
    }
}

/// A message that is not acknowledged yet.
struct Said {
    id: String,
    message: ClientMessage,
    /// The log that it goes into.
    log: String,
    /// It was sent through this connection.
    sent: bool,
}

struct Ack {
    log: String,
    epoch: String,
    seq: u64,
    id: String,
}

/// The state that all clients share.
pub(crate) struct Storm {
    /// The servers: a client connects to any of them.
    urls: Vec<String>,
    members: usize,
    acks: watch::Sender<usize>,
    /// How often a message was answered with `unavailable`.
    unavailable: watch::Sender<usize>,
    /// The end of each log, by name and epoch, once all messages are acknowledged.
    ends: watch::Sender<Option<Ends>>,
}

impl Storm {
    pub(crate) fn new(urls: Vec<String>, members: usize) -> Arc<Storm> {
        Arc::new(Storm {
            urls,
            members,
            acks: watch::Sender::new(0),
            unavailable: watch::Sender::new(0),
            ends: watch::Sender::new(None),
        })
    }

    /// Waits until this share of all messages is acknowledged.
    pub(crate) async fn until(&self, percent: usize) {
        let share = self.members * TEXTS * percent / 100;
        let mut acks = self.acks.subscribe();
        let reached = tokio::time::timeout(LIMIT, acks.wait_for(|acks| *acks >= share)).await;
        drop(reached.unwrap().unwrap());
    }

    /// Waits until a client is told that its message did not reach the other servers.
    pub(crate) async fn until_unavailable(&self) {
        let mut told = self.unavailable.subscribe();
        let told = tokio::time::timeout(LIMIT, told.wait_for(|told| *told > 0)).await;
        drop(told.unwrap().unwrap());
    }

    /// Begins: all members talk.
    pub(crate) fn begin(self: &Arc<Storm>, seed: u64) -> Vec<tokio::task::JoinHandle<Member>> {
        let member = |n| tokio::spawn(Member::new(n, seed).live(Arc::clone(self)));
        (0..self.members).map(member).collect()
    }

    /// All messages are acknowledged. A server says where the logs end, and all members read up to
    /// there. Then counts everything.
    pub(crate) async fn end(
        &self,
        chat: &Demo,
        members: Vec<tokio::task::JoinHandle<Member>>,
    ) -> Figures {
        let ends = ends(chat).await;
        self.ends.send_replace(Some(ends.clone()));
        let members = tokio::time::timeout(LIMIT, join_all(members))
            .await
            .unwrap();
        let members: Vec<_> = members.into_iter().map(Result::unwrap).collect();
        settle(&members, &ends)
    }
}

/// A client of the chat that accounts for every message.
pub(crate) struct Member {
    number: usize,
    dice: u64,
    name: String,
    session: Option<String>,
    logs: BTreeMap<String, Log>,
    /// Logs of epochs that are over.
    past: Vec<(String, Log)>,
    /// Gaps that must come before any message of a log: its name, the old epoch, and the last
    /// position.
    owed: Vec<(String, String, u64)>,
    outbox: Vec<Said>,
    said: usize,
    acks: Vec<Ack>,
    connections: usize,
    duplicates: usize,
    slowed: usize,
    /// Messages that the server could not give to the other servers.
    unavailable: usize,
}

impl Member {
    fn new(number: usize, seed: u64) -> Member {
        Member {
            number,
            dice: seed * 1_000_003 + number as u64,
            name: format!("member {number}"),
            session: None,
            logs: BTreeMap::new(),
            past: Vec::new(),
            owed: Vec::new(),
            outbox: Vec::new(),
            said: 0,
            acks: Vec::new(),
            connections: 0,
            duplicates: 0,
            slowed: 0,
            unavailable: 0,
        }
    }

    /// A number below this one (splitmix64).
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn rooms(&self) -> [String; 2] {
        ["lobby".to_owned(), format!("room {}", self.number % ROOMS)]
    }

    /// Sends, breaks the connection and reconnects, until all is sent and received.
    async fn live(mut self, storm: Arc<Storm>) -> Member {
        loop {
            let mut query = format!("?token={CANARY}&name=member%20{}", self.number);
            if let Some(session) = &self.session {
                let seen = |log: &str| self.logs[log].seen().unwrap();
                let (direct, broadcast) = (seen("@"), seen("*"));
                query += &format!("&session={session}&direct={direct}&broadcast={broadcast}");
            }
            let at = self.roll(storm.urls.len() as u64) as usize;
            if let Ok(client) = Client::try_connect(storm.urls[at].clone() + &query).await {
                self.connections += 1;
                if self.converse(client, &storm).await {
                    return self;
                }
            }
            // Back-off with jitter; the server may be gone for a while.
            sleep(Duration::from_millis(10 + self.roll(90))).await;
        }
    }

    /// One connection. Returns whether all is sent and received.
    async fn converse(&mut self, mut client: Client, storm: &Storm) -> bool {
        for said in &mut self.outbox {
            said.sent = false;
        }
        // The next connection sends the gaps that this one did not.
        self.owed.clear();
        let mut patience = 5 + self.roll(500);
        let mut joined = HashSet::new();
        let mut quiet_until = None;
        let mut ends = storm.ends.subscribe();
        loop {
            if joined.len() == 2 && quiet_until.is_none() {
                self.talk(&mut client).await;
            }
            if joined.len() == 2 && self.is_done(ends.borrow_and_update().as_ref()) {
                client.leave().await;
                return true;
            }
            tokio::select! {
                text = client.hear_or_end() => {
                    let Some(text) = text else { return false };
                    patience = patience.saturating_sub(1);
                    if patience == 0 && storm.ends.borrow().is_none() {
                        // Like a pulled cable: no Close frame, and all data on its way is lost.
                        return false;
                    }
                    if text.starts_with(r#"{"type":"user_"#) {
                        // Joins and leaves are a third of all messages, and are not checked.
                        continue;
                    }
                    let heard: Stamped = serde_json::from_str(&text).unwrap();
                    let digest = heard.digest;
                    match heard.message {
                        ServerMessage::Welcome { session, name, epoch, resumed, direct, broadcast, broadcast_digest, .. } => {
                            self.session = Some(session.0);
                            self.name = name;
                            if !resumed {
                                self.begin("@", &epoch, Some(direct.0));
                                self.begin("*", &epoch, Some(broadcast.0));
                                self.log_of("*").digest = broadcast_digest;
                            }
                            for room in self.rooms() {
                                self.join(&mut client, room).await;
                            }
                        }
                        ServerMessage::Joined { room, epoch, seq, recovered, missed, .. } => {
                            self.joined(&room, &epoch, seq, recovered, missed);
                            joined.insert(room);
                        }
                        ServerMessage::Chat { room, seq, id, .. } => self.log(&room).hear(seq, id, digest),
                        ServerMessage::Broadcast { seq, id, .. } => self.log("*").hear(seq, id, digest),
                        ServerMessage::Direct { seq, id, .. } => self.log("@").hear(seq, id, digest),
                        ServerMessage::Gap { room, epoch, from, to } => self.gap(&room, epoch, from, to),
                        ServerMessage::Ack { id, seq, duplicate, .. } => {
                            self.acknowledged(&id, seq, duplicate);
                            storm.acks.send_modify(|acks| *acks += 1);
                        }
                        ServerMessage::Error(fault) => {
                            if fault.id.is_none() {
                                // A login or a join that the other servers did not get.
                                assert_eq!(fault.code, Code::Unavailable, "{fault:?}");
                                return false;
                            }
                            if fault.code == Code::Unavailable {
                                storm.unavailable.send_modify(|told| *told += 1);
                            }
                            let wait = self.not_taken(fault);
                            quiet_until = Some(tokio::time::Instant::now() + wait);
                        }
                        _ => {}
                    }
                }
                () = tokio::time::sleep_until(quiet_until.unwrap_or_else(tokio::time::Instant::now)),
                    if quiet_until.is_some() => quiet_until = None,
                changed = ends.changed() => changed.unwrap(),
            }
        }
    }

    fn log(&mut self, name: &str) -> &mut Log {
        let owed = self.owed.iter().any(|(log, _, _)| log == name);
        assert!(!owed, "the end of the old {name} must be told first");
        self.log_of(name)
    }

    fn log_of(&mut self, name: &str) -> &mut Log {
        self.logs.get_mut(name).unwrap()
    }

    /// Starts a log of a new epoch, and puts the old one away.
    fn begin(&mut self, name: &str, epoch: &str, last: Option<u64>) {
        let Some(old) = self.logs.insert(name.to_owned(), Log::new(epoch, last)) else {
            return;
        };
        assert_ne!(old.epoch, epoch, "no session was lost within one epoch");
        if let Some(last) = old.last {
            self.owed.push((name.to_owned(), old.epoch.clone(), last));
        }
        self.past.push((name.to_owned(), old));
    }

    async fn join(&mut self, client: &mut Client, room: String) {
        let known = self.logs.get(&room);
        let known = known.and_then(|log| Some((log.epoch.clone(), log.seen()?)));
        let (epoch, since) = known.unzip();
        say(client, ClientMessage::Join { room, epoch, since }).await;
    }

    fn joined(&mut self, room: &str, epoch: &str, seq: Seq, recovered: bool, missed: Seq) {
        match self.logs.get(room) {
            Some(log) if log.epoch == epoch => {
                let since = log.last.filter(|_| recovered);
                assert_eq!(recovered, since.is_some());
                assert!(since.is_none_or(|since| since + missed.0 == seq.0));
            }
            Some(log) => {
                // Another epoch: all of it is new, and a gap names what does not come.
                let last = log.last.map(|_| 0);
                assert!(!recovered);
                self.begin(room, epoch, last);
            }
            None => {
                // In an empty log, nothing can be missed from here on.
                self.begin(room, epoch, (seq.0 == 0).then_some(0));
            }
        }
    }

    fn gap(&mut self, room: &str, epoch: String, from: Seq, to: Option<Seq>) {
        let Some(to) = to else {
            // The gap of the old epoch begins exactly after our last position.
            let told = (room.to_owned(), epoch, from.0 - 1);
            let at = self.owed.iter().position(|owed| *owed == told);
            self.owed
                .remove(at.unwrap_or_else(|| panic!("{told:?}: not in {:?}", self.owed)));
            return;
        };
        let log = self.log(room);
        assert_eq!(log.epoch, epoch);
        let welcomed = room == "*" && from.0 == 1 && log.heard.is_empty();
        if welcomed && log.last == Some(to.0) {
            // The welcome has said that already.
            return;
        }
        // Also of the server's log, for a client that missed more than 300 messages.
        log.gap(from, to);
    }

    /// Sends the unsent messages, and new ones while few are under way.
    async fn talk(&mut self, client: &mut Client) {
        while self.outbox.len() < WINDOW && self.said < TEXTS {
            self.said += 1;
            let id = format!("{}-{}", self.number, self.said);
            let text = format!("text {id}");
            let key = Some(id.clone());
            let [lobby, room] = self.rooms();
            let (log, message) = match self.said % 6 {
                0 => ("*".to_owned(), ClientMessage::Broadcast { text, id: key }),
                1 => {
                    let to = self.name.clone();
                    ("@".to_owned(), ClientMessage::Direct { to, text, id: key })
                }
                2 => (
                    lobby.clone(),
                    ClientMessage::Chat {
                        room: lobby,
                        text,
                        id: key,
                    },
                ),
                _ => (
                    room.clone(),
                    ClientMessage::Chat {
                        room,
                        text,
                        id: key,
                    },
                ),
            };
            self.outbox.push(Said {
                id,
                message,
                log,
                sent: false,
            });
        }
        for said in self.outbox.iter_mut().filter(|said| !said.sent) {
            said.sent = true;
            let mut message = said.message.clone();
            if let ClientMessage::Direct { to, .. } = &mut message {
                // To ourselves: the name can be another after a restart.
                to.clone_from(&self.name);
            }
            say(client, message).await;
        }
    }

    /// The ack of a message, at this position of its log.
    fn acknowledged(&mut self, id: &str, seq: Seq, duplicate: bool) {
        let at = self.outbox.iter().position(|said| said.id == id);
        let said = self
            .outbox
            .remove(at.expect("one ack for each time it was sent"));
        assert!(said.sent);
        self.duplicates += usize::from(duplicate);
        let epoch = self.logs[&said.log].epoch.clone();
        let (seq, id, log) = (seq.0, said.id, said.log);
        self.acks.push(Ack {
            log,
            epoch,
            seq,
            id,
        });
    }

    /// Too fast, or the other servers are out of reach: the message stays in the outbox, for a later
    /// time.
    fn not_taken(&mut self, fault: Fault) -> Duration {
        match fault.code {
            Code::RateLimited => self.slowed += 1,
            Code::Unavailable => self.unavailable += 1,
            _ => panic!("{fault:?}"),
        }
        let id = fault.id.expect("everybody gives ids");
        let said = self.outbox.iter_mut().find(|said| said.id == id);
        said.unwrap().sent = false;
        Duration::from_millis(fault.retry_ms.unwrap())
    }

    fn is_done(&self, ends: Option<&Ends>) -> bool {
        let Some(ends) = ends else { return false };
        let heard_all = |(name, log): (&String, &Log)| {
            let own = || {
                self.acks
                    .iter()
                    .filter(|ack| ack.log == "@" && ack.epoch == log.epoch)
            };
            let end = match name.as_str() {
                "@" => own().map(|ack| ack.seq).max(),
                _ => ends.get(&(name.clone(), log.epoch.clone())).copied(),
            };
            end.is_none_or(|end| log.last.is_some_and(|last| last >= end))
        };
        self.outbox.is_empty() && self.said == TEXTS && self.logs.iter().all(heard_all)
    }
}

/// Sends a message, if the connection is still there.
async fn say(client: &mut Client, message: ClientMessage) {
    let Message::Text(text) = Message::from(message) else {
        panic!("JSON is text");
    };
    client.say_or_end(text.to_string()).await;
}

/// The ends of the logs that are still there, by name and epoch.
type Ends = HashMap<(String, String), u64>;

/// Joins the logs from the messages and acks of all clients, and compares each client with them.
fn settle(members: &[Member], ends: &Ends) -> Figures {
    let mut logs: HashMap<(String, String), BTreeMap<u64, &str>> = HashMap::new();
    let whose = |member: &Member, name: &str| match name {
        // An inbox is one person's.
        "@" => format!("@{}", member.number),
        name => name.to_owned(),
    };
    let (mut deliveries, mut lost) = (0, 0);
    for member in members {
        let past = member.past.iter().map(|(name, log)| (name, log));
        for (name, log) in past.chain(&member.logs) {
            let known = logs.entry((whose(member, name), log.epoch.clone()));
            let known = known.or_default();
            for (seq, id) in &log.heard {
                let same = known.entry(*seq).or_insert(id);
                assert_eq!(same, id, "two clients heard different messages at {seq}");
            }
            deliveries += log.heard.len();
            lost += log.lost;
        }
        for ack in &member.acks {
            let known = logs.entry((whose(member, &ack.log), ack.epoch.clone()));
            let same = known.or_default().entry(ack.seq).or_insert(&ack.id);
            assert_eq!(*same, ack.id, "an ack names the place of another message");
        }
    }
    // Each message is in the log of its epoch once; and of the logs that still exist, every
    // position reached a client.
    for ((name, epoch), log) in &logs {
        let ids: HashSet<_> = log.values().collect();
        assert_eq!(
            ids.len(),
            log.len(),
            "a message is in {name} of {epoch} twice"
        );
        if let Some(end) = ends.get(&(name.clone(), epoch.clone())) {
            assert!(
                log.keys().copied().eq(1..=*end),
                "no client received a part of {name}"
            );
        }
    }
    for member in members {
        let acked: HashSet<_> = member.acks.iter().map(|ack| &ack.id).collect();
        assert_eq!(
            (acked.len(), member.acks.len()),
            (TEXTS, TEXTS),
            "one ack for each message"
        );
        // The received positions and the gaps are together the whole log.
        for (name, log) in &member.logs {
            let end = match name.as_str() {
                "@" => log.last.unwrap(),
                _ => ends[&(name.clone(), log.epoch.clone())],
            };
            let known = log.heard.len() as u64 + log.lost;
            assert_eq!(known, end, "{name} of {}", member.name);
        }
    }
    let sum = |count: fn(&Member) -> usize| members.iter().map(count).sum::<usize>();
    let text = format!(
        "{deliveries} deliveries, {lost} positions in gaps, {} connections, {} acks, \
         {} of them to what was sent again, {} times asked to slow down, {} times unavailable",
        sum(|member| member.connections),
        sum(|member| member.acks.len()),
        sum(|member| member.duplicates),
        sum(|member| member.slowed),
        sum(|member| member.unavailable),
    );
    Figures {
        text,
        messages: logs.values().map(BTreeMap::len).sum(),
        past: sum(|member| member.past.len()),
        again: sum(|member| member.duplicates),
    }
}

/// What a storm was.
pub(crate) struct Figures {
    pub(crate) text: String,
    /// The messages in all logs of all epochs.
    pub(crate) messages: usize,
    /// The logs of epochs that are over, as each client knows them.
    pub(crate) past: usize,
    /// The acks to messages that had been delivered before.
    pub(crate) again: usize,
}

/// Asks a server where the logs end.
async fn ends(chat: &Demo) -> Ends {
    let mut ends = HashMap::new();
    for room in std::iter::once("lobby".to_owned()).chain((0..ROOMS).map(|n| format!("room {n}"))) {
        let mut witness = crate::chat::client::Guest::enter(chat, "witness").await;
        let joined = witness.joins(serde_json::json!({"room": room})).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        ends.insert(
            (room, text(&joined["epoch"])),
            text(&joined["seq"]).parse().unwrap(),
        );
        let (epoch, seq) = (
            text(&witness.welcome["epoch"]),
            text(&witness.welcome["broadcast"]),
        );
        ends.insert(("*".to_owned(), epoch), seq.parse().unwrap());
        witness.client.leave().await;
    }
    ends
}

async fn storm(seed: u64) {
    let start = Instant::now();
    let quiet = || chat_app().env("RUST_LOG", "warn,zcomm_core::server=info");
    let mut chat = quiet().start().await;
    let storm = Storm::new(vec![chat.url()], MEMBERS);
    let members = storm.begin(seed);
    // Killed in the middle.
    storm.until(35 + (seed as usize * 7) % 30).await;
    chat.kill().await;
    let chat = quiet()
        .env("WEBSOCKET_PORT", chat.addr.port().to_string())
        .start()
        .await;
    storm.until(100).await;
    let figures = storm.end(&chat, members).await;
    assert!(!chat.output().contains("panicked"));
    eprintln!("seed {seed}: {}; {:?}", figures.text, start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_and_a_killed_server_lose_nothing_unnoticed() {
    for seed in 1..=3 {
        storm(seed).await;
    }
}
