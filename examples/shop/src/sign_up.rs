use std::fmt;

use serde::Deserialize;

/// The sign-up form as the browser sends it. A missing field is an empty one.
#[derive(Clone, Default, Deserialize)]
pub struct SignUpForm {
    /// What the visitor gave as their name.
    #[serde(default)]
    pub name: String,
    /// What the visitor gave as their e-mail address.
    #[serde(default)]
    pub email: String,
}

/// A name and an e-mail address that were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl SignUpForm {
    /// Checks the form.
    ///
    /// # Errors
    ///
    /// Says to the visitor what to change.
    pub fn check(&self) -> Result<NewUser, &'static str> {
        let (name, email) = (self.name.trim(), self.email.trim());
        if name.is_empty() {
            return Err("Please tell us your name.");
        }
        if name.chars().count() > 100 {
            return Err("Please give a name of at most 100 letters.");
        }
        if !is_email(email) {
            return Err("Please give an e-mail address like grace@example.com.");
        }
        Ok(NewUser {
            name: name.to_owned(),
            email: email.to_owned(),
        })
    }
}

fn is_email(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    text.len() <= 100
        && !text.contains(odd)
        && text
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}

impl fmt::Debug for SignUpForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignUpForm").finish_non_exhaustive()
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, email: &str) -> Result<NewUser, &'static str> {
        let (name, email) = (name.to_owned(), email.to_owned());
        SignUpForm { name, email }.check()
    }

    #[test]
    fn names_and_addresses_are_checked() {
        assert_eq!(
            check(" Grace ", " grace@example.com\n").map(|user| (user.name, user.email)),
            Ok(("Grace".to_owned(), "grace@example.com".to_owned()))
        );
        assert!(check(" ", "grace@example.com").is_err());
        assert!(check(&"a".repeat(101), "grace@example.com").is_err());
        for email in [
            "",
            "grace",
            "@example.com",
            "grace@",
            "a@b@c",
            "gr ace@example.com",
        ] {
            assert!(check("Grace", email).is_err(), "{email}");
        }
    }
}
