//! A connection that `zcomm xray --json --record FILE` has watched: its events and its bytes.

use std::{fs, path::Path};

use data_encoding::BASE64;
use serde_json::Value;

use crate::wireshark::{Turns, differences};

/// The first WebSocket among the recorded connections.
pub(crate) struct Session {
    /// All bytes, in order.
    pub(crate) turns: Turns,
    /// The events of the X-ray.
    pub(crate) events: Vec<Value>,
}

impl Session {
    /// Reads the output and the recording so far; `None` before there is a WebSocket.
    pub(crate) fn read(printed: &Path, recording: &Path) -> Option<Session> {
        let lines = |file| -> Vec<Value> {
            let text: String = fs::read_to_string(file).unwrap();
            // The last line may be incomplete.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        let mut events = lines(printed);
        let is_upgrade = |event: &&Value| {
            let line = event["response"]["line"].as_str().unwrap_or_default();
            line.starts_with("HTTP/1.1 101 ")
        };
        let conn = events.iter().find(is_upgrade)?["conn"].clone();
        events.retain(|event| event["conn"] == conn);
        let turns = lines(recording).into_iter();
        let turns = turns.filter(|line| line["what"] == "bytes" && line["conn"] == conn);
        let turns = turns.map(|line| {
            assert_eq!(line["untold"], 0);
            let bytes = BASE64.decode(line["base64"].as_str().unwrap().as_bytes());
            (line["from"] == "client", bytes.unwrap())
        });
        Some(Session {
            turns: turns.collect(),
            events,
        })
    }

    /// The frames of this opcode from this side.
    pub(crate) fn frames(&self, from: &str, opcode: &str) -> impl Iterator<Item = &Value> {
        let events = self
            .events
            .iter()
            .filter(move |event| event["from"] == from);
        events
            .map(|event| &event["frame"])
            .filter(move |frame| frame["opcode"] == opcode)
    }

    /// Whether the connection has ended.
    pub(crate) fn ended(&self) -> bool {
        self.events.iter().any(|event| event.get("end").is_some())
    }

    /// The client offers compression, and the server declines it.
    pub(crate) fn offers_compression_in_vain(&self) {
        let extensions = |head| self.header(head, "Sec-WebSocket-Extensions");
        let offered = extensions("request").unwrap();
        assert!(offered.contains("permessage-deflate"), "{offered}");
        assert_eq!(extensions("response"), None);
    }

    /// The value of a header.
    fn header(&self, head: &str, name: &str) -> Option<&str> {
        let head = self.events.iter().find_map(|event| event.get(head))?;
        let mut headers = head["headers"].as_array()?.iter();
        let found = headers.find(|header| {
            header["name"]
                .as_str()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        found?["value"].as_str()
    }

    /// The X-ray finds no broken rule, and Wireshark reads the same.
    #[track_caller]
    pub(crate) fn is_what_wireshark_reads(&self, pcap: &Path) {
        let broken = self
            .events
            .iter()
            .filter(|event| event.get("errors").is_some());
        assert_eq!(broken.collect::<Vec<_>>(), Vec::<&Value>::new());
        if let Some(differ) = differences(pcap, &self.turns, &self.events) {
            assert!(differ.is_empty(), "{differ:#?}");
        }
    }
}
