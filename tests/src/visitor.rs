use std::sync::Arc;

use anyhow::Context;
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response,
    cookie::{CookieStore, Jar},
    header,
    redirect::Policy,
};
use url::Url;

/// A visitor without a browser, who keeps cookies as one does and follows no redirect.
#[derive(Clone, Debug)]
pub struct Visitor {
    http: Client,
    jar: Arc<Jar>,
    site: Url,
}

impl Visitor {
    /// Of the site at this address, with no cookies yet.
    ///
    /// # Errors
    ///
    /// When that is no address.
    pub fn new(site: &str) -> anyhow::Result<Self> {
        Self::with(Client::builder(), site)
    }

    /// The same, speaking HTTP/2 from the first byte on.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn over_http2(site: &str) -> anyhow::Result<Self> {
        Self::with(Client::builder().http2_prior_knowledge(), site)
    }

    fn with(http: ClientBuilder, site: &str) -> anyhow::Result<Self> {
        let jar = Arc::new(Jar::default());
        let http = http.cookie_provider(jar.clone()).redirect(Policy::none());
        Ok(Self {
            http: http.build()?,
            jar,
            site: Url::parse(site)?,
        })
    }

    /// A cookie that the site would be sent.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.jar.cookies(&self.site)?;
        let mut pairs = cookies.to_str().ok()?.split("; ");
        let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.to_owned())
    }

    /// Opens a page.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response> {
        self.send(self.http.get(self.site.join(path)?)).await
    }

    /// Sends a form, `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn post_form(&self, path: &str, form: &'static str) -> anyhow::Result<Response> {
        self.post(path, "application/x-www-form-urlencoded", form.into())
            .await
    }

    /// Sends JSON.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn post_json(&self, path: &str, json: &'static str) -> anyhow::Result<Response> {
        self.post(path, "application/json", json.into()).await
    }

    /// Sends bytes of any kind.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn post(&self, path: &str, kind: &str, body: Vec<u8>) -> anyhow::Result<Response> {
        let request = self.http.post(self.site.join(path)?);
        let request = request.header(header::CONTENT_TYPE, kind);
        self.send(request.body(body)).await
    }

    /// Sends a request of any other kind; [`request`](Self::request) begins it.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        request.send().await.context("no answer")
    }

    /// A request to the site, with the visitor's cookies.
    ///
    /// # Errors
    ///
    /// When `path` is none.
    pub fn request(&self, method: reqwest::Method, path: &str) -> anyhow::Result<RequestBuilder> {
        Ok(self.http.request(method, self.site.join(path)?))
    }
}
