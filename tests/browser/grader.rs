//! `zcomm check` tests a browser as a client.

use crate::harness::Scene;

/// Chromium sends messages back as it should, and closes with 1002 and not with 1007 if a text is
/// not UTF-8: the course says so.
pub async fn a_browser_is_graded_as_a_client(scene: Scene) {
    let right = scene.graded("ws/5.6");
    assert!(
        right.ends_with("\nran 4: 4 passed, 0 failed, 0 skipped\n"),
        "{right}"
    );
    let wrong = scene.graded("ws/8.1/1");
    for line in [
        "code 1002, reason \"Invalid UTF-8",
        "ran 1: 0 passed, 1 failed",
    ] {
        assert!(wrong.contains(line), "{line}: {wrong}");
    }
}
