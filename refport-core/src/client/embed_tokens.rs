use http::Uri;

use super::{
    base_url::BaseUrl,
    call::{Call, Repeat},
    endpoint::Endpoint,
};
use crate::{EmbedToken, EmbedTokenRequest, Error};

/// Makes tokens for the embedded portal: `refport.embed_tokens`.
#[derive(Clone, Debug)]
pub struct EmbedTokens {
    endpoint: Endpoint,
    url: Uri,
}

impl EmbedTokens {
    pub(super) fn new(endpoint: Endpoint, base: &BaseUrl) -> Self {
        let url = base.join("/api/embed/token");
        Self { endpoint, url }
    }

    /// Makes a token for one partner's browser: `POST /api/embed/token`.
    ///
    /// # Errors
    ///
    /// When the request is certainly wrong (nothing is sent), the service answers an error, no
    /// answer comes within the time budgets, or the answer cannot be read.
    pub fn create(
        &self,
        request: EmbedTokenRequest,
    ) -> impl Future<Output = Result<EmbedToken, Error>> + Send + use<> {
        let name = "embed_tokens.create";
        let valid = request.check().map_err(Error::Invalid);
        let call = valid.map(|()| Call::new(name, &self.url, &request, Repeat::Always));
        let endpoint = self.endpoint.clone();
        async move { endpoint.post(call?)?.end().await }
    }
}
