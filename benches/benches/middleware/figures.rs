//! What was measured, over the bare framework.

use std::fmt;

use refport_bench::callgrind::Cost;

use super::{
    runs,
    server::{groups, traffic},
};

/// One call of one variant by one kind of visitor.
struct Figure {
    group: &'static str,
    variant: &'static str,
    visitor: &'static str,
    /// `None` where there is no valgrind.
    cost: Option<Cost>,
    nanoseconds: f64,
}

/// All calls. Displays as a table.
pub(super) struct Figures(Vec<Figure>);

/// What a variant adds to a call.
#[derive(Clone, Copy)]
pub(super) struct Added {
    pub(super) instructions: f64,
    pub(super) allocations: f64,
    /// Of the bare framework.
    pub(super) bare_instructions: f64,
}

/// Measures everything.
///
/// # Errors
///
/// When the run under valgrind fails.
pub(super) fn measure() -> anyhow::Result<Figures> {
    runs::check();
    let nanoseconds = runs::time();
    let costs = runs::count(nanoseconds.len())?;
    let traffic = traffic();
    let mut figures = Vec::new();
    for group in groups() {
        for variant in &group.variants {
            for visitor in &traffic {
                let at = figures.len();
                figures.push(Figure {
                    group: group.name,
                    variant: variant.name,
                    visitor: visitor.name,
                    cost: costs.as_ref().map(|costs| costs[at]),
                    nanoseconds: nanoseconds[at],
                });
            }
        }
    }
    Ok(Figures(figures))
}

impl Figures {
    /// `None` where there is no valgrind.
    ///
    /// # Panics
    ///
    /// Where there are no such names.
    pub(super) fn added(&self, group: &str, variant: &str, visitor: &str) -> Option<Added> {
        let named = |it: &&Figure| it.group == group && it.variant == variant;
        let figure = self.0.iter().filter(named).find(|it| it.visitor == visitor);
        let figure = figure.expect("it is measured");
        let (bare, cost) = self.bare(figure).cost.zip(figure.cost)?;
        Some(Added {
            instructions: cost.instructions as f64 - bare.instructions as f64,
            allocations: cost.allocations as f64 - bare.allocations as f64,
            bare_instructions: bare.instructions as f64,
        })
    }

    /// The greatest that `of` makes of what a variant adds for each kind of visitor. `None` where
    /// there is no valgrind.
    pub(super) fn worst(
        &self,
        group: &str,
        variant: &str,
        kinds: &[&str],
        of: impl Fn(Added) -> f64,
    ) -> Option<f64> {
        let mut worst = f64::NEG_INFINITY;
        for kind in kinds {
            worst = worst.max(of(self.added(group, variant, kind)?));
        }
        Some(worst)
    }

    /// The first of a group, with the same visitor.
    fn bare<'a>(&'a self, figure: &'a Figure) -> &'a Figure {
        let same = |it: &&Figure| it.group == figure.group && it.visitor == figure.visitor;
        self.0.iter().find(same).unwrap_or(figure)
    }

    fn cell(&self, figure: &Figure) -> String {
        let bare = self.bare(figure);
        let is_bare = bare.variant == figure.variant;
        let nanoseconds = if is_bare {
            figure.nanoseconds
        } else {
            figure.nanoseconds - bare.nanoseconds
        };
        match (bare.cost, figure.cost) {
            (_, Some(cost)) if is_bare => {
                format!(
                    "{} / {nanoseconds:.0} / {}",
                    cost.instructions, cost.allocations
                )
            }
            (Some(bare), Some(cost)) => format!(
                "{:+} / {nanoseconds:+.0} / {:+}",
                cost.instructions as i64 - bare.instructions as i64,
                cost.allocations as i64 - bare.allocations as i64
            ),
            _ => format!("- / {nanoseconds:.0} / -"),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in self.0.chunk_by(|a, b| a.group == b.group) {
            write!(f, "\n{:52}", group[0].group)?;
            let rows = group.chunk_by(|a, b| a.variant == b.variant);
            for (number, row) in rows.enumerate() {
                if number == 0 {
                    for figure in row {
                        write!(f, "  {:>20}", figure.visitor)?;
                    }
                    writeln!(f)?;
                }
                write!(f, "  {:50}", row[0].variant)?;
                for figure in row {
                    write!(f, "  {:>20}", self.cell(figure))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
