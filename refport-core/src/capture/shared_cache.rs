//! Keeping an answer with a visitor's cookie out of shared caches.

/// The `Cache-Control` under which no shared cache keeps an answer that sets a cookie: `private`,
/// beside what else was said. `None` where what was said keeps it out already.
///
/// `said` are the values of all the answer's `Cache-Control` headers; the new value takes their
/// place. A cache that is spoken to by a header of its own ([`is_shared_cache_header`]) obeys that
/// one first, so take it off.
///
/// ```
/// use refport_core::capture::private_cache_control;
///
/// let said = ["public, max-age=600, s-maxage=3600"];
/// assert_eq!(private_cache_control(said).as_deref(), Some("max-age=600, private"));
/// assert_eq!(private_cache_control(["no-store"]), None);
/// ```
pub fn private_cache_control<V>(said: impl IntoIterator<Item = V>) -> Option<String>
where
    V: AsRef<[u8]>,
{
    let said: Vec<String> = said
        .into_iter()
        .map(|value| String::from_utf8_lossy(value.as_ref()).into_owned())
        .collect();
    let directives = || said.iter().flat_map(|value| directives(value));
    // `private="a-header"` is about that header alone, and a shared cache keeps the rest.
    if directives().any(|directive| is(directive, "private") || is(directive, "no-store")) {
        return None;
    }
    let shared = |directive: &&str| {
        ["public", "s-maxage", "proxy-revalidate", "private"]
            .iter()
            .any(|name| is(name_of(directive), name))
    };
    let kept = directives().filter(|directive| !shared(directive));
    Some(kept.chain(["private"]).collect::<Vec<_>>().join(", "))
}

/// Whether an answer speaks to shared caches alone by the header `name`, in any case: they obey it
/// before `Cache-Control`, so it is to be taken off an answer that sets a cookie.
///
/// These are all names that end in `-cache-control`, as RFC 9213 has it, and what came before it:
/// `Surrogate-Control`, `Edge-Control` (Akamai) and `X-Accel-Expires` (nginx).
///
/// ```
/// use refport_core::capture::is_shared_cache_header;
///
/// assert!(is_shared_cache_header("Cloudflare-CDN-Cache-Control"));
/// assert!(!is_shared_cache_header("Cache-Control"));
/// ```
#[must_use]
pub fn is_shared_cache_header(name: &str) -> bool {
    const TARGETED: &str = "-cache-control";
    let end = name.len().checked_sub(TARGETED.len());
    end.and_then(|end| name.get(end..))
        .is_some_and(|end| is(end, TARGETED))
        || ["surrogate-control", "edge-control", "x-accel-expires"]
            .iter()
            .any(|other| is(name, other))
}

/// The directives of one value, without those inside of quotes being torn apart.
fn directives(value: &str) -> Vec<&str> {
    let mut quoted = false;
    value
        .split(move |character| {
            quoted ^= character == '"';
            character == ',' && !quoted
        })
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .collect()
}

fn name_of(directive: &str) -> &str {
    directive.split('=').next().unwrap_or_default().trim_end()
}

fn is(directive: &str, name: &str) -> bool {
    directive.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_cache_header_table() {
        for name in [
            "CDN-Cache-Control",
            "cdn-cache-control",
            "Cloudflare-CDN-Cache-Control",
            "Vercel-CDN-Cache-Control",
            "Netlify-CDN-Cache-Control",
            "X-LiteSpeed-Cache-Control",
            "Surrogate-Control",
            "EDGE-CONTROL",
            "X-Accel-Expires",
        ] {
            assert!(is_shared_cache_header(name), "{name}");
        }
        for name in [
            "",
            "Cache-Control",
            "Expires",
            "Surrogate-Key",
            "X-Accel-Buffering",
            "Cache-Control-CDN",
            "xcache-control",
            "é-cache-contro",
        ] {
            assert!(!is_shared_cache_header(name), "{name}");
        }
    }

    #[test]
    fn cache_control_table() {
        let cases: &[(&[&str], Option<&str>)] = &[
            (&[], Some("private")),
            (&[""], Some("private")),
            (&["max-age=600"], Some("max-age=600, private")),
            (&["public"], Some("private")),
            (&["Public, Max-Age=600"], Some("Max-Age=600, private")),
            (
                &["max-age=1", "s-maxage=2, immutable"],
                Some("max-age=1, immutable, private"),
            ),
            (&["no-cache"], Some("no-cache, private")),
            (&["private=\"set-cookie, age\", public"], Some("private")),
            (&["private"], None),
            (&["max-age=600, PRIVATE"], None),
            (&["no-store"], None),
            (&["public", "no-store"], None),
        ];
        for (said, want) in cases {
            assert_eq!(private_cache_control(*said).as_deref(), *want, "{said:?}");
        }
    }
}
