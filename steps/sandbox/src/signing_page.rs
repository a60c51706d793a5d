//! The page where a person reads and signs, and the public link to the PDF.
//!
//! Plain HTML; the secret in the address is the only credential, as in the providers' signing links, so the pages are neither
//! cached nor framed, and the address is not passed on. What signing does is decided by the provider whose [`Desk`] knows
//! the secret; escaping is in `html`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use serde::Deserialize;

use crate::html::{escape, push, shell};
use crate::limits::NAME_CHARS_MAX;
use crate::listener::Line;
use crate::wire::{Problem, Reply};
use crate::world::{Shared, World};
use crate::{contract_signatures, juro, paperlex};

/// Where one provider's people sign.
pub(crate) struct Desk {
    /// What the secret in the address leads to.
    pub(crate) view: fn(&World, token: &str) -> Option<SigningView>,
    /// A person signs, under the name they typed.
    pub(crate) sign: fn(&mut World, token: &str, name: &str, from: IpAddr) -> Result<(), Problem>,
    /// A person declines.
    pub(crate) decline: fn(&mut World, token: &str, from: IpAddr) -> Result<(), Problem>,
}

/// The desks of all providers.
static DESKS: [&Desk; 3] = [&juro::DESK, &paperlex::DESK, &contract_signatures::DESK];

/// What the page shows.
#[derive(Default)]
pub(crate) struct SigningView {
    pub(crate) contract_id: String,
    pub(crate) contract_name: String,
    pub(crate) owner_name: String,
    /// For whom the person signs.
    pub(crate) side_name: String,
    /// Who was expected to sign, if the owner said so.
    pub(crate) expected: Option<String>,
    /// Title and value of each filled field.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Each table's rows.
    pub(crate) tables: Vec<Vec<Vec<String>>>,
    /// The text of the contract, as HTML in which everything a client chose is escaped.
    pub(crate) text_html: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) pdf_url: Option<String>,
    /// Name and time of this signature, once it is there.
    pub(crate) signed: Option<(String, String)>,
    /// Why this person cannot sign now, if so.
    pub(crate) closed: Option<String>,
    /// Whether the provider lets people decline.
    pub(crate) can_decline: bool,
    /// Where the form is sent; the page's own address when not said.
    pub(crate) action: Option<String>,
    /// Where the browser goes after the signature; back to the page when not said.
    pub(crate) return_url: Option<url::Url>,
}

/// `/sign/{token}` and `/pdf/{token}`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/sign/{token}", get(show).post(submit)).route("/pdf/{token}", get(pdf))
}

async fn pdf(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Response<Body> {
    juro::public_pdf(&shared.lock(), &token).unwrap_or_else(Problem::into_reply).into_response()
}

fn find(world: &World, token: &str) -> Option<(&'static Desk, SigningView)> {
    DESKS.iter().find_map(|desk| Some((*desk, (desk.view)(world, token)?)))
}

async fn show(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Response<Body> {
    let found = find(&shared.lock(), &token);
    match found {
        Some((_, view)) => page(StatusCode::OK, &view, None).into_response(),
        None => nowhere(),
    }
}

/// What the form sends.
#[derive(Deserialize)]
struct Submission {
    #[serde(default)]
    name: String,
    action: Action,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Sign,
    Decline,
}

/// Signs or declines, then sends the browser back to the page, so that a reload does not post again.
async fn submit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(token): Path<String>,
    form: Result<Form<Submission>, FormRejection>,
) -> Response<Body> {
    let mut world = shared.lock();
    let Some((desk, view)) = find(&world, &token) else {
        return nowhere();
    };
    let result = match form {
        Err(rejection) => Err(Problem::bad(rejection.body_text())),
        Ok(Form(Submission { name, action: Action::Sign })) => {
            check_name(&name).and_then(|name| (desk.sign)(&mut world, &token, name, line.peer))
        }
        Ok(Form(Submission { action: Action::Decline, .. })) => (desk.decline)(&mut world, &token, line.peer),
    };
    match result {
        Ok(()) => {
            let next = view.return_url.map_or_else(|| format!("/sign/{token}"), String::from);
            Reply::new(StatusCode::SEE_OTHER, "text/plain", "").with(LOCATION, next).into_response()
        }
        Err(problem) => page(problem.status, &view, Some(&problem.message)).into_response(),
    }
}

fn check_name(name: &str) -> Result<&str, Problem> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Problem::bad("Type your name to sign."));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::bad(format!("A name has at most {NAME_CHARS_MAX} characters.")));
    }
    Ok(name)
}

