//! The cases, as tables that read like the specification. Each file is one part of RFC 6455.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod hostile;
mod requests;
mod responses;

mod clients;
mod masking;

mod closing;
mod control;
mod fragments;
mod framing;
mod lengths;
mod text;

use super::case::{Case, Of};

/// The sections of RFC 6455 that have cases, in order.
pub(super) const SECTIONS: [(&str, &str); 22] = [
    ("4.1", "the client's handshake"),
    ("4.2.1", "requests that a server reads"),
    ("4.2.2", "the server's answer"),
    ("4.4", "versions of the protocol"),
    ("5.1", "who masks"),
    ("5.2", "the header of a frame"),
    ("5.3", "masking"),
    ("5.4", "fragments"),
    ("5.5", "control frames"),
    ("5.5.1", "Close"),
    ("5.5.2", "Ping"),
    ("5.5.3", "Pong"),
    ("5.6", "text and binary"),
    ("7.1.1", "slow and hostile clients"),
    ("7.1.7", "failing a connection"),
    ("7.4.1", "close codes"),
    ("7.4.2", "ranges of close codes"),
    ("8.1", "text that is not UTF-8"),
    ("10.2", "foreign origins"),
    ("10.4", "limits"),
    ("10.7", "invalid data"),
    ("11.3.1", "headers that appear once"),
];

const TABLES: [&[Case]; 11] = [
    hostile::CASES,
    clients::CASES,
    requests::CASES,
    responses::CASES,
    masking::CASES,
    framing::CASES,
    lengths::CASES,
    fragments::CASES,
    control::CASES,
    closing::CASES,
    text::CASES,
];

/// All cases for this side, in the order of the sections.
pub(super) fn of(side: Of) -> Vec<&'static Case> {
    let mut cases: Vec<_> = TABLES.into_iter().flatten().collect();
    // A run with `--hostile` plays only the cases for `Of::Hostile`.
    let both = side != Of::Hostile;
    cases.retain(|case| case.of == side || (both && case.of == Of::Both));
    cases.sort_by_key(|case| (place(case.section()), case.number()));
    cases
}

fn place(section: &str) -> usize {
    let mut sections = SECTIONS.iter();
    // A test checks that the list contains the section of every case.
    sections
        .position(|(known, _)| *known == section)
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::case::Level;

    fn all() -> impl Iterator<Item = &'static Case> {
        TABLES.into_iter().flatten()
    }

    #[test]
    fn there_are_at_least_80_cases_for_servers_and_each_id_is_there_once() {
        assert!(of(Of::Server).len() >= 80);
        let ids: BTreeSet<_> = all().map(|case| case.id).collect();
        assert_eq!(ids.len(), all().count());
    }

    #[test]
    fn an_id_is_a_section_and_a_number_without_a_hole() {
        for (section, _) in SECTIONS {
            let cases = all().filter(|case| case.section() == section);
            let mut numbers: Vec<_> = cases.map(Case::number).collect();
            numbers.sort_unstable();
            let expected: Vec<_> = (1..=numbers.len()).collect();
            assert_eq!(numbers, expected, "{section}");
            assert!(!numbers.is_empty(), "{section}");
        }
        assert!(all().all(|case| place(case.section()) < SECTIONS.len()));
    }

    #[test]
    fn the_level_is_a_word_of_the_requirement() {
        for case in all() {
            // Some requirements are written as definitions.
            let strong = [
                "MUST",
                "must",
                "treated as",
                "are ignored",
                "consists of",
                "MAY be",
                "is applied",
                "MAY close",
                "with a value",
            ];
            let fits = match case.level {
                Level::Must => strong.iter().any(|word| case.rule.contains(word)),
                Level::Should => case.rule.contains("SHOULD"),
            };
            assert!(fits, "{}: {}", case.id, case.rule);
        }
    }
}
