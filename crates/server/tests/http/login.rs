//! Signing in and out.

use axum::http::StatusCode;
use polevik_server_store::people::{devices, users};

use crate::support::{PASSWORD, START, TestServer, device_id};

#[tokio::test]
async fn every_way_to_sign_in_has_its_answer() {
    let server = TestServer::new();
    for (email, password, position, status, found) in [
        ("rep1@demo.example", PASSWORD, None, 200, "signed_in"),
        (" REP1@Demo.Example ", PASSWORD, None, 200, "signed_in"),
        ("rep1@demo.example", PASSWORD, Some("R1"), 200, "signed_in"),
        ("rep1@demo.example", "wrong password", None, 401, "A201"),
        ("nobody-at-all@demo.example", PASSWORD, None, 401, "A201"),
        ("both@demo.example", PASSWORD, None, 200, "choose_position"),
        ("both@demo.example", PASSWORD, Some("R2"), 200, "signed_in"),
        ("rep1@demo.example", PASSWORD, Some("R2"), 403, "A203"),
        ("nobody@demo.example", PASSWORD, None, 403, "A203"),
    ] {
        let answer = server.login(email, password, position, device_id(1)).await;
        let json = answer.json();
        let word = json["next"].as_str().or(json["code"].as_str()).unwrap().to_owned();
        assert_eq!((answer.status.as_u16(), word.as_str()), (status, found), "{email} {position:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_bytes() {
    let server = TestServer::new();
    let wrong = server.login("rep1@demo.example", "wrong password", None, device_id(1)).await;
    let unknown = server.login("who@demo.example", "wrong password", None, device_id(1)).await;
    server
        .app
        .store
        .write(|tx| {
            tx.execute("UPDATE user_account SET active = 0 WHERE email = 'rep2@demo.example'", [])?;
            Ok::<_, polevik_server_store::StoreError>(())
        })
        .unwrap();
    let closed = server.login("rep2@demo.example", PASSWORD, None, device_id(1)).await;
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
    assert_eq!((wrong.status, &wrong.body), (closed.status, &closed.body));
}

#[tokio::test]
async fn an_unknown_user_takes_about_as_long_as_a_wrong_password() {
    let server = TestServer::new();
    polevik_server::login::password::warm_up();
    let mut took = [0.0_f64; 2];
    for round in 0..4_u8 {
        for (n, email) in [format!("rep{}@demo.example", round % 2 + 1), format!("who{round}@demo.example")].iter().enumerate() {
            let started = tokio::time::Instant::now();
            server.login(email, "wrong password", None, device_id(1)).await;
            took[n] += started.elapsed().as_secs_f64();
        }
    }
    let ratio = took[0] / took[1];
    assert!((0.4..2.5).contains(&ratio), "wrong password {:.3} s, unknown user {:.3} s", took[0], took[1]);
}

#[tokio::test]
async fn guessing_slows_down_but_not_for_the_device_that_knows_the_account() {
    let server = TestServer::new();
    server.signed_in("rep1@demo.example", device_id(1)).await;
    for _ in 0..5 {
        assert_eq!(server.login("rep1@demo.example", "guess-guess", None, device_id(9)).await.code(), "A201");
    }
    let slowed = server.login("rep1@demo.example", PASSWORD, None, device_id(9)).await;
    assert_eq!((slowed.status, slowed.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "S303"));
    assert_eq!(slowed.header("retry-after"), "1");
    assert_eq!(slowed.json()["retry_after_s"], 1);
    assert_eq!(server.login("rep1@demo.example", PASSWORD, None, device_id(1)).await.status, StatusCode::OK);
    server.pass(1_000);
    assert_eq!(server.login("rep1@demo.example", PASSWORD, None, device_id(9)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_blocked_device_is_told_so_everywhere_and_may_come_back() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let store = &server.app.store;
    assert!(store.write(|tx| devices::block(tx, "D1", device_id(1), "потерян", START)).unwrap());
    for answer in [
        server.upload(&signed.token, &[]).await,
        server.post("/v1/logout", Some(&signed.token), "").await,
        server.login("rep1@demo.example", PASSWORD, None, device_id(1)).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "A202"));
    }
    // Who does not know the password does not learn that the device is blocked.
    assert_eq!(server.login("rep1@demo.example", "wrong password", None, device_id(1)).await.code(), "A201");
    assert!(store.write(|tx| devices::unblock(tx, "D1", device_id(1))).unwrap());
    assert_eq!(server.upload(&signed.token, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_ends_by_logout_newer_login_new_password_lost_position_and_time() {
    let server = TestServer::new();
    let status = async |token: &str| {
        let answer = server.upload(token, &[]).await;
        if answer.status == StatusCode::OK { "good".to_owned() } else { answer.code() }
    };
    let first = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    assert_eq!(status(&first).await, "good");
    assert_eq!(server.post("/v1/logout", Some(&first), "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(status(&first).await, "A201");

    let second = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let third = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let elsewhere = server.signed_in("rep1@demo.example", device_id(2)).await.token;
    assert_eq!(
        (status(&second).await.as_str(), status(&third).await.as_str(), status(&elsewhere).await.as_str()),
        ("A201", "good", "good")
    );

    let user = server.company.user;
    server.app.store.write(|tx| users::set_password(tx, "D1", user, "x", START)).unwrap();
    assert_eq!((status(&third).await.as_str(), status(&elsewhere).await.as_str()), ("A201", "A201"));

    let fourth = server.signed_in("rep2@demo.example", device_id(3)).await;
    let person = server.app.store.read(|tx| users::by_login(tx, "rep2@demo.example")).unwrap().unwrap().id;
    let position = server.company.other_position;
    server.app.store.write(|tx| users::withdraw_position(tx, "D1", person, position, START)).unwrap();
    assert_eq!(status(&fourth.token).await, "A203");

    let day = 86_400_000;
    let fifth = match server.login("both@demo.example", PASSWORD, Some("R1"), device_id(4)).await.json()["token"].as_str() {
        Some(token) => token.to_owned(),
        None => panic!("not signed in"),
    };
    for _ in 0..3 {
        server.pass(29 * day);
        assert_eq!(status(&fifth).await, "good");
    }
    server.pass(4 * day);
    assert_eq!(status(&fifth).await, "A201", "older than 90 days");
}

#[tokio::test]
async fn a_device_keeps_its_prefix_and_every_device_has_its_own() {
    let server = TestServer::new();
    let first = server.signed_in("rep1@demo.example", device_id(1)).await;
    let second = server.signed_in("rep1@demo.example", device_id(2)).await;
    let again = server.signed_in("rep2@demo.example", device_id(1)).await;
    let other_part = server.signed_in("rep1@other.example", device_id(3)).await;
    assert_eq!((first.number_prefix.as_str(), second.number_prefix.as_str()), ("А000", "А001"));
    assert_eq!(again.number_prefix, "А000", "the prefix is the device's, whoever signs in");
    assert_eq!(other_part.number_prefix, "А000", "each part counts for itself");
    assert_eq!(first.position.territory, "Север");
    assert_eq!(first.position.distributor, "Дистрибьютор 1");
}

#[tokio::test]
async fn the_token_and_the_password_are_nowhere_in_the_database() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.app.store.checkpoint().unwrap();
    let bytes = std::fs::read(server.path().join("central.db")).unwrap();
    for secret in [token.as_bytes(), PASSWORD.as_bytes(), hex::decode(&token).unwrap().as_slice()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}
