use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

/// Where answers go: to standard output, for people or for programs.
pub(crate) struct Printer {
    json: bool,
}

impl Printer {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// One line of JSON, or what `text` makes of the same.
    pub(crate) fn answer<T: Serialize>(
        &self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        let text = if self.json {
            serde_json::to_string(answer)?
        } else {
            plain(text(answer).trim_end())
        };
        writeln!(io::stdout().lock(), "{text}")
    }
}

/// A table without lines, whose numbers stand to the right.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [Value; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows.into_iter().map(|row| row.map(Cell::from)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// What stands in a table.
pub(crate) enum Value {
    Text(String),
    Number(i128),
    Nothing,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        // A line of a table is a line.
        Self::Text(text.replace(['\n', '\t'], " "))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::Number(number.into())
            }
        })*
    };
}

numbers!(i64, u64, u16);

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::new(text),
            Value::Number(number) => Self::new(number).set_alignment(CellAlignment::Right),
            Value::Nothing => Self::new("-"),
        }
    }
}

/// Without what would move the cursor or colour the terminal: keys and messages are others' text.
fn plain(text: &str) -> String {
    text.replace(
        |letter: char| letter.is_control() && letter != '\n',
        "\u{fffd}",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_readable() {
        let rows = [
            ["a".into(), 7_u64.into(), Value::Nothing],
            ["long\nname".into(), 1234_u64.into(), "x".into()],
        ];
        assert_eq!(
            table(["name", "events", "code"], rows),
            "name       events  code\n\
             a               7  -\n\
             long name    1234  x"
        );
    }

    #[test]
    fn the_terminal_is_left_alone() {
        assert_eq!(plain("a\u{1b}[31m\u{9b}b\nc"), "a\u{fffd}[31m\u{fffd}b\nc");
    }
}
