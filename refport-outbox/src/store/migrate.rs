use crate::StoreError;
use sqlx::{
    SqlSafeStr,
    migrate::{Migrate, Migration, MigrationType, Migrator},
};

/// Migrations under a table of our own, so that they never meet those of the application.
pub(super) fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = migrations.iter().map(|(version, name, sql)| {
        Migration::new(
            *version,
            (*name).into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name("refport_outbox_migrations");
    migrator
}

/// Runs what is missing. Other than by `Migrator::run`, the future can go to another thread.
pub(super) async fn run<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<(), StoreError> {
    Ok(migrator.run_direct(None, connection, false).await?)
}
