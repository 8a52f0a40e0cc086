//! All rooms of a server.
//!
//! The server makes a room when the first client enters it. The room and its history stay when
//! the last member leaves. When the server needs space for another room, it evicts the room that
//! has been empty longest. It never evicts the lobby.
//!
//! A client that returns to an evicted room finds a new room with the same name and another
//! epoch. The server sends the client a gap message: the messages of the old room are lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use zcomm_core::{Figure, FigureKind};

use crate::envelope::{Code, Fault, LOBBY};

use crate::server::{
    moment::Moment,
    room::{Presence, Room, RoomImage},
    session::Session,
};

/// The maximum number of rooms on a server.
const MAX_ROOMS: usize = 256;

pub(crate) struct Rooms(Mutex<Table>);

/// A copy of all rooms.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoomsImage {
    made: u64,
    rooms: Vec<RoomImage>,
}

struct Table {
    /// The epoch of the server. The epoch of each room begins with this text.
    epoch: String,
    rooms: HashMap<String, Arc<Room>>,
    /// The number of rooms made since the start. It makes the epoch of each room unique.
    made: u64,
}

impl Rooms {
    pub(crate) fn new(epoch: &str) -> Rooms {
        let mut table = Table {
            epoch: epoch.to_owned(),
            rooms: HashMap::new(),
            made: 0,
        };
        table.make(LOBBY, Duration::ZERO);
        Rooms(Mutex::new(table))
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().rooms.len()
    }

    /// Returns the members and messages of each room, for the server's metrics.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let rooms: Vec<_> = self.lock().rooms.values().cloned().collect();
        let of = |count: fn(&Room) -> u64| {
            let value = |room: &Arc<Room>| (room.name.clone(), count(room));
            rooms.iter().map(value).collect()
        };
        vec![
            Figure {
                name: "zcomm_room_members",
                help: "People in a room now. Clients choose the names of rooms; there are at most 256.",
                kind: FigureKind::Gauge,
                label: "room",
                values: of(|room| room.member_count() as u64),
            },
            Figure {
                name: "zcomm_room_messages_total",
                help: "Messages in a room since it was made. At most 256 rooms; a room that is evicted and made again starts at 0.",
                kind: FigureKind::Counter,
                label: "room",
                values: of(|room| room.messages.position()),
            },
        ]
    }

    /// Enters a room. If no room has this name, makes the room first. Fails if the server has
    /// the maximum number of rooms and no room is empty.
    pub(crate) fn enter(
        &self,
        name: &str,
        session: &Session,
        login: u64,
        time: Moment,
    ) -> Result<(Arc<Room>, Presence), Fault> {
        // Hold the lock until the client is in the room: another task could evict an empty
        // room.
        let mut table = self.lock();
        let room = match table.rooms.get(name) {
            Some(room) => Arc::clone(room),
            None => {
                if table.rooms.len() >= MAX_ROOMS {
                    table.evict_one()?;
                }
                table.make(name, time.clock)
            }
        };
        let presence = room.enter(session, login, time);
        Ok((room, presence))
    }

    /// A copy of all rooms.
    pub(crate) fn image(&self) -> RoomsImage {
        let table = self.lock();
        let mut rooms: Vec<_> = table.rooms.values().map(|room| room.image()).collect();
        // A map has no order, but equal states must have equal copies.
        rooms.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let made = table.made;
        RoomsImage { made, rooms }
    }

    /// Replaces all rooms with the rooms of a copy.
    pub(crate) fn restore(&self, image: RoomsImage) {
        let mut table = self.lock();
        table.made = image.made;
        let rooms = image.rooms.into_iter().map(|room| {
            let room = Room::from_image(room);
            (room.name.clone(), Arc::new(room))
        });
        table.rooms = rooms.collect();
    }

    /// Returns the room with this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Room>> {
        self.lock().rooms.get(name).cloned()
    }

    /// Removes a member from all rooms that it entered with this login.
    pub(crate) fn leave_all(&self, session: u64, login: u64, time: Moment) {
        let rooms: Vec<_> = self.lock().rooms.values().cloned().collect();
        for room in rooms {
            room.leave(session, login, time);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // After a panic in another task, the table is valid: each change is one insert or
        // remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn make(&mut self, name: &str, clock: Duration) -> Arc<Room> {
        self.made += 1;
        let epoch = format!("{}-{}", self.epoch, self.made);
        let room = Arc::new(Room::new(name, epoch, clock));
        self.rooms.insert(name.to_owned(), Arc::clone(&room));
        room
    }

    /// Removes the room that has been empty longest.
    fn evict_one(&mut self) -> Result<(), Fault> {
        let empty = self.rooms.values().filter_map(|room| {
            let since = room.empty_since().filter(|_| room.name != LOBBY)?;
            Some((since, room.name.clone()))
        });
        let Some((_, longest)) = empty.min() else {
            let why =
                format!("the server has {MAX_ROOMS} rooms, and none is empty: enter one of them");
            return Err(Fault::new(Code::TooManyRooms, why).field("room"));
        };
        self.rooms.remove(&longest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{moment::tests::at, session::tests::session};

    fn enter(rooms: &Rooms, name: &str) -> Result<Arc<Room>, Code> {
        let entered = rooms.enter(name, &session(1, "Ada"), 1, at(0));
        entered.map(|(room, _)| room).map_err(|fault| fault.code)
    }

    fn leave(room: &Room, seconds: u64) {
        room.leave(1, 1, at(seconds));
    }

    #[test]
    fn a_list_of_members_has_the_first_100_names_and_the_number_of_all() {
        let rooms = Rooms::new("e");
        for number in 1..=101 {
            let session = session(number, &format!("n{number}"));
            let (_, presence) = rooms.enter(LOBBY, &session, 1, at(0)).unwrap();
            let listed = (number as usize).min(100);
            assert_eq!(presence.users.len(), listed);
            assert_eq!(presence.users[listed - 1], format!("n{listed}"));
            assert_eq!(presence.user_count, number as usize);
        }
    }

    #[test]
    fn the_room_that_is_empty_longest_is_evicted_and_the_lobby_stays() {
        let rooms = Rooms::new("e");
        leave(&enter(&rooms, LOBBY).unwrap(), 0);
        let entered: Vec<_> = (1..256)
            .map(|n| enter(&rooms, &format!("room {n}")).unwrap())
            .collect();
        assert_eq!(enter(&rooms, "one more").err(), Some(Code::TooManyRooms));
        for (seconds, at) in [7, 3].into_iter().enumerate() {
            leave(&entered[at], seconds as u64);
        }
        enter(&rooms, "one more").unwrap();
        assert_eq!(rooms.count(), 256);
        let again = enter(&rooms, &entered[3].name).unwrap();
        assert_eq!(again.epoch, entered[3].epoch, "the one that stayed");
        leave(&again, 2);
        let anew = enter(&rooms, &entered[7].name).unwrap();
        assert_ne!(anew.epoch, entered[7].epoch, "the one that went");
    }

    /// The server may read a join from an older connection late. If this join replaced the
    /// newer login, the end of the older connection would remove the member.
    #[test]
    fn an_older_connection_does_not_remove_a_member() {
        let rooms = Rooms::new("e");
        let ada = session(1, "Ada");
        let (room, _) = rooms.enter("lobby", &ada, 2, at(0)).unwrap();
        rooms.enter("lobby", &ada, 1, at(0)).unwrap();
        room.leave(1, 1, at(0));
        assert_eq!(room.member_count(), 1);
        room.leave(1, 2, at(0));
        assert_eq!(room.member_count(), 0);
    }
}
