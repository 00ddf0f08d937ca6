use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::Path,
};

use crate::{database::Ending, journal};

/// A process by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Server,
    Producer,
    Worker,
}

impl Kind {
    /// As on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Producer => "producer",
            Self::Worker => "worker",
        }
    }

    /// What its journal tells of.
    const fn work(self) -> &'static str {
        match self {
            Self::Server => "sale requests",
            Self::Producer => "transactions",
            Self::Worker => "deliveries",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was killed, and what it was about to do: whether a run had teeth.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<Kind, Work>,
    /// Orders that the shop began.
    begun: BTreeSet<String>,
    /// Those whose commit it was told of.
    committed: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Work {
    kills: u32,
    /// Kills while something was begun and not ended.
    hits: u32,
    /// Orderly stops among what else would have been kills.
    terminations: u32,
    /// By how it ended; what a kill cut off has no end.
    ends: BTreeMap<Option<String>, u64>,
}

impl Tally {
    /// Adds what a process did from its start to its end, by its journal.
    pub(crate) fn add(&mut self, kind: Kind, journal: &Path, killed: bool) -> io::Result<()> {
        let ends = journal::read(journal)?;
        let work = self.kinds.entry(kind).or_default();
        work.kills += u32::from(killed);
        work.hits += u32::from(killed && ends.values().any(Option::is_none));
        for (name, how) in ends {
            if name.starts_with('=') {
                continue;
            }
            if kind == Kind::Producer {
                if how.as_deref() == Some(Ending::Commit.as_str()) {
                    self.committed.insert(name.clone());
                }
                self.begun.insert(name);
            }
            *work.ends.entry(how).or_default() += 1;
        }
        Ok(())
    }

    /// Counts a process that was told to stop by a signal, and did.
    pub(crate) fn add_termination(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().terminations += 1;
    }

    /// How many processes were killed while they ran, or stopped by a signal.
    pub(crate) fn kills(&self) -> u32 {
        let works = self.kinds.values();
        works.map(|work| work.kills + work.terminations).sum()
    }

    /// The orders that the shop began, whatever became of them.
    pub(crate) const fn begun(&self) -> &BTreeSet<String> {
        &self.begun
    }

    /// The orders whose commit the shop was told of.
    pub(crate) const fn committed(&self) -> &BTreeSet<String> {
        &self.committed
    }

    /// How many of a kind's works ended so.
    pub(crate) fn ended(&self, kind: Kind, how: &str) -> u64 {
        let work = self.kinds.get(&kind);
        let ends = work.and_then(|work| work.ends.get(&Some(how.to_owned())));
        ends.copied().unwrap_or_default()
    }
}

/// A line for each kind.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, work) in &self.kinds {
            let Work {
                kills,
                hits,
                terminations,
                ends,
            } = work;
            write!(
                f,
                "{kind:<8}  {kills} kills, {hits} of them amid its work; "
            )?;
            if *terminations > 0 {
                write!(f, "{terminations} orderly stops; ")?;
            }
            write!(f, "{}:", kind.work())?;
            for (how, times) in ends {
                write!(f, " {times} {}", how.as_deref().unwrap_or("cut off"))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;

    #[test]
    fn a_kill_hits_where_something_was_begun() {
        let folder = tempfile::tempdir().unwrap();
        let mut tally = Tally::default();
        for (name, cut_off) in [("a", true), ("b", false)] {
            let path = folder.path().join(name);
            let journal = Journal::create(&path).unwrap();
            let how = Ending::Commit.as_str();
            journal.begin(format!("{name}1")).unwrap().end(how).unwrap();
            if cut_off {
                journal.begin("a2").unwrap().cut_off();
            }
            tally.add(Kind::Producer, &path, true).unwrap();
        }
        assert_eq!(tally.kills(), 2);
        assert_eq!((tally.begun().len(), tally.committed().len()), (3, 2));
        assert_eq!(tally.ended(Kind::Producer, "committed"), 2);
        assert_eq!(
            tally.to_string(),
            "producer  2 kills, 1 of them amid its work; transactions: 1 cut off 2 committed\n"
        );
    }
}
