//! Places for connections: so many in all, so many for one address.
//!
//! A place is taken the moment a connection is accepted, before it has said a word.
//! Otherwise a thousand clients that connect and stay silent would cost a thousand
//! sockets and count as none. It is given back by `drop`, so that no path — refusal, time
//! limit, panic — can forget it.
//!
//! Who comes after the last place, or too often from one address, may wait for a page in a
//! room beside: there they take no place from anybody else.
//!
//! IPv6 gives every home 2⁶⁴ addresses, so there one /64 network counts as one address.
//! A limit per address hurts people behind one router: that is why it is a setting.
//! Production sits behind a proxy and counts the address that the proxy vouches for;
//! believing `X-Forwarded-For` from a stranger would make the limit a joke.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    access::refusal::Refusal,
    protocol::rate::{Budget, Rate},
};

/// Wrong tokens that one address may show: after 20, ten a second.
const WRONG_TOKENS: Rate = Rate {
    per_second: 10.0,
    burst: 20.0,
};

/// Beyond the limit, this many more connections may at least ask for a page, and hear in
/// words that the server is full.
const WAITING_ROOM: usize = 64;

/// Other machines than this one may have so many connections, unless a setting says more.
const PER_OTHER_ADDRESS: usize = 50;

/// Addresses whose wrong tokens are remembered at a time.
const REMEMBERED: usize = 4096;

/// Counts the connections of a server.
#[derive(Clone)]
pub(crate) struct Slots {
    max: usize,
    max_per_address: Option<usize>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    places: usize,
    waiting: usize,
    by_address: HashMap<IpAddr, usize>,
    wrong_tokens: HashMap<IpAddr, Budget>,
}

impl Slots {
    pub(crate) fn new(max: usize, max_per_address: Option<usize>) -> Slots {
        Slots {
            max,
            max_per_address,
            taken: Arc::default(),
        }
    }

    /// Takes a place for a connection that was accepted. `None` when even the waiting room
    /// is full, and the connection must be dropped unheard.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<Slot> {
        let address = network(peer);
        let mut taken = self.lock();
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        let limit = match self.max_per_address {
            Some(limit) => limit,
            None if peer.to_canonical().is_loopback() => usize::MAX,
            None => PER_OTHER_ADDRESS,
        };
        let refusal = match here >= limit {
            true => Some(Refusal::AddressFull),
            false => (taken.places >= self.max).then_some(Refusal::Full),
        };
        if refusal.is_none() {
            taken.places += 1;
            *taken.by_address.entry(address).or_default() += 1;
        } else if taken.waiting < WAITING_ROOM {
            taken.waiting += 1;
        } else {
            return None;
        }
        drop(taken);
        Some(Slot {
            refusal,
            address,
            slots: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A panic between two lines of arithmetic leaves nothing half done.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place; dropping it gives it back.
pub(crate) struct Slot {
    /// Why this connection may fetch a page but not become a WebSocket.
    pub(crate) refusal: Option<Refusal>,
    address: IpAddr,
    slots: Slots,
}

impl Slot {
    /// Whether this address may still show a token: false once it has guessed too often.
    pub(crate) fn may_show_a_token(&self) -> bool {
        let taken = self.slots.lock();
        let budget = taken.wrong_tokens.get(&self.address);
        budget.is_none_or(|budget| budget.clone().spend(1.0).is_ok())
    }

    /// Notes that this address showed a wrong token.
    pub(crate) fn showed_a_wrong_token(&self) {
        let mut taken = self.slots.lock();
        if taken.wrong_tokens.len() >= REMEMBERED {
            // Whoever has the whole budget back is forgotten.
            let owes = |budget: &Budget| budget.clone().spend(WRONG_TOKENS.burst).is_err();
            taken.wrong_tokens.retain(|_, budget| owes(budget));
        }
        // Beyond that a new address guesses for free until one is forgotten; those that are
        // known go on paying.
        let known = taken.wrong_tokens.contains_key(&self.address);
        if known || taken.wrong_tokens.len() < REMEMBERED {
            let full = || Budget::new(Some(WRONG_TOKENS));
            // A refusal here changes nothing: the budget is spent either way.
            taken
                .wrong_tokens
                .entry(self.address)
                .or_insert_with(full)
                .spend(1.0)
                .ok();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if self.refusal.is_some() {
            taken.waiting -= 1;
            return;
        }
        taken.places -= 1;
        if let Some(here) = taken.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// The address that counts: an IPv6 address without its last 64 bits.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(max: usize, per_ip: Option<usize>) -> Slots {
        Slots::new(max, per_ip)
    }

    fn refusal(slots: &Slots, peer: &str) -> (Option<Refusal>, Slot) {
        let slot = slots.take(peer.parse().unwrap()).unwrap();
        (slot.refusal, slot)
    }

    #[test]
    fn the_connection_after_the_last_place_is_refused_until_one_is_given_back() {
        let slots = slots(1, None);
        let (first, place) = refusal(&slots, "127.0.0.1");
        assert_eq!(first, None);
        let (second, _) = refusal(&slots, "127.0.0.1");
        assert_eq!(second, Some(Refusal::Full));
        drop(place);
        assert_eq!(refusal(&slots, "127.0.0.1").0, None);
        assert!(slots.lock().by_address.is_empty() && slots.lock().places == 0);
    }

    #[test]
    fn beyond_the_waiting_room_a_connection_is_not_heard() {
        let slots = slots(1, None);
        let kept: Vec<_> = (0..65)
            .map(|_| slots.take([127, 0, 0, 1].into()).unwrap())
            .collect();
        assert!(slots.take([127, 0, 0, 1].into()).is_none());
        drop(kept);
        assert!(slots.take([127, 0, 0, 1].into()).is_some());
    }

    #[test]
    fn one_address_takes_no_more_places_than_its_own() {
        let slots = slots(3, Some(2));
        let kept: Vec<_> = (0..60).map(|_| refusal(&slots, "10.0.0.1")).collect();
        assert_eq!(kept[1].0, None);
        assert_eq!(kept[2].0, Some(Refusal::AddressFull));
        assert_eq!(refusal(&slots, "10.0.0.2").0, None);
    }

    #[test]
    fn r02_one_ipv6_network_counts_as_one_address() {
        let slots = slots(1000, None);
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
        let slots = slots(1000, None);
        let (_, slot) = refusal(&slots, "10.0.0.1");
        for _ in 0..20 {
            assert!(slot.may_show_a_token());
            slot.showed_a_wrong_token();
        }
        assert!(!slot.may_show_a_token());
        assert!(refusal(&slots, "10.0.0.2").1.may_show_a_token());
        tokio::time::advance(std::time::Duration::from_millis(100)).await;
        assert!(slot.may_show_a_token());
    }
}
