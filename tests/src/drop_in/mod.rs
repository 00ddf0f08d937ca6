//! A site before and after the family was added to it: the lines that differ, and what a visitor
//! notices.

mod lines;
mod site;
mod transcript;
mod visit;

pub use self::{
    lines::documented_lines,
    site::Site,
    transcript::{Answer, Transcript},
    visit::visit,
};
