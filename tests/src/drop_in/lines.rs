use anyhow::{bail, ensure};

/// The repository's README.
const README: &str = include_str!("../../../README.md");

/// The lines that `after` has and `before` has not.
///
/// # Errors
///
/// When a line was changed or taken away, or when one of them is not in the README. The code before
/// a comment counts, and it may be a part of the README's line.
pub fn documented_lines<'a>(before: &str, after: &'a str) -> anyhow::Result<Vec<&'a str>> {
    let mut before = before.lines().peekable();
    let mut added = Vec::new();
    for line in after.lines() {
        if before.next_if_eq(&line).is_none() {
            added.push(line.trim());
        }
    }
    if let Some(line) = before.next() {
        bail!("a line of the site was changed or taken away: {line}");
    }
    for line in &added {
        let code = line.split(" // ").next().unwrap_or_default();
        ensure!(README.contains(code), "not in the README: {line}");
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_missing_or_undocumented_is_refused() {
        let lines = |after| documented_lines("a\nb", after);
        assert_eq!(lines("a\nb").unwrap(), [""; 0]);
        let documented = "    .layer(CaptureLayer::new()) // as it says";
        let after = format!("a\n{documented}\nb");
        assert_eq!(lines(&after).unwrap(), [documented.trim()]);
        assert!(lines("a\nc").is_err());
        assert!(lines("a").is_err());
        assert!(lines("a\nlet undocumented = 1;\nb").is_err());
    }
}
