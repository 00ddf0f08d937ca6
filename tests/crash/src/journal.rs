use std::{
    collections::HashMap,
    fmt::Display,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::Arc,
};

/// What a process has begun and ended, a line for each, in a file of its own for each start.
///
/// What a process wrote stays when it is killed, so there is no flush. Only what is printed about a
/// run, and the names of orders that were not committed, come from it.
#[derive(Clone, Debug)]
pub(crate) struct Journal(Arc<File>);

impl Journal {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().create_new(true).append(true).open(path)?;
        Ok(Self(Arc::new(file)))
    }

    /// Writes that something is begun, by a name without blanks.
    pub(crate) fn begin(&self, name: impl Display) -> io::Result<Open> {
        let name = name.to_string();
        self.write(&format!("+ {name}\n"))?;
        Ok(Open {
            journal: self.clone(),
            name: Some(name),
        })
    }

    /// One call of the system, so that lines of several threads do not mix.
    fn write(&self, line: &str) -> io::Result<()> {
        (&*self.0).write_all(line.as_bytes())
    }
}

/// Something that was begun. Dropped before its end, it was given up; what is killed leaves nothing.
#[derive(Debug)]
#[must_use]
pub(crate) struct Open {
    journal: Journal,
    name: Option<String>,
}

impl Open {
    pub(crate) fn end(mut self, how: impl Display) -> io::Result<()> {
        match self.name.take() {
            Some(name) => self.journal.write(&format!("- {name} {how}\n")),
            None => Ok(()),
        }
    }

    /// Leaves nothing, as if the process had been killed.
    #[cfg(test)]
    pub(crate) fn cut_off(mut self) {
        self.name = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // Where it cannot be written, it counts as cut off.
            let _ = self.journal.write(&format!("- {name} {GIVEN_UP}\n"));
        }
    }
}

const GIVEN_UP: &str = "given-up";

/// How what was begun has ended; `None` for what was cut off.
pub(crate) type Ends = HashMap<String, Option<String>>;

/// Reads a journal. One that is not there is of a process that was killed before it began.
pub(crate) fn read(path: &Path) -> io::Result<Ends> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ends::new()),
        text => text?,
    };
    Ok(parse(&text))
}

/// A line that the kill cut off has no end, and is left out.
fn parse(text: &str) -> Ends {
    let mut ends = Ends::new();
    for line in text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
    {
        if let Some(name) = line.strip_prefix("+ ") {
            ends.insert(name.to_owned(), None);
        } else if let Some((name, how)) =
            line.strip_prefix("- ").and_then(|end| end.split_once(' '))
        {
            ends.insert(name.to_owned(), Some(how.to_owned()));
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_ended_given_up_or_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.journal");
        assert!(read(&path).unwrap().is_empty());
        let journal = Journal::create(&path).unwrap();
        journal.begin(1).unwrap().end("committed").unwrap();
        drop(journal.begin(2).unwrap());
        journal.begin(3).unwrap().cut_off();
        let ends = read(&path).unwrap();
        let how = |name: &str| ends[name].as_deref();
        assert_eq!(
            [how("1"), how("2"), how("3")],
            [Some("committed"), Some(GIVEN_UP), None]
        );
    }

    #[test]
    fn a_line_without_its_end_is_left_out() {
        let ends = parse("+ 1\n+ 2\n- 1 com");
        assert_eq!(ends.len(), 2);
        assert_eq!(ends["1"], None);
    }
}
