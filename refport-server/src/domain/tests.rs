//! The rules as tables and properties; no database.

use std::sync::Arc;

use proptest::prelude::*;
use refport_core::Currency;

use super::*;

const DAY: i64 = DAY_MS;
/// 2026-01-31T12:00:00Z.
const START: i64 = 1_769_860_800_000;

/// A workspace with one partner's link, a click on it, and a reward of 10 % for 12 months.
fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.add_link(Arc::new(link()));
    facts.add_click(click("clk_1", START));
    facts
}

fn link() -> Link {
    Link {
        id: "lnk_1".into(),
        workspace_id: "ws".into(),
        number: 7,
        key: "demo".into(),
        destination: "https://shop.example/".into(),
        partner_id: "prt_1".into(),
        partner_email_key: "ada@example.com".into(),
        program_id: "prog_1".into(),
        program_currency: Currency::USD,
        other_currencies: vec!["pts".into()],
        holding_days: 30,
        program_sale_reward: Some(VersionedReward {
            id: "rwd_1".into(),
            reward: Reward::DEFAULT,
        }),
        group_sale_reward: None,
        group_lead_reward: None,
    }
}

fn click(id: &str, created_at: i64) -> Click {
    Click {
        id: id.into(),
        workspace_id: "ws".into(),
        link_id: Some("lnk_1".into()),
        created_at,
    }
}

const FORGIVING: Policy = Policy {
    unknown_click_is_forgiven: true,
    missing_click_is_forgiven: true,
};
const STRICT: Policy = Policy {
    unknown_click_is_forgiven: false,
    missing_click_is_forgiven: false,
};

fn report(kind: Kind, click_id: Option<&str>, customer: Option<&str>) -> Report {
    Report {
        workspace_id: "ws".into(),
        ids: FreshIds::new(kind),
        policy: FORGIVING,
        click: click_id.map(|id| ClaimedClick {
            id: id.into(),
            standing: None,
        }),
        event_name: "Purchase".into(),
        customer: Customer {
            external_id: customer.map(str::to_owned),
            ..Customer::default()
        },
        key: None,
        metadata: None,
        domain: "go.example".into(),
        occurred_at: START + DAY,
        received_at: START + DAY,
    }
}

fn sale(click_id: &str, customer: &str, amount: i64) -> Sale {
    Sale {
        report: report(Kind::Sale, Some(click_id), Some(customer)),
        amount,
        currency: Currency::USD,
        invoice_id: None,
        payment_processor: "custom".into(),
    }
}

fn invoiced(customer: &str, invoice: &str, amount: i64) -> Sale {
    let mut sale = sale("clk_1", customer, amount);
    sale.invoice_id = Some(invoice.into());
    sale.report.key = Some(format!("inv:{invoice}"));
    sale
}

/// The reason and what is earned.
fn decide_sale(facts: &mut Facts, sale: &Sale) -> (Reason, i64) {
    let (plan, outcome) = decide(facts, &Event::Sale(sale.clone()));
    let earned = plan.commission.map_or(0, |commission| commission.amount);
    match outcome {
        Outcome::Recorded(recorded) => (recorded.reason, earned),
        Outcome::Refused(reason) => {
            assert_eq!(plan.refusal.map(|refusal| refusal.reason), Some(reason));
            (reason, earned)
        }
    }
}

