//! Other cookies of the same name: browsers keep one for each domain and path, and send them all.

use super::{Capture, prefix::Prefix};

/// Where in a browser a cookie of some name stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) domain: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) partitioned: bool,
}

/// How many parts of a path are looked at, so that a long one does not make an answer that proxies
/// refuse for its many headers.
const MAX_DEPTH: usize = 8;

impl Capture {
    /// Where these rules write.
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            domain: self.domain.as_deref(),
            path: &self.path,
            partitioned: self.partitioned,
        }
    }

    /// Where else a cookie may stand that a browser sends to `path`: with the domain or without,
    /// with a former one, by `/`, by the path of the rules, by a former one, or by any that leads
    /// to `path`.
    pub(super) fn twins<'a>(&'a self, path: &'a str) -> Vec<Place<'a>> {
        let host_only = Prefix::of(self.cookie_name.as_str()).host;
        if host_only {
            // Browsers keep no other cookie of such a name.
            return Vec::new();
        }
        let former = self.former_domains.iter().map(String::as_str);
        let domains = [None, self.domain.as_deref()].into_iter();
        let domains = domains.chain(former.map(Some));
        let former = self.former_paths.iter().map(AsRef::as_ref);
        let paths = [&*self.path].into_iter().chain(former);
        let paths: Vec<_> = paths.chain(leading_to(path)).collect();
        let mut places = vec![self.place()];
        for domain in domains {
            for path in &paths {
                for partitioned in [false, true] {
                    let place = Place {
                        domain,
                        path,
                        partitioned,
                    };
                    let is_known = places.iter().any(|known| known.key() == place.key());
                    if !is_known && partitioned <= self.partitioned {
                        places.push(place);
                    }
                }
            }
        }
        places.remove(0);
        places
    }
}

impl Place<'_> {
    fn key(&self) -> (String, &str, bool) {
        (domain_key(self.domain), self.path, self.partitioned)
    }
}

/// A `Domain` as browsers compare it; empty for a cookie of the very host.
pub(super) fn domain_key(domain: Option<&str>) -> String {
    let domain = domain.unwrap_or_default();
    domain.trim_start_matches('.').to_ascii_lowercase()
}

/// The `Path`s of cookies that browsers send along with a request to `path` (RFC 6265, 5.1.4).
fn leading_to(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.match_indices('/').take(MAX_DEPTH);
    let parts = parts.flat_map(move |(at, slash)| [&path[..at], &path[..at + slash.len()]]);
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    parts
        .chain([path])
        .filter(move |part| part.starts_with('/') && part.bytes().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(path: &str) -> Vec<&str> {
        leading_to(path).collect()
    }

    #[test]
    fn paths_that_lead_to_a_request() {
        assert_eq!(paths("/"), ["/", "/"]);
        assert_eq!(paths("/shop"), ["/", "/shop"]);
        assert_eq!(paths("/a/b"), ["/", "/a", "/a/", "/a/b"]);
        assert_eq!(paths("/a/b/"), ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/"]);
        assert_eq!(paths("*"), [""; 0]);
        assert_eq!(paths("/a;b/c"), ["/"], "no cookie can have it");
        let long = "/x".repeat(1000);
        assert!(paths(&long).len() <= 2 * MAX_DEPTH);
    }

    #[test]
    fn each_place_is_named_once_and_ones_own_is_none() {
        let count = |rules: &Capture, path| rules.twins(path).len();
        let plain = Capture::new();
        assert_eq!(count(&plain, "/"), 0);
        assert_eq!(count(&plain, "/shop"), 1);
        let domain = plain.domain("example.com").unwrap();
        assert_eq!(count(&domain, "/"), 1);
        let same = domain.clone().former_domain(".EXAMPLE.com").unwrap();
        assert_eq!(count(&same, "/"), 1);
        let former = domain.former_domain("old.example.com").unwrap();
        assert_eq!(count(&former, "/"), 2);
        assert_eq!(count(&former.former_path("/shop").unwrap(), "/"), 5);
        let framed = Capture::new().partitioned(true);
        assert_eq!(count(&framed, "/"), 1, "the one that is not");
    }

    #[test]
    fn a_name_of_one_host_has_no_twins() {
        let name = crate::CookieName::new("__Host-refp_id").unwrap();
        let rules = Capture::new().cookie_name(name).unwrap();
        let rules = rules.former_domain("example.com").unwrap();
        assert!(rules.twins("/a/b/c").is_empty());
    }
}
