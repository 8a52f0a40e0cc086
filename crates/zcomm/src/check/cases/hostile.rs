//! Sections 7.1.1, 10.2 and 10.4: attacks of a hostile client or page, for `--hostile`.

use crate::check::{
    bytes::{BINARY, CONTINUES, PING},
    case::{
        Answer,
        Attack::{Crowd, DrippedRequest, Flood as Sends, HalfARequest, LongRequest},
        Case,
        Flood::{Ends, Survives},
        Level::{self, Must, Should},
        Of::Hostile,
        Play::{self, Attack, Frames, Opening},
        Want::Fails,
    },
};

const CLOSE: &str = "An endpoint MAY close the connection via any means available when necessary, \
    such as when under attack.";
const PROTECT: &str = "Implementations that have implementation- and/or platform-specific \
    limitations regarding the frame size or total message size after reassembly from multiple \
    frames MUST protect themselves against exceeding those limits.";
const IMPOSE: &str = "Such an implementation SHOULD impose a limit on frame sizes and the total \
    message size after reassembly from multiple frames.";
const TIME: &str = "Give the whole handshake one time limit, such as 5 s, from the first byte on.";

const fn case(id: &'static str, level: Level, what: [&'static str; 3], play: Play) -> Case {
    let [does, rule, fix] = what;
    Case {
        id,
        level,
        of: Hostile,
        does,
        rule,
        fix,
        play,
    }
}

pub(super) const CASES: &[Case] = &[
    case(
        "ws/7.1.1/1",
        Must,
        ["sends half of a request, and then nothing", CLOSE, TIME],
        Attack(HalfARequest),
    ),
    case(
        "ws/7.1.1/2",
        Must,
        ["sends a header without end, a byte at a time", CLOSE, TIME],
        Attack(DrippedRequest),
    ),
    case(
        "ws/7.1.1/3",
        Must,
        [
            "opens 200 connections and breaks them with a reset",
            CLOSE,
            "An error of one connection must not end the loop that accepts the others.",
        ],
        Attack(Crowd { resets: true }),
    ),
    case(
        "ws/7.1.1/4",
        Must,
        [
            "holds 200 connections on which no request comes",
            CLOSE,
            "Read each request in a task or thread of its own, so that no client waits for another.",
        ],
        Attack(Crowd { resets: false }),
    ),
    case(
        "ws/10.2/1",
        Should,
        [
            "asks with the origin of another site, as a page of that site does",
            "If the origin indicated is unacceptable to the server, then it SHOULD respond to the \
             WebSocket handshake with a reply containing HTTP 403 Forbidden status code.",
            "Compare Origin with a list of whole origins, and answer 403 to all others. Without \
             that, every page in a user's browser can use the user's rights.",
        ],
        Opening(
            |request| request.set("Origin", "https://attacker.example"),
            Answer::Refuses,
        ),
    ),
    case(
        "ws/10.4/1",
        Must,
        [
            "declares a frame of 2**60 bytes",
            PROTECT,
            "Compare the declared length with your limit before you wait for the payload; close \
             with 1009.",
        ],
        Frames(
            |frames| vec![frames.header(BINARY, 1 << 60)],
            Fails(&[1009, 1002, 1008]),
        ),
    ),
    case(
        "ws/10.4/2",
        Should,
        [
            "sends a message that never ends, in frames of 64 KiB",
            IMPOSE,
            "Add up the frames of a message, and close with 1009 above your limit.",
        ],
        Attack(Sends(
            |frames| frames.frame(CONTINUES, &[b'a'; 65_000]),
            Ends,
        )),
    ),
    case(
        "ws/10.4/3",
        Must,
        [
            "sends fragments without a byte, hundreds of thousands",
            PROTECT,
            "Count the frames of a message, too; and let other clients have their turn.",
        ],
        Attack(Sends(
            |frames| frames.frame(CONTINUES, b"").repeat(10_000),
            Survives,
        )),
    ),
    case(
        "ws/10.4/4",
        Must,
        [
            "sends pings and never reads a pong",
            PROTECT,
            "Stop reading from a client that does not read your answers; or answer only its last \
             ping.",
        ],
        Attack(Sends(
            |frames| frames.frame(PING, &[b'p'; 125]).repeat(500),
            Survives,
        )),
    ),
    case(
        "ws/10.4/5",
        Must,
        [
            "sends a header of 16 MiB",
            PROTECT,
            "Give the head of a request a limit, such as 16 KiB, and answer 431 above it.",
        ],
        Attack(LongRequest),
    ),
];
