//! The key-value store, and what survives a restart.

use std::sync::Arc;

use super::*;
use crate::platform::{Platform, PlatformError};

#[tokio::test]
async fn compare_and_set_sees_absence_and_expiry() {
    let world = World::new().await;
    let local = &world.local;
    let set = |old: Option<&[u8]>, new: Option<&[u8]>, expires: u32| {
        let (old, new) = (old.map(<[u8]>::to_vec), new.map(<[u8]>::to_vec));
        async move {
            local
                .kv_compare_and_set("k", old, new, expires)
                .await
                .unwrap()
        }
    };
    assert!(!set(Some(b"a"), Some(b"b"), 0).await);
    assert!(set(None, Some(b"a"), 0).await);
    assert!(!set(None, Some(b"b"), 0).await);
    assert!(set(Some(b"a"), Some(b"b"), 10).await);
    assert_eq!(
        local.kv_get("k").await.unwrap().as_deref(),
        Some(b"b".as_slice())
    );
    world.clock.advance_ms(9_999);
    assert!(local.kv_get("k").await.unwrap().is_some());
    world.clock.advance_ms(1);
    assert_eq!(local.kv_get("k").await.unwrap(), None);
    assert!(!set(Some(b"b"), Some(b"c"), 0).await);
    assert!(set(None, Some(b""), 0).await);
    assert!(set(Some(b""), None, 0).await);
    assert!(set(None, None, 0).await);
}

#[tokio::test]
async fn listing_is_by_prefix_in_order_and_in_pages() {
    let world = World::new().await;
    let local = &world.local;
    for key in ["c_2", "c_1", "c_3", "s_1", "c%x", "d"] {
        assert!(
            local
                .kv_compare_and_set(key, None, Some(vec![1]), 0)
                .await
                .unwrap()
        );
    }
    local
        .kv_compare_and_set("c_0", None, Some(vec![1]), 1)
        .await
        .unwrap();
    world.clock.advance_ms(1_000);
    assert_eq!(
        local.kv_list_keys("c_", "", 10).await.unwrap(),
        ["c_1", "c_2", "c_3"]
    );
    assert_eq!(local.kv_list_keys("c_", "c_1", 1).await.unwrap(), ["c_2"]);
    assert_eq!(local.kv_list_keys("", "", 2).await.unwrap(), ["c%x", "c_1"]);
}

#[tokio::test]
async fn keys_and_values_have_limits() {
    let world = World::new().await;
    let local = &world.local;
    let long = "k".repeat(51);
    assert!(matches!(
        local.kv_get(&long).await,
        Err(PlatformError::Invalid(_))
    ));
    assert!(matches!(
        local.kv_get("").await,
        Err(PlatformError::Invalid(_))
    ));
    let large = vec![0; 64 * 1024 + 1];
    let set = local.kv_compare_and_set("k", None, Some(large), 0).await;
    assert!(matches!(set, Err(PlatformError::Invalid(_))));
    let fits = vec![0; 64 * 1024];
    assert!(
        local
            .kv_compare_and_set("k", None, Some(fits), 0)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_each_step_is_won_by_exactly_one() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let local: Arc<Local> = world.local.clone();
        tasks.push(tokio::spawn(async move {
            let mut won = 0u64;
            while won < 25 {
                let old = local.kv_get("n").await.unwrap();
                let now = old
                    .as_ref()
                    .map_or(0, |v| u64::from_be_bytes(v[..].try_into().unwrap()));
                let new = (now + 1).to_be_bytes().to_vec();
                if local
                    .kv_compare_and_set("n", old, Some(new), 0)
                    .await
                    .unwrap()
                {
                    won += 1;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let last = world.local.kv_get("n").await.unwrap().unwrap();
    assert_eq!(u64::from_be_bytes(last[..].try_into().unwrap()), 200);
}

#[tokio::test]
async fn a_restart_keeps_accounts_posts_keys_and_settings() {
    let dir = tempfile::tempdir().unwrap();
    let config = || {
        let mut config = LocalConfig::new("http://localhost:8065", PLUGIN, "0.1.0");
        config.data_dir = Some(dir.path().join("data"));
        config
    };
    let links = {
        let local = Local::open(config()).unwrap();
        assert!(local.first_admin().is_some());
        local
            .kv_compare_and_set("k", None, Some(vec![7]), 0)
            .await
            .unwrap();
        local.set_settings(&json!({"a": true})).await.unwrap();
        local.seed_demo().await.unwrap()
    };
    let local = Local::open(config()).unwrap();
    assert!(local.first_admin().is_none());
    assert_eq!(
        local.get_user(&links.alice_id).await.unwrap().display_name,
        "Alice Adler"
    );
    assert_eq!(local.kv_get("k").await.unwrap(), Some(vec![7]));
    assert_eq!(local.settings_json(), r#"{"a":true}"#);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(dir.path().join("data"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn wrong_site_addresses_are_refused() {
    for url in [
        "",
        "localhost:8065",
        "ftp://x",
        "http://x/?a",
        "http://x/a%20b",
        "http://u@x/",
    ] {
        let opened = Local::open(LocalConfig::new(url, PLUGIN, "0.1.0"));
        assert!(
            matches!(
                opened,
                Err(crate::platform::local::OpenError::Config {
                    field: "site_url",
                    ..
                })
            ),
            "{url}"
        );
    }
}
