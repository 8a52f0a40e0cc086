//! The cases, as tables that read as the specification. One file is one part of RFC 6455.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod requests;
mod responses;

mod masking;

mod closing;
mod control;
mod fragments;
mod framing;
mod lengths;
mod text;

use super::case::{Case, Of};

/// The sections of RFC 6455 that have cases, in order.
pub(super) const SECTIONS: [(&str, &str); 18] = [
    ("4.2.1", "the client's opening handshake"),
    ("4.2.2", "the server's opening handshake"),
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
    ("7.1.7", "failing a connection"),
    ("7.4.1", "close codes"),
    ("7.4.2", "ranges of close codes"),
    ("8.1", "text that is not UTF-8"),
    ("10.7", "invalid data"),
    ("11.3.1", "headers that appear once"),
];

/// All cases for a server, in the order of the sections.
pub(super) fn for_servers() -> impl Iterator<Item = &'static Case> {
    let tables = [
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
    let mut cases: Vec<_> = tables.into_iter().flatten().collect();
    cases.retain(|case| case.of != Of::Client);
    cases.sort_by_key(|case| (place(case.section()), case.number()));
    cases.into_iter()
}

fn place(section: &str) -> usize {
    let mut sections = SECTIONS.iter();
    // A test proves that each case has its section in the list.
    sections
        .position(|(known, _)| *known == section)
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::case::Level;

    #[test]
    fn there_are_at_least_80_cases_and_each_id_is_there_once() {
        let cases: Vec<_> = for_servers().collect();
        assert!(cases.len() >= 80, "{}", cases.len());
        let ids: BTreeSet<_> = cases.iter().map(|case| case.id).collect();
        assert_eq!(ids.len(), cases.len());
    }

    #[test]
    fn an_id_is_a_section_and_a_number_without_a_hole() {
        for (section, _) in SECTIONS {
            let cases = for_servers().filter(|case| case.section() == section);
            let numbers: Vec<_> = cases.map(Case::number).collect();
            let expected: Vec<_> = (1..=numbers.len()).collect();
            assert_eq!(numbers, expected, "{section}");
            assert!(!numbers.is_empty(), "{section}");
        }
        assert!(for_servers().all(|case| place(case.section()) < SECTIONS.len()));
    }

    #[test]
    fn the_level_is_a_word_of_the_requirement() {
        for case in for_servers() {
            // Some requirements are written as definitions.
            let strong = [
                "MUST",
                "must",
                "treated as",
                "are ignored",
                "consists of",
                "MAY be",
                "is applied",
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
