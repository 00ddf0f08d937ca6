//! What the benches share: counting what a process uses, child processes, and the table of ratios.

pub mod callgrind;
pub mod child;
pub mod table;
pub mod usage;
