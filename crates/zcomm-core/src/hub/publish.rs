//! A broadcast to the clients of all servers.
//!
//! A single server appends the message to its own log at once.
//!
//! If several servers are one service, a *relay* first appends the message to a log that all
//! servers share. Every server, also this one, reads the shared log and appends the message to its
//! own log. So the clients of all servers read the messages in the same order.
//!
//! A handler calls `publish` in both cases.

use crate::{
    clients::registry::ClientId,
    error::{Error, Result},
    hub::log::{Hub, Relayed},
    protocol::message::Message,
};

impl Hub {
    /// Sends a message to all clients of the service except `sender`. Returns the number of clients
    /// of this server that get the message.
    ///
    /// With a single server, this call does not wait: the message is in the log at once. With
    /// several servers, this call waits until the message is in the shared log and in this
    /// server's own log, but at most [`Config::redis_timeout`](crate::Config::redis_timeout). This
    /// call never waits for a client.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if this server cannot reach the shared log.
    /// [`Error::MessageTooLarge`] when the message is over
    /// [`HubLimits::message_bytes`](crate::HubLimits::message_bytes).
    pub async fn publish(&self, message: impl Into<Message>, sender: ClientId) -> Result<usize> {
        let message = message.into();
        let Some(relay) = self.shared.relay.get() else {
            return self.broadcast_except(message, sender);
        };
        let (size, limit) = (message.len(), self.lock().limits.message_bytes);
        if size > limit {
            return Err(Error::MessageTooLarge { size, limit });
        }
        relay(message, sender).await
    }

    /// Makes [`publish`](Hub::publish) call `relay`. A second call does nothing.
    pub(crate) fn set_relay(
        &self,
        relay: impl Fn(Message, ClientId) -> Relayed + Send + Sync + 'static,
    ) {
        // Ignores an error: the log has a relay already.
        self.shared.relay.set(Box::new(relay)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn id(n: u64) -> ClientId {
        ClientId::from(n)
    }

    #[test]
    fn a_server_alone_publishes_without_waiting() {
        let hub = Hub::default();
        let _readers = [hub.cursor(id(1)), hub.cursor(id(2))];
        let published = hub.publish("hello", id(1)).now_or_never();
        assert_eq!(published.unwrap().unwrap(), 1);
        assert_eq!(hub.position(), 1);
    }

    #[tokio::test]
    async fn a_relay_gets_the_message_before_the_log() {
        let hub = Hub::default();
        let _reader = hub.cursor(id(2));
        let log = hub.clone();
        hub.set_relay(move |message, sender| {
            let log = log.clone();
            let away = message == "away";
            Box::pin(async move {
                match away {
                    true => Err(Error::Unavailable),
                    false => log.broadcast_except(message, sender),
                }
            })
        });
        assert_eq!(hub.publish("hello", id(1)).await.unwrap(), 1);
        assert!(matches!(
            hub.publish("away", id(1)).await,
            Err(Error::Unavailable)
        ));
        assert_eq!(
            hub.position(),
            1,
            "a message that was not taken is not in the log"
        );
        let large = hub.publish("x".repeat(128 * 1024 + 1), id(1)).await;
        assert!(matches!(large, Err(Error::MessageTooLarge { .. })));
    }
}
