//! The client's identity at the server.
//!
//! A message that the client sends comes back with the client's id. In a new session, the client
//! gets a new id, but its older messages keep the older id. So the client remembers its last ids.

use std::collections::VecDeque;

/// The maximum number of client ids to remember.
const MAX_CLIENT_IDS: usize = 20;

/// The client's identity, from the last welcome of the server.
pub(crate) struct Me {
    pub(crate) name: String,
    /// The secret that resumes the session.
    pub(crate) session: String,
    /// The epoch of the server, which changes with each restart.
    pub(crate) epoch: String,
    /// The client ids that the server gave this client in this epoch, the newest first.
    pub(crate) client_ids: VecDeque<String>,
}

impl Me {
    /// The client ids of this epoch, including `newest`. In a new epoch, the server counts client
    /// ids from 1 again. So the client drops the ids of the old epoch.
    pub(crate) fn client_ids(
        before: Option<&Me>,
        epoch: &str,
        newest: &String,
    ) -> VecDeque<String> {
        let before = before.filter(|me| me.epoch == epoch);
        let mut ids = before.map_or_else(VecDeque::new, |me| me.client_ids.clone());
        if !ids.contains(newest) {
            ids.truncate(MAX_CLIENT_IDS - 1);
            ids.push_front(newest.clone());
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_twenty_client_ids_are_remembered() {
        let mut ids = VecDeque::new();
        for number in 1..=21 {
            let me = Me {
                name: "Ada".to_owned(),
                session: "a.1.secret".to_owned(),
                epoch: "a".to_owned(),
                client_ids: ids,
            };
            ids = Me::client_ids(Some(&me), "a", &number.to_string());
        }
        assert_eq!(
            (ids.len(), ids[0].as_str(), ids[19].as_str()),
            (20, "21", "2")
        );
    }
}
