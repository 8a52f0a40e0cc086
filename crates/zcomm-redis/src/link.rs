//! A connection to Redis.
//!
//! The connection is made by the same code as the course's clients: the name is looked up, TCP
//! connects, and for `rediss://` TLS checks the certificate. Then the client of Redis, the crate
//! `redis`, speaks over it.
//!
//! A command that gets no answer in time leaves its answer in the connection, where the next
//! command would take it for its own. So after an error, a connection is dropped and never used
//! again.

use std::{future::Future, time::Duration};

use redis::{
    AsyncConnectionConfig, FromRedisValue, IntoConnectionInfo, Pipeline, RedisConnectionInfo,
    aio::MultiplexedConnection,
};
use tokio::{task::JoinSet, time::timeout};
use zcomm_core::{Config, ConnectOptions, Error, RedisUrl, Result, Trust, Upstream};

use crate::trouble::Trouble;

/// The time limit for an answer of Redis, and for a connection.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// Where Redis is, and which log in it.
#[derive(Clone)]
pub struct Address {
    options: ConnectOptions,
    login: RedisConnectionInfo,
    place: String,
    name: String,
}

impl Address {
    /// The address in the settings; `None` if the settings name no Redis.
    ///
    /// # Errors
    /// [`Error::Setting`] if the user, the password or the number of the database is not valid.
    pub fn from_config(config: &Config) -> Result<Option<Address>> {
        let url = config.redis_url.as_ref();
        url.map(|url| Address::new(url, &config.redis_name))
            .transpose()
    }

    /// The log `name` in the Redis at `url`.
    ///
    /// # Errors
    /// [`Error::Setting`] if the user, the password or the number of the database is not valid.
    pub fn new(url: &RedisUrl, name: &str) -> Result<Address> {
        // The connection itself is made here, so the client of Redis needs no TLS.
        let plain = url.secret().replacen("rediss:", "redis:", 1);
        let info = plain
            .into_connection_info()
            .map_err(|error| Error::Setting {
                name: "WEBSOCKET_REDIS_URL",
                value: url.place(),
                reason: error.detail().unwrap_or("is not valid").to_owned(),
            })?;
        let scheme = if url.tls() { "wss" } else { "ws" };
        let trust = Trust::platform(&[])?;
        Ok(Address {
            options: ConnectOptions {
                connect_timeout: LIMIT,
                ..ConnectOptions::new(format!("{scheme}://{}/", url.place()), &trust)
            },
            login: info.redis_settings().clone(),
            place: url.place(),
            name: name.to_owned(),
        })
    }

    /// Host and port, to show in messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The name of a key of this service.
    pub(crate) fn key(&self, of: &str) -> String {
        format!("zcomm:{}:{of}", self.name)
    }

    /// Connects, and logs in.
    pub(crate) async fn connect(&self) -> Result<Link, Trouble> {
        let stream = Upstream::new(self.options.clone())?.connect().await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let ready = MultiplexedConnection::new_with_config(&self.login, stream, config);
        let (commands, driver) = within(LIMIT, ready).await?;
        let mut task = JoinSet::new();
        task.spawn(driver);
        Ok(Link {
            commands,
            _task: task,
        })
    }
}

/// A connection to Redis. Dropping the link closes the connection.
pub(crate) struct Link {
    pub(crate) commands: MultiplexedConnection,
    /// The task that reads and writes the connection.
    _task: JoinSet<()>,
}

impl Link {
    /// Sends commands together, and returns their answers.
    pub(crate) async fn ask<T: FromRedisValue>(
        &mut self,
        commands: &Pipeline,
    ) -> Result<T, Trouble> {
        within(LIMIT, commands.query_async(&mut self.commands)).await
    }
}

/// Waits for an answer of Redis, but not longer than `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T, Trouble> {
    match timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Trouble::silent()),
    }
}
