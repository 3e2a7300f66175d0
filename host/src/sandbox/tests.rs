//! The sandbox against guests that behave, and guests that use up what they can (reliability W1).

mod grants;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CallError, Limits, Services};
use crate::environment::SystemEnvironment;
use crate::hooks::{
    ClientMessage, CommandArgs, Hooks as _, HttpRequest, HttpResponse, PlatformEvent,
};
use crate::media::FixedLink;
use crate::plugin::Plugin;
use crate::testing::FakePlatform;
use crate::trace::{self, TraceId};

fn services(platform: &Arc<FakePlatform>) -> Services {
    Services {
        platform: Arc::clone(platform) as _,
        media: Arc::new(FixedLink::new(None)),
        environment: Arc::new(SystemEnvironment),
    }
}

struct Fixture {
    platform: Arc<FakePlatform>,
    plugin: Plugin,
}

fn hostile_with(limits: Limits) -> Fixture {
    let platform = Arc::new(FakePlatform::default());
    let plugin = Plugin::new(parley_hostile::COMPONENT, services(&platform), limits).unwrap();
    Fixture { platform, plugin }
}

/// Small enough that a test machine can reach every limit quickly.
fn tight() -> Limits {
    Limits {
        instances_max: 4,
        ..Limits::default()
    }
}

impl Fixture {
    async fn order(&self, order: &str) -> Result<String, CallError> {
        let args = CommandArgs {
            command: order.to_owned(),
            ..CommandArgs::default()
        };
        Ok(self.plugin.on_command(args).await?.text)
    }

    async fn says(&self, order: &str) -> String {
        self.order(order).await.unwrap()
    }

    /// The next request is fine, whatever the last one did.
    async fn still_works(&self) {
        assert_eq!(self.says("echo well").await, "well");
    }
}

#[tokio::test]
async fn a_guest_answers_and_reaches_the_platform() {
    let fixture = hostile_with(tight());
    assert_eq!(fixture.says("echo hello").await, "hello");
    assert_eq!(fixture.says("kv set k v").await, "true");
    assert_eq!(fixture.says("kv set k w").await, "false");
    assert_eq!(fixture.says("kv get k").await, "v");
    assert_eq!(fixture.says("kv list k 10").await, "k");
    assert_eq!(fixture.says("user alice").await, "alice");
    assert_eq!(fixture.says("publish call_start").await, "published");
    assert_eq!(fixture.platform.events(), ["call_start"]);
    assert_eq!(fixture.says("print x").await, "printed");
    assert_eq!(
        fixture.says("env").await,
        "0",
        "the host's environment is not the guest's"
    );
}

