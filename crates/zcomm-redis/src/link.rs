//! A connection to Redis.
//!
//! The code of the course's clients makes the connection: it looks up the name, connects over TCP,
//! and checks the certificate for `rediss://`. Then the crate `redis` sends commands over the
//! connection.
//!
//! Redis answers the commands of a connection in order. So a late answer also delays the commands
//! after it. After a timeout, a connection is dropped and never used again.

use std::{future::Future, time::Duration};

use redis::{
    AsyncConnectionConfig, FromRedisValue, IntoConnectionInfo, Pipeline, RedisConnectionInfo,
    aio::MultiplexedConnection,
};
use tokio::{task::JoinSet, time::timeout};
use zcomm_core::{
    Certificate, CertificateError, Config, ConnectOptions, Error, RedisUrl, Result, Trust,
    Upstream, shown_path,
};

use crate::trouble::Trouble;

/// The time limit for an answer of Redis, and for making a connection.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// The address of Redis, and the name of the log in it.
#[derive(Clone)]
pub struct Address {
    options: ConnectOptions,
    login: RedisConnectionInfo,
    tls: bool,
    place: String,
    name: String,
}

impl Address {
    /// The address in the settings; `None` if the settings name no Redis.
    ///
    /// # Errors
    /// [`Error::Setting`] if the user, the password or the number of the database is not valid.
    /// [`Error::Setting`] also if the settings name a certificate authority, but the address has
    /// no TLS. [`Error::Certificate`] if the file of the authority cannot be used.
    pub fn from_config(config: &Config) -> Result<Option<Address>> {
        let Some(url) = &config.redis_url else {
            return Ok(None);
        };
        let address = Address::new(url, &config.redis_name)?;
        let Some(file) = &config.redis_ca else {
            return Ok(Some(address));
        };
        if !url.tls() {
            let reason = "is for an address that begins with rediss://, but WEBSOCKET_REDIS_URL \
                          begins with redis://: without TLS, every machine on the way can read and \
                          change the messages";
            return Err(Error::Setting {
                name: "WEBSOCKET_REDIS_CA",
                value: shown_path(file).into_owned(),
                reason: reason.to_owned(),
            });
        }
        let named = [("WEBSOCKET_REDIS_CA", file.as_path())];
        let also = Certificate::read_all(file);
        let also = also.map_err(|error| CertificateError::from(error).named_by(&named))?;
        let options = ConnectOptions {
            connect_timeout: LIMIT,
            ..ConnectOptions::new(address.options.url.clone(), &Trust::platform(&also)?)
        };
        Ok(Some(Address { options, ..address }))
    }

    /// The log `name` in the Redis at `url`.
    ///
    /// # Errors
    /// [`Error::Setting`] if the user, the password or the number of the database is not valid.
    pub fn new(url: &RedisUrl, name: &str) -> Result<Address> {
        // The crate `redis` gets an address without TLS, because `connect` makes the connection.
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
            tls: url.tls(),
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
        let connected = Upstream::new(self.options.clone())?.connect().await;
        let stream = connected.map_err(|error| Trouble::from(error).perhaps_tls(self.tls))?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let ready = MultiplexedConnection::new_with_config(&self.login, stream, config);
        let ready = within(LIMIT, ready).await;
        let (commands, driver) = ready.map_err(|trouble| trouble.perhaps_tls(self.tls))?;
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
