//! A new contract as a client asks for it, checked whole: all that is wrong is said at once.

use serde::Deserialize;

use super::state::Access;
use crate::limits::{NAME_CHARS_MAX, SIGNERS_MAX, WATCHERS_MAX};
use crate::wire::Problem;

/// The body of a create. `watchers` is a guess: the documents describe the watchers, but not where they go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) template_id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) sequential_signing: bool,
    #[serde(default)]
    pub(super) signers: Vec<WantedSigner>,
    #[serde(default)]
    watchers: Vec<Watcher>,
}

/// One signer. The last three change nothing that an API shows, but their types are checked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WantedSigner {
    #[serde(default)]
    pub(super) full_name: String,
    #[serde(default)]
    access_kind: String,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    #[serde(default, rename = "appendSignatureMacro")]
    _append_signature_macro: bool,
    #[serde(default, rename = "receivesCompletedContract")]
    _receives_completed_contract: Option<bool>,
    /// `email`, `sms` or `none`, in newer versions of the page.
    otp_method: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Watcher {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    notification_kinds: String,
}

const NOTIFICATIONS: [&str; 6] = ["created", "opened", "signed", "rejected", "completed", "completed-contract"];

impl WantedSigner {
    /// How the signer comes to the page; only known for a checked one.
    pub(super) fn access(&self) -> Access {
        if self.access_kind == Access::Url.word() { Access::Url } else { Access::Email }
    }

    fn check(&self, at: &str, problems: &mut Vec<String>) {
        check_text(&format!("{at}.fullName"), &self.full_name, problems);
        match (self.access_kind.as_str(), &self.email) {
            ("", _) => problems.push(format!("{at}.accessKind: is required")),
            ("email", None) => problems.push(format!("{at}.email: is required when accessKind is email")),
            ("email" | "url", _) => {}
            _ => problems.push(format!("{at}.accessKind: must be email or url")),
        }
        if let Some(email) = &self.email {
            check_email(&format!("{at}.email"), email, problems);
        }
        if self.phone.as_deref().is_some_and(|phone| e164(phone).is_none()) {
            problems.push(format!("{at}.phone: must be an international number such as +33639987654"));
        }
        if self.otp_method.as_deref().is_some_and(|method| !["email", "sms", "none"].contains(&method)) {
            problems.push(format!("{at}.otpMethod: must be email, sms or none"));
        }
    }
}

impl Wanted {
    /// One 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let mut problems = Vec::new();
        check_text("templateId", &self.template_id, &mut problems);
        if !self.template_id.chars().all(|letter| (' '..='~').contains(&letter)) {
            problems.push("templateId: must be printable US-ASCII".to_owned());
        }
        check_text("name", &self.name, &mut problems);
        if !(1..=SIGNERS_MAX).contains(&self.signers.len()) {
            problems.push(format!("signers: from 1 to {SIGNERS_MAX} are needed, {} given", self.signers.len()));
        }
        for (index, signer) in self.signers.iter().take(SIGNERS_MAX).enumerate() {
            signer.check(&format!("signers[{index}]"), &mut problems);
        }
        if self.watchers.len() > WATCHERS_MAX {
            problems.push(format!("watchers: at most {WATCHERS_MAX} are taken"));
        }
        for (index, watcher) in self.watchers.iter().take(WATCHERS_MAX).enumerate() {
            let at = format!("watchers[{index}]");
            check_text(&format!("{at}.name"), &watcher.name, &mut problems);
            check_email(&format!("{at}.email"), &watcher.email, &mut problems);
            if !watcher.notification_kinds.split('|').all(|kind| NOTIFICATIONS.contains(&kind)) {
                problems.push(format!("{at}.notificationKinds: must be of {}", NOTIFICATIONS.join("|")));
            }
        }
        Problem::all(&problems)
    }
}

fn check_text(at: &str, text: &str, problems: &mut Vec<String>) {
    if text.trim().is_empty() {
        problems.push(format!("{at}: is required"));
    } else if text.chars().count() > NAME_CHARS_MAX {
        problems.push(format!("{at}: at most {NAME_CHARS_MAX} characters"));
    } else if text.chars().any(char::is_control) {
        problems.push(format!("{at}: must be printable"));
    }
}

fn check_email(at: &str, email: &str, problems: &mut Vec<String>) {
    let is_whole = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if !is_whole || email.chars().count() > NAME_CHARS_MAX || email.chars().any(char::is_whitespace) {
        problems.push(format!("{at}: is not an e-mail address"));
    }
}

/// A number in E.164. The documents' own example has a space and a hyphen, so those are taken out.
pub(super) fn e164(phone: &str) -> Option<String> {
    let digits: String = phone.strip_prefix('+')?.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let is_number = (7..=15).contains(&digits.len()) && digits.chars().all(|letter| letter.is_ascii_digit());
    is_number.then(|| format!("+{digits}"))
}
