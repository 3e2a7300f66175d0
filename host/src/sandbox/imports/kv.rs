//! The key-value store: keys as narrow as the narrowest platform, values of a limited size.

use super::super::bindings::parley::plugin::kv;
use super::super::bindings::parley::plugin::types::PlatformError;
use super::super::limits::grant;
use super::super::state::RequestState;
use super::at_most;
use crate::sabotage::Fault;

impl kv::Host for RequestState {
    async fn get(
        &mut self,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, PlatformError>> {
        self.charge()?;
        if let Err(error) = check_key(&key) {
            return Ok(Err(error));
        }
        Ok(self
            .services
            .platform
            .kv_get(&key)
            .await
            .map_err(Into::into))
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        mut old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        expires_in_s: u32,
    ) -> wasmtime::Result<Result<bool, PlatformError>> {
        self.charge()?;
        let size = new.as_ref().map_or(0, Vec::len);
        let granted = check_key(&key)
            .and_then(|()| at_most("value", size, grant::KV_VALUE_BYTES_MAX))
            .and_then(|()| {
                let most = grant::KV_EXPIRY_S_MAX as usize;
                at_most("expires-in-s", expires_in_s as usize, most)
            });
        if let Err(error) = granted {
            return Ok(Err(error));
        }
        let platform = &self.services.platform;
        if Fault::KvCompareSkipped.is_on() {
            old = platform.kv_get(&key).await.unwrap_or(old);
        }
        Ok(platform
            .kv_compare_and_set(&key, old, new, expires_in_s)
            .await
            .map_err(Into::into))
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        after: String,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, PlatformError>> {
        self.charge()?;
        let granted = at_most("prefix", prefix.len(), grant::KV_KEY_CHARS_MAX * 4)
            .and_then(|()| at_most("after", after.len(), grant::KV_KEY_CHARS_MAX * 4))
            .and_then(|()| at_most("limit", limit as usize, grant::KV_LIST_KEYS_MAX as usize));
        if let Err(error) = granted {
            return Ok(Err(error));
        }
        let keys = self
            .services
            .platform
            .kv_list_keys(&prefix, &after, limit)
            .await;
        Ok(keys.map_err(Into::into))
    }
}

fn check_key(key: &str) -> Result<(), PlatformError> {
    if key.is_empty() {
        return Err(PlatformError::Invalid("key: empty".to_owned()));
    }
    at_most("key", key.chars().count(), grant::KV_KEY_CHARS_MAX)
}
