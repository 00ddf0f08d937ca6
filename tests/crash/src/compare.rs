//! What was sold, held against what the server counted.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use crate::{
    api::{Commission, Sale},
    database::{Order, States},
    visitors::Judged,
};

/// What the shop has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sold {
    /// Every order that its database holds.
    pub(crate) orders: Vec<Order>,
    /// The orders whose commit it was told of.
    pub(crate) committed: BTreeSet<String>,
    pub(crate) outbox: States,
}

/// What the server has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) commissions: Vec<Commission>,
    /// By customer: those of all orders that the shop ever began. One who is not there has none.
    pub(crate) sales: BTreeMap<String, Vec<Sale>>,
    /// The partner's number of sales, whoever the customer is.
    pub(crate) partners_sales: u64,
}

/// What came out of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    orders: usize,
    sales: usize,
    commissions: usize,
    clicks: usize,
    /// Orders without a sale or without a commission, and clicks that are good for no sale.
    lost: BTreeSet<String>,
    /// Orders with more than one sale or more than one commission, and clicks counted twice.
    double: BTreeSet<String>,
    /// What else is not as it should be, in words.
    wrong: Vec<String>,
}

/// Every committed order must have exactly one sale and one commission, and nothing else may be
/// there.
pub(crate) fn compare(sold: &Sold, counted: &Counted) -> Verdict {
    let mut verdict = Verdict {
        orders: sold.orders.len(),
        sales: counted.sales.values().map(Vec::len).sum(),
        commissions: counted.commissions.len(),
        ..Verdict::default()
    };
    let mut commissions: HashMap<&str, Vec<&Commission>> = HashMap::new();
    for commission in &counted.commissions {
        match &commission.invoice_id {
            Some(invoice) => commissions.entry(invoice).or_default().push(commission),
            None => verdict.wrong(format!("commission {} of no invoice", commission.id)),
        }
    }
    let mut customers: BTreeSet<&str> = counted.sales.keys().map(String::as_str).collect();
    for order in &sold.orders {
        let commissions = commissions.remove(order.id.as_str()).unwrap_or_default();
        customers.remove(order.customer.as_str());
        let sales = counted.sales.get(&order.customer);
        verdict.judge(order, &commissions, sales.map_or(&[], Vec::as_slice));
    }
    // What is left belongs to no order.
    for invoice in commissions.keys() {
        verdict.wrong(format!("a commission for {invoice}, which is no order"));
    }
    for customer in customers {
        verdict.wrong(format!("{customer} has a sale, and no order"));
    }
    verdict.judge_totals(sold, counted);
    verdict
}

impl Verdict {
    fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    fn judge(&mut self, order: &Order, commissions: &[&Commission], sales: &[Sale]) {
        if commissions.is_empty() || sales.is_empty() {
            self.lost.insert(order.id.clone());
        }
        if commissions.len() > 1 || sales.len() > 1 {
            self.double.insert(order.id.clone());
        }
        let ([commission], [sale]) = (commissions, sales) else {
            return;
        };
        let found = (sale.id.as_str(), sale.amount, commission.amount);
        let due = (
            commission.event_id.as_str(),
            order.amount,
            order.amount / 10,
        );
        let customer = commission.customer_external_id.as_deref();
        if found != due || customer != Some(&order.customer) {
            self.wrong(format!(
                "{order:?} was counted as {sale:?} and {commission:?}"
            ));
        }
    }

    fn judge_totals(&mut self, sold: &Sold, counted: &Counted) {
        let Self { orders, sales, .. } = *self;
        if counted.partners_sales != sales as u64 {
            let there = counted.partners_sales;
            self.wrong(format!("the partner has {there} sales, found are {sales}"));
        }
        let all_delivered = States {
            open: 0,
            delivered: orders as u64,
            dead: 0,
        };
        if sold.outbox != all_delivered {
            let there = sold.outbox;
            self.wrong(format!("the outbox of {orders} orders holds {there:?}"));
        }
        let there: BTreeSet<&String> = sold.orders.iter().map(|order| &order.id).collect();
        for id in &sold.committed {
            if !there.contains(id) {
                self.wrong(format!("{id} was committed and is gone from the database"));
            }
        }
        if orders == 0 {
            self.wrong("there was no order at all".to_owned());
        }
    }

