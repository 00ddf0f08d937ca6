//! The committed inputs of the fuzz targets, each given to its target's check.

use std::{fs, path::Path};

use crate::checks;

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // shown where the check panics
        check(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 24, "a few dozen inputs, not {count}");
}

#[test]
fn cookie_header() {
    replay("cookie_header", checks::cookie_header);
}

#[test]
fn click_id() {
    replay("click_id", checks::click_id);
}

#[test]
fn landing_url() {
    replay("landing_url", checks::landing_url);
}

#[test]
fn answers() {
    replay("answers", checks::answers);
}
