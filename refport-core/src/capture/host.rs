//! What a request says of its host and of its scheme.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

/// Whether a `Host` names the machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address
            .parse()
            .is_ok_and(|address: Ipv6Addr| address.is_loopback());
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

/// The `proto` of the first entry of a `Forwarded` header (RFC 7239).
pub(super) fn forwarded_proto(forwarded: &str) -> Option<&str> {
    let first = outside_quotes(forwarded, ',').next()?;
    let mut parameters = outside_quotes(first, ';').filter_map(|pair| pair.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("proto"))?;
    let value = value.trim().trim_matches('"');
    (!value.is_empty()).then_some(value)
}

/// The parts of `text` between those of `separator` that no quotes enclose.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let is_escaped = std::mem::take(&mut escaped);
        match character {
            '\\' => escaped = quoted && !is_escaped,
            '"' => quoted ^= !is_escaped,
            _ => {}
        }
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_table() {
        for host in [
            "localhost",
            "LocalHost:3000",
            "localhost.",
            "shop.localhost:8080",
            "127.0.0.1",
            "127.0.0.1:3000",
            "127.8.9.10",
            "[::1]",
            "[::1]:3000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "shop.example",
            "localhost.example",
            "xlocalhost",
            "127.0.0.1.example",
            "128.0.0.1",
            "10.0.0.1:80",
            "[::2]",
            "0.0.0.0",
            "",
            "a b",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
