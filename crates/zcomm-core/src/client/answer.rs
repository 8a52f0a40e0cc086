//! Reads the server's answer to the handshake (RFC 9112): a status line, headers, and the text of
//! a refusal.
//!
//! Only the whole handshake has a time limit, so the server may send the answer byte by byte.
//!
//! A hostile server could send without end, so the size of the answer is limited. The limits are
//! those of browsers: 256 KiB and 1,000 headers.

use std::{io, time::Duration};

use httparse::{EMPTY_HEADER, Error as ParseError, Status};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use zcomm_xray::HeadEnd;

/// The maximum size of the status line and all headers together (bytes).
const MAX_HEAD: usize = 256 * 1024;
const MAX_HEADERS: usize = 1000;
/// The client reads at most this number of bytes of a refusal's text.
const MAX_TEXT: usize = 8 * 1024;
/// Time limit for the text of a refusal. Some servers send no length and do not end the
/// connection, so the client cannot see the end of the text.
const TEXT_TIMEOUT: Duration = Duration::from_secs(1);

/// The status line and the headers of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line, as the server sent it.
    pub(crate) line: String,
    /// Whether the server speaks HTTP/1.0, which has no WebSockets.
    pub(crate) is_old: bool,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    /// Reads an answer. Also returns the bytes that came after its headers. Skips an answer such
    /// as `103 Early Hints`, because the server sends another answer after it.
    ///
    /// # Errors
    /// An error that says what is wrong with the answer, or the error of the connection.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Self, Vec<u8>)> {
        let (mut bytes, mut limit) = (Vec::new(), MAX_HEAD);
        loop {
            let length = read_head(stream, &mut bytes, limit).await?;
            let answer = Answer::parse(&bytes[..length]).map_err(io::Error::other)?;
            bytes.drain(..length);
            if answer.status == 101 || answer.status >= 200 {
                return Ok((answer, bytes));
            }
            limit -= length;
        }
    }

    fn parse(head: &[u8]) -> Result<Answer, String> {
        let mut headers = vec![EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(head).map_err(|error| match error {
            ParseError::TooManyHeaders => format!("its answer has over {MAX_HEADERS} headers"),
            error => format!("its answer is not HTTP ({error})"),
        })?;
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut answer = Answer {
            status: parsed.code.unwrap_or_default(),
            line: String::from_utf8_lossy(line).trim_end().to_owned(),
            is_old: parsed.version == Some(0),
            headers: HeaderMap::new(),
        };
        for header in parsed.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_bytes(header.value);
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err("its answer has a header that HTTP forbids".to_owned());
            };
            answer.headers.append(name, value);
        }
        Ok(answer)
    }

    /// The comma-separated values of all headers of this name.
    pub(crate) fn list(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        let values = values.filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim)
    }

    /// Reads the text of a refusal: at most 8 KiB, and for at most 1 s.
    pub(crate) async fn text(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        mut bytes: Vec<u8>,
    ) -> Vec<u8> {
        let rest = async {
            while !self.is_complete(&bytes) {
                let space = (MAX_TEXT - bytes.len()) as u64;
                match (&mut *stream).take(space).read_buf(&mut bytes).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        };
        // If the time limit passes, use the bytes that have arrived.
        timeout(TEXT_TIMEOUT, rest).await.ok();
        match self.is_chunked() {
            true => joined(&bytes).0,
            false => bytes,
        }
    }

    fn is_complete(&self, bytes: &[u8]) -> bool {
        let length = self.headers.get(CONTENT_LENGTH);
        // Only digits are allowed (RFC 9110 section 8.6), but Rust would also accept a `+`.
        let length = length.and_then(|length| length.to_str().ok());
        let length = length.filter(|length| !length.starts_with('+'));
        let length = length.and_then(|length| length.parse::<usize>().ok());
        bytes.len() >= MAX_TEXT
            || matches!(self.status, 204 | 304)
            || match self.is_chunked() {
                true => joined(bytes).1,
                false => length.is_some_and(|length| bytes.len() >= length),
            }
    }

    /// Whether the text is sent in chunks, each with its length (RFC 9112 section 7.1).
    fn is_chunked(&self) -> bool {
        let mut codings = self.list(TRANSFER_ENCODING);
        codings.any(|coding| coding.eq_ignore_ascii_case("chunked"))
    }
}

/// Reads until the status line and the headers are complete. Returns their size in bytes.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    limit: usize,
) -> io::Result<usize> {
    let (mut end, mut known) = (HeadEnd::default(), 0);
    loop {
        // Headers end with an empty line. A server of another protocol may never send an empty
        // line, so check the first bytes.
        if !bytes.iter().zip(b"HTTP/").all(|(byte, http)| byte == http) {
            return Err(io::Error::other("its answer is not HTTP"));
        }
        let length = end.find(&bytes[known..]).map(|length| known + length);
        known = bytes.len();
        match length {
            Some(length) if length <= limit => return Ok(length),
            _ if known > limit => {
                let limit = MAX_HEAD / 1024;
                let long = format!("the headers of its answer are longer than {limit} KiB");
                return Err(io::Error::other(long));
            }
            _ => {}
        }
        if stream.read_buf(bytes).await? == 0 {
            return Err(io::Error::other(match bytes.is_empty() {
                true => "its answer is empty",
                false => "its answer ends before the end of the headers",
            }));
        }
    }
}

