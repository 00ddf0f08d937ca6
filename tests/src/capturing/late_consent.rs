//! A visitor who agrees after landing, and one who refuses.

use anyhow::ensure;

use super::{AGREE_PATH, Tab};

/// Land, agree, sign up, buy.
pub(super) async fn keeps_the_click(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    tab.begin(site).await?;
    tab.open(&format!("{site}/page?refp_id=clk_1&plan=pro"))
        .await?;
    ensure!(tab.cookies().await?.is_empty(), "nobody has agreed yet");
    let answer = agree(tab, "yes").await?;
    ensure!(answer == "204", "the banner was answered {answer}");
    ensure!(tab.cookie().await?.value == "clk_1", "it is stored");
    tab.open(&format!("{site}/sign-up")).await?;
    ensure!(tab.seen().await? == "clk_1", "at the sign-up");
    bought_with(tab, "clk_1").await?;

    // A form without a script goes back to its page.
    tab.begin(site).await?;
    tab.open(&format!("{site}/page?refp_id=clk_2&plan=pro#there"))
        .await?;
    tab.write_cookie("choice=yes; path=/").await?;
    tab.run(&format!(
        "const form = document.createElement('form');\
         form.method = 'post'; form.action = '{AGREE_PATH}';\
         document.body.append(form); form.submit()"
    ))
    .await?;
    tab.until_at(&format!("{site}/page?plan=pro")).await?;
    ensure!(tab.cookie().await?.value == "clk_2", "it is stored");
    bought_with(tab, "clk_2").await
}

/// Land, refuse; and a script of another site that agrees in the visitor's place.
pub(super) async fn drops_the_click(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    tab.begin(site).await?;
    tab.open(&format!("{site}/page?refp_id=clk_1")).await?;
    let answer = agree(tab, "no").await?;
    ensure!(answer == "204", "the banner was answered {answer}");
    ensure!(
        tab.cookies().await?.is_empty(),
        "refused: nothing is stored"
    );
    bought_with(tab, "none").await?;

    tab.begin(site).await?;
    tab.write_cookie("choice=yes; path=/; SameSite=Lax").await?;
    let elsewhere = site.replace("127.0.0.1", "evil.localhost");
    tab.open(&format!("{elsewhere}/before")).await?;
    let forged = format!("{site}{AGREE_PATH}?refp_id=clk_evil");
    tab.later(&format!(
        "fetch('{forged}', {{method: 'POST', mode: 'no-cors', credentials: 'include'}})\
         .then(() => done(''), () => done(''))"
    ))
    .await?;
    tab.open(&format!("{site}/later")).await?;
    ensure!(tab.cookies().await?.is_empty(), "another site agreed");
    Ok(())
}

/// What a banner does when it is answered.
async fn agree(tab: &Tab<'_>, answer: &str) -> anyhow::Result<String> {
    tab.write_cookie(&format!("choice={answer}; path=/"))
        .await?;
    let tell = format!(
        "fetch('{AGREE_PATH}' + location.search, {{method: 'POST'}})\
         .then(answer => done(String(answer.status)))"
    );
    tab.later(&tell).await
}

/// The handler of a purchase sees this click.
async fn bought_with(tab: &Tab<'_>, click: &str) -> anyhow::Result<()> {
    let buy = "fetch('/buy', {method: 'POST'}).then(answer => answer.text()).then(done)";
    let bought = tab.later(buy).await?;
    ensure!(
        bought.contains(&format!(">{click}<")),
        "bought with {bought}"
    );
    Ok(())
}
