use rand::{Rng as _, distr::Alphanumeric};

/// `length` random letters and digits from a cryptographic generator.
pub(crate) fn text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
