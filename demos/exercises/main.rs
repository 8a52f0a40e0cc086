//! All programs of the exercises in one: starters, solutions, and wrong solutions; and of the bug
//! hunt: broken servers, wrong fixes, and fixed servers.
//!
//! Each program is a whole file with its own `main`. Here they are modules of one program, so that
//! a test builds and links them once. The variable `EXERCISE` chooses the program:
//! `EXERCISE=03_count/solution cargo run -p demos --example exercises`.
//!
//! A learner gets the starters as programs: see `zcomm learn`.

use std::process::ExitCode;

/// Makes a module of each program, and the function that finds it by its name.
macro_rules! programs {
    ($($module:ident $folder:literal: $($program:ident)*;)*) => {
        $(mod $module {
            $(pub(super) mod $program {
                include!(concat!($folder, "/", stringify!($program), ".rs"));

                pub(in super::super) fn run() -> ExitCode {
                    main()
                }
            })*
        })*

        fn program(name: &str) -> Option<fn() -> ExitCode> {
            $($(if name == concat!($folder, "/", stringify!($program)) {
                return Some($module::$program::run);
            })*)*
            None
        }
    };
}

programs! {
    hello "01_hello": starter solution wrong_on_message wrong_to_all wrong_again;
    progress "02_progress": starter solution wrong_one_message wrong_ends;
    count "03_count": starter solution wrong_never_down wrong_only_the_new_one wrong_on_message;
    echo "04_echo": starter solution wrong_to_all wrong_text_only wrong_trims slow;
    frames "05_frames": starter solution wrong_one_key_byte wrong_long_as_short wrong_four_bytes
        wrong_ping_as_echo;
    secure "06_secure": starter solution wrong_falls_back wrong_plain;
    rooms "07_rooms": starter solution wrong_one_room wrong_echo wrong_never_leaves
        wrong_remembers_who_left;
    typing "08_typing": starter solution wrong_each_key wrong_only_once wrong_to_itself;
    dashboard "09_dashboard": starter solution wrong_whole_history wrong_changes_only wrong_below_zero;
    door "10_door": starter solution wrong_prefix wrong_stays_open wrong_normal_close wrong_any_origin
        wrong_any_port;
    reconnect "11_reconnect": starter solution wrong_at_once wrong_same_pause wrong_gives_up wrong_for_ever
        wrong_adds;
    resume "12_resume": starter solution wrong_from_now wrong_once_more wrong_silent_gap wrong_whole_gap;
    callback "13_callback": starter solution wrong_ends_on_unknown wrong_one_callback;
    latency "14_latency": starter solution wrong_mean wrong_all_at_once wrong_unsorted;
    bad_input "15_bad_input": starter solution wrong_closes wrong_zero_for_wrong wrong_null wrong_overflow
        wrong_fractions;
    stop "16_stop": starter solution wrong_drops wrong_never_ends;
    whiteboard "17_whiteboard": starter solution wrong_forgets wrong_twice wrong_clears_silently;
    turns "18_turns": starter solution wrong_trusts_the_page wrong_any_number wrong_below_zero
        wrong_half_a_stone wrong_after_the_end;
    notifications "19_notifications": starter solution wrong_lost wrong_ghost wrong_twice wrong_to_all;
    cursor "hunt/cursor": broken wrong_fix fixed;
    origin "hunt/origin": broken wrong_fix fixed;
    two_writers "hunt/two_writers": broken wrong_fix fixed;
    background_tab "hunt/background_tab": broken wrong_fix fixed;
    localhost "hunt/localhost": broken wrong_fix fixed;
    lagged "hunt/lagged": broken wrong_fix fixed;
    slow_handshake "hunt/slow_handshake": broken wrong_fix fixed;
    half_frame "hunt/half_frame": broken wrong_fix fixed;
}

fn main() -> ExitCode {
    #[allow(
        clippy::disallowed_methods,
        reason = "the arguments belong to the program"
    )]
    let name = std::env::var("EXERCISE").unwrap_or_default();
    match program(&name) {
        Some(run) => run(),
        None => {
            eprintln!("EXERCISE={name:?}: write a folder and a program, such as 03_count/solution");
            ExitCode::from(2)
        }
    }
}