#[test]
fn each_way_to_pay_nothing_is_named() {
    let known = || {
        let mut facts = facts();
        assert_eq!(
            decide_sale(&mut facts, &sale("clk_1", "u", 4900)),
            (Reason::Earned, 490)
        );
        facts
    };
    let with_link = |change: fn(&mut Link)| {
        let mut link = link();
        change(&mut link);
        let mut facts = facts();
        facts.add_link(Arc::new(link));
        facts
    };
    let late = |days: i64| {
        let mut late = sale("clk_1", "u", 4900);
        late.report.occurred_at = START + days * DAY;
        late
    };
    let one_time = |link: &mut Link| {
        let reward = Reward::new(Amount::Flat(500), Interval::OneTime).unwrap();
        let id = "rwd_2".into();
        link.group_sale_reward = Some(VersionedReward { id, reward });
    };
    let mut euro = sale("clk_1", "u", 4900);
    euro.currency = Currency::EUR;
    let mut odd = sale("clk_1", "u", 4900);
    odd.currency = "ues".parse().unwrap();
    let mut points = sale("clk_1", "u", 4900);
    points.currency = "pts".parse().unwrap();
    let mut no_click = sale("clk_1", "u", 4900);
    no_click.report.click = None;
    let mut twice = with_link(one_time);
    assert_eq!(
        decide_sale(&mut twice, &sale("clk_1", "u", 100)),
        (Reason::Earned, 500)
    );
    let mut gone = facts();
    gone.add_click(Click {
        link_id: None,
        ..click("clk_gone", START)
    });
    let unknown = sale("clk_x", "u", 4900);

    for (name, facts, sale, want) in [
        (
            "a share",
            &mut facts(),
            &sale("clk_1", "u", 4900),
            (Reason::Earned, 490),
        ),
        (
            "zero",
            &mut facts(),
            &sale("clk_1", "u", 0),
            (Reason::ZeroAmount, 0),
        ),
        (
            "four cents",
            &mut facts(),
            &sale("clk_1", "u", 4),
            (Reason::RoundsToNothing, 0),
        ),
        (
            "half a cent up",
            &mut facts(),
            &sale("clk_1", "u", 5),
            (Reason::Earned, 1),
        ),
        ("unknown", &mut facts(), &unknown, (Reason::UnknownClick, 0)),
        (
            "unknown, known customer",
            &mut known(),
            &unknown,
            (Reason::Earned, 490),
        ),
        ("no click", &mut facts(), &no_click, (Reason::NoClick, 0)),
        (
            "no click, known customer",
            &mut known(),
            &no_click,
            (Reason::Earned, 490),
        ),
        (
            "no link",
            &mut gone,
            &self::sale("clk_gone", "u", 1),
            (Reason::NoLink, 0),
        ),
        (
            "the 89th day",
            &mut facts(),
            &late(89),
            (Reason::Earned, 490),
        ),
        (
            "the 90th day",
            &mut facts(),
            &late(90),
            (Reason::ClickExpired, 0),
        ),
        (
            "known on the 90th",
            &mut known(),
            &late(90),
            (Reason::Earned, 490),
        ),
        (
            "a year later",
            &mut known(),
            &late(366),
            (Reason::PastDuration, 0),
        ),
        (
            "a day before",
            &mut facts(),
            &late(-1),
            (Reason::BeforeClick, 0),
        ),
        (
            "once only",
            &mut twice,
            &self::sale("clk_1", "u", 100),
            (Reason::OnlyOnce, 0),
        ),
        (
            "another's once",
            &mut with_link(one_time),
            &self::sale("clk_1", "v", 100),
            (Reason::Earned, 500),
        ),
        (
            "flat, euro",
            &mut with_link(one_time),
            &euro,
            (Reason::OtherCurrency, 0),
        ),
        ("share, euro", &mut facts(), &euro, (Reason::Earned, 490)),
        (
            "no currency",
            &mut facts(),
            &odd,
            (Reason::UnknownCurrency, 0),
        ),
        (
            "the program's own",
            &mut facts(),
            &points,
            (Reason::Earned, 490),
        ),
        (
            "no reward",
            &mut with_link(|link| link.program_sale_reward = None),
            &self::sale("clk_1", "u", 100),
            (Reason::NoReward, 0),
        ),
    ] {
        assert_eq!(decide_sale(facts, sale), want, "{name}");
    }
}

#[test]
fn the_letter_of_the_documents_is_a_policy() {
    for (click_id, want) in [
        (Some("clk_x"), Reason::UnknownClick),
        (None, Reason::NoClick),
    ] {
        let mut facts = facts();
        decide_sale(&mut facts, &sale("clk_1", "u", 100));
        let mut strict = sale("clk_1", "u", 100);
        strict.report.policy = STRICT;
        strict.report.click = click_id.map(|id| ClaimedClick {
            id: id.into(),
            standing: None,
        });
        assert_eq!(decide_sale(&mut facts, &strict).0, want);
    }
}

