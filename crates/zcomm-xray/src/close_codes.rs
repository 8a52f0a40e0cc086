//! The close codes and their names (RFC 6455 section 7.4).

/// One close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The number in the Close frame.
    pub code: u16,
    /// A short name, based on RFC 6455 and the IANA registry.
    pub name: &'static str,
}

impl CloseCode {
    /// Finds a code in [`CLOSE_CODES`].
    #[must_use]
    pub fn find(code: u16) -> Option<&'static CloseCode> {
        CLOSE_CODES.iter().find(|known| known.code == code)
    }
}

/// The codes that the programs of this workspace send, show or count, in ascending order.
pub const CLOSE_CODES: [CloseCode; 16] = [
    code(1000, "normal closure"),
    code(1001, "going away"),
    code(1002, "protocol error"),
    code(1003, "unsupported data"),
    code(1005, "no code: never sent"),
    code(1006, "no Close frame: never sent"),
    code(1007, "not the data it claims to be"),
    code(1008, "policy violation"),
    code(1009, "message too big"),
    code(1010, "extension missing"),
    code(1011, "internal error"),
    code(1012, "service restart"),
    code(1013, "try again later"),
    code(1014, "bad gateway"),
    code(1015, "TLS failed: never sent"),
    code(4001, "the application's own"),
];

const fn code(code: u16, name: &'static str) -> CloseCode {
    CloseCode { code, name }
}
