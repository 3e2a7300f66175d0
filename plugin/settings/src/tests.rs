//! What is taken of what platforms have stored, and what is refused by which key.

use super::*;

fn refused(json: &str) -> String {
    Settings::parse(json).unwrap_err().key
}

#[test]
fn nothing_stored_means_defaults() {
    assert_eq!(Settings::parse("{}").unwrap(), Settings::default());
    assert_eq!(Settings::parse("").unwrap(), Settings::default());
    assert_eq!(Settings::parse("null").unwrap(), Settings::default());
    assert_eq!(
        Settings::parse(r#"{"MediaPort": null, "mediaport": ""}"#).unwrap(),
        Settings::default()
    );
}

#[test]
fn stored_keys_are_lower_case_and_values_may_be_strings() {
    let settings = Settings::parse(
        r#"{"defaultenabled":"false","maxcallparticipants":"12","MediaPort":9000,"other":1}"#,
    )
    .unwrap();
    assert!(!settings.default_enabled);
    assert_eq!(settings.max_call_participants, 12);
    assert_eq!(settings.media_port, 9000);
}

#[test]
fn a_bad_value_is_refused_by_its_key() {
    assert_eq!(
        refused(r#"{"disconnecttimeoutseconds":4}"#),
        "DisconnectTimeoutSeconds"
    );
    assert_eq!(
        refused(r#"{"DisconnectTimeoutSeconds":301}"#),
        "DisconnectTimeoutSeconds"
    );
    assert_eq!(refused(r#"{"MediaPort":0}"#), "MediaPort");
    assert_eq!(refused(r#"{"MediaPort":65536}"#), "MediaPort");
    assert_eq!(
        refused(r#"{"MaxCallParticipants":1001}"#),
        "MaxCallParticipants"
    );
    assert_eq!(
        refused(r#"{"MaxCallParticipants":-1}"#),
        "MaxCallParticipants"
    );
    assert_eq!(
        refused(r#"{"MaxCallParticipants":"many"}"#),
        "MaxCallParticipants"
    );
    assert_eq!(refused(r#"{"EnableVideo":"maybe"}"#), "EnableVideo");
    assert_eq!(refused(r#"{"EnableVideo":1}"#), "EnableVideo");
    assert_eq!(
        refused(r#"{"AloneTimeoutMinutes":1.5}"#),
        "AloneTimeoutMinutes"
    );
    assert_eq!(refused("[]"), "");
}

/// One value for each setting that can have a wrong one; a new setting has to be added.
#[test]
fn a_number_that_cannot_be_is_told_which_way() {
    let reason = |json: &str| Settings::parse(json).unwrap_err().reason;
    assert_eq!(reason(r#"{"MediaPort":70000}"#), "70000 is too large");
    assert_eq!(reason(r#"{"MaxCallParticipants":-1}"#), "-1 is below 0");
}

#[test]
fn every_setting_is_refused_by_its_key() {
    // Any text may be a secret of TURN servers.
    let free = ["TurnStaticAuthSecret"];
    let bad = [
        ("DefaultEnabled", "perhaps"),
        ("GroupCallsAllowed", "2"),
        ("MaxCallParticipants", "1001"),
        ("AllowScreenSharing", "perhaps"),
        ("EnableVideo", "perhaps"),
        ("EnableAV1", "perhaps"),
        ("EnableRecordings", "perhaps"),
        ("MaxRecordingDuration", "0"),
        ("RecordingQuality", "8k"),
        ("AloneTimeoutMinutes", "1441"),
        ("DisconnectTimeoutSeconds", "4"),
        ("MediaPort", "0"),
        ("IceHostOverride", "not a host"),
        ("SidecarMode", "far"),
        ("SidecarAddress", "nowhere"),
        ("SidecarToken", "short"),
        ("SidecarCaCertificate", "none"),
        ("IceServersConfigs", "stun:a"),
        ("TurnCredentialsExpirationMinutes", "4"),
        ("DataDir", "relative/path"),
        ("LogLevel", "loud"),
    ];
    for (key, value) in bad {
        let json = serde_json::json!({key: value}).to_string();
        assert_eq!(refused(&json), key);
    }
    let known = bad.iter().map(|(key, _)| *key).chain(free);
    let known: std::collections::BTreeSet<_> = known.collect();
    let defaults = serde_json::to_value(Settings::default()).unwrap();
    let all = defaults.as_object().unwrap().keys().map(String::as_str);
    assert_eq!(known, all.collect());
}

#[test]
fn in_use_a_bad_value_falls_back_alone() {
    let (settings, refused) =
        Settings::parse_or_default(r#"{"mediaport":0,"enablevideo":"x","maxcallparticipants":3}"#);
    assert_eq!(
        settings,
        Settings {
            max_call_participants: 3,
            ..Settings::default()
        }
    );
    assert_eq!(refused.len(), 2);
    assert_eq!(
        Settings::parse_or_default("nonsense").0,
        Settings::default()
    );
}

#[test]
fn a_remote_media_server_is_checked_field_by_field() {
    let token = "0123456789abcdef0123456789abcdef";
    let remote = |address: &str, token: &str, ca: &str| {
        let json = serde_json::json!({
            "sidecarmode": "remote",
            "sidecaraddress": address,
            "sidecartoken": token,
            "sidecarcacertificate": ca,
        });
        Settings::check(&json.to_string()).map_err(|error| {
            assert!(!error.reason.contains("hush"), "{error}");
            error.key
        })
    };
    let settings = remote("https://calls.example.com:8444", token, "").unwrap();
    assert_eq!(settings.sidecar_mode, SidecarMode::Remote);
    let refused = |address, token, ca| remote(address, token, ca).unwrap_err();
    assert_eq!(refused("", token, ""), "SidecarAddress");
    assert_eq!(refused("http://192.0.2.1:1", token, ""), "SidecarAddress");
    assert_eq!(refused("https://a:1", "", ""), "SidecarToken");
    assert_eq!(refused("https://a:1", "hush", ""), "SidecarToken");
    let odd = format!("hush {token}");
    assert_eq!(refused("https://a:1", &odd, ""), "SidecarToken");
    assert_eq!(
        refused("https://a:1", token, "hello"),
        "SidecarCaCertificate"
    );
    assert_eq!(
        Settings::check(r#"{"SidecarMode":"far"}"#).unwrap_err().key,
        "SidecarMode"
    );
    // In use a missing part switches nothing else off.
    let (settings, refused) =
        Settings::parse_or_default(r#"{"SidecarMode":"remote","MediaPort":9}"#);
    assert_eq!((settings.media_port, refused.len()), (9, 0));
}

#[test]
fn a_text_that_is_none_is_refused_without_repeating_it() {
    let error = Settings::parse(r#"{"SidecarToken":1234567}"#).unwrap_err();
    assert_eq!(error.key, "SidecarToken");
    assert!(!error.reason.contains("1234567"), "{error}");
}

#[test]
fn recordings_are_on_and_have_limits() {
    let defaults = Settings::default();
    assert!(defaults.enable_recordings);
    assert_eq!(defaults.max_recording_duration, 60);
    assert_eq!(defaults.recording_quality.height(), 720);
    for minutes in ["0", "1441", "-1"] {
        let json = format!(r#"{{"maxrecordingduration":{minutes}}}"#);
        assert_eq!(refused(&json), "MaxRecordingDuration", "{minutes}");
    }
    // Last: what the Calls plugin stored, for the drop-in flavour.
    for (name, height) in [
        ("480p", 480),
        ("720p", 720),
        ("1080p", 1080),
        ("low", 480),
        ("medium", 720),
        ("high", 1080),
    ] {
        let json = format!(r#"{{"recordingquality":"{name}","maxrecordingduration":"1440"}}"#);
        let settings = Settings::parse(&json).unwrap();
        assert_eq!(settings.recording_quality.height(), height, "{name}");
        assert_eq!(settings.max_recording_duration, 1_440);
    }
}

#[test]
fn to_json_round_trips() {
    let settings = Settings {
        media_port: 1234,
        ..Settings::default()
    };
    assert_eq!(Settings::parse(&settings.to_json()).unwrap(), settings);
}
