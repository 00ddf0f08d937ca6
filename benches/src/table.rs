//! The ratios of a bench, with their bounds.

use std::fmt;

/// Rows as they are measured. Displays as a table.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    name: String,
    value: String,
    bound: String,
    verdict: Verdict,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Missed,
    Informs,
    Skipped,
}

impl Table {
    /// A value that may not be above `bound`.
    pub fn at_most(&mut self, name: &str, value: f64, bound: f64, detail: String) {
        self.gate(name, value, format!("<= {bound}"), value <= bound, detail);
    }

    /// A value that may not be below `bound`.
    pub fn at_least(&mut self, name: &str, value: f64, bound: f64, detail: String) {
        self.gate(name, value, format!(">= {bound}"), value >= bound, detail);
    }

    fn gate(&mut self, name: &str, value: f64, bound: String, kept: bool, detail: String) {
        let verdict = if kept { Verdict::Ok } else { Verdict::Missed };
        self.add(name, shown(value), bound, verdict, detail);
    }

    /// Says of the last row why its bound is out of reach, where it was missed.
    pub fn if_missed(&mut self, why: &str) {
        if let Some(row) = self.0.last_mut()
            && row.verdict == Verdict::Missed
        {
            row.detail = format!("{}; missed because {why}", row.detail);
        }
    }

    /// A value that decides nothing.
    pub fn informs(&mut self, name: &str, value: f64, detail: String) {
        self.add(name, shown(value), String::new(), Verdict::Informs, detail);
    }

    /// A row that could not be measured, for a reason that is printed. It counts as missed where
    /// it is `required`.
    pub fn skip(&mut self, name: &str, why: &str, required: bool) {
        println!("skipped: {name}: {why}");
        let verdict = if required {
            Verdict::Missed
        } else {
            Verdict::Skipped
        };
        self.add(name, String::new(), String::new(), verdict, why.to_owned());
    }

    fn add(&mut self, name: &str, value: String, bound: String, verdict: Verdict, detail: String) {
        self.0.push(Row {
            name: name.to_owned(),
            value,
            bound,
            verdict,
            detail,
        });
    }

    /// Whether a bound was missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.0.iter().any(|row| row.verdict == Verdict::Missed)
    }
}

fn shown(value: f64) -> String {
    if value.abs() < 10.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1}")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for row in &self.0 {
            let verdict = match row.verdict {
                Verdict::Ok => "ok",
                Verdict::Missed => "MISSED",
                Verdict::Informs => "",
                Verdict::Skipped => "skipped",
            };
            let line = format!(
                "{:name$}  {:>9}  {:9}  {verdict:7}  {}",
                row.name, row.value, row.bound, row.detail
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
