//! The landing URL without the click.

/// The URL without the parameter `param`, every other byte of it kept. `None` where no safe
/// address can be given: a path that begins with two slashes would lead to another host.
pub(super) fn without_param(path: &str, query: &str, param: &str) -> Option<String> {
    // Browsers drop control characters from an address, and take `\` for a slash.
    let odd = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
    if !path.starts_with('/') || path[1..].starts_with(['/', '\\']) || odd(path) || odd(query) {
        return None;
    }
    let is_ours = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(name, _)| name == param)
    };
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
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
        let clean = |path, query| without_param(path, query, "refp_id");
        assert_eq!(clean("/", "refp_id=clk_1").as_deref(), Some("/"));
        assert_eq!(
            clean("/a%20b", "x=%7e+&refp_id=clk_1&&y").as_deref(),
            Some("/a%20b?x=%7e+&&y")
        );
        assert_eq!(
            clean("/", "refp%5Fid=clk_1&refp_id=&a=refp_id").as_deref(),
            Some("/?a=refp_id")
        );
    }

    #[test]
    fn no_address_leads_elsewhere() {
        let clean = |path, query| without_param(path, query, "refp_id");
        assert_eq!(clean("//evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/\\evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/\t/evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("*", "refp_id=clk_1"), None);
        assert_eq!(clean("/", "refp_id=clk_1&a=\r\nb"), None);
    }
}
