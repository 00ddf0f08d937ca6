use std::net::TcpListener;

use actix_web::{
    App, HttpServer,
    dev::ServiceRequest,
    web::{self, Html},
};
use refport_actix::{
    Capture, CaptureMiddleware, ClickId, ClickIdExt, ClickIdMiddleware, Consent, CookieName,
};
use refport_tests::capturing::{
    AGREE_PATH, FORMER_DOMAIN, PREFIXED, SCRIPTED_PATH, Sites, TWINS_DOMAIN, capture_in_a_browser,
    page, scripted_page,
};

use crate::tls;

#[tokio::test]
async fn capture_middleware_in_a_browser() {
    let twins = Capture::new()
        .domain(TWINS_DOMAIN)
        .and_then(|rules| rules.former_domain(FORMER_DOMAIN))
        .unwrap();
    let sites = Sites {
        plain: serve(Site::default(), false),
        https: serve(Site::default(), true),
        http_only: serve(Site::from(Capture::new().http_only(true).unwrap()), false),
        clean_url: serve(Site::from(Capture::new().clean_url(true)), false),
        nested: serve(Site::from(Capture::new().clean_url(true)).nested(), false),
        consent: serve(
            Site::from(Capture::new().agree_at(AGREE_PATH)).gated(),
            false,
        ),
        twins: serve(Site::from(twins).gated(), false),
        prefixed: PREFIXED.map(|name| serve(Site::named(name), true)).into(),
    };
    capture_in_a_browser(&sites).await.unwrap();
}

#[derive(Clone, Default)]
struct Site {
    capture: CaptureMiddleware,
    reading: ClickIdMiddleware,
    nested: bool,
}

impl From<Capture> for Site {
    fn from(rules: Capture) -> Self {
        Self {
            capture: rules.into(),
            ..Self::default()
        }
    }
}

impl Site {
    fn named(name: &str) -> Self {
        let name = CookieName::new(name).unwrap().for_default_program();
        Self {
            reading: ClickIdMiddleware::new().cookie_name(name.clone()),
            ..Capture::new().cookie_name(name).unwrap().into()
        }
    }

    fn gated(self) -> Self {
        let capture = self.capture.consent(choice);
        Self { capture, ..self }
    }

    fn nested(self) -> Self {
        Self {
            nested: true,
            ..self
        }
    }
}

fn choice(request: &ServiceRequest) -> Consent {
    match request.cookie_value("choice").as_deref() {
        Some("yes") => Consent::Granted,
        Some(_) => Consent::Denied,
        None => Consent::Unknown,
    }
}

async fn plain(click_id: Option<ClickId>) -> Html {
    Html::new(page(click_id.as_deref().map(AsRef::as_ref)))
}

async fn scripted(click_id: Option<ClickId>) -> Html {
    Html::new(scripted_page(click_id.as_deref().map(AsRef::as_ref)))
}

fn serve(site: Site, https: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || {
        let part = if site.nested { "/shop" } else { "" };
        App::new()
            .service(
                web::scope(part)
                    .wrap(site.capture.clone())
                    .wrap(site.reading.clone())
                    .route(SCRIPTED_PATH, web::get().to(scripted))
                    .default_service(web::to(plain)),
            )
            .default_service(web::to(plain))
    };
    let server = HttpServer::new(app).workers(1).disable_signals();
    let (server, scheme) = if https {
        (server.listen_rustls_0_23(listener, tls::config()), "https")
    } else {
        (server.listen(listener), "http")
    };
    tokio::spawn(server.unwrap().run());
    format!("{scheme}://{address}")
}
