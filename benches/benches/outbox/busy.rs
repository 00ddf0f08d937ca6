//! Other work on the machine.

use std::{
    hint, thread,
    time::{Duration, Instant},
};

use super::server::parent_closes;

/// Takes this share of a core until the parent closes our standard input.
pub(super) async fn until_told(share: f64) -> anyhow::Result<()> {
    println!("busy");
    thread::spawn(move || take(share));
    parent_closes().await;
    Ok(())
}

fn take(share: f64) {
    const TURN: Duration = Duration::from_millis(10);
    const MEMORY: usize = 1 << 20;
    const LINE: usize = 64;
    let mut memory = vec![0_u8; MEMORY];
    loop {
        let start = Instant::now();
        while start.elapsed() < TURN.mul_f64(share) {
            for byte in memory.iter_mut().step_by(LINE) {
                *byte = byte.wrapping_add(1);
            }
            hint::black_box(&memory);
        }
        thread::sleep(TURN.mul_f64(1.0 - share));
    }
}
