//! Writes output in a thread, so that no task has to wait for a terminal.
//!
//! A terminal is slower than a network. The output can also stop completely: after Ctrl-S,
//! while text is selected in a Windows console, or if the output goes to a pipe that no
//! program reads. If a task wrote directly to the terminal, the task and its connection would
//! stop too.
//!
//! So a task puts items into a queue, and a thread writes the items. The queue has a size
//! limit. An item that does not fit is dropped, and the thread reports the number of dropped
//! items.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// The size limit of a queue (bytes).
const QUEUE: usize = 4 * 1024 * 1024;
/// The minimum time between two reports of dropped items while new items arrive.
const REPORT: Duration = Duration::from_millis(500);
/// The time limit for writing the last items when the queue is closed.
const LAST_ITEMS: Duration = Duration::from_secs(1);

/// What the thread must write next.
#[derive(Debug, PartialEq, Eq)]
pub enum WriterStep<T> {
    /// An item of the queue.
    Item(T),
    /// The number of items that were dropped since the last report.
    Dropped(u64),
    /// The queue is empty: flush the output. This step comes twice a second while the queue is
    /// empty.
    Idle,
}

/// A queue of at most 4 MiB, and the thread that writes the items of the queue.
/// [`send`](Self::send) never waits. Dropping the writer [closes](Self::close) the queue.
pub struct BackgroundWriter<T> {
    queue: Sender<Entry<T>>,
    counts: Arc<Counts>,
}

enum Entry<T> {
    Item {
        item: T,
        bytes: usize,
        /// The number of items that were dropped just before this item.
        dropped: u64,
    },
    /// The end of the queue. When all earlier items are written, the thread drops this sender.
    /// Then [`close`](BackgroundWriter::close) returns.
    End(Sender<()>),
}

#[derive(Default)]
struct Counts {
    /// The size of all items in the queue (bytes).
    waiting: AtomicUsize,
    /// The number of items that were dropped and are not yet reported.
    dropped: AtomicU64,
}

impl<T: Send + 'static> BackgroundWriter<T> {
    /// Starts the thread, which calls `write` for each step. If `write` returns an error, the
    /// thread ends and later items are lost. So `write` itself must report its errors.
    #[must_use]
    pub fn start(
        write: impl FnMut(WriterStep<T>) -> io::Result<()> + Send + 'static,
    ) -> BackgroundWriter<T> {
        let (queue, entries) = channel();
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        // Ignore the error here: `write` has already reported it.
        thread::spawn(move || run(&entries, &shared, write).ok());
        BackgroundWriter { queue, counts }
    }
}

impl<T> BackgroundWriter<T> {
    /// Puts an item of `bytes` bytes into the queue. An item that does not fit is dropped and
    /// counted.
    pub fn send(&self, item: T, bytes: usize) {
        let bytes = bytes + size_of::<Entry<T>>();
        if self.counts.waiting.fetch_add(bytes, Relaxed) + bytes > QUEUE {
            self.counts.waiting.fetch_sub(bytes, Relaxed);
            self.count_dropped(1);
            return;
        }
        let dropped = self.counts.dropped.swap(0, Relaxed);
        let entry = Entry::Item {
            item,
            bytes,
            dropped,
        };
        // `send` fails only after the thread has ended. Then the item is lost.
        self.queue.send(entry).ok();
    }

    /// Adds `items` to the number of dropped items. Call this for items that you did not send,
    /// e.g. because of a rate limit.
    pub fn count_dropped(&self, items: u64) {
        self.counts.dropped.fetch_add(items, Relaxed);
    }

    /// Waits until every item in the queue is written, but at most one second. Items that are
    /// sent after this call are lost. When the thread has ended, a second call returns at once.
    pub fn close(&self) {
        let (done, written) = channel();
        if self.queue.send(Entry::End(done)).is_ok() {
            // The thread never sends a value. It drops `done` after the last item, and this
            // ends the wait. If the thread is blocked, the time limit ends the wait.
            written.recv_timeout(LAST_ITEMS).ok();
        }
    }
}

impl<T> Drop for BackgroundWriter<T> {
    fn drop(&mut self) {
        self.close();
    }
}

