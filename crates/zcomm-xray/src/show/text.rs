//! Writes an event as text for people. The text fits on a projector with 80 columns.
//!
//! ```text
//!   0.123s  #1  client → server   text, 5 bytes, masked
//!      81            1... ....  FIN: the last frame of its message
//!                    .000 ....  RSV: 0, no extension uses them
//!                    .... 0001  opcode 1: text
//!      85            1... ....  MASK: yes, as a client must
//!                    .000 0101  length 5
//!      37 fa 21 3d              masking key
//!      7f 9f 4d 51 58           payload, masked
//!      48 65 6c 6c 6f           payload, unmasked: "Hello"
//! ```
//!
//! The names of the fields are from RFC 6455. A line shows the bits of one field, and dots for
//! the bits of the other fields, as in Wireshark. Every character from a peer is checked before
//! it is printed, so a peer cannot control the terminal.

use std::fmt;

use crate::{
    event::{Accept, Event, EventKind, Head},
    rules::Direction,
    show::table::{LINE, counted, digits, frame_to, line_to},
    splitter::FrameHeader,
    visible::pictured,
};

/// Whether to use colours. The text is complete without colours.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    const CLIENT: &'static str = "36";
    const SERVER: &'static str = "32";
    const BAD: &'static str = "1;31";
    const FAINT: &'static str = "2";

    fn with(self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

impl Event {
    /// Returns the event as lines of text, each with a line end. If `colour` is true, adds the
    /// colour codes of a terminal.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let paint = Paint(colour);
        let mut text = String::new();
        let (way, code) = match self.from {
            Some(Direction::ClientToServer) => ("client → server   ", Paint::CLIENT),
            Some(Direction::ServerToClient) => ("server → client   ", Paint::SERVER),
            None => ("", Paint::FAINT),
        };
        let conn = match self.conn {
            0 => String::new(),
            conn => format!("#{conn}  "),
        };
        let line = paint.with(code, &format!("{way}{}", self.summary()));
        let time = self.time.as_secs_f64();
        line_to(&mut text, &format!("{time:7.3}s  {conn}{line}"));
        match &self.kind {
            EventKind::Request(head) | EventKind::Response(head) => head_to(&mut text, head, paint),
            EventKind::Frame(frame) => frame_to(&mut text, frame, self.from),
            _ => {}
        }
        for error in &self.errors {
            let line = format!("! RFC 6455, {}: {}", error.section, error.what);
            let line = paint.with(Paint::BAD, &line);
            line_to(&mut text, &format!("     {line}"));
        }
        text
    }

    /// Describes the event in one line, without its content: `text, 5 bytes, masked`.
    #[must_use]
    pub fn summary(&self) -> String {
        match &self.kind {
            EventKind::Open { peer, tls } => {
                let peer = peer.map(|peer| format!(" with {peer}"));
                let tls = if *tls { ", decrypted from TLS" } else { "" };
                format!("connection{}{tls}", peer.unwrap_or_default())
            }
            EventKind::Request(head) => format!("HTTP request, {}", counted(head.bytes)),
            EventKind::Response(head) => format!("HTTP response, {}", counted(head.bytes)),
            EventKind::Body { bytes } => format!("HTTP body, {}", counted(*bytes)),
            EventKind::Frame(frame) => {
                let part = frame.part.map(|part| format!(" (part {part})"));
                let masked = if frame.mask.is_some() { ", masked" } else { "" };
                let cut = if frame.missing > 0 { ", cut off" } else { "" };
                let (name, length) = (frame.opcode, counted(frame.length));
                format!("{name}{}, {length}{masked}{cut}", part.unwrap_or_default())
            }
            EventKind::Raw { bytes, first } => {
                let colon = if first.is_empty() { "" } else { ": " };
                let cut = !first.is_empty() && *bytes > first.len() as u64;
                let more = if cut { " …" } else { "" };
                let (bytes, first) = (counted(*bytes), digits(first));
                format!("{bytes}, neither HTTP nor a frame{colon}{first}{more}")
            }
            EventKind::NotShown { frames } => {
                format!(
                    "… frames not shown: {frames} (too many to read, or the output was too slow)"
                )
            }
            EventKind::Viewer {} => {
                "this connection sends the X-ray to a web page: its later bytes are not shown"
                    .into()
            }
            EventKind::End {
                client_bytes,
                server_bytes,
            } => format!(
                "the end, after {} from the client and {} from the server",
                counted(*client_bytes),
                counted(*server_bytes)
            ),
        }
    }
}

