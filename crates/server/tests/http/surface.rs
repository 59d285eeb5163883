//! What everybody sees: who may call what, headers, files, failures.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode, header};
use polevik_server::app::AppSettings;
use polevik_server::router::{Access, Connection, ROUTES, router};

use crate::support::{Answer, TestServer, device_id, logged};

fn headers(answer: &Answer) -> Vec<String> {
    let varying = ["x-request-id", "content-length", "etag", "date"];
    let mut lines: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !varying.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn without_a_good_token_every_route_of_devices_says_sign_in() {
    let server = TestServer::new();
    for route in ROUTES.iter().filter(|route| route.access == Access::Device) {
        for authorization in [None, Some("Bearer "), Some("Bearer 00"), Some("Basic cmVwMTpyZXAx"), Some("Bearer \u{7f}")] {
            let path = route.path.replace("{hash}", &"0".repeat(64)).replace("{id}", &"0".repeat(32));
            let mut request = Request::builder().method(route.method.clone()).uri(path);
            if let Some(value) = authorization {
                request = request.header(
                    header::AUTHORIZATION,
                    axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap_or(header::HeaderValue::from_static("x")),
                );
            }
            let answer = server.ask(request.body(Body::from("{}")).unwrap()).await;
            // An answer to HEAD has no body.
            let code = if route.method == Method::HEAD { "A201".to_owned() } else { answer.code() };
            assert_eq!((answer.status, code.as_str()), (StatusCode::UNAUTHORIZED, "A201"), "{} {authorization:?}", route.path);
        }
    }
}

#[tokio::test]
async fn every_route_takes_its_own_method_only() {
    let server = TestServer::new();
    for route in ROUTES {
        let path = route.path.replace("{hash}", &"0".repeat(64)).replace("{id}", &"0".repeat(32));
        let request = Request::builder().method(Method::PUT).uri(path).body(Body::empty()).unwrap();
        assert_eq!(server.ask(request).await.status, StatusCode::METHOD_NOT_ALLOWED, "{}", route.path);
    }
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_for_the_token() {
    let secret = "a-secret-of-metrics".to_owned();
    polevik_server::metrics::recorder();
    let server = TestServer::with_settings(AppSettings { metrics_token: Some(secret.clone()), ..AppSettings::default() });
    server.get("/v1/health", None).await;
    let ask = async |peer: &str, forwarded: Option<&str>, token: Option<&str>| {
        let mut request = Request::get("/metrics");
        if let Some(address) = forwarded {
            request = request.header("x-forwarded-for", address);
        }
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 5_000)));
        server.ask(request).await
    };
    assert_eq!(ask("10.1.2.3", None, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask("10.1.2.3", None, Some("a-secret-of-metricz")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask("127.0.0.1", Some("10.1.2.3"), None).await.status, StatusCode::NOT_FOUND, "a proxy on this machine is not this machine");
    assert_eq!(ask("10.1.2.3", None, Some(&secret)).await.status, StatusCode::OK);
    let local = ask("::ffff:127.0.0.1", None, None).await;
    assert_eq!(local.status, StatusCode::OK);
    let text = String::from_utf8(local.body).unwrap();
    assert!(text.contains("polevik_http_requests_total{route=\"/v1/health\",status=\"200\"}"), "{text}");
}

#[tokio::test]
async fn replies_to_devices_carry_few_headers_and_are_kept_by_nobody() {
    let server = TestServer::new();
    let expected = [
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "content-type: application/json",
        "cross-origin-resource-policy: same-origin",
        "x-content-type-options: nosniff",
    ];
    assert_eq!(headers(&server.get("/v1/health", None).await), expected);
    assert_eq!(headers(&server.get("/v1/nothing", None).await), expected);
    let answer = server.get("/v1/health", None).await;
    assert_eq!(answer.header("x-request-id").len(), 8);
}

fn dist() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    for (name, bytes) in [
        ("index.html", "<!doctype html>page"),
        ("index.html.br", "brotli page"),
        ("service_worker.js", "worker"),
        ("manifest.webmanifest", "{}"),
        ("assets/app.3fa9c1d2e0.css", "css"),
        ("assets/app.3fa9c1d2e0.css.gz", "gzip css"),
        ("assets/core.0123456789.wasm", "wasm"),
        (".secret", "secret"),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[tokio::test]
async fn files_of_the_mobile_module_are_served_as_they_should_be_kept() {
    let dist = dist();
    let server = TestServer::with_settings(AppSettings { assets: Some(dist.path().to_owned()), ..AppSettings::default() });
    let no_cache = "no-cache";
    let for_ever = "public, max-age=31536000, immutable";
    for (path, status, cache, content_type, body) in [
        ("/", 200, no_cache, "text/html; charset=utf-8", "<!doctype html>page"),
        ("/index.html", 200, no_cache, "text/html; charset=utf-8", "<!doctype html>page"),
        ("/outlets/12?tab=debts", 200, no_cache, "text/html; charset=utf-8", "<!doctype html>page"),
        ("/service_worker.js", 200, no_cache, "text/javascript; charset=utf-8", "worker"),
        ("/manifest.webmanifest", 200, no_cache, "application/manifest+json", "{}"),
        ("/assets/app.3fa9c1d2e0.css", 200, for_ever, "text/css; charset=utf-8", "css"),
        ("/assets/core.0123456789.wasm", 200, for_ever, "application/wasm", "wasm"),
        ("/assets/gone.css", 404, "no-store", "application/json", ""),
        ("/favicon.ico", 404, "no-store", "application/json", ""),
        ("/v1/nothing", 404, "no-store", "application/json", ""),
        ("/api", 404, "no-store", "application/json", ""),
        ("/.secret", 404, "no-store", "application/json", ""),
        ("/../central.db", 404, "no-store", "application/json", ""),
        ("/assets/../../central.db", 404, "no-store", "application/json", ""),
        ("/%2e%2e/central.db", 404, "no-store", "application/json", ""),
    ] {
        let answer = server.get(path, None).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (status, cache), "{path}");
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        if status == 200 {
            assert_eq!(String::from_utf8_lossy(&answer.body), body, "{path}");
        }
    }
    let post = Request::post("/").body(Body::empty()).unwrap();
    assert_eq!(server.ask(post).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn packed_forms_are_sent_to_who_accepts_them_and_known_files_are_not_sent_again() {
    let dist = dist();
    let server = TestServer::with_settings(AppSettings { assets: Some(dist.path().to_owned()), ..AppSettings::default() });
    let ask = async |path: &str, name: header::HeaderName, value: String| {
        server.ask(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await
    };
    for (path, accepted, encoding, body) in [
        ("/", "gzip, deflate, br", "br", "brotli page"),
        ("/", "gzip", "", "<!doctype html>page"),
        ("/route", "br", "br", "brotli page"),
        ("/assets/app.3fa9c1d2e0.css", "br, gzip", "gzip", "gzip css"),
        ("/assets/app.3fa9c1d2e0.css", "gzip;q=0", "", "css"),
    ] {
        let answer = ask(path, header::ACCEPT_ENCODING, accepted.to_owned()).await;
        assert_eq!(
            (answer.header("content-encoding"), String::from_utf8_lossy(&answer.body).as_ref()),
            (encoding, body),
            "{path} {accepted}"
        );
        assert_eq!(answer.header("vary"), "accept-encoding");
    }
    let etag = server.get("/", None).await.header("etag").to_owned();
    let known = ask("/", header::IF_NONE_MATCH, etag).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn the_page_may_run_its_own_code_only() {
    let dist = dist();
    let server = TestServer::with_settings(AppSettings { assets: Some(dist.path().to_owned()), ..AppSettings::default() });
    assert_eq!(
        headers(&server.get("/", None).await),
        [
            "cache-control: no-cache",
            "content-security-policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
             img-src 'self' data: blob:; frame-src blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; object-src 'none'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "content-type: text/html; charset=utf-8",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "permissions-policy: accelerometer=(), camera=(self), display-capture=(), geolocation=(self), gyroscope=(), magnetometer=(), \
             microphone=(), midi=(), payment=(), usb=()",
            "referrer-policy: no-referrer",
            "vary: accept-encoding",
            "x-content-type-options: nosniff",
        ]
    );
    let secure = router(&server.app, Connection::Tls);
    let response = tower::ServiceExt::oneshot(secure, Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()[header::STRICT_TRANSPORT_SECURITY], "max-age=31536000");
}

#[tokio::test]
async fn without_the_mobile_module_the_page_says_how_to_build_it() {
    let server = TestServer::new();
    let answer = server.get("/", None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8(answer.body).unwrap().contains("cargo xtask build-web"));
    assert_eq!(server.get("/assets/app.css", None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_reply_without_its_words() {
    let server = TestServer::new();
    let app = server.app.clone();
    let router = axum::Router::new()
        .route("/boom", axum::routing::get(async || -> &'static str { panic!("secret of the handler") }))
        .layer(axum::middleware::from_fn_with_state(app.clone(), polevik_server::observe::observe))
        .with_state(app);
    let response = tower::ServiceExt::oneshot(router, Request::get("/boom").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = String::from_utf8(axum::body::to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap();
    assert!(body.contains("\"S302\"") && body.contains(&id) && !body.contains("secret"), "{body}");
}

#[tokio::test]
async fn ready_is_who_can_write() {
    let server = TestServer::new();
    assert_eq!(server.get("/readyz", None).await.status, StatusCode::OK);
    assert_eq!(server.get("/healthz", None).await.status, StatusCode::OK);
    server
        .app
        .store
        .write(|tx| {
            tx.execute("DELETE FROM schema_migration WHERE version = (SELECT max(version) FROM schema_migration)", [])?;
            Ok::<_, polevik_server_store::StoreError>(())
        })
        .unwrap();
    assert_eq!(server.get("/readyz", None).await.code(), "S302");
}

#[tokio::test]
async fn replies_are_packed_for_who_accepts_it() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let request = Request::post("/v1/sync")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::ACCEPT_ENCODING, "gzip")
        .body(Body::from(r#"{"protocol":1,"schema":1,"want_download":true}"#))
        .unwrap();
    let answer = server.ask(request).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn no_secret_of_a_request_is_in_the_log_and_the_session_is() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.login("secret-name@demo.example", "secret-password", Some("secret-position"), device_id(9)).await;
    server.get("/secret-path?secret-query", None).await;
    server.get("/v1/segments/secret-segment", Some("secret-token")).await;
    server.upload(&token, &[serde_json::json!({"id": "secret-id", "kind": "secret-kind"})]).await;
    let request = |session: &str| {
        Request::post("/v1/sync")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("x-polevik-session", session)
            .header(header::USER_AGENT, "secret-agent")
            .body(Body::from(r#"{"protocol":1,"schema":1,"root":"secret-root","epoch":"secret-epoch"}"#))
            .unwrap()
    };
    server.ask(request("7F3K-22")).await;
    server.ask(request("secret-session")).await;

    let text = logged();
    assert!(!text.contains("secret") && !text.contains(&token) && !text.contains(crate::support::PASSWORD), "{text}");
    assert!(text.contains("7F3K-22") && text.contains(&device_id(1).to_string()) && text.contains("route=\"/v1/sync\""), "{text}");
    assert_eq!(text.lines().count(), 7, "one line for each request: {text}");
}
