//! What was measured, without the loop around each call.

use std::fmt;

use super::{
    cases, contenders,
    contenders::NOTHING,
    runs::{self, PerCall},
};

/// One contender in one case.
struct Figure {
    case: &'static str,
    bytes: usize,
    contender: &'static str,
    /// `None` where there is no valgrind.
    counts: Option<PerCall>,
    nanoseconds: f64,
}

/// All of them. Displays as a table for each case.
pub(super) struct Figures(Vec<Figure>);

/// Measures everything.
///
/// # Errors
///
/// When the run under valgrind fails.
pub(super) fn measure() -> anyhow::Result<Figures> {
    let cases = cases::all();
    runs::check(&cases);
    let nanoseconds = runs::time(&cases);
    let counts = runs::count(&cases)?;
    let mut figures = Vec::new();
    for case in &cases {
        for contender in &contenders::ALL {
            let at = figures.len();
            figures.push(Figure {
                case: case.name,
                bytes: case.bytes,
                contender: contender.name,
                counts: counts.as_ref().map(|counts| counts[at]),
                nanoseconds: nanoseconds[at],
            });
        }
    }
    Ok(Figures(figures))
}

impl Figures {
    /// Instructions of one call. `None` where there is no valgrind.
    ///
    /// # Panics
    ///
    /// Where there are no such names.
    pub(super) fn instructions(&self, contender: &str, case: &str) -> Option<f64> {
        let figure = self.find(contender, case);
        self.net(figure, |counts| counts.instructions)
    }

    /// The most that a call of `contender` allocates in any case. `None` where there is no
    /// valgrind.
    pub(super) fn most_allocations(&self, contender: &str) -> Option<f64> {
        let mut most = 0.0_f64;
        for figure in self.0.iter().filter(|it| it.contender == contender) {
            most = most.max(self.net(figure, |counts| counts.allocations)?);
        }
        Some(most)
    }

    /// Bytes of all cookies of a case.
    ///
    /// # Panics
    ///
    /// Where there is no such name.
    pub(super) fn bytes(&self, case: &str) -> usize {
        self.find(NOTHING, case).bytes
    }

    fn find(&self, contender: &str, case: &str) -> &Figure {
        let named = |it: &&Figure| it.contender == contender && it.case == case;
        self.0.iter().find(named).expect("it is measured")
    }

    /// Without the loop, which is what doing nothing in it costs.
    fn net(&self, figure: &Figure, of: fn(PerCall) -> f64) -> Option<f64> {
        let around = self.find(NOTHING, figure.case);
        Some(of(figure.counts?) - of(around.counts?))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in self.0.chunk_by(|a, b| a.case == b.case) {
            let (name, bytes) = (case[0].case, case[0].bytes);
            writeln!(
                f,
                "\n{:26}{:>14}{:>12}{:>13}",
                format!("{name}, {bytes} bytes"),
                "instructions",
                "ns",
                "allocations"
            )?;
            let around = self.find(NOTHING, name).nanoseconds;
            for figure in case.iter().filter(|it| it.contender != NOTHING) {
                let count = |of| {
                    self.net(figure, of)
                        .map_or("-".to_owned(), |it| format!("{it:.0}"))
                };
                writeln!(
                    f,
                    "  {:24}{:>14}{:>12.0}{:>13}",
                    figure.contender,
                    count(|counts| counts.instructions),
                    figure.nanoseconds - around,
                    count(|counts| counts.allocations),
                )?;
            }
        }
        Ok(())
    }
}