/// Writes the opcode and the length, such as `text, 5 bytes`.
impl fmt::Display for FrameHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.opcode_name(), counted(self.length()))
    }
}

fn head_to(text: &mut String, head: &Head, paint: Paint) {
    line_to(text, &format!("     {}", pictured(&head.line, LINE + 10)));
    let mut accept = head.accept.as_ref();
    for header in &head.headers {
        let (name, value) = (pictured(&header.name, LINE), pictured(&header.value, LINE));
        let name = match name.as_str() {
            "" => "not a header",
            name => name,
        };
        let line = pictured(&format!("{name}: {value}"), LINE + 10);
        line_to(text, &format!("     {line}"));
        if let Some(remark) = header.remark {
            remark_to(text, remark, paint);
        }
        if name.eq_ignore_ascii_case("sec-websocket-accept")
            && let Some(accept) = accept.take()
        {
            accept_to(text, accept, paint);
        }
    }
    // The response has no Sec-WebSocket-Accept: show the right value of this header.
    if let Some(accept) = accept {
        accept_to(text, accept, paint);
    }
    for remark in &head.remarks {
        remark_to(text, remark, paint);
    }
}

fn remark_to(text: &mut String, remark: &str, paint: Paint) {
    let remark = pictured(remark, LINE + 10);
    let remark = paint.with(Paint::FAINT, &format!("- {remark}"));
    line_to(text, &format!("       {remark}"));
}