/// The page as a reply, with what went wrong on the last try.
pub(crate) fn page(status: StatusCode, view: &SigningView, error: Option<&str>) -> Reply {
    let title = escape(&view.contract_name);
    let mut main = format!(
        "<p>{} asks you to sign</p><h1>{title}</h1><p>You sign for <strong>{}</strong>.</p>",
        escape(&view.owner_name),
        escape(&view.side_name)
    );
    if let Some(error) = error {
        push(&mut main, format_args!("<p class=\"note error\" role=\"alert\">{}</p>", escape(error)));
    }
    if let Some(text) = &view.text_html {
        main.push_str(text);
    }
    main.push_str("<dl>");
    for (title, value) in &view.fields {
        push(&mut main, format_args!("<div><dt>{}</dt><dd>{}</dd></div>", escape(title), escape(value)));
    }
    main.push_str("</dl>");
    for rows in &view.tables {
        main.push_str("<table><tbody>");
        for row in rows {
            main.push_str("<tr>");
            for cell in row {
                push(&mut main, format_args!("<td>{}</td>", escape(cell)));
            }
            main.push_str("</tr>");
        }
        main.push_str("</tbody></table>");
    }
    if let Some(url) = &view.pdf_url {
        push(&mut main, format_args!("<p><a href=\"{}\">The contract as a PDF</a></p>", escape(url)));
    }
    match (&view.signed, &view.closed) {
        (Some((name, at)), _) => push(
            &mut main,
            format_args!("<p class=\"note\" role=\"status\">Signed by {} at {}.</p>", escape(name), escape(at)),
        ),
        (None, Some(reason)) => push(
            &mut main,
            format_args!(
                "<p class=\"note\" role=\"status\">You cannot sign now: {}. The contract is {}.</p>",
                escape(reason),
                escape(view.status)
            ),
        ),
        (None, None) => push(&mut main, format_args!("{}", form(view))),
    }
    push(
        &mut main,
        format_args!("<p><small>Sandbox contract {}: binds nobody.</small></p>", escape(&view.contract_id)),
    );
    html(status, &title, &main, view.return_url.as_ref())
}

/// The browser's own check keeps an empty name back; declining needs none.
fn form(view: &SigningView) -> String {
    let action = view.action.as_deref().map(|action| format!(" action=\"{}\"", escape(action))).unwrap_or_default();
    let decline =
        if view.can_decline { "<button name=\"action\" value=\"decline\" formnovalidate>Decline</button>" } else { "" };
    format!(
        "<form method=\"post\"{action}><label for=\"name\">Your full name</label>\
         <input id=\"name\" name=\"name\" required maxlength=\"{NAME_CHARS_MAX}\" autocomplete=\"name\" value=\"{}\">\
         <button name=\"action\" value=\"sign\">Sign</button>{decline}</form>",
        escape(view.expected.as_deref().unwrap_or_default())
    )
}

fn nowhere() -> Response<Body> {
    let main = "<h1>This link leads nowhere</h1><p>The contract was deleted, or the address is not complete.</p>";
    html(StatusCode::NOT_FOUND, "Not found", main, None).into_response()
}

/// Browsers hold a form's redirects against the policy, so the place the browser returns to is let through.
fn html(status: StatusCode, title: &str, main: &str, return_url: Option<&url::Url>) -> Reply {
    let elsewhere = return_url.map(|url| format!(" {}", url.origin().ascii_serialization())).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'{elsewhere}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    Reply::new(status, "text/html; charset=utf-8", shell(title, main))
        .with(CONTENT_SECURITY_POLICY, policy)
        .with(CACHE_CONTROL, "no-store")
        .with(REFERRER_POLICY, "no-referrer")
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
}
