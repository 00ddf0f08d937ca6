use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;

use super::{Problem, StoreError};

/// Where the database is.
#[derive(Clone, Debug)]
pub(super) enum Location {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Location {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let problem = |what| StoreError(Problem::Url(what));
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Self::Postgres(Box::new(url.parse()?)));
        }
        let path = url
            .strip_prefix("sqlite:")
            .ok_or_else(|| problem("begins neither with sqlite:// nor with postgres://"))?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(":memory:") {
            return Err(problem("names no file"));
        }
        if path.contains(['?', '#']) {
            return Err(problem("has parameters, which are not known here"));
        }
        Ok(Self::Sqlite(path.into()))
    }

    pub(super) fn existing(self) -> Result<Self, StoreError> {
        match &self {
            Self::Sqlite(path) if !path.is_file() => {
                Err(StoreError(Problem::Missing(path.display().to_string())))
            }
            Self::Sqlite(_) | Self::Postgres(_) => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn database_urls_name_a_file() {
        let path = |url: &str| match Location::parse(url)? {
            Location::Sqlite(path) => Ok::<_, StoreError>(path),
            Location::Postgres(_) => panic!("{url}"),
        };
        for (url, want) in [
            ("sqlite://refport.db", "refport.db"),
            ("sqlite:refport.db", "refport.db"),
            ("sqlite:///var/refport.db", "/var/refport.db"),
        ] {
            assert_eq!(path(url).unwrap(), Path::new(want));
        }
        for (url, want) in [
            ("refport.db", "sqlite://"),
            ("sqlite://", "names no file"),
            ("sqlite::memory:", "names no file"),
            ("sqlite://a.db?mode=ro", "parameters"),
        ] {
            let error = path(url).unwrap_err().to_string();
            assert!(error.contains(want), "{url}: {error}");
        }
        for url in [
            "postgres://localhost/refport",
            "postgresql://a:b@c:5/d?sslmode=require",
        ] {
            assert!(
                matches!(Location::parse(url), Ok(Location::Postgres(_))),
                "{url}"
            );
        }
        let missing = Location::parse("sqlite:///no/such/file.db").unwrap();
        assert!(missing.existing().is_err());
    }
}
