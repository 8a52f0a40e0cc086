//! Measures the cost of one log, without sockets. Run: `cargo bench -p zcomm-core`.
//!
//! `deliver` measures how many entries per second the hub delivers to 1, 100 and 10,000 cursors.
//! An entry for one cursor counts as one item.
//!
//! `append` measures the lock of the log: 1, 2 or 4 threads append entries at the same time,
//! while up to 1,000 tasks read these entries.

use divan::{Bencher, counter::ItemsCount};
use futures_util::FutureExt;
use tokio::runtime::Runtime;
use zcomm_core::{ClientId, Cursor, Hub};

/// The number of entries that are appended before the cursors read: one entry, or a full batch.
const BURSTS: [usize; 2] = [1, 64];

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 100, 10_000], consts = BURSTS)]
fn deliver<const BURST: usize>(bencher: Bencher, readers: u64) {
    let hub = Hub::default();
    let mut cursors: Vec<Cursor> = (0..readers)
        .map(|n| hub.cursor(ClientId::from(n)))
        .collect();
    let deliveries = ItemsCount::new(cursors.len() * BURST);
    bencher.counter(deliveries).bench_local(|| {
        for _ in 0..BURST {
            assert!(
                hub.broadcast("a text of some forty characters, as in a chat")
                    .is_ok()
            );
        }
        for cursor in &mut cursors {
            let batch = cursor.take().now_or_never().unwrap_or_default();
            assert_eq!(batch.len(), BURST);
        }
    });
}

#[divan::bench(args = [0, 1, 100, 1_000], threads = [1, 2, 4])]
fn append(bencher: Bencher, readers: u64) {
    let Ok(runtime) = Runtime::new() else { return };
    let hub = Hub::default();
    for n in 0..readers {
        let mut cursor = hub.cursor(ClientId::from(n));
        runtime.spawn(async move {
            loop {
                divan::black_box(cursor.take().await);
            }
        });
    }
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        assert!(
            hub.broadcast("a text of some forty characters, as in a chat")
                .is_ok()
        );
    });
}
