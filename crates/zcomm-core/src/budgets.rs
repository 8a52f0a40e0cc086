//! What one connection may spend: bytes, messages, control frames.
//!
//! A class needs one number to turn, so all budgets follow from two settings,
//! `WEBSOCKET_RATE_LIMIT` and `WEBSOCKET_MAX_MESSAGE_BYTES`. The largest message must
//! always fit, in and out: a limit that contradicts another is found by a user.
//!
//! Production gives each kind of client its own numbers.

use crate::{config::Config, rate::Rate};

impl Config {
    /// The largest message that is sent (bytes): there is always room for an answer to the
    /// largest that may come in.
    pub(crate) fn max_send_bytes(&self) -> usize {
        64 * 1024 + 2 * self.max_message_bytes
    }

    /// The budget for messages of one connection.
    pub(crate) fn message_rate(&self) -> Option<Rate> {
        self.rate(1.0, 2.0)
    }

    /// The budget for pings and pongs of one connection: half as many.
    pub(crate) fn control_rate(&self) -> Option<Rate> {
        self.rate(0.5, 1.0)
    }

    /// The budget for bytes of one connection: at 20 messages a second one of full size
    /// each second, four after a pause; above, in proportion. With tiny messages it is the
    /// frames around them that count, so it is never less than 4 KiB.
    pub(crate) fn byte_rate(&self) -> Option<Rate> {
        self.rate_limit.map(|limit| {
            let bytes =
                self.max_message_bytes.max(4096) as f64 * (f64::from(limit) / 20.0).max(1.0);
            Rate {
                per_second: bytes,
                burst: 4.0 * bytes,
            }
        })
    }

    fn rate(&self, share: f64, burst: f64) -> Option<Rate> {
        self.rate_limit.map(|limit| Rate {
            per_second: share * f64::from(limit),
            burst: (burst * f64::from(limit)).max(1.0),
        })
    }
}
