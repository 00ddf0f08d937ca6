//! Who reads the cookie. Each looks up every `Cookie` field of a request, finds `refp_id`, checks
//! its value, and copies it into a [`ClickId`].

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    mem,
    sync::LazyLock,
};

use actix_web::HttpMessage;
use axum_extra::extract::CookieJar;
use biscotti::{Processor, ProcessorConfig, RequestCookies};
use cookie::Cookie;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, header::COOKIE};
use memchr::memchr;
use refport_core::ClickId;
use tower::{Service, service_fn};
use tower_cookies::{CookieManager, Cookies};

use super::cases::Case;

const NAME: &str = "refp_id";

pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) find: fn(&Case) -> Option<ClickId>,
}

/// What it costs, the bench itself costs.
pub(super) const NOTHING: &str = "nothing";
/// The two limits, which find nothing.
pub(super) const LOOKUP: &str = "lookup";
pub(super) const MEMCHR: &str = "lookup + memchr";
pub(super) const REFPORT: &str = "refport";
pub(super) const SPLIT_PARSE: &str = "split_parse";
pub(super) const SPLIT_PARSE_ENCODED: &str = "split_parse_encoded";
/// Who makes a map of all cookies.
pub(super) const JARS: [&str; 4] = ["biscotti", "actix-web", "tower-cookies", "axum-extra"];

pub(super) const ALL: [Contender; 10] = [
    Contender::new(NOTHING, |_| None),
    Contender::new(LOOKUP, lookup),
    Contender::new(MEMCHR, memchr_pass),
    Contender::new(REFPORT, |case| ClickId::from_headers(&case.headers)),
    Contender::new(SPLIT_PARSE, split_parse),
    Contender::new(SPLIT_PARSE_ENCODED, split_parse_encoded),
    Contender::new(JARS[0], biscotti),
    Contender::new(JARS[1], actix),
    Contender::new(JARS[2], tower_cookies),
    Contender::new(JARS[3], axum_extra),
];

impl Contender {
    const fn new(name: &'static str, find: fn(&Case) -> Option<ClickId>) -> Self {
        Self { name, find }
    }

    pub(super) fn reads(&self) -> bool {
        !matches!(self.name, NOTHING | LOOKUP | MEMCHR)
    }
}

fn fields(case: &Case) -> impl Iterator<Item = &[u8]> {
    case.headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
}

fn lookup(case: &Case) -> Option<ClickId> {
    for field in fields(case) {
        black_box(field);
    }
    None
}

fn memchr_pass(case: &Case) -> Option<ClickId> {
    const MISSING: u8 = 1;
    for field in fields(case) {
        black_box(memchr(MISSING, field));
    }
    None
}

fn split_parse(case: &Case) -> Option<ClickId> {
    fields(case)
        .filter_map(|field| str::from_utf8(field).ok())
        .flat_map(Cookie::split_parse)
        .flatten()
        .find(|cookie| cookie.name() == NAME)
        .and_then(|cookie| checked(cookie.value_trimmed()))
}

fn split_parse_encoded(case: &Case) -> Option<ClickId> {
    fields(case)
        .filter_map(|field| str::from_utf8(field).ok())
        .flat_map(Cookie::split_parse_encoded)
        .flatten()
        .find(|cookie| cookie.name() == NAME)
        .and_then(|cookie| checked(cookie.value_trimmed()))
}

fn biscotti(case: &Case) -> Option<ClickId> {
    static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| ProcessorConfig::default().into());
    let fields = fields(case).filter_map(|field| str::from_utf8(field).ok());
    let cookies = RequestCookies::parse_headers(fields, &PROCESSOR).ok()?;
    checked(cookies.get(NAME)?.value())
}

/// It keeps the cookies with the request, so they are taken away again.
fn actix(case: &Case) -> Option<ClickId> {
    let found = case.actix.cookie(NAME);
    case.actix.extensions_mut().clear();
    checked(found?.value())
}

/// With the request and the response that go through its service.
fn tower_cookies(case: &Case) -> Option<ClickId> {
    let mut request = Request::new(());
    *request.headers_mut() = case.lent.take();
    CookieManager::new(service_fn(|request| answer(case, request)))
        .call(request)
        .now_or_never()?
        .ok()?
        .into_body()
}

fn answer(
    case: &Case,
    mut request: Request<()>,
) -> Ready<Result<Response<Option<ClickId>>, Infallible>> {
    let cookies = request.extensions().get::<Cookies>();
    let found = cookies.and_then(|cookies| checked(cookies.get(NAME)?.value()));
    case.lent.set(mem::take(request.headers_mut()));
    ready(Ok(Response::new(found)))
}

fn axum_extra(case: &Case) -> Option<ClickId> {
    checked(CookieJar::from_headers(&case.headers).get(NAME)?.value())
}

fn checked(value: &str) -> Option<ClickId> {
    ClickId::from_bytes(value.as_bytes()).ok()
}