/// Joins the chunks of a text. Also returns whether the last chunk has arrived.
fn joined(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut text = Vec::new();
    while let Ok(Status::Complete((start, size))) = httparse::parse_chunk_size(bytes) {
        if size == 0 {
            return (text, true);
        }
        let (_, rest) = bytes.split_at(start);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let (chunk, rest) = rest.split_at(size.min(rest.len()));
        text.extend_from_slice(chunk);
        bytes = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    }
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the status line and the text that a client reads from these bytes.
    async fn read(mut bytes: &[u8]) -> Result<(String, String), String> {
        let stream = &mut bytes;
        let (answer, rest) = Answer::read(stream)
            .await
            .map_err(|error| error.to_string())?;
        let text = answer.text(stream, rest).await;
        Ok((answer.line, String::from_utf8(text).unwrap()))
    }

    #[tokio::test]
    async fn a_refusal_has_a_status_line_and_a_text() {
        for (answer, line, text) in [
            ("HTTP/1.0 503 Busy\r\n\r\nfull", "HTTP/1.0 503 Busy", "full"),
            (
                "HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno",
                "HTTP/1.1 404",
                "no",
            ),
            ("HTTP/1.1 404 No\n\nno", "HTTP/1.1 404 No", "no"),
            (
                "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n\
                 6\r\n world\r\n0\r\n\r\n",
                "HTTP/1.1 404 No",
                "hello world",
            ),
            (
                "HTTP/1.1 404 No\r\ntransfer-encoding: gzip, Chunked\r\n\r\n5\r\nhel",
                "HTTP/1.1 404 No",
                "hel",
            ),
            (
                "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
                "HTTP/1.1 404 No",
                "",
            ),
            (
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi",
                "HTTP/1.1 200 OK",
                "hi",
            ),
        ] {
            let read = read(answer.as_bytes()).await;
            assert_eq!(read, Ok((line.to_owned(), text.to_owned())), "{answer}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_none_has_a_sentence() {
        let many = format!(
            "HTTP/1.1 101 S\r\n{}\r\n",
            "X: 1\r\n".repeat(MAX_HEADERS + 1)
        );
        let long = format!("HTTP/1.1 101 S\r\nX: {}", "x".repeat(MAX_HEAD));
        let hints = "HTTP/1.1 103 E\r\nX: 1\r\n\r\n".repeat(MAX_HEAD / 20);
        for (answer, reason) in [
            ("", "is empty"),
            (
                "HTTP/1.1 101 S\r\nX: 1\r\n",
                "ends before the end of the headers",
            ),
            ("SSH-2.0-OpenSSH_9.2\r\n", "is not HTTP"),
            ("\x15\x03\x01", "is not HTTP"),
            ("HTTP/1.1 abc\r\n\r\n", "is not HTTP ("),
            ("HTTP/2 101 S\r\n\r\n", "is not HTTP ("),
            ("HTTP/1.1 101 S\r\nX Y: 1\r\n\r\n", "is not HTTP ("),
            (&many, "over 1000 headers"),
            (&long, "longer than 256 KiB"),
            (&hints, "longer than 256 KiB"),
        ] {
            let error = read(answer.as_bytes()).await.unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    /// The client accepts 1,000 headers, 256 KiB, and bytes that arrive one by one.
    #[tokio::test]
    async fn an_answer_may_be_long_and_slow() {
        let many = format!("HTTP/1.1 101 S\r\n{}\r\n", "X: 1\r\n".repeat(MAX_HEADERS));
        let mut long = format!("HTTP/1.1 101 S\r\nX: {}", "x".repeat(MAX_HEAD));
        long.replace_range(MAX_HEAD - 4.., "\r\n\r\n");
        for head in [many, long] {
            let (near, mut far) = tokio::io::duplex(7);
            let (head, mut near) = (head.clone() + "frames", near);
            let sent = tokio::spawn(async move {
                use tokio::io::AsyncWriteExt;
                far.write_all(head.as_bytes()).await.unwrap();
            });
            let (answer, mut rest) = Answer::read(&mut near).await.unwrap();
            near.read_to_end(&mut rest).await.unwrap();
            sent.await.unwrap();
            assert_eq!((answer.status, rest.as_slice()), (101, &b"frames"[..]));
        }
    }

    /// The server sends a refusal without a length, and the connection stays open.
    #[tokio::test(start_paused = true)]
    async fn the_text_of_a_refusal_is_awaited_for_a_second() {
        let (mut near, _far) = tokio::io::duplex(100);
        let (answer, rest) = Answer::read(&mut &b"HTTP/1.1 403 No\r\n\r\nwho"[..])
            .await
            .unwrap();
        let begun = tokio::time::Instant::now();
        assert_eq!(answer.text(&mut near, rest).await, b"who");
        assert_eq!(begun.elapsed(), TEXT_TIMEOUT);
    }
}
