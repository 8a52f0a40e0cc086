//! The address of Redis, and the name of a service in Redis.
//!
//! The address may contain a password. So [`RedisUrl`] has no `Display`, and its `Debug` shows
//! only the host and the port.

use std::fmt;

use url::Url;

use crate::settings::zenv::Settings;

/// The setting with the address of Redis.
const URL: &str = "WEBSOCKET_REDIS_URL";
const CA: &str = "WEBSOCKET_REDIS_CA";
const NAME: &str = "WEBSOCKET_REDIS_NAME";

/// The largest number of bytes in the name of a service.
const MAX_NAME: usize = 64;

/// The address of a Redis server: `redis://host:port/` or, with TLS, `rediss://…`. It may contain
/// a user, a password and the number of a database.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Url);

impl RedisUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// If the text is not an address of this form. The error lists the accepted forms, and does
    /// not repeat the text, which may contain a password.
    pub fn parse(text: &str) -> Result<RedisUrl, &'static str> {
        let forms = "expected an address such as redis://127.0.0.1:6379/, or with TLS \
                     rediss://user:password@host:6379/0";
        let url = Url::parse(text).map_err(|_| forms)?;
        let known = ["redis", "rediss"].contains(&url.scheme());
        let host = url.host_str().is_some_and(|host| !host.is_empty());
        let database = url.path().trim_start_matches('/');
        let database = database.is_empty() || database.parse::<u16>().is_ok();
        let rest = url.query().is_some() || url.fragment().is_some() || url.port() == Some(0);
        match known && host && database && !rest {
            true => Ok(RedisUrl(url)),
            false => Err(forms),
        }
    }

    /// Whether the connection uses TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.0.scheme() == "rediss"
    }

    /// Host and port, to show in messages.
    #[must_use]
    pub fn place(&self) -> String {
        let port = self.0.port().unwrap_or(6379);
        format!("{}:{port}", self.0.host_str().unwrap_or_default())
    }

    /// Whether the address names a user. Otherwise Redis takes the user `default`.
    #[must_use]
    pub fn has_user(&self) -> bool {
        !self.0.username().is_empty()
    }

    /// Whether the address contains a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.password().is_some()
    }

    /// The whole address, with its password, as the client of Redis needs it.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

pub(crate) fn service_name(text: &str) -> Result<String, &'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match (1..=MAX_NAME).contains(&text.len()) && text.chars().all(legal) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 64 letters, digits, - or _"),
    }
}

/// Returns a warning for each setting of Redis that has no effect, because no setting names the
/// address of Redis. `default` is the name of a service that sets no name: `.zEnv.example` has it.
pub(crate) fn without_url(settings: &Settings, default: &str) -> Vec<String> {
    let is_set = |name| settings.get(name).is_some_and(|value| !value.is_empty());
    if is_set(URL) {
        return Vec::new();
    }
    let named = is_set(NAME) && settings.get(NAME) != Some(default);
    let unused = [(CA, is_set(CA)), (NAME, named)].into_iter();
    let unused = unused.filter(|(_, is_set)| *is_set);
    let warning = |(name, _)| {
        format!("{name} has no effect without {URL}: this server works alone, without Redis")
    };
    unused.map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l18_an_address_has_a_host_and_shows_no_password() {
        for (text, place, tls) in [
            ("redis://127.0.0.1", "127.0.0.1:6379", false),
            ("redis://127.0.0.1:7000/", "127.0.0.1:7000", false),
            ("redis://:hunter2@[::1]:7000/3", "[::1]:7000", false),
            (
                "rediss://me:hunter2@redis.example/0",
                "redis.example:6379",
                true,
            ),
        ] {
            let url = RedisUrl::parse(text).unwrap();
            assert_eq!((url.place().as_str(), url.tls()), (place, tls), "{text}");
            assert_eq!(format!("{url:?}"), place);
        }
        for wrong in [
            "",
            "127.0.0.1:6379",
            "http://127.0.0.1:6379/",
            "redis://",
            "redis://:6379/",
            "redis://h:0/",
            "redis://h:70000/",
            "redis://h/zero",
            "redis://h/-1",
            "redis://h/?db=1",
            "redis://h/#insecure",
        ] {
            let error = RedisUrl::parse(wrong).unwrap_err();
            assert!(error.contains("redis://127.0.0.1:6379/"), "{wrong}");
        }
    }

    #[test]
    fn a_setting_of_redis_without_its_address_is_a_warning() {
        let warnings = |pairs: &[_]| without_url(&Settings::from_pairs(pairs), "course");
        let (ca, name) = (
            ("WEBSOCKET_REDIS_CA", "ca.pem"),
            ("WEBSOCKET_REDIS_NAME", "evening"),
        );
        let said = warnings(&[ca, name]);
        let words = "WEBSOCKET_REDIS_CA has no effect without WEBSOCKET_REDIS_URL";
        assert!(said.len() == 2 && said[0].starts_with(words), "{said:?}");
        assert!(said[1].starts_with("WEBSOCKET_REDIS_NAME "), "{said:?}");
        let url = ("WEBSOCKET_REDIS_URL", "redis://127.0.0.1/");
        assert_eq!(warnings(&[ca, name, url]), [""; 0]);
        for unset in ["", "course"] {
            assert_eq!(warnings(&[("WEBSOCKET_REDIS_NAME", unset)]), [""; 0]);
        }
    }

    #[test]
    fn the_name_of_a_service_is_a_part_of_a_key() {
        for name in ["course", "A-b_9", &"x".repeat(64)] {
            assert_eq!(service_name(name).unwrap(), name);
        }
        for wrong in ["", "a b", "a:b", "{a}", "\u{e4}", &"x".repeat(65)] {
            assert!(service_name(wrong).is_err(), "{wrong}");
        }
    }
}