#[test]
fn a_clock_that_is_a_little_behind_costs_no_sale() {
    for (early, want) in [
        (CLOCK_SKEW_MS, Reason::Earned),
        (CLOCK_SKEW_MS + 1, Reason::BeforeClick),
    ] {
        let mut sale = sale("clk_1", "u", 100);
        sale.report.occurred_at = START - early;
        assert_eq!(decide_sale(&mut facts(), &sale).0, want);
    }
}

#[test]
fn a_repeat_gives_the_first_answer_and_notes_another_amount() {
    let mut facts = facts();
    let first = invoiced("u", "1", 4900);
    decide_sale(&mut facts, &first);
    let mut again = invoiced("u", "1", 100);
    again.report.click = None;
    let (plan, outcome) = decide(&mut facts, &Event::Sale(again));
    let Outcome::Recorded(recorded) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(recorded.id, first.report.ids.event);
    assert!(plan.event.is_none() && plan.commission.is_none() && plan.refusal.is_none());
    assert_eq!(plan.other_amount.unwrap().amount, 100);

    let spelled = invoiced(" u ", "1", 4900);
    assert_eq!(
        decide_sale(&mut facts, &spelled),
        (Reason::Earned, 0),
        "the same customer"
    );
    let other = invoiced("v", "1", 4900);
    assert_eq!(decide_sale(&mut facts, &other), (Reason::Conflict, 0));
}

#[test]
fn a_standing_click_makes_its_row_once() {
    let mut facts = facts();
    let mut standing = sale("clk_new", "u", 100);
    standing.report.click.as_mut().unwrap().standing = Some(Standing {
        link_number: 7,
        clicked_at: START,
    });
    let (plan, _) = decide(&mut facts, &Event::Sale(standing.clone()));
    let made = plan.click.unwrap();
    assert_eq!((made.id.as_str(), made.created_at), ("clk_new", START));
    standing.report = Report {
        ids: FreshIds::new(Kind::Sale),
        customer: Customer {
            external_id: Some("v".into()),
            ..Customer::default()
        },
        ..standing.report
    };
    let (plan, _) = decide(&mut facts, &Event::Sale(standing.clone()));
    assert!(plan.click.is_none() && plan.commission.is_some());
    standing.report.click.as_mut().unwrap().id = "clk_other".into();
    standing
        .report
        .click
        .as_mut()
        .unwrap()
        .standing
        .as_mut()
        .unwrap()
        .link_number = 8;
    standing.report.customer.external_id = Some("w".into());
    assert_eq!(decide_sale(&mut facts, &standing).0, Reason::NoLink);
}

#[test]
fn a_partner_who_buys_is_flagged_and_paid() {
    let mut own = sale("clk_1", "ada", 4900);
    own.report.customer.email = Some(" ADA@example.com".into());
    let (plan, _) = decide(&mut facts(), &Event::Sale(own));
    assert!(plan.event.unwrap().self_referral);
    assert_eq!(plan.commission.unwrap().amount, 490);
}

fn lead(click_id: &str, key: &str, email: Option<&str>) -> Event {
    let mut report = report(Kind::Lead, Some(click_id), None);
    report.key = Some(format!("ext:{key}"));
    report.customer.email = email.map(str::to_owned);
    Event::Lead(Lead { report })
}

/// Who a lead or sale was recorded for.
fn customer_of(facts: &mut Facts, event: &Event) -> String {
    match decide(facts, event).1 {
        Outcome::Recorded(recorded) => recorded.customer_id.clone(),
        Outcome::Refused(reason) => panic!("{reason:?}"),
    }
}

#[test]
fn people_who_share_a_click_stay_apart() {
    let mut facts = facts();
    let people: Vec<String> = ["1", "2", "3"]
        .map(|key| customer_of(&mut facts, &lead("clk_1", key, None)))
        .into();
    assert!(people[0] != people[1] && people[1] != people[2] && people[0] != people[2]);
    let buyer = customer_of(&mut facts, &Event::Sale(sale("clk_1", "u", 100)));
    assert!(
        !people.contains(&buyer),
        "nobody knows which of the three it is"
    );
}

