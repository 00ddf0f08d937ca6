//! The `Domain` of a cookie.

/// Checks that browsers take `domain` as a cookie's `Domain`.
pub(super) fn check(domain: &str) -> Result<(), ParseDomainError> {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !host.split('.').all(is_label) {
        return Err(ParseDomainError(Problem::NoHostName));
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseDomainError(Problem::Address));
    }
    if last == host || is_public_suffix(host) {
        return Err(ParseDomainError(Problem::PublicSuffix(host.to_owned())));
    }
    Ok(())
}

#[cfg(feature = "public-suffix")]
fn is_public_suffix(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    psl::suffix(lower.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == lower.as_bytes())
}

/// Without the list only what has no dot is known to be one.
#[cfg(not(feature = "public-suffix"))]
const fn is_public_suffix(_: &str) -> bool {
    false
}

/// Text that cannot be a cookie's domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub(super) struct ParseDomainError(Problem);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error(
        "cookie domain is not a host name: use letters, digits and `-` between dots, as in `example.com`"
    )]
    NoHostName,
    #[error(
        "cookie domain is an address: browsers send such a cookie to that very host only; leave the domain out"
    )]
    Address,
    #[error(
        "cookie domain `{0}` is a public suffix, under which strangers register names: browsers refuse it; use a domain of your own, as in `example.{0}`"
    )]
    PublicSuffix(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_host_name() {
        for domain in [
            "example.com",
            ".example.com",
            "a-b.com",
            "shop.example.co.uk",
            "acme.github.io",
            "shop.internal",
            "shop.localhost",
            "3com.com",
        ] {
            assert_eq!(check(domain), Ok(()), "{domain}");
        }
        for domain in [
            "",
            ".",
            "a..b",
            "a;b",
            "a b",
            "ex\u{e4}mple.com",
            "example.com; HttpOnly",
        ] {
            assert_eq!(
                check(domain),
                Err(ParseDomainError(Problem::NoHostName)),
                "{domain}"
            );
        }
    }

    #[test]
    fn an_address_is_no_domain() {
        for domain in ["127.0.0.1", "10.0.0.255", "192.0.2", "1"] {
            assert_eq!(
                check(domain),
                Err(ParseDomainError(Problem::Address)),
                "{domain}"
            );
        }
    }

    #[test]
    fn a_public_suffix_is_refused_by_name() {
        let mut suffixes = vec!["com", ".com", "localhost", "intranet"];
        let listed = ["co.uk", "CO.UK", "github.io", "vercel.app"];
        if cfg!(feature = "public-suffix") {
            suffixes.extend(listed);
        } else {
            assert!(listed.iter().all(|domain| check(domain).is_ok()));
        }
        for domain in suffixes {
            let error = check(domain).unwrap_err().to_string();
            assert!(error.contains("public suffix"), "{domain}: {error}");
            assert!(error.contains(domain.trim_start_matches('.')), "{error}");
        }
    }
}
