//! What differs from run to run, made equal.
//!
//! A page shows one run; the next one has another time, another port, another key. Each of
//! these has its mask. A number that has none must be right.

use std::sync::LazyLock;

use regex::Regex;

static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Times: of day, since the start, how long.
        (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "<date>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<date>"),
        (r"\d{4}-\d\d-\d\d( \d\d:\d\d( UTC)?)?", "<date>"),
        (r"\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d", "<date>"),
        (r"\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}", "<date>"),
        (r"^ *\d+\.\d{3}s", "<time>"),
        (r#"^\{"t":\d+\.\d+"#, r#"{"t":<time>"#),
        (r"\b\d+(\.\d+)? ?(µs|us|ms)\b", "<duration>"),
        (r"\btrying again in \d+\.\d s", "trying again in <duration>"),
        // Ports that the system chose.
        (
            r"\b(127\.0\.0\.1|localhost|\[::1\]):[1-6]\d{4}\b",
            "$1:<port>",
        ),
        // Handshakes, and what is random by design.
        (r"[A-Za-z0-9+/]{22}==", "<key>"),
        (r"[A-Za-z0-9+/]{27}=", "<sum>"),
        (r"\b[0-9a-f]{40}\b", "<sha1>"),
        (
            r"([0-9a-f]{2} ){4}( *)masking key",
            "<four bytes> masking key",
        ),
        (
            r"([0-9a-f]{2} )+( *)payload, masked",
            "<bytes> payload, masked",
        ),
        (r"#token=[A-Za-z0-9_-]+", "#token=<token>"),
        (r"\btour-[A-Za-z0-9_-]{8}", "tour-<random>"),
        (r"\bCA [0-9a-f]{6}\b", "CA <random>"),
        (r#""(epoch|client_id|session)":"[^"]*""#, r#""$1":"<$1>""#),
        // Ben joins and leaves without a pause: the list is made when he is in the room, or not.
        (
            r#"("user_list",.*"users":)\["Ada"(,"Ben")?\],"user_count":[12]"#,
            "$1<Ada, and Ben or not>",
        ),
        (r"([0-9A-F]{2}:){19,31}[0-9A-F]{2}", "<fingerprint>"),
        (r"\bpid \d+", "pid <pid>"),
        // Where this checkout is.
        (r"(/[A-Za-z0-9._-]+)+/desk-[A-Za-z0-9-]+", "<folder>"),
    ]
    .map(|(pattern, mask)| (Regex::new(pattern).unwrap(), mask))
    .into()
});

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d[\d,.]*").unwrap());
static UNIT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"<n> ?(µs|us|ms|s|B|kB|MB)\b").unwrap());
static SPACES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r" +").unwrap());

/// A line without what differs. `about`: without any number, either.
pub fn masked(line: &str, about: bool) -> String {
    let mut line = line.trim_end().to_owned();
    for (pattern, mask) in MASKS.iter() {
        line = pattern.replace_all(&line, *mask).into_owned();
    }
    if about {
        line = NUMBER.replace_all(&line, "<n>").into_owned();
        line = UNIT.replace_all(&line, "<n>").into_owned();
        line = SPACES.replace_all(&line, " ").trim().to_owned();
    }
    line
}