#[test]
fn a_sale_joins_the_one_lead_that_it_can_mean() {
    let mut alone = facts();
    let person = customer_of(&mut alone, &lead("clk_1", "1", None));
    let sold = |customer: &str| Event::Sale(sale("clk_1", customer, 100));
    assert_eq!(customer_of(&mut alone, &sold("u")), person);
    assert_ne!(customer_of(&mut alone, &sold("v")), person, "at most once");

    let mut by_mail = facts();
    let first = customer_of(&mut by_mail, &lead("clk_1", "1", Some("a@x.example")));
    let second = customer_of(&mut by_mail, &lead("clk_1", "2", Some("b@x.example")));
    assert_ne!(first, second);
    let mut sale = sale("clk_1", "u", 100);
    sale.report.customer.email = Some("B@x.example".into());
    assert_eq!(customer_of(&mut by_mail, &Event::Sale(sale)), second);
}

#[test]
fn months_go_by_when_it_happened_not_when_it_was_told() {
    let mut facts = facts();
    decide_sale(&mut facts, &sale("clk_1", "u", 4900));
    let mut renewal = sale("clk_1", "u", 4900);
    renewal.report.occurred_at = START + 300 * DAY;
    renewal.report.received_at = START + 500 * DAY;
    let (plan, _) = decide(&mut facts, &Event::Sale(renewal));
    let commission = plan.commission.expect("within its months when it happened");
    assert_eq!(commission.payable_at, START + 330 * DAY);
}

proptest! {
    /// Whatever comes in whatever order: an invoice counts once, a refused report writes nothing but
    /// its reason, and a commission is never more than the sale.
    #[test]
    fn any_order_counts_each_invoice_once(
        reports in prop::collection::vec((0..3_usize, 0..4_usize, 0..10_000_i64, 0..3_usize), 1..40)
    ) {
        let mut facts = facts();
        let mut counted = std::collections::HashMap::new();
        for (customer, invoice, amount, click) in reports {
            let mut sale = invoiced(["u", "v", "w"][customer], &invoice.to_string(), amount);
            sale.report.click.as_mut().unwrap().id = ["clk_1", "clk_x", " "][click].into();
            let event = Event::Sale(sale);
            let (plan, outcome) = decide(&mut facts, &event);
            match outcome {
                Outcome::Refused(_) => {
                    prop_assert!(plan.event.is_none() && plan.commission.is_none());
                    prop_assert!(plan.new_customer.is_none() && plan.customer_change.is_none());
                    prop_assert!(plan.refusal.is_some());
                }
                Outcome::Recorded(recorded) => {
                    if amount > 0 {
                        let first = counted.entry(invoice).or_insert_with(|| recorded.id.clone());
                        prop_assert_eq!(first, &recorded.id);
                    }
                    prop_assert!(plan.refusal.is_none());
                    if let Some(commission) = plan.commission {
                        prop_assert!(commission.amount <= amount);
                        prop_assert_eq!(&commission.event_id, &recorded.id);
                    }
                }
            }
        }
    }

    /// Two events decided in one batch are what they are in two.
    #[test]
    fn a_customer_has_one_row_whatever_is_told_of_them(
        names in prop::collection::vec((any::<bool>(), any::<bool>()), 1..20)
    ) {
        let mut facts = facts();
        let mut ids = std::collections::HashSet::new();
        let mut versions = Vec::new();
        for (has_email, has_blanks) in names {
            let mut sale = sale("clk_1", if has_blanks { " u" } else { "u" }, 100);
            sale.report.customer.email = has_email.then(|| "c@example.com".to_owned());
            let (plan, _) = decide(&mut facts, &Event::Sale(sale));
            ids.extend(plan.event.map(|event| event.customer_id.clone()));
            versions.extend(plan.customer_change.map(|change| change.version));
        }
        prop_assert_eq!(ids.len(), 1);
        prop_assert!(versions.is_sorted() && versions.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
