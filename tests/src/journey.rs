//! What a visitor does, and what must be seen afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use refport_core::Timestamp;
use reqwest::header;
use serde_json::Value;
use thirtyfour::{By, WebDriver, prelude::ElementQueryable};
use url::Url;

use crate::{
    Api, Browser, Shop, Visitor,
    clock::{DAY, unix_now},
};

/// A browser follows the partner's link, signs up and buys for 49.00; the commission is there, in
/// the API and in the portal's frame, and still there after the shop was killed and started again.
///
/// # Errors
///
/// When any of that does not hold.
pub async fn follow_sign_up_and_buy(program: &str) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let began = unix_now()?;
    let shop = Shop::start(program, folder.path())?;

    land(&browser.driver, &shop).await?;
    sign_up_and_buy(&browser.driver, &shop).await?;
    let api = Api::of(&shop);
    api.until_commissions(1).await?;
    let commission = the_commission(&api, began).await?;
    see_it_in_the_portal(&browser.driver, &shop).await?;
    browser.quit().await?;

    let key = shop.value("api_key").to_owned();
    shop.kill()?;
    let shop = Shop::start(program, folder.path())?;
    ensure!(
        shop.value("api_key") == key,
        "a restart goes on with the same key"
    );
    ensure!(
        the_commission(&Api::of(&shop), began).await? == commission,
        "nothing was lost or counted again"
    );
    Ok(())
}

/// The link leads to the shop, and the cookie is as the browser SDK would have written it.
async fn land(driver: &WebDriver, shop: &Shop) -> anyhow::Result<()> {
    let before = unix_now()?;
    driver.goto(shop.value("referral")).await?;
    let after = unix_now()?;
    let landed = driver.current_url().await?;
    ensure!(
        landed.as_str().starts_with(shop.value("shop")),
        "landed on {landed}"
    );
    let click_id = landed
        .query_pairs()
        .find(|(name, _)| name == "refp_id")
        .context("no refp_id on the URL")?
        .1;

    let cookie = driver.get_named_cookie("refp_id").await?;
    ensure!(
        cookie.value == click_id,
        "{} is not {click_id}",
        cookie.value
    );
    ensure!(cookie.path.as_deref() == Some("/"));
    ensure!(
        cookie.domain.as_deref() == Some("127.0.0.1"),
        "not host-only: {:?}",
        cookie.domain
    );
    ensure!(
        cookie.http_only == Some(false),
        "the browser SDK must be able to read it"
    );
    ensure!(cookie.secure == Some(false), "plain http");
    ensure!(cookie.same_site == Some(thirtyfour::SameSite::Lax));
    // The browser counts from when the answer came, and keeps whole seconds.
    let set_at = cookie.expiry.context("a session cookie")? - 90 * DAY;
    ensure!(
        (before - 1..=after + 1).contains(&set_at),
        "{set_at} is not from {before} to {after}"
    );
    let read = driver.execute("return document.cookie", Vec::new()).await?;
    let read: String = read.convert()?;
    ensure!(
        read.contains(&format!("refp_id={click_id}")),
        "scripts see {read}"
    );
    Ok(())
}

async fn sign_up_and_buy(driver: &WebDriver, shop: &Shop) -> anyhow::Result<()> {
    driver
        .goto(Url::parse(shop.value("shop"))?.join("signup")?.as_str())
        .await?;
    driver
        .find(By::Css("#signup #name"))
        .await?
        .send_keys("Carla")
        .await?;
    driver
        .find(By::Css("#signup #email"))
        .await?
        .send_keys("carla@example.com")
        .await?;
    driver.find(By::Id("signup-submit")).await?.click().await?;
    driver.find(By::Id("buy-pour-over")).await?.click().await?;
    let total = driver
        .query(By::Id("order-total"))
        .first()
        .await?
        .text()
        .await?;
    ensure!(total == "49.00 USD", "{total}");
    Ok(())
}

