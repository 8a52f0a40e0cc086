//! Finds the processes that listen on a port, and measures their memory and CPU time.
//!
//! The error "address in use" names the port, but not the program that uses the port. Each
//! system has a different way to find the program: `/proc` on Linux, `libproc` on macOS,
//! `iphlpapi` on Windows. The crate `listeners` supports all three systems.
//!
//! The system may hide the processes of other users. So if no process is found, the port may
//! still be in use. Only an attempt to bind the port shows whether the port is free.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use listeners::{Process, Protocol, SocketState};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::text::visible;

/// A process with a listening TCP socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listening {
    pub(crate) pid: u32,
    /// The name of the program, safe to print.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// Returns the processes that listen on this TCP port, if this user is allowed to see them.
pub(crate) fn listening_on(port: u16) -> io::Result<Vec<Listening>> {
    let all = listeners::get_all().map_err(|error| io::Error::other(error.to_string()))?;
    let ours = all.into_iter().filter(|one| {
        let tcp = one.protocol == Protocol::TCP && one.state == SocketState::Listen;
        tcp && one.socket.port() == port
    });
    let mut found: Vec<_> = ours
        .map(|one| Listening {
            pid: one.process.pid,
            name: visible(&whole_name(&one.process)),
            address: one.socket,
        })
        .collect();
    // Sort the processes, because the system does not sort its list.
    found.sort();
    Ok(found)
}

/// Returns the name of the program. Linux keeps only the first 15 bytes of a process's name. If
/// the name of the program's file begins with these bytes, it is the whole name. A process can
/// also have another name than its file; that name is not changed.
fn whole_name(process: &Process) -> String {
    let short = &process.name;
    // Linux adds this word to the path of a program that was built again while it runs.
    let path = process.path.trim_end_matches(" (deleted)");
    let file = Path::new(path).file_name().unwrap_or_default();
    let file = file.to_string_lossy();
    match file.starts_with(short.as_str()) {
        true => file.into_owned(),
        false => short.clone(),
    }
}

/// The memory and CPU time that processes use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Resident memory (bytes).
    pub(crate) memory: u64,
    /// CPU time on all cores since the processes started.
    pub(crate) cpu: Duration,
}

pub(crate) struct Watched {
    system: System,
    pids: Vec<Pid>,
}

impl Watched {
    pub(crate) fn new(pids: impl IntoIterator<Item = u32>) -> Watched {
        Watched {
            system: System::new(),
            pids: pids.into_iter().map(Pid::from_u32).collect(),
        }
    }

    /// Measures the total usage of the processes. A process that has ended counts as zero.
    pub(crate) fn usage(&mut self) -> Usage {
        let what = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        let which = ProcessesToUpdate::Some(&self.pids);
        self.system.refresh_processes_specifics(which, true, what);
        let processes = self.pids.iter().filter_map(|pid| self.system.process(*pid));
        processes.fold(Usage::default(), |sum, process| Usage {
            memory: sum.memory + process.memory(),
            cpu: sum.cpu + Duration::from_millis(process.accumulated_cpu_time()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listening_process_is_named_with_its_pid() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let found = listening_on(address.port()).unwrap();
        let [only] = &found[..] else {
            panic!("one process listens there: {found:?}");
        };
        assert_eq!((only.pid, only.address), (std::process::id(), address));
        let program = std::env::current_exe().unwrap();
        let name = program.file_name().unwrap().to_str().unwrap();
        assert_eq!(only.name, name);
    }

    #[test]
    fn a_name_is_whole_where_the_file_has_the_same_name() {
        for (name, path, whole) in [
            (
                "2_websocket_ech",
                "/bin/2_websocket_echo",
                "2_websocket_echo",
            ),
            ("chat_app", "/bin/chat_app (deleted)", "chat_app"),
            // Another user's process: its path cannot be read.
            ("2_websocket_ech", "", "2_websocket_ech"),
            // One file has the programs of many names.
            ("httpd", "/bin/busybox", "httpd"),
        ] {
            let (name, path) = (name.to_owned(), path.to_owned());
            assert_eq!(whole_name(&Process { pid: 1, name, path }), whole);
        }
    }

    #[test]
    fn a_connected_port_has_no_listener() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(listening_on(port).unwrap(), []);
        drop(socket);
    }

    #[test]
    fn a_busy_process_uses_memory_and_time() {
        let mut this = Watched::new([std::process::id()]);
        let before = this.usage();
        assert!(before.memory > 100_000, "{before:?}");
        let limit = std::time::Instant::now() + Duration::from_secs(20);
        while this.usage().cpu < before.cpu + Duration::from_millis(50) {
            assert!(std::time::Instant::now() < limit, "no time is counted");
        }
        assert_eq!(Watched::new([u32::MAX]).usage().memory, 0);
    }
}
