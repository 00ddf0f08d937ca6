use std::io::Read;

use anyhow::Context;
use flate2::read::GzDecoder;
use reqwest::{Response, header};

/// What a site answered to a visit, in order.
pub type Transcript = Vec<Answer>;

/// One answer, without what differs from start to start: its date, and the secrets in its cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was done.
    pub step: &'static str,
    /// Its status.
    pub status: u16,
    /// Its headers, sorted. Of a site's cookie there is the name and the attributes; the click's is
    /// whole.
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

fn without_secret(set_cookie: &str) -> String {
    match set_cookie.split_once('=') {
        Some((name, rest)) if name != "refp_id" => {
            let attributes = rest
                .split_once(';')
                .map_or("", |(_, attributes)| attributes);
            format!("{name}=…;{attributes}")
        }
        _ => set_cookie.to_owned(),
    }
}
