//! `/call`: an answer to everything, with no web page at all.

use crate::testing::*;

#[test]
fn commands_answer_without_any_web_page() {
    let world = World::new();
    let say = |who: &str, text: &str| world.command(who, "town", text);
    assert!(say("alice", "/call").starts_with("**Calls**"));
    assert!(say("alice", "/call help").contains("/call stats"));
    assert!(say("alice", "/call logs").contains("console"));
    assert!(say("alice", "/call dance`").starts_with("`dance` is not a call command."));
    assert!(say("alice", "/call join").starts_with("There is no call"));
    assert_eq!(
        say("alice", "/call leave"),
        "You are not in the call of this channel."
    );
    assert!(say("alice", "/call end").starts_with("There is no call"));
    assert!(say("alice", "/call link").ends_with(&format!("/join/{}", id("town"))));
    assert_eq!(
        say("eve", "/call link"),
        "You do not have permission to do this here."
    );
    assert_eq!(
        say("eve", "/call start"),
        "You are not a member of this channel."
    );
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    assert!(say("carol", "/call join").contains("/join/"));
    let there_already = say("bob", "/call join");
    assert!(
        there_already.starts_with("You are in the call of this channel already."),
        "{there_already}"
    );
    assert_eq!(
        say("eve", "/call join"),
        "You are not a member of this channel."
    );
    assert_eq!(
        say("carol", "/call leave"),
        "You are not in the call of this channel."
    );
    assert_eq!(say("bob", "/call leave"), "You left the call.");
    assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    world
        .env
        .edit_user("eve", |user| user.locale = "de-CH".to_owned());
    assert_eq!(
        say("eve", "/call start"),
        "Du bist kein Mitglied dieses Kanals."
    );
}

#[test]
fn autocomplete_names_every_command() {
    let tree = crate::autocomplete("en");
    let names: Vec<_> = tree["SubCommands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command["Trigger"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "start",
            "join",
            "leave",
            "end",
            "host",
            "recording",
            "link",
            "stats",
            "logs",
            "help"
        ]
    );
    let world = World::new();
    for name in names {
        let answer = world.command("alice", "town", &format!("/call {name}"));
        assert!(!answer.contains("is not a call command"), "{name}");
    }
}

#[test]
fn autocomplete_speaks_the_languages_of_the_answers() {
    let texts = |locale: &str| {
        let tree = crate::autocomplete(locale);
        let start = &tree["SubCommands"][0];
        [
            tree["HelpText"].clone(),
            tree["Hint"].clone(),
            start["HelpText"].clone(),
            start["Hint"].clone(),
            start["Arguments"][0]["HelpText"].clone(),
        ]
    };
    let (english, german) = (texts("en"), texts("de-AT"));
    for (en, de) in english.iter().zip(&german) {
        assert_ne!(en, de);
    }
    assert_eq!(german[2], "Einen Anruf in diesem Kanal oder Thread starten");
    assert_eq!(texts(""), english);
    // What is typed is the same everywhere.
    let words = |locale: &str| {
        let tree = crate::autocomplete(locale);
        let commands = tree["SubCommands"].as_array().unwrap().clone();
        commands
            .into_iter()
            .map(|command| command["Trigger"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(words("de"), words("en"));
}
