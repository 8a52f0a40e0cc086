//! The memory for the messages that clients have begun to send.
//!
//! A connection stores the received part of an unfinished message. So each client can use the
//! memory of one message of the largest size.
//!
//! There is no limit for all clients together. With such a limit, a few clients that never
//! finish a message could stop the messages of all other clients. So the memory has two
//! limits: the number of connections, and the size of a message.
//!
//! If the product of both limits is larger than the memory, the server logs a warning. If the
//! memory is not enough, the system ends the process.

use crate::settings::config::Config;

/// Logs a warning if the unfinished messages of all clients can need more memory than there is.
pub(crate) fn check_memory(config: &Config) {
    if let Some(warning) = memory().and_then(|memory| warning(config, memory)) {
        tracing::warn!("{warning}");
    }
}

fn warning(config: &Config, memory: u64) -> Option<String> {
    let (connections, bytes) = (config.max_connections, config.max_message_bytes);
    let needed = (connections as u64).saturating_mul(bytes as u64);
    let mib = |bytes: u64| bytes / (1024 * 1024);
    (needed > memory).then(|| {
        format!(
            "{connections} connections with messages of WEBSOCKET_MAX_MESSAGE_BYTES={bytes} can need \
             {} MiB of memory, and there are {} MiB: lower WEBSOCKET_MAX_CONNECTIONS or \
             WEBSOCKET_MAX_MESSAGE_BYTES",
            mib(needed),
            mib(memory)
        )
    })
}

/// The memory that this process may use (bytes): the memory of the machine, or the limit of
/// the process (`ulimit -v`) if the limit is lower.
#[cfg(target_os = "linux")]
fn memory() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};

    let machine = rustix::system::sysinfo();
    // On a machine with 32 bits, `totalram` has 32 bits.
    #[allow(clippy::useless_conversion, reason = "the type depends on the machine")]
    let machine = u64::from(machine.totalram).saturating_mul(machine.mem_unit.into());
    let own = getrlimit(Resource::As).current.unwrap_or(u64::MAX);
    Some(machine.min(own))
}

/// On other systems, the server does not know the memory, so it logs no warning.
#[cfg(not(target_os = "linux"))]
fn memory() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_times_message_size_may_equal_the_memory_and_not_exceed_it() {
        let config = Config {
            max_connections: 1000,
            max_message_bytes: 64 * 1024 * 1024,
            ..Config::default()
        };
        let needed = 1000 * 64 * 1024 * 1024;
        assert_eq!(warning(&config, needed), None);
        let warning = warning(&config, needed - 1).unwrap();
        let words = "1000 connections with messages of WEBSOCKET_MAX_MESSAGE_BYTES=67108864 can need \
                     64000 MiB of memory, and there are 63999 MiB";
        assert!(warning.starts_with(words), "{warning}");
    }

    #[test]
    fn the_defaults_need_64_mb() {
        assert_eq!(warning(&Config::default(), 65_536_000), None);
        assert!(warning(&Config::default(), 65_535_999).is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_knows_its_memory() {
        let memory = memory().unwrap();
        assert!(memory > 64 * 1024 * 1024, "{memory}");
    }
}
