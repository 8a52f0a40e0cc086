//! Limits on connections: a maximum for the whole server and a maximum per client address.
//!
//! Each connection uses one slot from its start, before the client sends a byte. If a slot were
//! used only after a valid request, clients that send nothing could use any number of sockets.
//! `Drop` frees the slot, so every end of the connection frees it: a refusal, a timeout or a
//! panic.
//!
//! A connection over a limit gets one of 64 extra slots. With an extra slot, a client may fetch a
//! page, but may not open a WebSocket. The page can ask `/why` for the reason.
//!
//! A connection that must wait for the answer to a wrong token gives its slot back before the
//! wait.
//!
//! A home network gets all IPv6 addresses that start with the same 64 bits, so these addresses
//! count as one address. All people behind one router may share one address, so the limit per
//! address is a setting.
//!
//! In production behind a proxy, count the address that the proxy reports in `X-Forwarded-For`.
//! Do not trust this header from any other client.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    access::refusal::Refusal,
    protocol::rate::{Budget, Rate},
};

/// The rate of wrong tokens that the server answers without a delay, for each client address.
const WRONG_TOKENS: Rate = Rate {
    per_second: 10.0,
    burst: 20.0,
};

/// The delay of the answer to a wrong token, if the client address has sent too many wrong
/// tokens. The delay only slows down an attacker who guesses tokens. A long random token stops
/// the attacker.
pub(crate) const GUESS_DELAY: Duration = Duration::from_secs(1);

/// The usual maximum number of connections that wait for a [`GUESS_DELAY`]. A waiting connection has
/// no slot, so it takes no slot from other clients. When this number is reached, the server
/// answers each further wrong token at once.
pub(crate) const GUESSES: usize = 128;

/// The number of extra slots for connections over a limit. A connection with an extra slot may
/// fetch a page, but may not open a WebSocket.
pub(crate) const EXTRA: usize = 64;

/// The default maximum of connections for one address. Loopback has no default maximum.
const PER_OTHER_ADDRESS: usize = 50;

/// The maximum number of addresses whose wrong tokens are counted.
const REMEMBERED: usize = 4096;

/// Counts the connections of a server, and the wrong tokens of each client address.
#[derive(Clone)]
pub(crate) struct Slots {
    max: usize,
    max_per_address: Option<usize>,
    /// The maximum number of connections that wait for a [`GUESS_DELAY`].
    max_guesses: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    connections: usize,
    extra: usize,
    /// The number of connections that wait for a [`GUESS_DELAY`], and have no slot.
    guesses: usize,
    by_address: HashMap<IpAddr, usize>,
    wrong_tokens: HashMap<IpAddr, Budget>,
}

impl Slots {
    pub(crate) fn new(max: usize, max_per_address: Option<usize>, max_guesses: usize) -> Slots {
        Slots {
            max,
            max_per_address,
            max_guesses,
            counts: Arc::default(),
        }
    }

