//! Judges the answer to an opening handshake (RFC 6455 section 4.2.2).

use std::time::Duration;

use data_encoding::BASE64;
use tokio::time::Instant;
use zcomm_core::xray::{Event, EventKind, Head, status_code};

use super::{
    case::{Answer, HeaderRule},
    link::{End, Link, Next},
    verdict::{Seen, Verdict, passed},
};

/// What came back after a request.
pub(super) enum Came {
    /// An HTTP response with this status.
    Head(u16, Box<Head>, Box<Event>),
    /// Bytes that are not HTTP.
    Other(Box<Event>),
    Ended(End),
    Late,
}

/// Waits for the final answer. Skips informational answers: 100 to 199, except 101.
pub(super) async fn answer(link: &mut Link, limit: Duration) -> Came {
    let until = Instant::now() + limit;
    loop {
        match link.next(until).await {
            Next::Event(event) => match &event.kind {
                EventKind::Response(head) => match status_code(head.line.as_bytes()) {
                    Some(100 | 102..200) => {}
                    Some(status) => return Came::Head(status, Box::new(head.clone()), event),
                    None => return Came::Other(event),
                },
                _ => return Came::Other(event),
            },
            Next::Ended(end) => return Came::Ended(end),
            Next::Late => return Came::Late,
        }
    }
}

/// Compares what came back with the accepted answer.
pub(super) fn judge(came: Came, accepted: &Answer, limit: Duration) -> Verdict {
    let refusal = matches!(accepted, Answer::Refuses);
    match came {
        Came::Head(status, head, event) => match accepts(accepted, status, &head) {
            Ok(seen) => passed(seen),
            Err(what) => Seen::new(what).with(Some(&event), None).failed(),
        },
        Came::Ended(end) if refusal => passed(end.words()),
        Came::Ended(end) => Seen::new(format!("{}, without an answer", end.words())).failed(),
        Came::Other(event) => {
            let seen = Seen::new("the answer is not HTTP");
            seen.with(Some(&event), None).failed()
        }
        Came::Late => {
            let seen = Seen::new(format!("no answer within {:.1} s", limit.as_secs_f64()));
            seen.late().failed()
        }
    }
}

/// Returns what was seen. An error says what is wrong.
fn accepts(accepted: &Answer, status: u16, head: &Head) -> Result<String, String> {
    let seen = format!("HTTP {status}");
    let upgraded = status == 101;
    match accepted {
        Answer::Opens | Answer::Has(..) if !upgraded => Err(format!("{seen}, not 101")),
        Answer::Opens => Ok(seen),
        Answer::Refuses | Answer::RefusesInHttp | Answer::ListsVersion13 if upgraded => {
            Err("the WebSocket opens: HTTP 101".into())
        }
        Answer::Refuses => Ok(seen),
        Answer::RefusesInHttp if status < 400 => Err(format!("{seen} is not an error")),
        Answer::RefusesInHttp => Ok(seen),
        Answer::ListsVersion13 => match lists(head, "sec-websocket-version", "13") {
            true => Ok(format!("{seen} with Sec-WebSocket-Version: 13")),
            false => Err(format!("{seen} without Sec-WebSocket-Version: 13")),
        },
        Answer::Has(name, rule) => has(head, name, *rule),
    }
}

/// The values of all headers with this name.
pub(super) fn values<'a>(head: &'a Head, name: &str) -> Vec<&'a str> {
    let headers = head.headers.iter();
    let named = headers.filter(|header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| header.value.as_str()).collect()
}

/// Whether the list in the headers with this name contains this word.
pub(super) fn lists(head: &Head, name: &str, word: &str) -> bool {
    let mut words = values(head, name)
        .into_iter()
        .flat_map(|line| line.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

/// Checks the headers with this name. Returns what was seen. An error says what is wrong.
pub(super) fn has(head: &Head, name: &str, rule: HeaderRule) -> Result<String, String> {
    let values = values(head, name);
    let right = match rule {
        HeaderRule::Lists(word) => lists(head, name, word),
        HeaderRule::Is(value) => {
            matches!(values.as_slice(), [one] if one.eq_ignore_ascii_case(value))
        }
        HeaderRule::FitsTheKey => {
            values.len() == 1 && head.accept.as_ref().is_some_and(|accept| accept.right)
        }
        HeaderRule::SixteenBytes => {
            let decoded = |key: &str| BASE64.decode(key.as_bytes());
            matches!(values.as_slice(), [key] if decoded(key).is_ok_and(|key| key.len() == 16))
        }
        HeaderRule::OneOf(words) => match values.as_slice() {
            [] => return Ok(format!("no header {name}")),
            [one] => words.contains(one),
            _ => false,
        },
    };
    match (right, values.as_slice()) {
        (true, values) => Ok(format!("{name}: {}", values.join(", "))),
        (false, []) => Err(format!("there is no header {name}")),
        (false, [_]) => Err(format!("the header {name} has another value")),
        (false, _) => Err(format!("the header {name} is there {} times", values.len())),
    }
}
