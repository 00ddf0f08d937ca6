//! What a crash of the shop and a stop of the service cost: nothing.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use refport_outbox::{Outbox, State, sqlx::SqlitePool};
use reqwest::header;
use serde_json::Value;

use crate::{Api, Service, Shop, Visitor};

/// With a server in its own process, the shop is killed right after an order's page, three times
/// over. After the last start there is one commission for each order.
///
/// # Errors
///
/// When there are more or fewer.
pub async fn kill_after_the_order_page(program: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut orders = Vec::new();
    for _ in 0..3 {
        let shop = Shop::start(program, folder.path())?;
        let click_id = follow(shop.value("referral")).await?;
        let order = buy(&shop, &click_id).await?.order;
        shop.kill()?;
        let waiting = outbox(folder.path()).await?.counts().await?;
        let waiting = waiting.iter().filter(|c| c.state != State::Delivered);
        let waiting: u64 = waiting.map(|count| count.events).sum();
        println!("killed after the page of {order}, with {waiting} reports to deliver");
        orders.push(order);
    }
    let shop = Shop::start(program, folder.path())?;
    one_commission_each(&Api::of(&shop), &orders, folder.path()).await
}

/// With the service stopped, sign-up and checkout work as ever; the shop is killed with an order
/// undelivered, and sells once more. All sales arrive when the service is back, once.
///
/// # Errors
///
/// When that does not hold.
pub async fn sell_with_the_service_stopped(program: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut service = Service::start(folder.path(), "http://shop.example/").await?;
    let link = service.link();
    let clicks = [
        follow(&link).await?,
        follow(&link).await?,
        follow(&link).await?,
    ];
    let (url, key) = (service.url(), service.api_key().to_owned());
    let start = || Shop::start_with_service(program, folder.path(), &url, &key);
    let shop = start()?;
    let served = buy(&shop, &clicks[0]).await?;

    // A lead that the service may have taken when it stopped is not sent again, and would be a dead
    // letter.
    until_delivered(&outbox(folder.path()).await?).await?;

    // Nothing of it is asserted on a clock: that the service was away before and after will do.
    service.stop().await?;
    let alone = buy(&shop, &clicks[1]).await?;
    service.is_gone().await?;
    println!(
        "checkout answered in {:?}, and in {:?} with the service stopped",
        served.took, alone.took
    );
    shop.kill()?;
    let shop = start()?;
    let again = buy(&shop, &clicks[2]).await?;
    service.is_gone().await?;

    service.restart().await?;
    let api = Api::new(&url, &key);
    let orders = [served.order, alone.order, again.order];
    one_commission_each(&api, &orders, folder.path()).await
}

/// Follows a partner's link, and gives the click ID that it leads on with.
async fn follow(link: &str) -> anyhow::Result<String> {
    let followed = Visitor::new(link)?.get("").await?;
    let landing = location(&followed)?;
    let (_, click_id) = landing.split_once("refp_id=").context("no click ID")?;
    Ok(click_id.to_owned())
}

/// An order, and how long the checkout took to answer.
struct Bought {
    order: String,
    took: Duration,
}

/// Lands in the shop, signs up, buys, and looks at the order's page.
async fn buy(shop: &Shop, click_id: &str) -> anyhow::Result<Bought> {
    let visitor = Visitor::new(shop.value("shop"))?;
    let landed = visitor.get(&format!("?refp_id={click_id}")).await?;
    ensure!(landed.status() == 200, "home: {}", landed.status());
    ensure!(visitor.cookie("refp_id").as_deref() == Some(click_id));
    let form = "name=Carla&email=carla%40example.com";
    let signed_up = visitor.post_form("signup", form).await?;
    ensure!(signed_up.status() == 303, "sign-up: {}", signed_up.status());

    let start = Instant::now();
    let bought = visitor.post_form("checkout", "product=pour-over").await?;
    let took = start.elapsed();
    ensure!(bought.status() == 303, "checkout: {}", bought.status());
    let page = location(&bought)?;
    let shown = visitor.get(&page).await?;
    ensure!(shown.text().await?.contains("49.00 USD"));
    let order = page.rsplit('/').next().context("no order")?.to_owned();
    Ok(Bought { order, took })
}

fn location(answer: &reqwest::Response) -> anyhow::Result<String> {
    let location = answer.headers().get(header::LOCATION);
    Ok(location.context("leads nowhere")?.to_str()?.to_owned())
}

/// Waits until all is delivered, and then looks whether each order was counted, and none twice.
async fn one_commission_each(api: &Api, orders: &[String], folder: &Path) -> anyhow::Result<()> {
    until_delivered(&outbox(folder).await?).await?;
    let commissions = api.commissions().await?;
    let mut paid: Vec<_> = commissions
        .iter()
        .filter_map(|commission| commission["invoiceId"].as_str())
        .collect();
    paid.sort_unstable();
    let mut orders: Vec<_> = orders.iter().map(String::as_str).collect();
    orders.sort_unstable();
    ensure!(
        paid == orders,
        "sold {orders:?}, commissions {commissions:?}"
    );
    let is_right = |commission: &Value| commission["amount"] == 490;
    ensure!(commissions.iter().all(is_right), "{commissions:?}");
    Ok(())
}

/// A report that was in a worker's hands when that was killed waits for its lease to end.
async fn until_delivered(outbox: &Outbox) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(240);
    loop {
        let counts = outbox.counts().await?;
        ensure!(
            counts.iter().all(|count| count.state != State::Dead),
            "{counts:?}"
        );
        if counts.iter().all(|count| count.state == State::Delivered) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "not delivered: {counts:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The outbox of the shop with its data in `folder`.
async fn outbox(folder: &Path) -> anyhow::Result<Outbox> {
    let file = folder.join("shop.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await?;
    Ok(Outbox::new(pool))
}
