//! A table of runs, as a CSV file: one row for each run.
//!
//! `--csv` appends rows, and the charts read them. Other load generators can write rows, too: the
//! names in the first line say what is in each column. A table of runs has at least the columns
//! of [`NEEDED`]. Any other column may be missing, and unknown columns are not read.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use csv::{ReaderBuilder, Trim};
use zcomm_core::shown_path;

use crate::shared::failure::Failure;

/// The columns without which a file is another table.
const NEEDED: [&str; 2] = ["connections", CPU];
pub(super) const CPU: &str = "server_cpu_us_per_message";

/// Runs can be compared if they have the same values in these columns. An empty or missing value
/// is equal to every value.
pub(super) const LOAD: [&str; 5] = ["mode", "publishers", "window", "rate", "size"];

/// At most this number of bytes of a file are read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// One run: the name of each column, and its text.
#[derive(Clone, Default)]
pub(super) struct Row(pub(super) HashMap<String, String>);

impl Row {
    /// Returns the text of a column. A missing column is an empty text.
    pub(super) fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    pub(super) fn number(&self, column: &str) -> Option<f64> {
        let number = self.text(column).parse().ok();
        number.filter(|number: &f64| number.is_finite() && *number >= 0.0)
    }

    /// The name of the server or version. Without a label, the address.
    pub(super) fn label(&self) -> &str {
        match self.text("label") {
            "" => self.text("url"),
            label => label,
        }
    }

    /// Whether both runs have the same values in this column.
    pub(super) fn agrees(&self, other: &Row, column: &str) -> bool {
        let (one, two) = (self.text(column), other.text(column));
        one.is_empty() || two.is_empty() || one == two
    }
}

/// The columns of a table in their order, and its rows.
#[derive(Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// Whether a new row can have a value in this column. An empty table takes all columns.
    pub(super) fn takes(&self, column: &str) -> bool {
        self.columns.is_empty() || self.columns.iter().any(|name| name == column)
    }
}

/// Reads a table. A file that is empty or does not exist is an empty table.
pub(super) fn read(file: &Path) -> Result<Table, Failure> {
    match fs::metadata(file) {
        // Read only a normal file, because a pipe or a device may have no end.
        Ok(found) if !found.is_file() => return Err(other(file, "it is not a normal file")),
        Ok(found) if found.len() > LARGEST => return Err(other(file, "it is larger than 16 MiB")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Table::default()),
        Ok(_) => {}
        Err(error) => return Err(other(file, &error.to_string())),
    }
    let opened = File::open(file).map_err(|error| other(file, &error.to_string()))?;
    read_text(opened.take(LARGEST)).map_err(|why| other(file, &why))
}

/// Reads a table from its text. If the text is not a table, the error says why.
pub(super) fn read_text(text: impl Read) -> Result<Table, String> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text);
    let header = reader.headers().map_err(|error| error.to_string())?;
    let columns: Vec<String> = header.iter().map(str::to_owned).collect();
    if columns.is_empty() {
        return Ok(Table::default());
    }
    if let Some(missing) = NEEDED
        .iter()
        .find(|name| header.iter().all(|is| is != **name))
    {
        return Err(format!("its first line does not name the column {missing}"));
    }
    let rows = reader.into_records().map(|record| {
        let record = record.map_err(|error| error.to_string())?;
        let cells = record.iter().map(str::to_owned);
        Ok(Row(columns.iter().cloned().zip(cells).collect()))
    });
    let rows = rows.collect::<Result<_, String>>()?;
    Ok(Table { columns, rows })
}

fn other(file: &Path, why: &str) -> Failure {
    Failure::usage(
        format!("{} is not a table of zcomm stress: {why}", shown_path(file)),
        "--csv names a new file, or a table whose first line names at least connections and \
         server_cpu_us_per_message; this file is not changed",
    )
}

/// Returns the smallest, the middle and the largest of these numbers.
pub(super) fn spread(mut numbers: Vec<f64>) -> Option<[f64; 3]> {
    numbers.sort_by(f64::total_cmp);
    let (count, half) = (numbers.len(), numbers.len() / 2);
    let middle = match count % 2 {
        _ if count == 0 => return None,
        0 => f64::midpoint(numbers[half - 1], numbers[half]),
        _ => numbers[half],
    };
    Some([numbers[0], middle, numbers[count - 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_another_program_needs_two_columns() {
        let text = "label, connections, server_cpu_us_per_message, colour\n\
                    \"a, b\", 100, 2.5, red\r\nc, 200, , blue\n";
        let table = read_text(text.as_bytes()).ok().unwrap();
        let [first, second] = &table.rows[..] else {
            panic!("{:?}", table.columns)
        };
        assert_eq!((first.label(), first.number(CPU)), ("a, b", Some(2.5)));
        assert_eq!(
            (second.number("connections"), second.number(CPU)),
            (Some(200.0), None)
        );
        assert_eq!(second.text("url"), "");
        let why = read_text("label,connections\na,1\n".as_bytes())
            .err()
            .unwrap();
        assert!(why.ends_with(CPU), "{why}");
        // A row without its cells is an error, not a row of empty cells.
        let broken = format!("connections,{CPU}\n1\n");
        assert!(read_text(broken.as_bytes()).is_err());
        assert!(read_text("".as_bytes()).ok().unwrap().rows.is_empty());
    }

    #[test]
    fn the_middle_of_an_even_number_of_runs_is_between_two() {
        assert_eq!(spread(vec![9.0, 1.0, 2.0]), Some([1.0, 2.0, 9.0]));
        assert_eq!(spread(vec![4.0, 1.0]), Some([1.0, 2.5, 4.0]));
        assert_eq!(spread(vec![]), None);
    }
}
