//! Who may sign in.

/// What the sign-in form sends.
#[derive(Debug, serde::Deserialize)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// The user's ID, where the password is right.
    #[must_use]
    pub fn check(self) -> Option<String> {
        let known = [("carla", "paper"), ("dan", "ink")];
        known
            .contains(&(&self.user, &self.password))
            .then_some(self.user)
    }
}
