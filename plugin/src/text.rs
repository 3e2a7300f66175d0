//! Every text that a person reads, in every language, chosen by the reader's locale.

/// A language that we have texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    /// English: also for locales without texts of their own.
    En,
    /// German.
    De,
}

impl Lang {
    /// For a locale such as "de", "de-AT" or "de_CH".
    pub(crate) fn of(locale: &str) -> Self {
        match locale.split(['-', '_']).next() {
            Some("de") => Self::De,
            _ => Self::En,
        }
    }

    /// As a locale: what [`Self::of`] takes back.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }
}

macro_rules! texts {
    ($($key:ident: $en:literal, $de:literal;)*) => {
        /// Name of a text. `{…}` in it is filled in by [`fill`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub(crate) enum Text { $($key),* }

        impl Text {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$key),*];

            /// In a language.
            pub(crate) fn get(self, lang: Lang) -> &'static str {
                let (en, de) = match self { $(Self::$key => ($en, $de)),* };
                match lang {
                    Lang::En => en,
                    Lang::De => de,
                }
            }
        }
    };
}

texts! {
    // Refusals.
    NotMember: "You are not a member of this channel.",
        "Du bist kein Mitglied dieses Kanals.";
    NoPermission: "You do not have permission to do this here.",
        "Du hast hier keine Berechtigung dafür.";
    Archived: "This channel is archived: calls are not possible here.",
        "Dieser Kanal ist archiviert: Hier sind keine Anrufe möglich.";
    Deactivated: "Your account is deactivated.",
        "Dein Konto ist deaktiviert.";
    TestMode: "Calls are in test mode: only system admins can start one.",
        "Anrufe sind im Testbetrieb: Nur Systemadministratoren können einen starten.";
    ChannelOff: "Calls are switched off in this channel.",
        "Anrufe sind in diesem Kanal abgeschaltet.";
    GroupCallsOff: "Calls are possible in direct messages only.",
        "Anrufe sind nur in Direktnachrichten möglich.";
    Full: "The call is full.",
        "Der Anruf ist voll.";
    TooManySessions: "You are in this call with {max} windows or devices already. Leave it with one of them first.",
        "Du bist schon mit {max} Fenstern oder Geräten in diesem Anruf. Verlasse ihn erst mit einem davon.";
    AlreadyJoined: "You are already in the call with this window.",
        "Du bist mit diesem Fenster schon im Anruf.";
    ThreadInvalid: "A call cannot be attached to this thread.",
        "An diesen Thread kann kein Anruf gehängt werden.";
    ScreenTaken: "Somebody else is sharing their screen.",
        "Jemand anderes teilt gerade den Bildschirm.";
    ScreenDisabled: "Screen sharing is switched off by the admin.",
        "Das Teilen des Bildschirms ist vom Administrator abgeschaltet.";
    VideoDisabled: "Cameras are switched off by the admin.",
        "Kameras sind vom Administrator abgeschaltet.";
    Unavailable: "Calls are not available right now: the media server cannot be reached. Please try again in a moment.",
        "Anrufe sind gerade nicht möglich: Der Medienserver ist nicht erreichbar. Bitte versuche es gleich noch einmal.";
    MediaServerOnCluster: "Calls need a remote media server (sidecar) on a cluster. A system admin can set one: System Console > Plugins > Parley > Media server.",
        "Auf einem Cluster brauchen Anrufe einen entfernten Medienserver (Sidecar). Ein Systemadministrator kann ihn einstellen: Systemkonsole > Plugins > Parley > Media server.";
    MediaServerNotSet: "Calls are not available: the address or the token of the remote media server is missing. A system admin can set them: System Console > Plugins > Parley > Media server.",
        "Anrufe sind nicht möglich: Adresse oder Token des entfernten Medienservers fehlen. Ein Systemadministrator kann sie einstellen: Systemkonsole > Plugins > Parley > Media server.";
    MediaServerUnreachable: "Calls are not available right now: the remote media server cannot be reached. Please try again in a moment, and tell a system admin if it stays so.",
        "Anrufe sind gerade nicht möglich: Der entfernte Medienserver ist nicht erreichbar. Bitte versuche es gleich noch einmal, und sage einem Systemadministrator Bescheid, wenn es so bleibt.";
    MediaServerCertificate: "Calls are not available: the certificate of the remote media server is not trusted. A system admin can set who vouches for it: System Console > Plugins > Parley > Media server: certificate authority.",
        "Anrufe sind nicht möglich: Dem Zertifikat des entfernten Medienservers wird nicht vertraut. Ein Systemadministrator kann einstellen, wer dafür bürgt: Systemkonsole > Plugins > Parley > Media server: certificate authority.";
    MediaServerToken: "Calls are not available: the remote media server refuses this server's token. A system admin can set it: System Console > Plugins > Parley > Media server: token.",
        "Anrufe sind nicht möglich: Der entfernte Medienserver lehnt das Token dieses Servers ab. Ein Systemadministrator kann es einstellen: Systemkonsole > Plugins > Parley > Media server: token.";
    MediaServerVersion: "Calls are not available: the remote media server and this plugin are of different versions. A system admin has to update one of them.",
        "Anrufe sind nicht möglich: Der entfernte Medienserver und dieses Plugin haben verschiedene Versionen. Ein Systemadministrator muss eines von beiden aktualisieren.";
    RateLimited: "Too many requests. Please wait a moment.",
        "Zu viele Anfragen. Bitte warte einen Moment.";
    ResumeInvalid: "The call could not be resumed. Please join again.",
        "Der Anruf konnte nicht fortgesetzt werden. Bitte tritt neu bei.";
    BadRequest: "The request was not understood ({field}).",
        "Die Anfrage wurde nicht verstanden ({field}).";
    NoCall: "There is no call in this channel. Start one with `/call start`.",
        "In diesem Kanal läuft kein Anruf. Starte einen mit `/call start`.";
    NotInCall: "You are not in the call of this channel.",
        "Du bist nicht im Anruf dieses Kanals.";
    NotHost: "Only the host of the call or a system admin can do this.",
        "Das kann nur der Gastgeber des Anrufs oder ein Systemadministrator.";
    FileRefused: "The chat server did not keep the file: uploads may be switched off, or too large. Ask your admin.",
        "Der Chat-Server hat die Datei nicht angenommen: Das Hochladen ist vielleicht abgeschaltet oder die Datei zu groß. Frage deinen Administrator.";

    RecordingDisabled: "Recordings are switched off by the admin.",
        "Aufnahmen sind vom Administrator abgeschaltet.";
    RecordingRuns: "This call is being recorded already.",
        "Dieser Anruf wird schon aufgenommen.";
    NotRecording: "This call is not being recorded.",
        "Dieser Anruf wird nicht aufgenommen.";
    RecordingImpossible: "This call cannot be recorded: the media server is not set up for recordings. A system admin can change that; the log of the media server says what it lacks.",
        "Dieser Anruf kann nicht aufgenommen werden: Der Medienserver ist nicht für Aufnahmen eingerichtet. Ein Systemadministrator kann das ändern; das Protokoll des Medienservers sagt, was fehlt.";
    RecordingNoSpace: "The recording was not started: the media server has too little disk space left for it. Tell a system admin.",
        "Die Aufnahme wurde nicht gestartet: Der Medienserver hat dafür zu wenig Speicherplatz. Sage es einem Systemadministrator.";
    TooManyRecordings: "The recording was not started: too many calls are being recorded. Please try again later.",
        "Die Aufnahme wurde nicht gestartet: Es werden zu viele Anrufe aufgenommen. Bitte versuche es später noch einmal.";

    // Answers to commands.
    Started: "You started a call. [Join the call]({link})",
        "Du hast einen Anruf gestartet. [Dem Anruf beitreten]({link})";
    AlreadyRunning: "A call is already going on in this channel. [Join the call]({link})",
        "In diesem Kanal läuft schon ein Anruf. [Dem Anruf beitreten]({link})";
    OtherPort: "Participants elsewhere may not get through: the media server does not use the port that was set. Tell your admin.",
        "Teilnehmer von außerhalb kommen vielleicht nicht durch: Der Medienserver benutzt nicht den eingestellten Port. Sage es deinem Administrator.";
    OtherPortForAdmin: "The media server uses UDP port {port}, not {wanted} as set: that one was in use when it started, or was set afterwards. Participants elsewhere may not get through: open {port} for them, or free {wanted} and disable the plugin for 30 seconds.",
        "Der Medienserver benutzt UDP-Port {port}, nicht {wanted} wie eingestellt: Der war bei seinem Start belegt oder wurde danach eingestellt. Teilnehmer von außerhalb kommen vielleicht nicht durch: Öffne {port} für sie, oder mache {wanted} frei und schalte das Plugin für 30 Sekunden ab.";
    JoinHere: "A call is going on in this channel. [Join the call]({link})",
        "In diesem Kanal läuft ein Anruf. [Dem Anruf beitreten]({link})";
    InCallAlready: "You are in the call of this channel already. [Join with another window or device]({link})",
        "Du bist schon im Anruf dieses Kanals. [Mit einem anderen Fenster oder Gerät beitreten]({link})";
    Left: "You left the call.",
        "Du hast den Anruf verlassen.";
    EndedForAll: "You ended the call for everyone.",
        "Du hast den Anruf für alle beendet.";
    HostMade: "{name} is the host of the call now.",
        "{name} ist jetzt Gastgeber des Anrufs.";
    HostWhom: "Nobody of that name is in the call. Name who is to be its host: `/call host @name`.",
        "Niemand dieses Namens ist im Anruf. Schreibe, wer Gastgeber werden soll: `/call host @Name`.";
    RecordingStarted: "The recording has begun; everybody in the call is told. `/call recording stop` ends it.",
        "Die Aufnahme läuft; alle im Anruf erfahren es. `/call recording stop` beendet sie.";
    RecordingStopped: "The recording has ended. It will be posted in the thread of the call.",
        "Die Aufnahme ist beendet. Sie wird im Thread des Anrufs gepostet.";
    RecordingUsage: "Write `/call recording start` or `/call recording stop`.",
        "Schreibe `/call recording start` oder `/call recording stop`.";
    Link: "Link to the calls of this channel: {link}",
        "Link zu den Anrufen dieses Kanals: {link}";
    NoStats: "There are no statistics: you have not been in a call in the last 7 days.",
        "Es gibt keine Statistik: Du warst in den letzten 7 Tagen in keinem Anruf.";
    Logs: "What happened in a call is kept by the page or app that you were in it with. In a browser open its developer tools (F12) and look for lines that begin with `parley:` in the console; there you can save them, too. The figures of your last call are in `/call stats`.",
        "Was in einem Anruf geschah, steht in der Seite oder App, mit der du darin warst. Öffne im Browser die Entwicklerwerkzeuge (F12) und suche in der Konsole nach Zeilen, die mit `parley:` beginnen; dort kannst du sie auch speichern. Die Zahlen deines letzten Anrufs stehen in `/call stats`.";
    UnknownCommand: "`{command}` is not a call command.",
        "`{command}` ist kein Anruf-Befehl.";
    Help: "**Calls**\n\
        * `/call start [title]` starts a call in this channel or thread\n\
        * `/call join` joins the call of this channel\n\
        * `/call leave` leaves it\n\
        * `/call end` ends it for everyone (host or system admin)\n\
        * `/call host @name` makes somebody in the call its host (host or system admin)\n\
        * `/call recording start` and `/call recording stop` record it (host or system admin)\n\
        * `/call link` shows the link to the calls of this channel\n\
        * `/call stats` shows the statistics of your last call\n\
        * `/call logs` says where the logs of your calls are\n\
        * `/call help` shows this help",
        "**Anrufe**\n\
        * `/call start [Titel]` startet einen Anruf in diesem Kanal oder Thread\n\
        * `/call join` tritt dem Anruf dieses Kanals bei\n\
        * `/call leave` verlässt ihn\n\
        * `/call end` beendet ihn für alle (Gastgeber oder Systemadministrator)\n\
        * `/call host @Name` macht jemanden im Anruf zum Gastgeber (Gastgeber oder Systemadministrator)\n\
        * `/call recording start` und `/call recording stop` nehmen ihn auf (Gastgeber oder Systemadministrator)\n\
        * `/call link` zeigt den Link zu den Anrufen dieses Kanals\n\
        * `/call stats` zeigt die Statistik deines letzten Anrufs\n\
        * `/call logs` sagt, wo die Protokolle deiner Anrufe sind\n\
        * `/call help` zeigt diese Hilfe";

    // What is suggested while a command is typed. Hints stand for what a person writes.
    SuggestCall: "Voice, video and screen sharing",
        "Anrufe mit Sprache, Video und geteiltem Bildschirm";
    SuggestCallHint: "[command]", "[Befehl]";
    SuggestStart: "Start a call in this channel or thread",
        "Einen Anruf in diesem Kanal oder Thread starten";
    SuggestStartHint: "[title]", "[Titel]";
    SuggestTitle: "Title of the call", "Titel des Anrufs";
    SuggestJoin: "Join the call of this channel", "Dem Anruf dieses Kanals beitreten";
    SuggestLeave: "Leave the call of this channel", "Den Anruf dieses Kanals verlassen";
    SuggestEnd: "End the call for everyone (host or system admin)",
        "Den Anruf für alle beenden (Gastgeber oder Systemadministrator)";
    SuggestHost: "Make somebody in the call its host (host or system admin)",
        "Jemanden im Anruf zum Gastgeber machen (Gastgeber oder Systemadministrator)";
    SuggestHostHint: "@[name]", "@[Name]";
    SuggestHostWho: "Somebody who is in the call", "Jemand, der im Anruf ist";
    SuggestRecording: "Record the call (host or system admin)",
        "Den Anruf aufnehmen (Gastgeber oder Systemadministrator)";
    SuggestRecordingHint: "[start|stop]", "[start|stop]";
    SuggestRecordingStart: "Start recording the call", "Die Aufnahme des Anrufs starten";
    SuggestRecordingStop: "Stop recording the call", "Die Aufnahme des Anrufs beenden";
    SuggestLink: "Show the link to the calls of this channel",
        "Den Link zu den Anrufen dieses Kanals zeigen";
    SuggestStats: "Show the statistics of your last call",
        "Die Statistik deines letzten Anrufs zeigen";
    SuggestLogs: "Say where the logs of your calls are",
        "Sagen, wo die Protokolle deiner Anrufe sind";
    SuggestHelp: "Show what the call commands do",
        "Zeigen, was die Anruf-Befehle tun";

    // What the bot writes.
    LogsSent: "The logs of your calls, as you asked for them. Only you see this message. They name people and network addresses: give them to the people who look after your calls, and to nobody else.",
        "Die Protokolle deiner Anrufe, wie du sie angefordert hast. Nur du siehst diese Nachricht. Sie enthalten Namen und Netzadressen: Gib sie nur denen, die sich um deine Anrufe kümmern.";

    // What is wrong with a recording, for those in the call.
    RecordingVideoDropped: "The disk of the media server is too slow: parts of the picture are missing in the recording.",
        "Der Speicher des Medienservers ist zu langsam: In der Aufnahme fehlen Teile des Bildes.";
    RecordingAudioDropped: "The disk of the media server is too slow: parts of picture and sound are missing in the recording.",
        "Der Speicher des Medienservers ist zu langsam: In der Aufnahme fehlen Teile von Bild und Ton.";
    RecordingAudioOnly: "The disk of the media server is nearly full: from now on the recording has sound only.",
        "Der Speicher des Medienservers ist fast voll: Ab jetzt enthält die Aufnahme nur noch Ton.";
    RecordingBroken: "The disk of the media server is full or broken: nothing is recorded any more. What was recorded so far is kept and posted.",
        "Der Speicher des Medienservers ist voll oder defekt: Es wird nichts mehr aufgenommen. Was bisher aufgenommen wurde, bleibt erhalten und wird gepostet.";
    RecordingInterrupted: "The recording has ended, because the media server failed. What was recorded so far is kept and posted.",
        "Die Aufnahme ist zu Ende, weil der Medienserver ausgefallen ist. Was bisher aufgenommen wurde, bleibt erhalten und wird gepostet.";
    RecordingAgain: "Start another one with `/call recording start`.",
        "Starte eine neue mit `/call recording start`.";
    RecordingEndsSoon: "The recording of this call ends by itself in {minutes} min. You can start another one right afterwards.",
        "Die Aufnahme dieses Anrufs endet in {minutes} Min. von selbst. Du kannst gleich danach eine neue starten.";

    // What the bot writes into the thread of a call.
    RecordingEndsSoonNote: "The recording of this call ends by itself in {minutes} min. The host can start another one right afterwards.",
        "Die Aufnahme dieses Anrufs endet in {minutes} Min. von selbst. Der Gastgeber kann gleich danach eine neue starten.";
    RecordingLimitNote: "The recording has reached the longest time of {minutes} min and has ended; it will be posted here. The host can start another one now.",
        "Die Aufnahme hat die Höchstdauer von {minutes} Min. erreicht und ist beendet; sie wird hier gepostet. Der Gastgeber kann jetzt eine neue starten.";

    // The post of a recording.
    PostRecording: "Recording of the call", "Aufnahme des Anrufs";
    PostRecordingOf: "Recording of the call \"{title}\"", "Aufnahme des Anrufs „{title}“";
    PostRecordingMore: "Recording of the call, continued ({n} of {count})",
        "Aufnahme des Anrufs, Fortsetzung ({n} von {count})";
    PostRecordingFacts: "Started {start} UTC, length {length}",
        "Begonnen {start} UTC, Länge {length}";
    PostRecordingWith: "Heard or seen: {names}", "Zu hören oder zu sehen: {names}";
    PostRecordingOthers: "{names} and {count} more", "{names} und {count} weitere";
    PostRecordingParts: "In {count} parts: {parts}", "In {count} Teilen: {parts}";
    PostRecordingEmpty: "Nothing was recorded.", "Es wurde nichts aufgenommen.";
    PostRecordingGap: "A part is missing: the media server failed meanwhile.",
        "Ein Stück fehlt: Der Medienserver war zwischendurch ausgefallen.";
    PostRecordingGaps: "{count} parts are missing: the media server failed meanwhile.",
        "{count} Stücke fehlen: Der Medienserver war zwischendurch ausgefallen.";
    PostVideoDropped: "Parts of the picture are missing: the disk of the media server was too slow.",
        "Teile des Bildes fehlen: Der Speicher des Medienservers war zu langsam.";
    PostAudioDropped: "Parts of picture and sound are missing: the disk of the media server was too slow.",
        "Teile von Bild und Ton fehlen: Der Speicher des Medienservers war zu langsam.";
    PostAudioOnly: "From some moment on the picture is missing: the disk of the media server was nearly full.",
        "Ab einem Zeitpunkt fehlt das Bild: Der Speicher des Medienservers war fast voll.";
    PostBroken: "It ends early: the disk of the media server was full or broken.",
        "Sie endet vorzeitig: Der Speicher des Medienservers war voll oder defekt.";
    PostInterrupted: "It ends early: the media server failed.",
        "Sie endet vorzeitig: Der Medienserver ist ausgefallen.";
    PostLimit: "It ends at the longest time that the admin allows.",
        "Sie endet nach der Höchstdauer, die der Administrator erlaubt.";
    CaptionsTitle: "Who speaks", "Wer spricht";

    // A recording that cannot be posted.
    ParkedArchived: "The recording of a call cannot be posted: the channel of the call is archived or deleted. It is kept on the media server: a system admin can get it with the attached id.",
        "Die Aufnahme eines Anrufs kann nicht gepostet werden: Der Kanal des Anrufs ist archiviert oder gelöscht. Sie bleibt auf dem Medienserver: Ein Systemadministrator kann sie mit der angehängten Kennung holen.";
    ParkedRefused: "The recording of a call cannot be posted: the chat server refuses it. It is kept on the media server: a system admin can get it with the attached id.",
        "Die Aufnahme eines Anrufs kann nicht gepostet werden: Der Chat-Server nimmt sie nicht an. Sie bleibt auf dem Medienserver: Ein Systemadministrator kann sie mit der angehängten Kennung holen.";

    // Posts.
    PostStarted: "{name} started a call", "{name} hat einen Anruf gestartet";
    PostJoin: "[Join the call]({link})", "[Dem Anruf beitreten]({link})";
    PostEnded: "Call ended", "Anruf beendet";

    // What a phone shows when it rings.
    PushInvited: "{name} is inviting you to a call", "{name} lädt dich zu einem Anruf ein";
    PushInvitedDiscreetly: "You've been invited to a call", "Du wurdest zu einem Anruf eingeladen";

    // The page behind a link that leads nowhere.
    PageTitle: "No call here", "Hier ist kein Anruf";
    PageHint: "This link leads to no channel that you can open. Ask the person who gave it to you.",
        "Dieser Link führt zu keinem Kanal, den du öffnen kannst. Frage die Person, von der du ihn hast.";
    PageBack: "Back to the chat", "Zurück zum Chat";
}

