use std::fmt;

use crate::{NewUser, Session, Transaction, random};

/// A customer of the shop.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The ID, by which Refport knows the customer too.
    pub id: String,
    /// The e-mail address. Left out of `Debug`.
    pub email: String,
    /// The name. Left out of `Debug`.
    pub name: String,
}

/// What came of a sign-up.
#[derive(Clone, Debug)]
pub struct SignedUp {
    /// The user, made now or found by the e-mail address.
    pub user: User,
    /// Whether the user was made now.
    pub is_new: bool,
    /// The session that was started.
    pub session: Session,
}

impl NewUser {
    /// Makes the user, or finds the one with the same e-mail address, and starts a session.
    ///
    /// The address is believed as it is given: a real shop asks for a password or sends a letter.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn sign_up(&self, tx: &mut Transaction) -> anyhow::Result<SignedUp> {
        let added = sqlx::query(
            "INSERT INTO users (id, email, name) VALUES (?1, ?2, ?3)
             ON CONFLICT (email) DO NOTHING",
        )
        .bind(format!("user_{}", random::text(20)))
        .bind(&self.email)
        .bind(&self.name)
        .execute(&mut **tx)
        .await?;
        let user = sqlx::query_as("SELECT id, email, name FROM users WHERE email = ?1");
        let user = User::of(user.bind(&self.email).fetch_one(&mut **tx).await?);
        let session = Session::new();
        sqlx::query("INSERT INTO sessions (token, user_id) VALUES (?1, ?2)")
            .bind(session.token())
            .bind(&user.id)
            .execute(&mut **tx)
            .await?;
        Ok(SignedUp {
            user,
            is_new: added.rows_affected() == 1,
            session,
        })
    }
}

impl User {
    /// From its row.
    pub(crate) fn of((id, email, name): (String, String, String)) -> Self {
        Self { id, email, name }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_person() {
        let user = User {
            id: "user_1".to_owned(),
            email: "grace@example.com".to_owned(),
            name: "Grace".to_owned(),
        };
        let debug = format!("{user:?}");
        assert!(debug.contains("user_1"));
        assert!(
            !debug.contains("grace@") && !debug.contains("Grace"),
            "{debug}"
        );
    }
}
