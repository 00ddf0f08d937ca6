use std::sync::Arc;

use super::endpoint::Endpoint;
use crate::{EmbedToken, EmbedTokenRequest, Error};

/// Makes tokens for the embedded portal: `refport.embed_tokens`.
#[derive(Clone, Debug)]
pub struct EmbedTokens(Arc<Endpoint>);

impl EmbedTokens {
    pub(super) const fn new(endpoint: Arc<Endpoint>) -> Self {
        Self(endpoint)
    }

    /// Makes a token for one partner's browser: `POST /api/embed/token`.
    ///
    /// # Errors
    ///
    /// When the request is certainly wrong (nothing is sent), the service answers an error, no
    /// answer comes within the time budgets, or the answer cannot be read.
    pub async fn create(&self, request: EmbedTokenRequest) -> Result<EmbedToken, Error> {
        request.check().map_err(Error::Invalid)?;
        self.0.post(&self.0.urls.embed_token, &request).await
    }
}
