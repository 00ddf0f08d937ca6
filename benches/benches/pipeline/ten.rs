//! The peer on Postgres: the same eight steps as most would write them, in ten round trips.

use anyhow::Context;
use refport_bench::site::Sale;
use sqlx::PgPool;

/// What the peer knows when a request arrives.
#[derive(Clone, Debug)]
pub(super) struct Ten {
    pub(super) pool: PgPool,
    /// The part of the API key that it is found by.
    pub(super) key_id: String,
}

/// A sale with the click that it names.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) sale: Sale,
    pub(super) click_id: String,
    pub(super) number: u64,
}

impl Ten {
    /// `BEGIN`, the key, the click with its link and partner, the customer, the event, the reward, the
    /// first commission, the commission, what webhooks are told, `COMMIT`.
    pub(super) async fn record(&self, told: Told) -> anyhow::Result<()> {
        const AMOUNT: i64 = 4900;
        const NOW: i64 = 1_795_000_000_000;
        let number = told.number;
        let mut tx = self.pool.begin().await?;
        let sql = "SELECT workspace_id FROM api_key WHERE id = $1 AND revoked_at IS NULL";
        let workspace: String = sqlx::query_scalar(sql)
            .bind(&self.key_id)
            .fetch_one(&mut *tx)
            .await?;
        let sql = "SELECT link.id, enrollment.partner_id, enrollment.program_id
                   FROM click JOIN link ON link.id = click.link_id
                              JOIN enrollment ON enrollment.id = link.enrollment_id
                   WHERE click.id = $1 AND click.workspace_id = $2";
        let (link, partner, program): (String, String, String) = sqlx::query_as(sql)
            .bind(&told.click_id)
            .bind(&workspace)
            .fetch_one(&mut *tx)
            .await?;
        let sql =
            "INSERT INTO customer (id, workspace_id, identity, external_id, click_id, link_id,
                                         version, created_at)
                   VALUES ($1, $2, 'ext:' || $3, $3, $4, $5, 0, $6)
                   ON CONFLICT (workspace_id, identity)
                   DO UPDATE SET version = customer.version + 1 RETURNING id";
        let customer: String = sqlx::query_scalar(sql)
            .bind(format!("cus_{number:026}"))
            .bind(&workspace)
            .bind(told.sale.customer())
            .bind(&told.click_id)
            .bind(&link)
            .bind(NOW)
            .fetch_one(&mut *tx)
            .await?;
        let event = format!("sale_{number:026}");
        let sql = "INSERT INTO event (id, workspace_id, program_id, partner_id, link_id, customer_id,
                                      click_id, kind, dedupe_key, event_name, invoice_id,
                                      payment_processor, amount, currency, commission_amount, reason,
                                      self_referral, occurred_at, received_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 'sale', 'inv:' || $8, 'Purchase', $8, 'stripe',
                           $9, 'usd', $9 / 10, 'earned', 0, $10, $10)
                   ON CONFLICT (workspace_id, kind, dedupe_key) DO NOTHING RETURNING id";
        let made: Option<String> = sqlx::query_scalar(sql)
            .bind(&event)
            .bind(&workspace)
            .bind(&program)
            .bind(&partner)
            .bind(&link)
            .bind(&customer)
            .bind(&told.click_id)
            .bind(told.sale.invoice())
            .bind(AMOUNT)
            .bind(NOW)
            .fetch_optional(&mut *tx)
            .await?;
        made.context("the sale was there before")?;
        let sql = "SELECT reward.id, reward.basis_points FROM program
                   JOIN reward ON reward.id = program.sale_reward_id WHERE program.id = $1";
        let (reward, points): (String, Option<i64>) = sqlx::query_as(sql)
            .bind(&program)
            .fetch_one(&mut *tx)
            .await?;
        let sql = "SELECT min(occurred_at) FROM commission
                   WHERE customer_id = $1 AND program_id = $2 AND kind = 'sale'";
        let _first: Option<i64> = sqlx::query_scalar(sql)
            .bind(&customer)
            .bind(&program)
            .fetch_one(&mut *tx)
            .await?;
        let sql = "INSERT INTO commission (id, workspace_id, program_id, partner_id, customer_id, event_id,
                                           reward_id, kind, amount, currency, status, payable_at,
                                           occurred_at, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 'sale', $8, 'usd', 'pending', $9, $9, $9)";
        sqlx::query(sql)
            .bind(format!("com_{number:026}"))
            .bind(&workspace)
            .bind(&program)
            .bind(&partner)
            .bind(&customer)
            .bind(&event)
            .bind(&reward)
            .bind(AMOUNT * points.unwrap_or(0) / 10_000)
            .bind(NOW)
            .execute(&mut *tx)
            .await?;
        let sql = "INSERT INTO outgoing_event (id, workspace_id, type, payload, created_at)
                   VALUES ($1, $3, 'sale.created', $4, $5), ($2, $3, 'commission.created', $4, $5)";
        sqlx::query(sql)
            .bind(format!("evt_{:026}", 2 * number))
            .bind(format!("evt_{:026}", 2 * number + 1))
            .bind(&workspace)
            .bind(format!(
                r#"{{"type":"sale.created","id":"{event}","rest":"{:0240}"}}"#,
                0
            ))
            .bind(NOW)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}