/// `text` with its placeholders filled in.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    // One pass: what is filled in is never looked at again.
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after
            .split_once('}')
            .and_then(|(name, tail)| Some((values.iter().find(|(key, _)| *key == name)?.1, tail)));
        match known {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A name as literal text in Markdown, mentioning nobody.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '<' | '>' => {
                out.push('\\');
                out.push(c);
            }
            // Mentions are looked for without regard to backslashes; a zero-width space ends them.
            '@' => out.push_str("@\u{200b}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<_> = text
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_text_has_the_same_placeholders_in_each_language() {
        for text in Text::ALL {
            let (en, de) = (text.get(Lang::En), text.get(Lang::De));
            assert!(!en.is_empty() && !de.is_empty(), "{text:?}");
            assert_eq!(placeholders(en), placeholders(de), "{text:?}");
        }
    }

    #[test]
    fn languages_go_by_the_first_part_of_the_locale() {
        assert_eq!(Lang::of("de"), Lang::De);
        assert_eq!(Lang::of("de-AT"), Lang::De);
        assert_eq!(Lang::of("den"), Lang::En);
        assert_eq!(Lang::of(""), Lang::En);
    }

    #[test]
    fn values_are_filled_in_once() {
        assert_eq!(
            fill("{a} and {b}", &[("a", "{b}"), ("b", "c")]),
            "{b} and c"
        );
        assert_eq!(fill("{x} {", &[]), "{x} {");
    }

    #[test]
    fn names_stay_names() {
        assert_eq!(escape_markdown("[a](b)\n@all"), "\\[a\\](b) @\u{200b}all");
    }
}
