//! The story: what each person sends, and which messages must arrive.
//!
//! Words that begin with `$` are replaced by values. `$room` is the room's random name. The other
//! values are from earlier messages (`$ada`, `$ben`, `$epoch`, `$seen`, `$session`, `$direct`,
//! `$broadcast`). A received message must have the fields that the story lists. The message may
//! have more fields.
//!
//! Each type of message in the chat needs a step here. If a type has no step, a test fails.

use super::script::{
    Act::{
        Breaks, Closes, Connects, ConnectsAgain, Floods, OwnServerOnly, Receives, RefusesEve,
        Replaced, RoundTrip, Sends,
    },
    Person::{Ada, Ben},
    Step,
};

pub(super) const STORY: &[Step] = &[
    Step {
        title: "Ada connects",
        intro: "\
Her client shows the token, and her name is in the address. The server sends the
first message: her name, and what she needs to come back after a broken
connection.",
        acts: &[
            Connects(Ada, "name=Ada"),
            Receives(Ada, r#"{"type":"welcome","resumed":false}"#),
        ],
        notice: "\
`session` proves who she is. It is a secret, so the tour covers it. Ids
and positions are strings: in JavaScript, a number is exact only up to 2^53.",
    },
    Step {
        title: "Ada joins a room",
        intro: "A client is in no room until it joins one.",
        acts: &[
            Sends(Ada, r#"{"type":"join","room":"$room"}"#),
            Receives(
                Ada,
                r#"{"type":"joined","room":"$room","seq":"0","users":["$ada"]}"#,
            ),
        ],
        notice: "\
A room is a log of messages. `seq` counts its messages, and `epoch`
names this run of the room: a position means nothing in another run.",
    },
    Step {
        title: "Ada sends a message and gets an ack",
        intro: "The server answers a message that has an `id` with an `ack`.",
        acts: &[
            Sends(
                Ada,
                r#"{"type":"chat","room":"$room","text":"Is anybody here?","id":"a-1"}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"ack","id":"a-1","seq":"1","recipients":0,"duplicate":false}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"chat","room":"$room","seq":"1","text":"Is anybody here?"}"#,
            ),
        ],
        notice: "\
`recipients` counts the other clients in the room: none yet. Ada
receives her own message, too, so the positions that she sees have no gaps.",
    },
    Step {
        title: "Ada sends it again, and it counts once",
        intro: "\
When an ack is lost, the client cannot know whether the message was lost, too.
So it sends the message again, with the same `id`.",
        acts: &[
            Sends(
                Ada,
                r#"{"type":"chat","room":"$room","text":"Is anybody here?","id":"a-1"}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"ack","id":"a-1","seq":"1","recipients":0,"duplicate":true}"#,
            ),
        ],
        notice: "\
The same ack comes again, as a `duplicate`. The room has the message
once.",
    },
    Step {
        title: "Ben joins, and reads what he missed",
        intro: "A client that joins is sent the last messages of the room, at most 50.",
        acts: &[
            Connects(Ben, "name=Ben"),
            Receives(Ben, r#"{"type":"welcome","resumed":false}"#),
            Sends(Ben, r#"{"type":"join","room":"$room"}"#),
            Receives(
                Ben,
                r#"{"type":"joined","room":"$room","seq":"1","users":["$ada","$ben"]}"#,
            ),
            Receives(
                Ben,
                r#"{"type":"chat","room":"$room","seq":"1","name":"$ada"}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"user_joined","room":"$room","name":"$ben","user_count":2}"#,
            ),
        ],
        notice: "\
History is the log, read from an older position. The same code sends new
messages.",
    },
    Step {
        title: "Ben types",
        intro: "The others in the room see that Ben types, at most once a second.",
        acts: &[
            Sends(Ben, r#"{"type":"typing","room":"$room"}"#),
            Receives(Ada, r#"{"type":"typing","room":"$room","name":"$ben"}"#),
        ],
        notice: "\
No message says that he has stopped. A page forgets it after
`expires_in` seconds, even when his connection breaks.",
    },
    Step {
        title: "A message for Ben alone",
        intro: "A direct message goes into two inboxes: Ben's and Ada's.",
        acts: &[
            Sends(
                Ada,
                r#"{"type":"direct","to":"$ben","text":"Only for you.","id":"a-2"}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"ack","id":"a-2","recipients":1,"duplicate":false}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"direct","to":"$ben","text":"Only for you."}"#,
            ),
            Receives(
                Ben,
                r#"{"type":"direct","name":"$ada","text":"Only for you."}"#,
            ),
        ],
        notice: "An inbox is a log, too, and has its own positions.",
    },
    Step {
        title: "A message for every client",
        intro: "A broadcast reaches every client of the server, in any room or none.",
        acts: &[
            Sends(
                Ben,
                r#"{"type":"broadcast","text":"Hello from zcomm demo.","id":"b-1"}"#,
            ),
            Receives(Ben, r#"{"type":"ack","id":"b-1","duplicate":false}"#),
            Receives(
                Ben,
                r#"{"type":"broadcast","text":"Hello from zcomm demo."}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"broadcast","name":"$ben","text":"Hello from zcomm demo."}"#,
            ),
        ],
        notice: "It is stored once, and each connection reads it at its own pace.",
    },
    Step {
        title: "The round trip",
        intro: "\
WebSocket has pings, but a browser answers them itself and does not show them to
the page. So the chat has its own ping message.",
        acts: &[
            Sends(Ada, r#"{"type":"ping","id":"a-3"}"#),
            Receives(Ada, r#"{"type":"pong","id":"a-3"}"#),
            RoundTrip,
        ],
        notice: "Only one clock is read, Ada's: two clocks never agree.",
    },
    Step {
        title: "Other requests",
        intro: "`custom` carries requests that have no type of their own.",
        acts: &[
            Sends(Ada, r#"{"type":"custom","action":"get_stats"}"#),
            Receives(Ada, r#"{"type":"stats"}"#),
        ],
        notice: "The numbers are for the whole server; no room is named.",
    },
    Step {
        title: "A heartbeat",
        intro: "\
The server sends a `heartbeat` at a fixed interval. The welcome says how often
(`heartbeat_seconds`); the tour's own server sends one each second.",
        acts: &[OwnServerOnly, Receives(Ada, r#"{"type":"heartbeat"}"#)],
        notice: "A page that misses two of them reconnects.",
    },
    Step {
        title: "Mistakes",
        intro: "Ada makes four mistakes. The server says each time what is wrong.",
        acts: &[
            Sends(Ada, "hello"),
            Receives(Ada, r#"{"type":"error","code":"bad_json"}"#),
            Sends(Ada, r#"{"type":"shout","text":"HELLO"}"#),
            Receives(
                Ada,
                r#"{"type":"error","code":"unknown_type","field":"type"}"#,
            ),
            Sends(Ada, r#"{"type":"chat","room":"$room","text":7,"id":"a-4"}"#),
            Receives(
                Ada,
                r#"{"type":"error","code":"bad_message","field":"text"}"#,
            ),
            Sends(
                Ada,
                r#"{"type":"chat","room":"not-$room","text":"Hi","id":"a-5"}"#,
            ),
            Receives(
                Ada,
                r#"{"type":"error","code":"not_joined","field":"room","id":"a-5"}"#,
            ),
            Sends(Ada, r#"{"type":"ping"}"#),
            Receives(Ada, r#"{"type":"pong"}"#),
        ],
        notice: "\
The connection stays open, so that a learner can try again. Five
mistakes within ten seconds end it with code 1008.",
    },
    Step {
        title: "Ben's connection breaks",
        intro: "There is no Close frame, as when a cable is pulled. Ada continues to send.",
        acts: &[
            Breaks(Ben),
            Receives(
                Ada,
                r#"{"type":"user_left","room":"$room","name":"$ben","user_count":1}"#,
            ),
            Sends(
                Ada,
                r#"{"type":"chat","room":"$room","text":"Ben?","id":"a-6"}"#,
            ),
            Receives(Ada, r#"{"type":"ack","id":"a-6","seq":"2","recipients":0}"#),
            Sends(
                Ada,
                r#"{"type":"direct","to":"$ben","text":"Call me.","id":"a-7"}"#,
            ),
            Receives(Ada, r#"{"type":"ack","id":"a-7","recipients":1}"#),
        ],
        notice: "\
The room sees at once that he has left. His session and his inbox wait
two minutes: he counts as a recipient, although he is away.",
    },
    Step {
        title: "Ben comes back, and has missed nothing",
        intro: "\
He shows his session and the last positions that he saw. Those of his inbox and
of the server's log are in the address; that of the room is in his `join`.",
        acts: &[
            Connects(Ben, "session=$session&direct=$direct&broadcast=$broadcast"),
            Receives(Ben, r#"{"type":"welcome","name":"$ben","resumed":true}"#),
            Receives(Ben, r#"{"type":"direct","text":"Call me."}"#),
            Sends(
                Ben,
                r#"{"type":"join","room":"$room","epoch":"$epoch","since":"$seen"}"#,
            ),
            Receives(Ben, r#"{"type":"joined","recovered":true,"missed":"1"}"#),
            Receives(Ben, r#"{"type":"chat","seq":"2","text":"Ben?"}"#),
            Receives(
                Ada,
                r#"{"type":"user_joined","room":"$room","name":"$ben","user_count":2}"#,
            ),
        ],
        notice: "\
`recovered` is a promise: exactly the `missed` messages come next, and
each of them once.",
    },
    Step {
        title: "A loss is reported",
        intro: "\
Now Ben names an older run of the room, as after a restart of the server. The
server cannot know what he missed there.",
        acts: &[
            Sends(
                Ben,
                r#"{"type":"join","room":"$room","epoch":"an-older-run","since":"7"}"#,
            ),
            Receives(Ben, r#"{"type":"joined","recovered":false,"missed":"2"}"#),
            Receives(
                Ben,
                r#"{"type":"gap","epoch":"an-older-run","from":"8","to":null}"#,
            ),
            Receives(Ben, r#"{"type":"chat","seq":"1"}"#),
            Receives(Ben, r#"{"type":"chat","seq":"2"}"#),
        ],
        notice: "\
The `gap` begins at 8, and its end is unknown (null). Then Ben gets the
history, like a new client. A client can trust what it has only if the server
reports what was lost.",
    },
    Step {
        title: "Ben leaves the room",
        intro: "He stays connected, and can still receive direct messages.",
        acts: &[
            Sends(Ben, r#"{"type":"leave","room":"$room"}"#),
            Receives(Ben, r#"{"type":"left","room":"$room"}"#),
            Receives(
                Ada,
                r#"{"type":"user_left","room":"$room","name":"$ben","user_count":1}"#,
            ),
        ],
        notice: "`left` is the answer to Ben; `user_left` is for the others.",
    },
    Step {
        title: "Too many events",
        intro: "\
Joins and leaves are a log of 256 events. Ben joins and leaves so fast that
Ada's connection falls behind it.",
        acts: &[
            OwnServerOnly,
            Floods(Ben, 600),
            Receives(Ada, r#"{"type":"user_list","room":"$room"}"#),
        ],
        notice: "\
Ada does not get the lost events. Instead, she gets a list of users. The
messages of the room are in another log, and none is lost.",
    },
    Step {
        title: "Two connections, one session",
        intro: "\
Ben shows his session in a second tab, while the first is still open. A session
has one connection: the newer one.",
        acts: &[
            ConnectsAgain(Ben, "session=$session&direct=$direct&broadcast=$broadcast"),
            Receives(Ben, r#"{"type":"welcome","name":"$ben","resumed":true}"#),
            Replaced(Ben, 4001),
        ],
        notice: "\
4000 to 4999 are an application's own codes. A page that gets 4001 does
not reconnect: otherwise the two tabs would take the session from each other.",
    },
    Step {
        title: "A client without a token",
        intro: "\
Eve's client has no token. By default the server opens the WebSocket and closes
it at once: a browser does not tell a page why a handshake was refused.",
        acts: &[RefusesEve],
        notice: "\
1008 is the code for a broken rule; the reason is for people. If no
client is a browser, HTTP 401 does the same: WEBSOCKET_REFUSE=http.",
    },
    Step {
        title: "Ada and Ben close their connections",
        intro: "Each side sends a Close frame; then the server closes the TCP connection.",
        acts: &[Closes(Ben), Closes(Ada)],
        notice: "1000 means that the connection has done its work, without an error.",
    },
];
