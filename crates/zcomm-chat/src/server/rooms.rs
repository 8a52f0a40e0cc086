//! All rooms of a server.
//!
//! A room begins when somebody enters it, and does not end when the last one leaves: its
//! history stays, until its place is needed. Then the one that has been empty longest goes.
//! The lobby always stays.
//!
//! Who comes to a room that is gone finds one of the same name and another epoch, and the
//! positions from before are told as a gap, like after a restart.
//!
//! Production lets people own rooms, and asks who may enter.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use zcomm_core::{Figure, FigureKind};

use crate::envelope::{Code, Fault, LOBBY};

use crate::server::{
    room::{Room, Users},
    session::Session,
};

/// Rooms on a server.
const MAX_ROOMS: usize = 256;

pub(crate) struct Rooms {
    epoch: String,
    table: Mutex<Table>,
}

struct Table {
    rooms: HashMap<String, Arc<Room>>,
    made: u64,
}

/// A room that somebody has entered.
pub(crate) struct Entered {
    pub(crate) room: Arc<Room>,
    pub(crate) users: Users,
    /// The position in the events from which on the list of users must be kept.
    pub(crate) events_after: u64,
}

impl Rooms {
    pub(crate) fn new(epoch: &str) -> Rooms {
        let rooms = Rooms {
            epoch: epoch.to_owned(),
            table: Mutex::new(Table {
                rooms: HashMap::new(),
                made: 0,
            }),
        };
        rooms.make(&mut rooms.lock(), LOBBY);
        rooms
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().rooms.len()
    }

    /// Who is where, and how much was said there, for the figures of the server.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let rooms: Vec<_> = self.lock().rooms.values().cloned().collect();
        let of = |count: fn(&Room) -> u64| {
            let value = |room: &Arc<Room>| (room.name.clone(), count(room));
            rooms.iter().map(value).collect()
        };
        vec![
            Figure {
                name: "zcomm_room_members",
                help: "People in a room now. Rooms are named by strangers; there are at most 256.",
                kind: FigureKind::Gauge,
                label: "room",
                values: of(|room| room.members() as u64),
            },
            Figure {
                name: "zcomm_room_messages_total",
                help: "Messages said in a room. At most 256 rooms; one that was given away and made anew begins at 0.",
                kind: FigureKind::Counter,
                label: "room",
                values: of(|room| room.messages.position()),
            },
        ]
    }

    /// Enters a room, which is made if need be.
    pub(crate) fn enter(&self, name: &str, session: &Session, turn: u64) -> Result<Entered, Fault> {
        // Held until the person is in: a room that is entered cannot be given away.
        let mut table = self.lock();
        let room = match table.rooms.get(name) {
            Some(room) => Arc::clone(room),
            None => {
                if table.rooms.len() >= MAX_ROOMS {
                    table.give_one_away()?;
                }
                self.make(&mut table, name)
            }
        };
        let (users, events_after) = room.enter(session, turn);
        Ok(Entered {
            room,
            users,
            events_after,
        })
    }

    fn make(&self, table: &mut Table, name: &str) -> Arc<Room> {
        table.made += 1;
        let epoch = format!("{}-{}", self.epoch, table.made);
        let room = Arc::new(Room::new(name, epoch));
        table.rooms.insert(name.to_owned(), Arc::clone(&room));
        room
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Each change is a single insert or remove.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn give_one_away(&mut self) -> Result<(), Fault> {
        let empty = self.rooms.values().filter_map(|room| {
            let since = room.empty_since().filter(|_| room.name != LOBBY)?;
            Some((since, room.name.clone()))
        });
        let full = || {
            Fault::new(
                Code::TooManyRooms,
                "the server has no place for another room",
            )
        };
        let (_, longest) = empty.min().ok_or_else(|| full().field("room"))?;
        self.rooms.remove(&longest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::session::tests::session;

    fn enter(rooms: &Rooms, name: &str) -> Result<Arc<Room>, Code> {
        let entered = rooms.enter(name, &session(1, "Ada"), 1);
        entered
            .map(|entered| entered.room)
            .map_err(|fault| fault.code)
    }

    fn leave(room: &Room) {
        room.leave(&session(1, "Ada"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_room_that_is_empty_longest_makes_place_and_the_lobby_stays() {
        let rooms = Rooms::new("e");
        leave(&enter(&rooms, LOBBY).unwrap());
        let entered: Vec<_> = (1..MAX_ROOMS)
            .map(|n| enter(&rooms, &format!("room {n}")).unwrap())
            .collect();
        assert_eq!(enter(&rooms, "one more").err(), Some(Code::TooManyRooms));
        for at in [7, 3] {
            leave(&entered[at]);
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        enter(&rooms, "one more").unwrap();
        assert_eq!(rooms.count(), MAX_ROOMS);
        let again = enter(&rooms, &entered[3].name).unwrap();
        assert_eq!(again.epoch, entered[3].epoch, "the one that stayed");
        leave(&again);
        let anew = enter(&rooms, &entered[7].name).unwrap();
        assert_ne!(anew.epoch, entered[7].epoch, "the one that went");
    }

    /// An older connection may still have a join in its buffer. It must not take the place
    /// of the newer one, and take the person along when it ends.
    #[test]
    fn an_older_connection_takes_nobody_along() {
        let rooms = Rooms::new("e");
        let ada = session(1, "Ada");
        let room = rooms.enter("lobby", &ada, 2).unwrap().room;
        rooms.enter("lobby", &ada, 1).unwrap();
        room.leave(&ada, 1);
        assert_eq!(room.members(), 1);
        room.leave(&ada, 2);
        assert_eq!(room.members(), 0);
    }
}
