//! What the benches share: counting what a process uses, child processes, the disk and a Postgres,
//! and the table of ratios.

pub mod callgrind;
pub mod child;
pub mod disk;
pub mod numbers;
pub mod postgres;
pub mod table;
pub mod usage;
