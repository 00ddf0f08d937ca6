//! The shop's pages as HTML.

use askama::{Error, Template};

use crate::{Order, PRODUCTS, Product, SignUpForm, User};

/// The products. `referred` says that the visitor came by a partner's link.
///
/// # Errors
///
/// When the page cannot be written, as all pages here.
pub fn home(user: Option<&User>, referred: bool) -> Result<String, Error> {
    #[derive(Template)]
    #[template(path = "home.html")]
    struct Home<'a> {
        user: Option<&'a User>,
        referred: bool,
        products: &'a [Product],
    }

    Home {
        user,
        referred,
        products: &PRODUCTS,
    }
    .render()
}

/// The sign-up form, with what was filled in and what is wrong with it.
///
/// # Errors
///
/// As [`home`].
pub fn sign_up(
    user: Option<&User>,
    form: &SignUpForm,
    problem: Option<&str>,
) -> Result<String, Error> {
    #[derive(Template)]
    #[template(path = "sign-up.html")]
    struct SignUp<'a> {
        user: Option<&'a User>,
        form: &'a SignUpForm,
        problem: Option<&'a str>,
    }

    SignUp {
        user,
        form,
        problem,
    }
    .render()
}

/// An order that was placed.
///
/// # Errors
///
/// As [`home`].
pub fn order(user: &User, order: &Order) -> Result<String, Error> {
    #[derive(Template)]
    #[template(path = "order.html")]
    struct Page<'a> {
        user: Option<&'a User>,
        order: &'a Order,
    }

    Page {
        user: Some(user),
        order,
    }
    .render()
}

/// The partner portal in its frame.
///
/// # Errors
///
/// As [`home`].
pub fn partner(user: Option<&User>, portal_url: &str) -> Result<String, Error> {
    #[derive(Template)]
    #[template(path = "partner.html")]
    struct Partner<'a> {
        user: Option<&'a User>,
        portal_url: &'a str,
    }

    Partner { user, portal_url }.render()
}

/// A page that only says something.
#[must_use]
pub(crate) fn message(title: &str, text: &str) -> String {
    #[derive(Template)]
    #[template(path = "message.html")]
    struct Message<'a> {
        title: &'a str,
        text: &'a str,
    }

    let page = Message { title, text };
    page.render().unwrap_or_else(|_| format!("{title}. {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(name: &str) -> SignUpForm {
        let mut form = SignUpForm::default();
        form.name.push_str(name);
        form
    }

    #[test]
    fn every_product_has_its_button() {
        let page = home(None, false).unwrap();
        for product in PRODUCTS {
            assert!(page.contains(&format!("id=\"buy-{}\"", product.id)));
            assert!(page.contains(&product.price()));
        }
    }

    #[test]
    fn what_visitors_write_is_escaped() {
        let page = sign_up(None, &form("\"><script>"), Some("No.")).unwrap();
        assert!(!page.contains("\"><script>"), "{page}");
        assert!(page.contains("No."));
    }

    #[test]
    fn the_portal_is_framed_as_refport_says() {
        let page = partner(None, "http://127.0.0.1:4800/embed/referrals?token=pt_1").unwrap();
        for part in [
            "id=\"portal\"",
            "title=\"Refport Referral Portal\"",
            "allow=\"clipboard-write\"",
            "src=\"http://127.0.0.1:4800/embed/referrals?token=pt_1\"",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }
}
