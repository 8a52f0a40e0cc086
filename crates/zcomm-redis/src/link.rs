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

/// The address of Redis, and the log in it.
#[derive(Clone)]
pub struct Address {
    options: ConnectOptions,
    login: RedisConnectionInfo,
    tls: bool,
    place: String,
    /// How the names of the keys begin.
    keys: String,
    service: String,
    mark: Option<u8>,
    /// The time limit for an answer of Redis, and for a connection.
    pub(crate) limit: Duration,
}

impl Address {
    /// The log at the address in the settings; `None` if the settings name no Redis.
    ///
    /// `service` says in words what kind of server this is, for example `an open broadcast`. A log
    /// belongs to the service that appends to it first. A server of another service neither appends
    /// to this log nor applies its entries.
    ///
    /// # Errors
    /// [`Error::Setting`] if the user, the password or the number of the database is not valid.
    /// [`Error::Setting`] also if the settings name a certificate authority, but the address has
    /// no TLS. [`Error::Certificate`] if the file of the authority cannot be used.
    pub fn from_config(config: &Config, service: &str) -> Result<Option<Address>> {
        let Some(url) = &config.redis_url else {
            return Ok(None);
        };
        let address = Address::new(url, config, service)?;
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
            connect_timeout: address.limit,
            ..ConnectOptions::new(address.options.url.clone(), &Trust::platform(&also)?)
        };
        Ok(Some(Address { options, ..address }))
    }

    fn new(url: &RedisUrl, config: &Config, service: &str) -> Result<Address> {
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
                connect_timeout: config.redis_timeout,
                ..ConnectOptions::new(format!("{scheme}://{}/", url.place()), &trust)
            },
            login: info.redis_settings().clone(),
            tls: url.tls(),
            place: url.place(),
            keys: format!("zcomm:{}:", config.redis_name),
            service: service.to_owned(),
            mark: config.tokens_mark(),
            limit: config.redis_timeout,
        })
    }

    /// Host and port, to show in messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What kind of server this is, in words.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// The name of a key of this log.
    pub(crate) fn key(&self, of: &str) -> String {
        format!("{}{of}", self.keys)
    }

    /// The byte that servers with the same tokens have in common; nothing without tokens.
    pub(crate) fn mark(&self) -> &[u8] {
        self.mark.as_slice()
    }

    /// Connects, and logs in.
    pub(crate) async fn connect(&self) -> Result<Link, Trouble> {
        let connected = Upstream::new(self.options.clone())?.connect().await;
        let stream = connected.map_err(|error| Trouble::from(error).perhaps_tls(self.tls))?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let ready = MultiplexedConnection::new_with_config(&self.login, stream, config);
        let ready = within(self.limit, ready).await;
        let (commands, driver) = ready.map_err(|trouble| trouble.perhaps_tls(self.tls))?;
        let mut task = JoinSet::new();
        task.spawn(driver);
        Ok(Link {
            commands,
            limit: self.limit,
            _task: task,
        })
    }
}

/// A connection to Redis. Dropping the link closes the connection.
pub(crate) struct Link {
    pub(crate) commands: MultiplexedConnection,
    limit: Duration,
    /// The task that reads and writes the connection.
    _task: JoinSet<()>,
}

impl Link {
    /// Sends commands together, and returns their answers.
    pub(crate) async fn ask<T: FromRedisValue>(
        &mut self,
        commands: &Pipeline,
    ) -> Result<T, Trouble> {
        within(self.limit, commands.query_async(&mut self.commands)).await
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