    /// Adds what became of the clicks that were handed out.
    pub(crate) fn add_clicks(&mut self, clicks: Judged) {
        self.clicks = clicks.handed_out;
        let lost = clicks.lost.into_iter();
        self.lost
            .extend(lost.map(|id| format!("the sale of click {id}")));
        self.double
            .extend((0..clicks.double).map(|number| format!("click {number} by day")));
        self.wrong.extend(clicks.wrong);
    }

    pub(crate) fn add_wrong(&mut self, what: impl IntoIterator<Item = String>) {
        self.wrong.extend(what);
    }

    pub(crate) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.double.is_empty() && self.wrong.is_empty()
    }

    /// A line for each order, or thing, that is not as it should be.
    pub(crate) fn complaints(&self) -> impl Iterator<Item = String> {
        let lost = self.lost.iter().map(|id| format!("lost: {id}"));
        let double = self.double.iter().map(|id| format!("double: {id}"));
        let wrong = self.wrong.iter().map(|what| format!("wrong: {what}"));
        lost.chain(double).chain(wrong)
    }

    pub(crate) const fn sales(&self) -> usize {
        self.sales
    }
}

/// The end of a run's last line.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "orders={} sales={} commissions={} clicks={} lost={} double={}",
            self.orders,
            self.sales,
            self.commissions,
            self.clicks,
            self.lost.len(),
            self.double.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(number: i64) -> Sale {
        Sale {
            id: format!("sale_{number}"),
            amount: 100 * number,
        }
    }

    fn commission(number: i64) -> Commission {
        Commission {
            id: format!("com_{number}"),
            event_id: format!("sale_{number}"),
            invoice_id: Some(format!("inv_{number}")),
            customer_external_id: Some(format!("user_{number}")),
            amount: 10 * number,
        }
    }

    /// Three orders, each counted as it should be.
    fn good() -> (Sold, Counted) {
        let orders: Vec<Order> = (1..=3)
            .map(|number| Order {
                id: format!("inv_{number}"),
                customer: format!("user_{number}"),
                amount: 100 * number,
            })
            .collect();
        let sold = Sold {
            committed: orders.iter().map(|order| order.id.clone()).collect(),
            orders,
            outbox: States {
                delivered: 3,
                ..States::default()
            },
        };
        let sales = (1..=3).map(|number| (format!("user_{number}"), vec![sale(number)]));
        let counted = Counted {
            commissions: (1..=3).map(commission).collect(),
            sales: sales.collect(),
            partners_sales: 3,
        };
        (sold, counted)
    }

    /// The last line and the complaints after a change to a good end.
    fn after(change: impl FnOnce(&mut Sold, &mut Counted)) -> (String, Vec<String>) {
        let (mut sold, mut counted) = good();
        change(&mut sold, &mut counted);
        let verdict = compare(&sold, &counted);
        assert!(!verdict.is_good(), "{verdict}");
        (verdict.to_string(), verdict.complaints().collect())
    }

    #[test]
    fn each_order_counted_once_is_good() {
        let (sold, counted) = good();
        let verdict = compare(&sold, &counted);
        assert!(verdict.is_good(), "{verdict:?}");
        assert_eq!(
            verdict.to_string(),
            "orders=3 sales=3 commissions=3 clicks=0 lost=0 double=0"
        );
    }

    #[test]
    fn a_lost_sale_is_named() {
        let (line, complaints) = after(|_, counted| {
            counted.sales.remove("user_2");
            counted.commissions.remove(1);
            counted.partners_sales = 2;
        });
        assert_eq!(
            line,
            "orders=3 sales=2 commissions=2 clicks=0 lost=1 double=0"
        );
        assert_eq!(complaints, ["lost: inv_2"]);
    }

    #[test]
    fn a_sale_without_its_commission_is_lost() {
        let (line, complaints) = after(|_, counted| drop(counted.commissions.remove(0)));
        assert_eq!(
            line,
            "orders=3 sales=3 commissions=2 clicks=0 lost=1 double=0"
        );
        assert_eq!(complaints, ["lost: inv_1"]);
    }

    #[test]
    fn a_doubled_sale_is_named_with_and_without_a_commission_of_its_own() {
        let (line, complaints) = after(|_, counted| {
            counted.sales.get_mut("user_3").unwrap().push(sale(4));
            counted.commissions.push(Commission {
                invoice_id: Some("inv_3".to_owned()),
                ..commission(4)
            });
            counted.partners_sales = 4;
        });
        assert_eq!(
            line,
            "orders=3 sales=4 commissions=4 clicks=0 lost=0 double=1"
        );
        assert_eq!(complaints, ["double: inv_3"]);

        let (line, complaints) = after(|_, counted| {
            counted.sales.get_mut("user_3").unwrap().push(sale(4));
            counted.partners_sales = 4;
        });
        assert_eq!(
            line,
            "orders=3 sales=4 commissions=3 clicks=0 lost=0 double=1"
        );
        assert_eq!(complaints, ["double: inv_3"]);
    }

    #[test]
    fn one_lost_and_one_double_do_not_make_up_for_each_other() {
        let (line, complaints) = after(|_, counted| {
            counted.sales.remove("user_1");
            counted.sales.get_mut("user_2").unwrap().push(sale(1));
            counted.commissions[0] = Commission {
                id: "com_4".to_owned(),
                ..commission(2)
            };
        });
        assert_eq!(
            line,
            "orders=3 sales=3 commissions=3 clicks=0 lost=1 double=1"
        );
        assert_eq!(complaints, ["lost: inv_1", "double: inv_2"]);
    }

    #[test]
    fn a_sale_of_an_order_that_was_rolled_back_is_wrong() {
        let (_, complaints) = after(|sold, _| {
            sold.orders.remove(0);
            sold.committed.remove("inv_1");
            sold.outbox.delivered = 2;
        });
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("inv_1"), "{complaints:?}");
        assert!(complaints[1].contains("user_1"), "{complaints:?}");
    }

    #[test]
    fn what_is_not_delivered_dead_or_forgotten_is_wrong() {
        for (outbox, want) in [
            ((1, 2, 0), "open: 1"),
            ((0, 2, 1), "dead: 1"),
            ((0, 2, 0), "delivered: 2"),
        ] {
            let (open, delivered, dead) = outbox;
            let (_, complaints) = after(|sold, _| {
                sold.outbox = States {
                    open,
                    delivered,
                    dead,
                };
            });
            assert!(complaints[0].contains(want), "{complaints:?}");
        }
        let (_, complaints) = after(|sold, _| sold.committed.extend(["inv_9".to_owned()]));
        assert!(complaints[0].contains("inv_9"), "{complaints:?}");
    }

    #[test]
    fn amounts_customers_and_totals_are_compared() {
        for change in [
            (|counted| counted.commissions[0].amount += 1) as fn(&mut Counted),
            |counted| counted.sales.get_mut("user_1").unwrap()[0].amount += 1,
            |counted| counted.commissions[0].customer_external_id = None,
            |counted| counted.commissions[0].event_id.push('x'),
            |counted| counted.partners_sales += 1,
            |counted| {
                counted.commissions.push(Commission {
                    invoice_id: None,
                    ..commission(4)
                });
            },
        ] {
            let (_, complaints) = after(|_, counted| change(counted));
            assert_eq!(complaints.len(), 1, "{complaints:?}");
        }
        let verdict = compare(&Sold::default(), &Counted::default());
        assert!(!verdict.is_good(), "a run without an order shows nothing");
    }
}