fn accept_to(text: &mut String, accept: &Accept, paint: Paint) {
    let key = pictured(&accept.key, LINE - 10);
    let sent = if accept.right {
        "equal"
    } else {
        "the server did not send this value"
    };
    let steps = [
        ("the key", key.as_str()),
        ("and the GUID", accept.guid),
        ("SHA-1 of both", &accept.sha1),
        ("as base64", &format!("{} ({sent})", accept.sum)),
    ];
    for (step, value) in steps {
        let line = paint.with(Paint::FAINT, &format!("{step:<13}  {value}"));
        line_to(text, &format!("         {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::Decoder;
    use proptest::prelude::*;
    use std::time::Duration;

    use Direction::{ClientToServer, ServerToClient};

    fn texts(decoder: &mut Decoder, parts: &[(Direction, &[u8])], colour: bool) -> Vec<String> {
        let mut texts = Vec::new();
        for (from, bytes) in parts {
            decoder.feed(Duration::from_millis(123), *from, bytes, &mut |event| {
                texts.push(event.to_text(colour));
            });
        }
        texts
    }

    fn of_frames(from: Direction, bytes: &[u8]) -> String {
        texts(
            &mut Decoder::new(1).after_handshake(),
            &[(from, bytes)],
            false,
        )
        .concat()
    }

    #[test]
    fn a_masked_text_is_shown_bit_by_bit() {
        assert_eq!(
            of_frames(
                ClientToServer,
                b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
            ),
            "  0.123s  #1  client → server   text, 5 bytes, masked
     81            1... ....  FIN: the last frame of its message
                   .000 ....  RSV: 0, no extension uses them
                   .... 0001  opcode 1: text
     85            1... ....  MASK: yes, as a client must
                   .000 0101  length 5
     37 fa 21 3d              masking key
     7f 9f 4d 51 58           payload, masked
     48 65 6c 6c 6f           payload, unmasked: \"Hello\"
"
        );
    }

    #[test]
    fn a_longer_payload_has_sixteen_bytes_a_line_and_a_limit() {
        let bytes = [
            &b"\x81\x7e\x01\x00Gr\xc3\xbc\xc3\x9fe \x1b]0;x"[..],
            &[b'.'; 244],
        ]
        .concat();
        let text = of_frames(ServerToClient, &bytes);
        let expected = "\
     7e            0... ....  MASK: no, a server must not
                   .111 1110  126: the length is in the next 2 bytes
     01 00                    length 256
     payload
     47 72 c3 bc c3 9f 65 20 1b 5d 30 3b 78 2e 2e 2e   Gr....e .]0;x...
     2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e   ................
";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("     as text: \"Grüße ␛]0;x..."), "{text}");
        assert!(text.ends_with("     … and 192 bytes\n"), "{text}");
    }

    #[test]
    fn a_close_and_a_fragmented_message_have_lines_of_their_own() {
        let text = of_frames(ServerToClient, b"\x88\x05\x03\xe8bye");
        assert!(
            text.contains("code 1000 (normal closure), reason \"bye\"\n"),
            "{text}"
        );
        let text = of_frames(ServerToClient, b"\x01\x03Hel\x80\x02lo");
        assert!(text.contains("text (part 1), 3 bytes\n"), "{text}");
        assert!(
            text.ends_with("the message: text, 5 bytes in 2 frames\n     as text: \"Hello\"\n"),
            "{text}"
        );
        let text = of_frames(ClientToServer, b"\x83\x00");
        assert!(
            text.contains("! RFC 6455, 5.2: this opcode is not defined\n"),
            "{text}"
        );
    }

    #[test]
    fn a_handshake_has_a_remark_where_it_matters() {
        let request = b"GET /?token=canary HTTP/1.1\r\nHost: a\x1b[2J\r\nAuthorization: Bearer canary\r\n\
            Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\nOrigin: http://a\r\nSec-WebSocket-Protocol: chat\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
        let response =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let parts = [
            (ClientToServer, &request[..]),
            (ServerToClient, &response[..]),
        ];
        let texts = texts(&mut Decoder::new(1), &parts, false);
        assert!(
            texts[0].contains("     GET /?token=*** HTTP/1.1\n"),
            "{}",
            texts[0]
        );
        assert!(texts[0].contains("     Host: a␛[2J\n"), "{}", texts[0]);
        assert!(
            texts[0].contains("     Authorization: ***\n"),
            "{}",
            texts[0]
        );
        let expected = "
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
       - computed from the client's key:
         the key        dGhlIHNhbXBsZSBub25jZQ==
         and the GUID   258EAFA5-E914-47DA-95CA-C5AB0DC85B11
         SHA-1 of both  b37a4f2cc0624f1690f64606cf385945b2bec4ea
         as base64      s3pPLMBiTxaQ9kYGzzhZRbK+xOo= (equal)
";
        assert!(texts[1].contains(expected), "{}", texts[1]);
        for line in texts.concat().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    /// Removes the colour codes that `Paint` adds, and no other codes.
    fn without_colour(text: &str) -> String {
        let codes = ["36", "32", "1;31", "2", "0"];
        let mut text = text.to_owned();
        for code in codes {
            text = text.replace(&format!("\x1b[{code}m"), "");
        }
        text
    }

    proptest! {
        /// A line has at most 100 columns, and no character that controls a terminal.
        #[test]
        fn no_bytes_reach_a_terminal_as_they_are(
            begin in prop::sample::select(vec!["", "GET ", "HTTP/1.1 101\r\nUpgrade: ", "frames"]),
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'\n'), 0x80u8..0x8b], 0..400),
            text in any::<String>(),
            client in any::<bool>(),
        ) {
            let mut decoder = match begin {
                "frames" => Decoder::new(1).after_handshake(),
                _ => Decoder::new(1),
            };
            let mut sent = match begin {
                "frames" => vec![0x81, text.len().min(125) as u8],
                begin => begin.as_bytes().to_vec(),
            };
            sent.extend_from_slice(&text.as_bytes()[..text.len().min(125)]);
            sent.extend_from_slice(&bytes);
            sent.extend_from_slice(b"\r\n\r\n");
            let from = if client { ClientToServer } else { ServerToClient };
            let mut events = Vec::new();
            decoder.feed(Duration::ZERO, from, &sent, &mut |event| events.push(event));
            decoder.finish(Duration::ZERO, &mut |event| events.push(event));
            for event in events {
                let text = event.to_text(false);
                let control = text.chars().find(|c| *c != '\n' && !crate::visible::is_visible(*c));
                prop_assert_eq!(control, None);
                for line in text.lines() {
                    prop_assert!(line.chars().count() <= 100, "{}", line);
                }
                prop_assert_eq!(without_colour(&event.to_text(true)), text);
                prop_assert!(event.to_json().chars().all(crate::visible::is_visible));
            }
        }
    }
}
