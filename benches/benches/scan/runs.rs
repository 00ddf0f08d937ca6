use super::{
    cases::{self, Case},
    contenders::{ALL, Contender},
};
use std::hint::black_box;

pub(super) fn counted() {
    let cases = cases::all();
    for contender in &ALL {
        for case in &cases {
            repeat(contender, case, 3);
            repeat(contender, case, 10);
            repeat(contender, case, 20);
        }
    }
}

#[inline(never)]
pub(super) fn repeat(contender: &Contender, case: &Case, times: u64) {
    for _ in 0..times {
        black_box((contender.find)(black_box(case)));
    }
}