fn run<T>(
    entries: &Receiver<Entry<T>>,
    counts: &Counts,
    mut write: impl FnMut(WriterStep<T>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut dropped, mut reported) = (0, Instant::now());
    loop {
        let next = match entries.try_recv() {
            Ok(entry) => Some(entry),
            Err(_) => {
                write(WriterStep::Idle)?;
                entries.recv_timeout(REPORT).ok()
            }
        };
        let burst = matches!(next, Some(Entry::Item { .. }));
        dropped += match &next {
            Some(Entry::Item { dropped, .. }) => *dropped,
            _ => counts.dropped.swap(0, Relaxed),
        };
        if dropped > 0 && (!burst || reported.elapsed() >= REPORT) {
            write(WriterStep::Dropped(std::mem::take(&mut dropped)))?;
            reported = Instant::now();
        }
        match next {
            Some(Entry::Item { item, bytes, .. }) => {
                counts.waiting.fetch_sub(bytes, Relaxed);
                write(WriterStep::Item(item))?;
            }
            // Returning drops the sender. This tells `close` that every item is written.
            Some(Entry::End(_done)) => return write(WriterStep::Idle),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use WriterStep::{Dropped, Item};

    /// Returns a writer, a sender and a receiver. The receiver receives each step of the
    /// writer's thread. After each item, the thread waits until the sender is dropped.
    fn blocked() -> (BackgroundWriter<u32>, Sender<()>, Receiver<WriterStep<u32>>) {
        let ((free, is_free), (steps, seen)) = (channel::<()>(), channel());
        let writer = BackgroundWriter::start(move |step| {
            let is_item = matches!(step, Item(_));
            steps.send(step).ok();
            if is_item {
                is_free.recv().ok();
            }
            Ok(())
        });
        (writer, free, seen)
    }

    #[test]
    fn items_are_written_in_order_before_the_end() {
        let (writer, free, seen) = blocked();
        (0..3).for_each(|item| writer.send(item, 0));
        drop(free);
        drop(writer);
        let items = seen.into_iter().filter(|step| matches!(step, Item(_)));
        assert_eq!(items.collect::<Vec<_>>(), [Item(0), Item(1), Item(2)]);
    }

    #[test]
    fn a_blocked_thread_blocks_no_caller_and_takes_no_more_memory() {
        let (writer, free, seen) = blocked();
        for item in 0..2000 {
            writer.send(item, 4096);
            assert!(writer.counts.waiting.load(Relaxed) <= QUEUE);
        }
        let start = Instant::now();
        writer.close();
        assert!(start.elapsed() < LAST_ITEMS * 3, "{:?}", start.elapsed());
        drop(free);
        drop(writer);
        let (mut items, mut dropped) = (0, 0);
        for step in seen {
            match step {
                Item(item) => {
                    assert_eq!((item, dropped), (items, 0), "the oldest are kept");
                    items += 1;
                }
                Dropped(count) => dropped += count,
                WriterStep::Idle => {}
            }
        }
        assert_eq!(u64::from(items) + dropped, 2000);
        assert!((900..1100).contains(&items), "{items}");
    }

    #[test]
    fn a_report_stands_where_items_are_missing() {
        let (writer, free, seen) = blocked();
        writer.send(1, 0);
        writer.count_dropped(5);
        // Wait until the thread is blocked. Then wait until the next report is allowed.
        while seen.recv() != Ok(Item(1)) {}
        assert!(seen.recv_timeout(REPORT).is_err());
        writer.send(2, 0);
        drop(free);
        drop(writer);
        let steps = seen.into_iter().filter(|step| *step != WriterStep::Idle);
        assert_eq!(steps.collect::<Vec<_>>(), [Dropped(5), Item(2)]);
    }

    #[test]
    fn an_error_ends_the_thread_and_blocks_no_caller() {
        let writer = BackgroundWriter::start(|_| Err(io::ErrorKind::BrokenPipe.into()));
        (0..10_000).for_each(|_| writer.send((), 4096));
        let start = Instant::now();
        drop(writer);
        assert!(start.elapsed() < LAST_ITEMS, "{:?}", start.elapsed());
    }
}