#[test]
fn an_infinite_loop_ends_with_its_cpu_budget() {
    // On a thread of its own: if the budget failed, the test would not end.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let fixture = hostile_with(tight());
            let outcome = fixture.order("loop").await;
            fixture.still_works().await;
            tell.send(outcome).unwrap();
        });
    });
    let outcome = told
        .recv_timeout(Duration::from_secs(20))
        .expect("the loop is stopped");
    assert!(
        matches!(outcome, Err(CallError::CpuBudget(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_loop_does_not_hold_up_others_on_the_same_thread() {
    let fixture = hostile_with(tight());
    let looping = fixture.order("loop");
    let other = async {
        tokio::task::yield_now().await;
        let start = Instant::now();
        fixture.still_works().await;
        start.elapsed()
    };
    let (looped, waited) = tokio::join!(looping, other);
    assert!(looped.is_err());
    assert!(waited < Duration::from_millis(200), "{waited:?}");
}

#[tokio::test]
async fn waiting_for_the_host_costs_no_cpu_budget_but_ends_with_the_wall_clock() {
    let limits = Limits {
        wall_max: Duration::from_millis(600),
        cpu_max: Duration::from_millis(100),
        ..tight()
    };
    let fixture = hostile_with(limits);
    fixture.platform.delay_users(Duration::from_millis(300));
    assert_eq!(fixture.says("user alice").await, "alice");
    fixture.platform.delay_users(Duration::from_secs(60));
    let outcome = fixture.order("user alice").await;
    assert!(matches!(outcome, Err(CallError::Timeout(_))), "{outcome:?}");
    fixture.still_works().await;
}

#[tokio::test]
async fn a_memory_bomb_traps() {
    let fixture = hostile_with(tight());
    let outcome = fixture.order("grow").await;
    let Err(CallError::Trap(reason)) = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(reason.contains("memory"), "{reason}");
    fixture.still_works().await;
}

#[tokio::test]
async fn endless_recursion_traps() {
    let fixture = hostile_with(tight());
    let outcome = fixture.order("recurse").await;
    let Err(CallError::Trap(reason)) = &outcome else {
        panic!("{outcome:?}")
    };
    // Either stack may end first: the engine's own, or the one that the guest keeps in its memory.
    assert!(
        reason.contains("stack") || reason.contains("out of bounds"),
        "{reason}"
    );
    fixture.still_works().await;
}

#[tokio::test]
async fn host_calls_have_a_quota() {
    let fixture = hostile_with(tight());
    assert!(fixture.order("calls 9999").await.is_ok());
    let outcome = fixture.order("calls 1000000").await;
    assert!(
        matches!(outcome, Err(CallError::HostCalls(10_000))),
        "{outcome:?}"
    );
    fixture.still_works().await;
}

#[tokio::test]
async fn a_giant_reply_is_refused() {
    let fixture = hostile_with(tight());
    assert_eq!(fixture.says("giant 65536").await.len(), 65_536);
    let outcome = fixture.order("giant 65537").await;
    assert!(
        matches!(outcome, Err(CallError::ReplyTooLarge("text"))),
        "{outcome:?}"
    );
    let outcome = fixture.order("giant 50000000").await;
    assert!(matches!(outcome, Err(CallError::Trap(_))), "{outcome:?}");
    fixture.still_works().await;
}

#[tokio::test]
async fn a_reply_that_names_one_text_many_times_does_not_fill_the_hosts_memory() {
    let fixture = hostile_with(tight());
    let request = HttpRequest {
        query: "headers=800".to_owned(),
        ..HttpRequest::default()
    };
    let outcome = fixture.plugin.on_http(request).await;
    assert!(matches!(outcome, Err(CallError::Trap(_))), "{outcome:?}");
    fixture.still_works().await;
}

#[tokio::test]
async fn a_trap_in_any_export_leaves_the_next_request_alone() {
    let fixture = hostile_with(tight());
    let plugin = &fixture.plugin;
    for order in ["trap", "panic at the disco", "exit"] {
        assert!(fixture.order(order).await.is_err(), "{order}");
        let message = ClientMessage {
            action: order.to_owned(),
            ..ClientMessage::default()
        };
        assert!(plugin.on_client_message(message).await.is_err());
        let request = HttpRequest {
            path: order.to_owned(),
            ..HttpRequest::default()
        };
        assert!(plugin.on_http(request).await.is_err());
        assert!(plugin.on_media_event(order.as_bytes()).await.is_err());
        assert!(plugin.on_media_restart(order).await.is_err());
        let event = PlatformEvent::UserDeactivated {
            user_id: order.to_owned(),
        };
        assert!(plugin.on_platform_event(event).await.is_err());
        assert!(plugin.on_config(order).await.is_err());
        fixture.platform.put("tick", order);
        assert!(plugin.on_tick().await.is_err());
        fixture.still_works().await;
    }
}

#[tokio::test]
async fn adapters_get_an_answer_even_from_a_guest_that_traps() {
    let fixture = hostile_with(tight());
    let id = TraceId::random();
    let args = CommandArgs {
        command: "trap".to_owned(),
        ..CommandArgs::default()
    };
    let answer = trace::scope(id, fixture.plugin.command(args)).await;
    assert!(answer.text.contains(&id.to_string()), "{}", answer.text);
    let request = HttpRequest {
        path: "trap".to_owned(),
        ..HttpRequest::default()
    };
    let HttpResponse { status, .. } = fixture.plugin.http(request).await;
    assert_eq!(status, 500);
}

#[tokio::test]
async fn more_requests_than_may_wait_are_refused_at_once() {
    let fixture = hostile_with(Limits {
        instances_max: 1,
        waiting_max: 1,
        ..tight()
    });
    fixture.platform.delay_users(Duration::from_millis(300));
    let late = async {
        fixture.platform.users_asked(1).await;
        fixture.order("echo x").await
    };
    let (first, second, third) =
        tokio::join!(fixture.order("user a"), fixture.order("user b"), late);
    assert!(first.is_ok() && second.is_ok());
    assert!(matches!(third, Err(CallError::Busy)), "{third:?}");
}

#[tokio::test]
async fn an_event_of_the_platform_is_not_lost_while_all_are_busy() {
    let fixture = hostile_with(Limits {
        instances_max: 1,
        waiting_max: 1,
        ..tight()
    });
    fixture.platform.delay_users(Duration::from_millis(300));
    let late = async {
        fixture.platform.users_asked(1).await;
        assert!(matches!(
            fixture.order("echo x").await,
            Err(CallError::Busy)
        ));
        let event = PlatformEvent::UserDeactivated {
            user_id: "publish heard".to_owned(),
        };
        fixture.plugin.platform_event(event).await;
    };
    let (first, second, ()) = tokio::join!(fixture.order("user a"), fixture.order("user b"), late);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(fixture.platform.events(), ["heard"]);
}

#[tokio::test]
async fn events_leave_room_for_those_who_wait() {
    let fixture = hostile_with(Limits {
        instances_max: 4,
        ..tight()
    });
    fixture.platform.delay_users(Duration::from_millis(500));
    let events = (0..20).map(|_| fixture.plugin.on_media_event(b"user alice"));
    let events = futures::future::join_all(events);
    let person = async {
        fixture.platform.users_asked(3).await;
        let start = Instant::now();
        fixture.still_works().await;
        start.elapsed()
    };
    let (handled, waited) = tokio::join!(events, person);
    assert!(handled.iter().all(Result::is_ok));
    assert!(waited < Duration::from_millis(400), "{waited:?}");
}
