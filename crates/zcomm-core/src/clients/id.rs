//! The number of a client.
//!
//! People see these numbers: "client 3 says: hello".
//!
//! If several servers are one service, each server counts its own clients. So that no two
//! clients have the same number, each number begins with the name of the client's server.

use std::fmt;

/// The bits of a client's number that count the clients of its server.
const COUNTER_BITS: u32 = 44;

/// The number of a client. The first client has the number 1. While a server runs, it never gives
/// the same number to two clients. If the server is one of several, the number begins with four
/// characters for the server: `k3vq-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub(crate) u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, number) = (self.0 >> COUNTER_BITS, self.0 & ((1 << COUNTER_BITS) - 1));
        if server == 0 {
            return fmt::Display::fmt(&number, f);
        }
        // The server has 20 bits: four characters of five bits each.
        for shift in [15, 10, 5, 0] {
            let letters = b"abcdefghijkmnopqrstuvwxyz2345678";
            write!(
                f,
                "{}",
                char::from(letters[(server >> shift) as usize & 31])
            )?;
        }
        write!(f, "-{number}")
    }
}

/// Makes the number of a client, for a test or a benchmark.
impl From<u64> for ClientId {
    fn from(id: u64) -> ClientId {
        ClientId(id)
    }
}

/// The number, for a program that writes it as JSON.
impl From<ClientId> for u64 {
    fn from(id: ClientId) -> u64 {
        id.0
    }
}

impl ClientId {
    /// For one of several servers: the number before the number of the first client. The last 20
    /// bits of `server` name the server.
    pub(crate) fn before_first(server: u32) -> u64 {
        u64::from(server & 0xF_FFFF).max(1) << COUNTER_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_begins_with_its_server_if_there_are_several() {
        assert_eq!(ClientId(1).to_string(), "1");
        for (server, first) in [(0xF_FFFF, "8888-1"), (0, "aaab-1"), (0x18_8C63, "sddd-1")] {
            let id = ClientId(ClientId::before_first(server) + 1);
            assert_eq!(id.to_string(), first);
        }
    }
}
