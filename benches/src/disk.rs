//! The limit of every commit: how often the disk confirms that something is on it.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    time::Instant,
};

use crate::numbers::percentile;

/// The median of writing one page over another and waiting for the disk, in microseconds.
///
/// # Errors
///
/// When the temporary folder cannot be written.
pub fn flush_micros() -> anyhow::Result<f64> {
    const PAGE: [u8; 4096] = [7; 4096];
    const PAGES: u32 = 64;
    const FLUSHES: u32 = 1000;
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("disk"))?;
    for _ in 0..PAGES {
        file.write_all(&PAGE)?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    for number in 0..FLUSHES {
        let start = Instant::now();
        let at = u64::from(number % PAGES) * PAGE.len() as u64;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(percentile(&mut times, 50))
}
