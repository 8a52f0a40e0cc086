//! The story: who says what, and what has to come of it.
//!
//! Words that begin with `$` are filled in while it is told: `$room`, and what Ada and Ben
//! have learned (`$ada`, `$ben`, `$epoch`, `$seen`, `$session`, `$direct`, `$broadcast`). What
//! is heard must have the fields that stand here, and may have more.
//!
//! A message that is new in the chat gets its step here; a test fails until it has one.

use super::script::{
    Act::{Breaks, Comes, ComesAgain, Hears, Hurries, Leaves, Replaced, Says, Strangers, Took},
    Place::{Anywhere, Elsewhere, Own},
    Step,
    Who::{Ada, Ben},
};

pub(super) const STORY: &[Step] = &[
    Step {
        title: "Ada comes in",
        words: "\
She shows the token, and her name is in the address. The first message is the
server's: who she is, and all she needs to come back after a broken connection.",
        acts: &[
            Comes(Ada, "name=Ada"),
            Hears(Ada, r#"{"type":"welcome","resumed":false}"#),
        ],
        notice: "\
`session` proves who she is, so it is a secret and covered here. Ids
and positions are strings: a number in JavaScript is exact only up to 2^53.",
        place: Anywhere,
    },
    Step {
        title: "She enters a room",
        words: "Nobody is in a room unless they join it.",
        acts: &[
            Says(Ada, r#"{"type":"join","room":"$room"}"#),
            Hears(
                Ada,
                r#"{"type":"joined","room":"$room","seq":"0","users":["$ada"]}"#,
            ),
        ],
        notice: "\
A room is a log of messages. `seq` says how many are in it, `epoch`
names this run of it: a position means nothing in another one.",
        place: Anywhere,
    },
    Step {
        title: "She says something, and knows that it arrived",
        words: "A message with an `id` is answered with an `ack`.",
        acts: &[
            Says(
                Ada,
                r#"{"type":"chat","room":"$room","text":"Is anybody here?","id":"a-1"}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"ack","id":"a-1","seq":"1","recipients":0,"duplicate":false}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"chat","room":"$room","seq":"1","text":"Is anybody here?"}"#,
            ),
        ],
        notice: "\
`recipients` counts the others: nobody yet. She hears herself, so the
positions that she sees have no holes.",
        place: Anywhere,
    },
    Step {
        title: "She says it twice, and it counts once",
        words: "\
When an ack is lost, nobody knows whether the message was, too. So it is sent
again, with the same `id`.",
        acts: &[
            Says(
                Ada,
                r#"{"type":"chat","room":"$room","text":"Is anybody here?","id":"a-1"}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"ack","id":"a-1","seq":"1","recipients":0,"duplicate":true}"#,
            ),
        ],
        notice: "The first ack comes again, as a `duplicate`. The room heard it once.",
        place: Anywhere,
    },
    Step {
        title: "Ben comes later, and reads what he missed",
        words: "Who joins is sent the last messages of the room, at most 50.",
        acts: &[
            Comes(Ben, "name=Ben"),
            Hears(Ben, r#"{"type":"welcome","resumed":false}"#),
            Says(Ben, r#"{"type":"join","room":"$room"}"#),
            Hears(
                Ben,
                r#"{"type":"joined","room":"$room","seq":"1","users":["$ada","$ben"]}"#,
            ),
            Hears(
                Ben,
                r#"{"type":"chat","room":"$room","seq":"1","name":"$ada"}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"user_joined","room":"$room","name":"$ben","user_count":2}"#,
            ),
        ],
        notice: "History is the log read from an older place: the same code as live.",
        place: Anywhere,
    },
    Step {
        title: "Ben begins to type",
        words: "The others are told, at most once a second.",
        acts: &[
            Says(Ben, r#"{"type":"typing","room":"$room"}"#),
            Hears(Ada, r#"{"type":"typing","room":"$room","name":"$ben"}"#),
        ],
        notice: "\
Nobody says when he stops: a page forgets it after `expires_in`
seconds, also when his connection breaks.",
        place: Anywhere,
    },
    Step {
        title: "Something for Ben alone",
        words: "A direct message goes into the inboxes of two people.",
        acts: &[
            Says(
                Ada,
                r#"{"type":"direct","to":"$ben","text":"Only for you.","id":"a-2"}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"ack","id":"a-2","recipients":1,"duplicate":false}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"direct","to":"$ben","text":"Only for you."}"#,
            ),
            Hears(
                Ben,
                r#"{"type":"direct","name":"$ada","text":"Only for you."}"#,
            ),
        ],
        notice: "An inbox is a log, too, with positions of its own.",
        place: Anywhere,
    },
    Step {
        title: "Something for everybody",
        words: "A broadcast reaches every client of the server, in any room or none.",
        acts: &[
            Says(
                Ben,
                r#"{"type":"broadcast","text":"Hello from zcomm demo.","id":"b-1"}"#,
            ),
            Hears(Ben, r#"{"type":"ack","id":"b-1","duplicate":false}"#),
            Hears(
                Ben,
                r#"{"type":"broadcast","text":"Hello from zcomm demo."}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"broadcast","name":"$ben","text":"Hello from zcomm demo."}"#,
            ),
        ],
        notice: "It is stored once, and every connection reads it at its own pace.",
        place: Anywhere,
    },
    Step {
        title: "There and back",
        words: "\
The protocol has pings of its own, but a browser answers them by itself and no
page sees them. So the chat has a message for it.",
        acts: &[
            Says(Ada, r#"{"type":"ping","id":"a-3"}"#),
            Hears(Ada, r#"{"type":"pong","id":"a-3"}"#),
            Took,
        ],
        notice: "Only Ada's clock was looked at: two clocks never agree.",
        place: Anywhere,
    },
    Step {
        title: "What else there is to ask",
        words: "`custom` carries what has no type of its own.",
        acts: &[
            Says(Ada, r#"{"type":"custom","action":"get_stats"}"#),
            Hears(Ada, r#"{"type":"stats"}"#),
        ],
        notice: "These are everybody's figures: no names of rooms are in them.",
        place: Anywhere,
    },
    Step {
        title: "A sign of life",
        words: "The server says now and then that it is there: here every second.",
        acts: &[Hears(Ada, r#"{"type":"heartbeat"}"#)],
        notice: "A page that misses two of them reconnects.",
        place: Own,
    },
    Step {
        title: "A sign of life",
        words: "\
The server says now and then that it is there, in a `heartbeat`; the welcome
says how often (`heartbeat_seconds`). This tour does not wait for one.",
        acts: &[],
        notice: "A page that misses two of them reconnects.",
        place: Elsewhere,
    },
    Step {
        title: "Mistakes",
        words: "Ada makes four, and is told each time what was wrong.",
        acts: &[
            Says(Ada, "hello"),
            Hears(Ada, r#"{"type":"error","code":"bad_json"}"#),
            Says(Ada, r#"{"type":"shout","text":"HELLO"}"#),
            Hears(
                Ada,
                r#"{"type":"error","code":"unknown_type","field":"type"}"#,
            ),
            Says(Ada, r#"{"type":"chat","room":"$room","text":7,"id":"a-4"}"#),
            Hears(
                Ada,
                r#"{"type":"error","code":"bad_message","field":"text"}"#,
            ),
            Says(
                Ada,
                r#"{"type":"chat","room":"not-$room","text":"Hi","id":"a-5"}"#,
            ),
            Hears(
                Ada,
                r#"{"type":"error","code":"not_joined","field":"room","id":"a-5"}"#,
            ),
            Says(Ada, r#"{"type":"ping"}"#),
            Hears(Ada, r#"{"type":"pong"}"#),
        ],
        notice: "\
The connection stays: a mistake is how one learns a protocol. Five
within ten seconds would end it with 1008.",
        place: Anywhere,
    },
    Step {
        title: "Ben's connection breaks",
        words: "No Close frame, no goodbye: a cable was pulled. Ada goes on talking.",
        acts: &[
            Breaks(Ben),
            Hears(
                Ada,
                r#"{"type":"user_left","room":"$room","name":"$ben","user_count":1}"#,
            ),
            Says(
                Ada,
                r#"{"type":"chat","room":"$room","text":"Ben?","id":"a-6"}"#,
            ),
            Hears(Ada, r#"{"type":"ack","id":"a-6","seq":"2","recipients":0}"#),
            Says(
                Ada,
                r#"{"type":"direct","to":"$ben","text":"Call me.","id":"a-7"}"#,
            ),
            Hears(Ada, r#"{"type":"ack","id":"a-7","recipients":1}"#),
        ],
        notice: "\
The room sees him leave at once. His session waits two minutes, and
so does his inbox: one recipient, though he is away.",
        place: Anywhere,
    },
    Step {
        title: "Ben comes back, and has missed nothing",
        words: "\
He shows his session and the last positions he saw: of his inbox and of the
server's log in the address, of the room when he joins it.",
        acts: &[
            Comes(Ben, "session=$session&direct=$direct&broadcast=$broadcast"),
            Hears(Ben, r#"{"type":"welcome","name":"$ben","resumed":true}"#),
            Hears(Ben, r#"{"type":"direct","text":"Call me."}"#),
            Says(
                Ben,
                r#"{"type":"join","room":"$room","epoch":"$epoch","since":"$seen"}"#,
            ),
            Hears(Ben, r#"{"type":"joined","recovered":true,"missed":"1"}"#),
            Hears(Ben, r#"{"type":"chat","seq":"2","text":"Ben?"}"#),
            Hears(
                Ada,
                r#"{"type":"user_joined","room":"$room","name":"$ben","user_count":2}"#,
            ),
        ],
        notice: "\
`recovered` is a promise: exactly the `missed` messages come next,
and nothing twice.",
        place: Anywhere,
    },
    Step {
        title: "What is lost is said",
        words: "\
Now Ben speaks of a run of the room that is over, as after a restart of the
server. Nobody can know what he missed there.",
        acts: &[
            Says(
                Ben,
                r#"{"type":"join","room":"$room","epoch":"an-older-run","since":"7"}"#,
            ),
            Hears(Ben, r#"{"type":"joined","recovered":false,"missed":"2"}"#),
            Hears(
                Ben,
                r#"{"type":"gap","epoch":"an-older-run","from":"8","to":null}"#,
            ),
            Hears(Ben, r#"{"type":"chat","seq":"1"}"#),
            Hears(Ben, r#"{"type":"chat","seq":"2"}"#),
        ],
        notice: "\
From 8 on, to an end that nobody knows (null). Then he starts like a
newcomer. A chat that is silent about what it lost cannot be trusted with what
it has.",
        place: Anywhere,
    },
    Step {
        title: "Ben leaves the room",
        words: "He stays connected, and reachable in private.",
        acts: &[
            Says(Ben, r#"{"type":"leave","room":"$room"}"#),
            Hears(Ben, r#"{"type":"left","room":"$room"}"#),
            Hears(
                Ada,
                r#"{"type":"user_left","room":"$room","name":"$ben","user_count":1}"#,
            ),
        ],
        notice: "`left` is the answer to him, `user_left` the news for the others.",
        place: Anywhere,
    },
    Step {
        title: "Too much happens",
        words: "\
Who comes and goes is kept in a log of 256 events. Ben walks in and out so fast
that Ada's connection falls behind it.",
        acts: &[
            Hurries(Ben, 600),
            Hears(Ada, r#"{"type":"user_list","room":"$room"}"#),
        ],
        notice: "\
Not the lost events come, but what they would have led to: a list.
The room's messages have a log of their own, and lost nothing.",
        place: Own,
    },
    Step {
        title: "Two connections, one Ben",
        words: "\
He shows his session from another tab, while the first is still open. A session
has one connection: the newer one.",
        acts: &[
            ComesAgain(Ben, "session=$session&direct=$direct&broadcast=$broadcast"),
            Hears(Ben, r#"{"type":"welcome","name":"$ben","resumed":true}"#),
            Replaced(Ben, 4001),
        ],
        notice: "\
4000 to 4999 are an application's own codes. A page that gets 4001
does not come back, or the two tabs would take the session from each other.",
        place: Anywhere,
    },
    Step {
        title: "A stranger is refused",
        words: "\
Eve shows no token. Most servers of this course let her connect and close at
once: of a refusal in the handshake a browser would tell its page nothing.",
        acts: &[Strangers],
        notice: "\
1008 is for rules that were broken, the reason for people. Where no
browsers come, HTTP 401 does as well: WEBSOCKET_REFUSE=http.",
        place: Anywhere,
    },
    Step {
        title: "Goodbye",
        words: "A Close frame each way; then the server hangs up.",
        acts: &[Leaves(Ben), Leaves(Ada)],
        notice: "1000 means: done, and nothing was wrong.",
        place: Anywhere,
    },
];
