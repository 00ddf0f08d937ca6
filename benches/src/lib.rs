//! What the benches share: counting what a process uses, child processes, a server with partners and
//! the sales that it is told, and the table of ratios.

pub mod callgrind;
pub mod child;
pub mod disk;
pub mod load;
pub mod numbers;
pub mod postgres;
pub mod site;
pub mod table;
pub mod usage;
