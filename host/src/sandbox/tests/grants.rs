//! What a guest may ask for and say, and what not (reliability W2).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::{LoadError, Sandbox, engine};
use super::{hostile_with, services, tight};
use crate::hooks::ClientMessage;
use crate::testing::FakePlatform;
use crate::trace::{self, TraceId};

#[tokio::test]
async fn the_guest_gets_the_requests_trace_id() {
    let fixture = hostile_with(tight());
    let id = TraceId::random();
    assert_eq!(
        trace::scope(id, fixture.says("trace")).await,
        id.to_string()
    );
}

#[tokio::test]
async fn grants_refuse_what_is_too_long_or_goes_to_everybody() {
    let fixture = hostile_with(tight());
    let long_key = "k".repeat(51);
    for (order, field) in [
        (format!("kv get {long_key}"), "key"),
        (format!("kv set {long_key} v"), "key"),
        ("kv big k 65537".to_owned(), "value"),
        ("kv list k 1001".to_owned(), "limit"),
        (format!("user {}", "u".repeat(65)), "id"),
        ("publish Not-A-Name".to_owned(), "name"),
    ] {
        let answer = fixture.says(&order).await;
        assert!(
            answer.contains("Invalid") && answer.contains(field),
            "{order}: {answer}"
        );
    }
    assert_eq!(fixture.says("kv big k 65536").await, "true");
    assert_eq!(fixture.says("random 1024").await, "1024");
    assert!(fixture.order("random 1025").await.is_err());
}

#[tokio::test]
async fn methods_that_are_not_granted_are_denied() {
    let fixture = hostile_with(tight());
    for path in [
        "/parley.media.v1.Node/Drain",
        "/parley.media.v1.Events/Watch",
        "http://x/y",
    ] {
        let answer = fixture.says(&format!("grpc {path}")).await;
        assert!(answer.starts_with("7 "), "{path}: {answer}");
    }
    let granted = fixture
        .says("grpc /parley.media.v1.Rooms/ListRooms 50")
        .await;
    assert!(
        granted.starts_with("4 "),
        "no sidecar within the deadline: {granted}"
    );
}

#[test]
fn what_is_not_granted_is_refused_when_loaded() {
    for import in [
        "wasi:filesystem/preopens@0.2.0",
        "wasi:sockets/network@0.2.0",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:clocks/wall-clock@0.2.0",
        "wasi:random/random@0.2.0",
        "parley:plugin/admin@1.0.0",
    ] {
        let wat = format!(
            r#"(component (import "{import}" (instance (export "f" (func (result u32))))))"#
        );
        let platform = Arc::new(FakePlatform::default());
        let outcome = Sandbox::new(wat.as_bytes(), services(&platform), tight());
        let Err(LoadError::Link(reason)) = outcome.map(|_| ()) else {
            panic!("{import} loaded")
        };
        assert!(format!("{reason:#}").contains(import), "{reason:#}");
    }
}

#[test]
fn the_guest_imports_what_is_listed_and_nothing_else() {
    let granted = BTreeMap::from([
        ("parley:plugin", "clock grpc kv log platform random types"),
        (
            "wasi:cli",
            "environment exit stderr stdin stdout terminal-input terminal-output \
             terminal-stderr terminal-stdin terminal-stdout",
        ),
        ("wasi:io", "error poll streams"),
        ("wasi:random", "insecure-seed"),
    ]);
    for component in [parley_component::COMPONENT, parley_hostile::COMPONENT] {
        let engine = engine::build(&tight()).unwrap();
        let component = wasmtime::component::Component::new(&engine, component).unwrap();
        for (name, _) in component.component_type().imports(&engine) {
            let path = name.split('@').next().unwrap();
            let (package, interface) = path.split_once('/').unwrap();
            let interfaces = granted.get(package).copied().unwrap_or_default();
            assert!(
                interfaces.split_whitespace().any(|i| i == interface),
                "import {name}"
            );
        }
    }
}

#[tokio::test]
async fn panic_text_and_trace_id_are_in_the_log() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let subscriber = crate::testing::log_to(&log);
    let _guard = tracing::subscriber::set_default(subscriber);
    let fixture = hostile_with(tight());
    let id = TraceId::random();
    let message = ClientMessage {
        action: "panic quietly".to_owned(),
        ..ClientMessage::default()
    };
    assert!(
        trace::scope(id, fixture.plugin.on_client_message(message))
            .await
            .is_err()
    );
    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("asked to panic: quietly"));
    assert!(
        line.is_some_and(|line| line.contains(&id.to_string())),
        "{text}"
    );
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_counted() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let subscriber = crate::testing::log_to(&log);
    let _guard = tracing::subscriber::set_default(subscriber);
    let fixture = hostile_with(tight());
    assert_eq!(fixture.says("logs 1000").await, "logged");
    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("again").count(), 200);
    assert!(text.contains("dropped=800"), "{text}");
}