    /// Takes a slot for an accepted connection. `None` if a limit is reached and all extra
    /// slots are in use. Then the server must drop the connection without a reply.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<Slot> {
        let address = network(peer);
        let mut counts = self.lock();
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        let limit = match self.max_per_address {
            Some(limit) => limit,
            None if peer.to_canonical().is_loopback() => usize::MAX,
            None => PER_OTHER_ADDRESS,
        };
        let refusal = match here >= limit {
            true => Some(Refusal::AddressFull),
            false => (counts.connections >= self.max).then_some(Refusal::Full),
        };
        if refusal.is_none() {
            counts.connections += 1;
            *counts.by_address.entry(address).or_default() += 1;
        } else if counts.extra < EXTRA {
            counts.extra += 1;
        } else {
            return None;
        }
        drop(counts);
        Some(Slot {
            refusal,
            address,
            slots: self.clone(),
            paid_at: OnceLock::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // The code that holds this lock does not panic, so the counts are always correct.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of one connection. Dropping this value frees the slot.
pub(crate) struct Slot {
    /// Set if this is an extra slot: the reason why the connection may not open a WebSocket.
    pub(crate) refusal: Option<Refusal>,
    address: IpAddr,
    slots: Slots,
    /// The end of the [`GUESS_DELAY`]. Set if this connection has given its slot back.
    paid_at: OnceLock<Instant>,
}

impl Slot {
    /// Counts a wrong token. Returns false if the client address has sent too many wrong tokens.
    /// Then the connection gives its slot back and must wait, except when too many other
    /// connections wait already.
    pub(crate) fn allows_a_wrong_token(&self) -> bool {
        let mut counts = self.slots.lock();
        if counts.wrong_tokens.len() >= REMEMBERED {
            // Remove each address whose budget is full again.
            let owes = |budget: &Budget| budget.clone().spend(WRONG_TOKENS.burst).is_err();
            counts.wrong_tokens.retain(|_, budget| owes(budget));
        }
        // If the table is still full, delay the answer to a wrong token from a new address.
        let known = counts.wrong_tokens.contains_key(&self.address);
        let allowed = (known || counts.wrong_tokens.len() < REMEMBERED) && {
            let full = || Budget::new(Some(WRONG_TOKENS));
            let budget = counts.wrong_tokens.entry(self.address).or_insert_with(full);
            budget.spend(1.0).is_ok()
        };
        // A connection with an extra slot does not wait: an extra slot must be free again soon.
        if !allowed && self.refusal.is_none() && counts.guesses < self.slots.max_guesses {
            let set = self.paid_at.set(Instant::now() + GUESS_DELAY).is_ok();
            if set {
                counts.guesses += 1;
                counts.give_back(self.address);
            }
        }
        allowed
    }

    /// Waits until the [`GUESS_DELAY`] of this connection is over. Returns at once if the
    /// connection has no delay.
    pub(crate) async fn pay_for_guesses(&self) {
        if let Some(paid_at) = self.paid_at.get() {
            sleep_until(*paid_at).await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.slots.lock();
        if self.refusal.is_some() {
            counts.extra -= 1;
        } else if self.paid_at.get().is_some() {
            counts.guesses -= 1;
        } else {
            counts.give_back(self.address);
        }
    }
}

impl Counts {
    /// Frees one slot of this address.
    fn give_back(&mut self, address: IpAddr) {
        self.connections -= 1;
        if let Some(here) = self.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// Returns the address under which a client is counted. For IPv6, the last 64 bits become zero.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(slots: &Slots, peer: &str) -> (Option<Refusal>, Slot) {
        let slot = slots.take(peer.parse().unwrap()).unwrap();
        (slot.refusal, slot)
    }

    #[test]
    fn a_connection_over_the_limit_is_refused_until_a_slot_is_free() {
        let slots = Slots::new(1, None, GUESSES);
        let (first, slot) = refusal(&slots, "127.0.0.1");
        assert_eq!(first, None);
        let (second, _) = refusal(&slots, "127.0.0.1");
        assert_eq!(second, Some(Refusal::Full));
        drop(slot);
        assert_eq!(refusal(&slots, "127.0.0.1").0, None);
        assert!(slots.lock().by_address.is_empty() && slots.lock().connections == 0);
    }

    #[test]
    fn a_connection_beyond_the_extra_slots_gets_no_reply() {
        let slots = Slots::new(1, None, GUESSES);
        let kept: Vec<_> = (0..65)
            .map(|_| slots.take([127, 0, 0, 1].into()).unwrap())
            .collect();
        assert!(slots.take([127, 0, 0, 1].into()).is_none());
        drop(kept);
        assert!(slots.take([127, 0, 0, 1].into()).is_some());
    }

    #[test]
    fn one_address_takes_no_more_slots_than_its_own() {
        let slots = Slots::new(3, Some(2), GUESSES);
        let kept: Vec<_> = (0..60).map(|_| refusal(&slots, "10.0.0.1")).collect();
        assert_eq!(kept[1].0, None);
        assert_eq!(kept[2].0, Some(Refusal::AddressFull));
        assert_eq!(refusal(&slots, "10.0.0.2").0, None);
    }

    #[test]
    fn r02_one_ipv6_network_counts_as_one_address() {
        let slots = Slots::new(1000, None, GUESSES);
        let kept: Vec<_> = (0..50)
            .map(|n| refusal(&slots, &format!("2001:db8::{n:x}")))
            .collect();
        assert!(kept.iter().all(|(refused, _)| refused.is_none()));
        assert_eq!(
            refusal(&slots, "2001:db8::ffff").0,
            Some(Refusal::AddressFull)
        );
        assert_eq!(refusal(&slots, "2001:db8:0:1::1").0, None);
        assert_eq!(refusal(&slots, "10.0.0.1").0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_wrong_tokens_at_once_and_then_ten_a_second() {
        let slots = Slots::new(1000, None, GUESSES);
        let (_, slot) = refusal(&slots, "10.0.0.1");
        for _ in 0..20 {
            assert!(slot.allows_a_wrong_token());
        }
        assert!(!slot.allows_a_wrong_token());
        assert!(refusal(&slots, "10.0.0.2").1.allows_a_wrong_token());
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(slot.allows_a_wrong_token());
    }

    /// Opens connections and sends one wrong token on each connection. Returns the first `count`
    /// slots whose token was over the limit.
    fn guess(slots: &Slots, peer: &str, count: usize) -> Vec<Slot> {
        let mut guesses = std::iter::repeat_with(|| refusal(slots, peer).1);
        let mut late = guesses.by_ref().filter(|slot| !slot.allows_a_wrong_token());
        late.by_ref().take(count).collect()
    }

    async fn delay(slot: &Slot) -> Duration {
        let start = Instant::now();
        slot.pay_for_guesses().await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_wrong_token_too_many_waits() {
        let slots = Slots::new(1000, None, GUESSES);
        let (_, slot) = refusal(&slots, "127.0.0.1");
        for _ in 0..20 {
            assert!(slot.allows_a_wrong_token());
            assert_eq!(delay(&slot).await, Duration::ZERO);
        }
        assert!(!slot.allows_a_wrong_token());
        assert_eq!(delay(&slot).await, GUESS_DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_token_waits_without_a_slot() {
        let slots = Slots::new(2, Some(2), GUESSES);
        let waiting = guess(&slots, "10.0.0.1", 100);
        assert!(waiting.iter().all(|slot| slot.paid_at.get().is_some()));
        let kept: Vec<_> = (0..2).map(|_| refusal(&slots, "10.0.0.1")).collect();
        assert!(kept.iter().all(|(refused, _)| refused.is_none()));
        // The two connections in `kept` count, because they do not wait.
        assert_eq!(refusal(&slots, "10.0.0.1").0, Some(Refusal::AddressFull));
        assert_eq!(refusal(&slots, "10.0.0.2").0, Some(Refusal::Full));
        drop((waiting, kept));
        let counts = slots.lock();
        assert_eq!((counts.connections, counts.guesses), (0, 0));
        assert!(counts.by_address.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_limited_number_of_wrong_tokens_waits_and_the_next_ones_are_answered_at_once() {
        let slots = Slots::new(1000, None, GUESSES);
        let mut waiting = guess(&slots, "127.0.0.1", GUESSES);
        assert_eq!(delay(&waiting[GUESSES - 1]).await, GUESS_DELAY);
        // During the wait of one second, the budget grew by ten wrong tokens. `guess` spends
        // these first.
        let late = guess(&slots, "127.0.0.1", 1);
        assert_eq!(delay(&late[0]).await, Duration::ZERO);
        waiting.pop();
        assert_eq!(delay(&guess(&slots, "127.0.0.1", 1)[0]).await, GUESS_DELAY);
    }

    /// A server with few file descriptors lets fewer wrong tokens wait.
    #[tokio::test(start_paused = true)]
    async fn the_number_of_wrong_tokens_that_wait_is_an_argument() {
        let slots = Slots::new(1000, None, 2);
        let late = guess(&slots, "127.0.0.1", 3);
        let waits = late.iter().map(|slot| slot.paid_at.get().is_some());
        assert_eq!(waits.collect::<Vec<_>>(), [true, true, false]);
    }

    /// An extra slot must be free again soon.
    #[tokio::test(start_paused = true)]
    async fn a_wrong_token_with_an_extra_slot_is_answered_at_once() {
        let slots = Slots::new(1, None, GUESSES);
        let _full = refusal(&slots, "10.0.0.1");
        let late = guess(&slots, "10.0.0.2", 1);
        assert_eq!(late[0].refusal, Some(Refusal::Full));
        assert_eq!(delay(&late[0]).await, Duration::ZERO);
    }
}
