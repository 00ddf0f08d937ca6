//! Sales one after another on one thread, for counting instructions.

use anyhow::{bail, ensure};
use refport_bench::site::{Sale, Site};
use refport_server::bench::OneByOne;

use super::on_sqlite::recorded;

/// The most that are counted.
pub(super) const MOST: u64 = 2000;
/// So many distinct sales are there to be repeated.
const REPEATED: u64 = 500;

/// Records so many sales, as first ones or as repeats. All else is the same for any number of them.
pub(super) async fn run(what: &str, sales: u64) -> anyhow::Result<()> {
    ensure!(sales <= MOST, "so many are not prepared");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("refport.db");
    let site = Site::with_clicks(&format!("sqlite://{}", file.display()), MOST / 2).await?;
    let (_, reports) = site.reports(&Sale::many(0, 0, MOST)).await?;
    let alone = OneByOne::open(&file)?;
    let some = match what {
        "first" => reports,
        "again" => {
            let distinct = &reports[..REPEATED as usize];
            for report in distinct {
                recorded(alone.record(report))?;
            }
            reports
        }
        _ => bail!("there is no sale `{what}`"),
    };
    for number in 0..sales {
        let at = if what == "again" {
            number % REPEATED
        } else {
            number
        };
        recorded(alone.record(&some[at as usize]))?;
    }
    Ok(())
}
