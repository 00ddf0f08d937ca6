use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use refport_outbox::refport_core::ClickId;
use tokio::{task::JoinSet, time::sleep};

use super::told_to_stop;
use crate::{
    args,
    database::{Database, Ending, Order},
    journal::Journal,
    visitor::Visitor,
};

/// Customers who buy at the same time.
const CUSTOMERS: u32 = 8;

/// A shop under load: each order and its sale in one transaction, of which one in eight is rolled
/// back.
pub(super) async fn run(args: args::Producer) -> anyhow::Result<()> {
    let stop = told_to_stop()?;
    let shop = Arc::new(Shop {
        database: Database::open(&args.database).await?,
        visitor: Visitor::new()?,
        journal: Journal::create(&args.journal)?,
        closing: AtomicBool::default(),
        args,
    });
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        customers.spawn(Arc::clone(&shop).sell(number));
    }
    let customers = async {
        while let Some(customer) = customers.join_next().await {
            customer??;
        }
        anyhow::Ok(())
    };
    let closing = async {
        stop.await;
        shop.closing.store(true, Ordering::Relaxed);
        std::future::pending::<anyhow::Result<()>>().await
    };
    tokio::select! {
        sold = customers => sold,
        never = closing => never,
    }
}

struct Shop {
    database: Database,
    visitor: Visitor,
    journal: Journal,
    closing: AtomicBool,
    args: args::Producer,
}

impl Shop {
    /// Places one order after another until the shop closes.
    async fn sell(self: Arc<Self>, customer: u32) -> anyhow::Result<()> {
        let start = self.args.start;
        let seed = self.args.seed ^ (u64::from(start) << 32) ^ u64::from(customer);
        let mut random = StdRng::seed_from_u64(seed);
        let mean = 1000.0 * f64::from(CUSTOMERS) / f64::from(self.args.orders_per_second.get());
        for number in 0_u64.. {
            let wait = random.random_range(0.0..2.0 * mean);
            sleep(Duration::from_secs_f64(wait / 1000.0)).await;
            if self.closing.load(Ordering::Relaxed) {
                break;
            }
            let id = format!("inv_{start}_{customer}_{number}");
            let order = Order {
                customer: customer_of(&id),
                id,
                // A tenth of it is a whole number of cents.
                amount: 10 * random.random_range(1..=10_000),
            };
            self.place(&mut random, &order).await?;
        }
        Ok(())
    }

    async fn place(&self, random: &mut StdRng, order: &Order) -> anyhow::Result<()> {
        let click_id = self.click(random).await;
        let ending = if random.random_ratio(1, 8) {
            Ending::RollBack
        } else {
            Ending::Commit
        };
        // Some checkouts have more to do before they commit.
        let pause = match random.random_range(0..4) {
            0 => Duration::from_millis(random.random_range(1..=5)),
            _ => Duration::ZERO,
        };
        let open = self.journal.begin(&order.id)?;
        match self.database.place(order, click_id, pause, ending).await {
            Ok(()) => open.end(ending.as_str())?,
            // The buyer sees an error; whether there is an order, the table tells.
            Err(error) => {
                tracing::warn!(error = &*error as &dyn std::error::Error, "no order");
                open.end("failed")?;
            }
        }
        Ok(())
    }

    /// One customer in four has just come over the link; the others come with a click of theirs
    /// from before, as all do while the server is down.
    async fn click(&self, random: &mut StdRng) -> ClickId {
        let earlier = self.args.clicks.choose(random).expect("clap asks for one");
        if random.random_ratio(3, 4) {
            return earlier.clone();
        }
        match self.visitor.click(&self.args.link).await {
            Ok(click_id) => click_id,
            Err(_) => earlier.clone(),
        }
    }
}

/// The shop's own ID of the customer who placed this order.
pub(crate) fn customer_of(order: &str) -> String {
    format!("user_of_{order}")
}
