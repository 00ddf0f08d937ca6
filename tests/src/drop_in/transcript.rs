use std::io::Read;

use anyhow::Context;
use flate2::read::GzDecoder;
use reqwest::{Response, header};

/// What a site answered to a visit, in order.
pub type Transcript = Vec<Answer>;

/// One answer, without what differs from start to start: its date, the secrets in its cookies and how
/// long those live, which counts from the second of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was done.
    pub step: &'static str,
    /// Its status.
    pub status: u16,
    /// Its headers, sorted. Of a site's cookie there is the name and the attributes, without the time
    /// of those that end it; the click's is whole.
    pub headers: Vec<(String, String)>,
    /// Its body, unpacked where it was compressed: how that is cut depends on the moment.
    pub body: String,
}

impl Answer {
    pub(super) async fn read(step: &'static str, response: Response) -> anyhow::Result<Self> {
        let status = response.status().as_u16();
        let mut headers = Vec::new();
        for (name, value) in response.headers() {
            let value = value.to_str().context("a header that is no text")?;
            if name == header::SET_COOKIE {
                headers.push((name.to_string(), without_secret(value)));
            } else if name != header::DATE {
                headers.push((name.to_string(), value.to_owned()));
            }
        }
        headers.sort();
        let mut answer = Self {
            step,
            status,
            headers,
            body: String::new(),
        };
        let body = response.bytes().await?;
        if answer.header("content-encoding") == Some("gzip") {
            GzDecoder::new(&body[..]).read_to_string(&mut answer.body)?;
        } else {
            answer.body = String::from_utf8(body.to_vec())?;
        }
        Ok(answer)
    }

    /// The first value of a header, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self.headers.sort();
        self
    }
}

/// Another's cookie by its name and its attributes, in order. The secret differs from start to start,
/// and `Expires` and `Max-Age` may count from the second of the answer.
fn without_secret(set_cookie: &str) -> String {
    let mut parts = set_cookie.split(';');
    let pair = parts.next().unwrap_or_default();
    let name = pair.split('=').next().unwrap_or_default();
    if name == "refp_id" {
        return set_cookie.to_owned();
    }
    let mut kept = vec![format!("{name}=…")];
    kept.extend(parts.map(|attribute| match attribute.split_once('=') {
        Some((name, _)) if is_lifetime(name.trim()) => format!("{name}=…"),
        _ => attribute.to_owned(),
    }));
    kept.join(";")
}

fn is_lifetime(attribute: &str) -> bool {
    ["expires", "max-age"]
        .iter()
        .any(|name| attribute.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_later_the_same_cookie_reads_the_same() {
        let session = |secret: &str, expires: &str, age: u32| {
            without_secret(&format!(
                "id={secret}; HttpOnly; Path=/; Max-Age={age}; expires={expires}"
            ))
        };
        let one = session("a=b", "Sat, 28 Nov 2026 18:49:30 GMT", 3600);
        let other = session("c", "Sat, 28 Nov 2026 18:49:31 GMT", 3599);
        assert_eq!(one, other);
        assert_eq!(one, "id=…; HttpOnly; Path=/; Max-Age=…; expires=…");
    }

    #[test]
    fn attributes_and_the_clicks_cookie_are_compared() {
        assert_ne!(
            without_secret("id=a; Path=/"),
            without_secret("id=a; Path=/x")
        );
        assert_ne!(without_secret("id=a; Secure"), without_secret("id=a"));
        assert_ne!(without_secret("id=a; Max-Age=1"), without_secret("id=a"));
        let click = "refp_id=clk_1; SameSite=Lax; Path=/; Max-Age=7776000";
        assert_eq!(without_secret(click), click);
    }
}
