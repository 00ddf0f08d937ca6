use std::sync::Arc;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use refport_outbox::refport_core::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Links,
    ledger::Ledger,
    report::{Answer, Kind, Server},
};

/// Somebody who reports, to several servers at once where that is meant to go wrong.
pub(super) struct Shop {
    pub(super) number: u32,
    pub(super) servers: Vec<Server>,
    pub(super) links: Links,
    pub(super) ledger: Arc<Ledger>,
    pub(super) random: StdRng,
    /// Of a hundred turns.
    pub(super) collisions: u32,
}

const AMOUNT: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Shop {
    pub(super) async fn report_until(mut self, until: Instant) -> anyhow::Result<()> {
        // Each shop counts what it sends by itself.
        for server in &mut self.servers {
            *server = server.counting_anew();
        }
        let mut turn = 0;
        while Instant::now() < until {
            self.servers.shuffle(&mut self.random);
            let name = format!("{}_{turn}", self.number);
            if self.random.random_range(0..100) < self.collisions {
                match self.random.random_range(0..8) {
                    0 => self.one_invoice(&name).await?,
                    1 => self.once(&name).await?,
                    2 => self.month(&name).await?,
                    3 => self.two_first_sales(&name).await?,
                    4 => self.leads(&name).await?,
                    5 => self.a_lead_and_a_sale(&name).await?,
                    6 => self.quarrel(&name).await?,
                    _ => self.leads_then_sales(&name).await?,
                }
            } else {
                self.plain(&name).await?;
            }
            turn += 1;
        }
        let mut kept = self.ledger.keep();
        for server in &self.servers {
            let (reports, busy) = server.answered();
            kept.reports += reports;
            kept.busy += busy;
        }
        Ok(())
    }

    /// A click of one server, for the others.
    async fn click(&mut self, link: &str) -> anyhow::Result<String> {
        let number = self.random.random_range(0..self.servers.len());
        let click = self.servers[number].click(link).await?;
        let click = click.as_str().to_owned();
        self.ledger.keep().clicks.insert(click.clone());
        Ok(click)
    }

    /// Each report to a server of its own, all at the same time.
    async fn at_once(&self, kind: Kind, bodies: &[Value]) -> anyhow::Result<Vec<Answer>> {
        let servers = self.servers.iter().cycle();
        let reports = bodies.iter().zip(servers);
        try_join_all(reports.map(|(body, server)| server.report(kind, body))).await
    }

    /// Notes sales that were answered each by itself. How many of them earned.
    fn note(&self, customer: &str, sales: &[(String, Answer)]) -> anyhow::Result<usize> {
        let mut kept = self.ledger.keep();
        kept.customers.insert(customer.to_owned());
        let mut paid = 0;
        for (invoice, answer) in sales {
            ensure!(answer.status == StatusCode::OK, "{invoice}: {answer:?}");
            let pays = answer.pays()?;
            paid += usize::from(pays);
            let sale = (customer.to_owned(), pays);
            kept.sales.insert(invoice.clone(), sale);
        }
        Ok(paid)
    }

    /// Independent of all others.
    async fn plain(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.always[0].clone();
        let click = self.click(&link).await?;
        let (customer, invoice) = (format!("plain_{name}"), format!("plain_{name}"));
        let answer = self.servers[0]
            .report(Kind::Sale, &sale(&click, &customer, &invoice))
            .await?;
        self.expect(
            "a plain sale",
            1,
            self.note(&customer, &[(invoice, answer)])?,
        );
        self.ledger.turn("plain sales");
        Ok(())
    }

    fn expect(&self, what: &str, want: usize, found: usize) {
        if want != found {
            self.ledger
                .wrong(format!("{what}: {found} are paid, and {want} it should be"));
        }
    }

    /// One invoice, reported to all, twice to each.
    async fn one_invoice(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.always[0].clone();
        let click = self.click(&link).await?;
        let (customer, invoice) = (format!("same_{name}"), format!("same_{name}"));
        let bodies = vec![sale(&click, &customer, &invoice); 2 * self.servers.len()];
        let mut answers = self.at_once(Kind::Sale, &bodies).await?;
        answers.extend(self.at_once(Kind::Sale, &bodies[..1]).await?);
        self.ledger.must_be_equal(&invoice, &answers);
        let answer = answers.swap_remove(0);
        self.expect(
            "one invoice",
            1,
            self.note(&customer, &[(invoice, answer)])?,
        );
        self.ledger.turn("invoices at all servers");
        Ok(())
    }

    /// Sales of one customer at all servers, of which the first alone earns. Half of the customers are
    /// known before.
    async fn once(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.once.clone();
        let click = self.click(&link).await?;
        let customer = format!("once_{name}");
        if self.random.random() {
            self.know(&click, &customer).await?;
        }
        let sales = self.sales_at_once(&customer, |_| click.clone()).await?;
        self.expect(&customer, 1, self.note(&customer, &sales)?);
        self.ledger.keep().once.insert(customer);
        self.ledger.turn("one-time rewards");
        Ok(())
    }

    /// A sale of nothing, by which the customer is known.
    async fn know(&self, click: &str, customer: &str) -> anyhow::Result<()> {
        let body = json!({
            "clickId": click, "customerExternalId": customer, "amount": 0,
        });
        let answer = self.servers[0].report(Kind::Sale, &body).await?;
        ensure!(answer.status == StatusCode::OK, "{answer:?}");
        Ok(())
    }

    async fn sales_at_once(
        &self,
        customer: &str,
        click: impl Fn(usize) -> String,
    ) -> anyhow::Result<Vec<(String, Answer)>> {
        let invoices = (0..self.servers.len()).map(|number| format!("{customer}_{number}"));
        let invoices: Vec<String> = invoices.collect();
        let bodies: Vec<Value> = invoices
            .iter()
            .enumerate()
            .map(|(number, invoice)| sale(&click(number), customer, invoice))
            .collect();
        let answers = self.at_once(Kind::Sale, &bodies).await?;
        self.repeat(&invoices, &bodies, &answers).await?;
        Ok(invoices.into_iter().zip(answers).collect())
    }

    /// Each report again, to another server: it says the same.
    async fn repeat(
        &self,
        names: &[String],
        bodies: &[Value],
        answers: &[Answer],
    ) -> anyhow::Result<()> {
        let servers = self.servers.iter().cycle().skip(1);
        let again = bodies.iter().zip(servers);
        let again =
            try_join_all(again.map(|(body, server)| server.report(Kind::Sale, body))).await?;
        for ((name, first), again) in names.iter().zip(answers).zip(again) {
            self.ledger.must_be_equal(name, &[first.clone(), again]);
        }
        Ok(())
    }

    /// A sale of two months ago and one of today, at once: the older earns in any order, and where it
    /// was first, the newer does not. After that nothing of today does.
    async fn month(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.month.clone();
        let click = self.click(&link).await?;
        let customer = format!("month_{name}");
        self.know(&click, &customer).await?;
        let now = Timestamp::now().as_millis();
        let dated = |number: usize, at: i64| {
            let invoice = format!("{customer}_{number}");
            let mut body = sale(&click, &customer, &invoice);
            body["occurredAt"] = at.into();
            (invoice, body)
        };
        let (invoices, bodies): (Vec<String>, Vec<Value>) =
            [dated(0, now - 60 * DAY_MS), dated(1, now)]
                .into_iter()
                .unzip();
        let answers = self.at_once(Kind::Sale, &bodies).await?;
        self.repeat(&invoices, &bodies, &answers).await?;
        self.expect(&invoices[0], 1, usize::from(answers[0].pays()?));
        let (last_invoice, body) = dated(2, now);
        let last = self.servers[0].report(Kind::Sale, &body).await?;
        self.expect(&last_invoice, 0, usize::from(last.pays()?));
        let sales: Vec<(String, Answer)> = invoices
            .into_iter()
            .chain([last_invoice])
            .zip(answers.into_iter().chain([last]))
            .collect();
        self.note(&customer, &sales)?;
        self.ledger.turn("recurring rewards");
        Ok(())
    }

    /// A new customer's first sales, over links of two partners: one of them has the customer.
    async fn two_first_sales(&mut self, name: &str) -> anyhow::Result<()> {
        let [first, second] = self.links.always.clone();
        let clicks = [self.click(&first).await?, self.click(&second).await?];
        let customer = format!("new_{name}");
        let click = |number: usize| clicks[number % 2].clone();
        let sales = self.sales_at_once(&customer, click).await?;
        self.expect(&customer, sales.len(), self.note(&customer, &sales)?);
        self.ledger.turn("first sales over two links");
        Ok(())
    }

    /// Leads of one address at all servers, as Partli's: one customer, paid for once.
    async fn leads(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.once.clone();
        let click = self.click(&link).await?;
        let email = format!("leads_{name}@example.com");
        self.leads_at_once(&click, &email).await?;
        self.ledger.keep().customers.insert(email);
        self.ledger.turn("leads of one address");
        Ok(())
    }

    async fn leads_at_once(&self, click: &str, email: &str) -> anyhow::Result<()> {
        let (ids, bodies): (Vec<String>, Vec<Value>) = (0..self.servers.len())
            .map(|number| lead(click, email, &format!("{email}_{number}")))
            .unzip();
        let answers = self.at_once(Kind::Lead, &bodies).await?;
        let again = self.at_once(Kind::Lead, &bodies[..1]).await?;
        self.ledger
            .must_be_equal(email, &[answers[0].clone(), again[0].clone()]);
        self.note_leads(email, ids, &answers)
    }

    fn note_leads(&self, email: &str, ids: Vec<String>, answers: &[Answer]) -> anyhow::Result<()> {
        for answer in answers {
            let attributed = answer.json()?["attributed"] == true;
            ensure!(attributed, "{email}: {answer:?}");
        }
        let mut kept = self.ledger.keep();
        kept.leads.extend(ids);
        kept.lead_once.insert(email.to_owned());
        Ok(())
    }

    /// The lead and the first sale of one address at once, at two servers, both new: one customer.
    async fn a_lead_and_a_sale(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.once.clone();
        let click = self.click(&link).await?;
        let email = format!("both_{name}@example.com");
        let customer = format!("both_{name}");
        let (id, lead_body) = lead(&click, &email, &email);
        let mut sale_body = sale(&click, &customer, &customer);
        sale_body["customerEmail"] = email.as_str().into();
        let (first, second) = (&self.servers[0], &self.servers[self.servers.len() - 1]);
        let (lead, sale) = tokio::try_join!(
            first.report(Kind::Lead, &lead_body),
            second.report(Kind::Sale, &sale_body),
        )?;
        self.note_leads(&email, vec![id], &[lead])?;
        self.expect(
            &customer,
            1,
            self.note(&customer, &[(customer.clone(), sale)])?,
        );
        // Were they two, another lead would be paid.
        let (id, body) = self::lead(&click, &email, &format!("{email}_again"));
        let again = first.report(Kind::Lead, &body).await?;
        self.note_leads(&email, vec![id], &[again])?;
        self.ledger.turn("a lead beside its sale");
        Ok(())
    }

    /// A customer by address alone, whose sales name them at all servers at once, and so become theirs.
    async fn leads_then_sales(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.once.clone();
        let click = self.click(&link).await?;
        let email = format!("then_{name}@example.com");
        self.leads_at_once(&click, &email).await?;
        let customer = format!("then_{name}");
        let sales = self.sales_at_once(&customer, |_| click.clone()).await?;
        self.expect(&customer, 1, self.note(&customer, &sales)?);
        self.ledger.keep().once.insert(customer);
        self.ledger.turn("leads, then sales of one click");
        Ok(())
    }

    /// One invoice of several customers: whoever was first has it.
    async fn quarrel(&mut self, name: &str) -> anyhow::Result<()> {
        let link = self.links.always[0].clone();
        let click = self.click(&link).await?;
        let invoice = format!("quarrel_{name}");
        let customers = (0..self.servers.len().max(2)).map(|number| format!("{invoice}_{number}"));
        let customers: Vec<String> = customers.collect();
        let bodies: Vec<Value> = customers
            .iter()
            .map(|customer| sale(&click, customer, &invoice))
            .collect();
        let answers = self.at_once(Kind::Sale, &bodies).await?;
        let (won, lost): (Vec<_>, Vec<_>) = customers
            .iter()
            .zip(answers)
            .partition(|(_, answer)| answer.status == StatusCode::OK);
        if won.len() != 1 {
            self.ledger
                .wrong(format!("{invoice} has {} customers", won.len()));
        }
        for (customer, answer) in &lost {
            if answer.status != StatusCode::CONFLICT {
                self.ledger
                    .wrong(format!("{invoice} of {customer}: {answer:?}"));
            }
        }
        self.ledger.keep().quarrels += lost.len() as u64;
        let (customer, answer) = won.into_iter().next().context("nobody has the invoice")?;
        self.note(customer, &[(invoice, answer)])?;
        self.ledger.turn("invoices of several customers");
        Ok(())
    }
}

fn sale(click: &str, customer: &str, invoice: &str) -> Value {
    json!({
        "clickId": click,
        "customerExternalId": customer,
        "amount": AMOUNT,
        "invoiceId": invoice,
    })
}

/// A lead in Partli's dialect, with its external ID.
fn lead(click: &str, email: &str, id: &str) -> (String, Value) {
    let body = json!({ "externalId": id, "clickId": click, "customerEmail": email });
    (id.to_owned(), body)
}
