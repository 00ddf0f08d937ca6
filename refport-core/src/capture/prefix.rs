//! What browsers want of a cookie for the prefix of its name.

/// What a prefix asks for (RFC 6265bis, 4.1.3). Browsers compare it without its case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) secure: bool,
    pub(super) http_only: bool,
    /// `Path=/` and no `Domain`.
    pub(super) host: bool,
}

impl Prefix {
    pub(super) fn of(name: &str) -> Self {
        let begins = |prefix: &str| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let host = begins("__Host-");
        let http_only = begins("__Http-") || begins("__Host-Http-");
        Self {
            secure: host || http_only || begins("__Secure-"),
            http_only,
            host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_table() {
        let of = |name| {
            let Prefix {
                secure,
                http_only,
                host,
            } = Prefix::of(name);
            (secure, http_only, host)
        };
        for (name, want) in [
            ("__Secure-refp_id", (true, false, false)),
            ("__SECURE-refp_id", (true, false, false)),
            ("__Host-refp_id", (true, false, true)),
            ("__host-refp_id", (true, false, true)),
            ("__Http-refp_id", (true, true, false)),
            ("__hTTp-refp_id", (true, true, false)),
            ("__Host-Http-refp_id", (true, true, true)),
            ("__host-http-refp_id", (true, true, true)),
            ("refp_id", (false, false, false)),
            ("__Secure", (false, false, false)),
            ("_Host-refp_id", (false, false, false)),
            ("x__Host-refp_id", (false, false, false)),
        ] {
            assert_eq!(of(name), want, "{name}");
        }
    }
}