/// One, pending, 490, payable in 30 days, made since the test began.
async fn the_commission(api: &Api, began: i64) -> anyhow::Result<Value> {
    let commissions = api.commissions().await?;
    ensure!(commissions.len() == 1, "{commissions:?}");
    let commission = &commissions[0];
    ensure!(
        commission["status"] == "pending" && commission["amount"] == 490,
        "{commission}"
    );
    let millis = |field: &str| -> anyhow::Result<i64> {
        let text = commission[field]
            .as_str()
            .with_context(|| format!("no {field}"))?;
        Ok(text.parse::<Timestamp>()?.as_millis())
    };
    // An outbox tells when the order was placed, which is before it is told.
    ensure!(millis("payableAt")? - millis("occurredAt")? == 30 * DAY * 1000);
    ensure!(millis("occurredAt")? <= millis("createdAt")?);
    for field in ["occurredAt", "createdAt"] {
        let at = millis(field)? / 1000;
        ensure!((began..=unix_now()?).contains(&at), "{field}: {at}");
    }
    Ok(commission.clone())
}

async fn see_it_in_the_portal(driver: &WebDriver, shop: &Shop) -> anyhow::Result<()> {
    driver.goto(shop.value("portal")).await?;
    driver.find(By::Id("portal")).await?.enter_frame().await?;
    let earned = driver
        .find(By::Css("[data-earned=pending]"))
        .await?
        .text()
        .await?;
    ensure!(earned == "4.90 USD", "{earned}");
    let row = driver
        .find(By::Css("#commissions tbody tr"))
        .await?
        .text()
        .await?;
    ensure!(row.contains("4.90 USD") && row.contains("pending"), "{row}");
    let link = driver.find(By::Css(".link input")).await?.value().await?;
    ensure!(link.as_deref() == Some(shop.value("referral")), "{link:?}");
    let grow = "const more = document.createElement('div'); more.style.height = '300px';
                document.body.append(more); return document.documentElement.offsetHeight";
    let inside: f64 = driver.execute(grow, Vec::new()).await?.convert()?;
    driver.enter_default_frame().await?;
    frame_takes_the_height(driver, inside).await
}

/// The frame follows what the portal tells it.
async fn frame_takes_the_height(driver: &WebDriver, inside: f64) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let script = "return document.getElementById('portal').getBoundingClientRect().height";
        let height: f64 = driver.execute(script, Vec::new()).await?.convert()?;
        if (height - inside).abs() < 3.0 {
            return Ok(());
        }
        ensure!(
            Instant::now() < until,
            "the frame has {height} px, the portal {inside}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// With nobody at the service's address, sign-up and checkout work as ever.
///
/// # Errors
///
/// When they do not.
pub async fn buy_with_the_service_dead(program: &str) -> anyhow::Result<()> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let folder = tempfile::tempdir()?;
    let nobody = format!("http://{nobody}");
    let shop = Shop::start_with_service(program, folder.path(), &nobody, "rk_test")?;
    let visitor = Visitor::new(shop.value("shop"))?;

    let landed = visitor.get("?refp_id=clk_1").await?;
    ensure!(landed.status() == 200, "home: {}", landed.status());
    let form = "name=Carla&email=carla%40example.com";
    let signed_up = visitor.post_form("signup", form).await?;
    ensure!(signed_up.status() == 303, "sign-up: {}", signed_up.status());
    ensure!(visitor.cookie("refp_id").as_deref() == Some("clk_1"));
    let bought = visitor.post_form("checkout", "product=pour-over").await?;
    ensure!(bought.status() == 303, "checkout: {}", bought.status());
    let order = bought
        .headers()
        .get(header::LOCATION)
        .context("no order")?
        .to_str()?;
    let page = visitor.get(order).await?;
    ensure!(page.text().await?.contains("49.00 USD"));
    let portal = visitor.get("partner").await?;
    ensure!(
        portal.status() == 502,
        "the portal says so: {}",
        portal.status()
    );
    Ok(())
}
