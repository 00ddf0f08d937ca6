//! The landing URL without the click.

use super::url_id;

/// The address of a page on this host, without the parameter `param` where one is given, every
/// other byte of it kept. `None` where no safe address can be given: a path that begins with two
/// slashes would lead to another host.
pub(super) fn address(path: &str, query: Option<&str>, param: Option<&str>) -> Option<String> {
    // Browsers drop control characters from an address, and take `\` for a slash.
    let odd = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
    if !path.starts_with('/') || path[1..].starts_with(['/', '\\']) || odd(path) {
        return None;
    }
    let Some(query) = query else {
        return Some(path.to_owned());
    };
    if odd(query) {
        return None;
    }
    let Some(param) = param else {
        return Some(format!("{path}?{query}"));
    };
    let pairs = query.split('&');
    let rest: Vec<_> = pairs
        .filter_map(|pair| url_id::without(pair, param))
        .collect();
    Some(if rest.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", rest.join("&"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_byte_is_kept() {
        let clean = |path, query| address(path, Some(query), Some("refp_id"));
        assert_eq!(clean("/", "refp_id=clk_1").as_deref(), Some("/"));
        let whole = address("/a", Some("refp_id=clk_1"), None);
        assert_eq!(whole.as_deref(), Some("/a?refp_id=clk_1"));
        assert_eq!(address("/a", None, Some("refp_id")).as_deref(), Some("/a"));
        assert_eq!(
            clean("/a%20b", "x=%7e+&refp_id=clk_1&&y").as_deref(),
            Some("/a%20b?x=%7e+&&y")
        );
        assert_eq!(
            clean("/", "x=1&amp;refp_id=clk_1&%23038;refp_id=clk_2&amp;y=1").as_deref(),
            Some("/?x=1&amp;y=1")
        );
        assert_eq!(
            clean("/", "refp%5Fid=clk_1&refp_id=&a=refp_id").as_deref(),
            Some("/?a=refp_id")
        );
        assert_eq!(
            clean("/", "a=m?refp_id=clk_1&amp;refp_id=clk_2&b").as_deref(),
            Some("/?a=m&b")
        );
    }

    #[test]
    fn no_address_leads_elsewhere() {
        let clean = |path, query| address(path, Some(query), Some("refp_id"));
        assert_eq!(clean("//evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/\\evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/\t/evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("*", "refp_id=clk_1"), None);
        assert_eq!(clean("/", "refp_id=clk_1&a=\r\nb"), None);
    }
}
