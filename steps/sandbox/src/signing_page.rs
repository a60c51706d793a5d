//! The page where a person reads and signs, and the public link to the PDF.
//!
//! Plain HTML that works without scripts and loads nothing; whatever a client put into a contract is escaped here. The secret
//! in the address is the only credential, as in Juro's signing links, so the pages are neither cached nor framed, and the
//! address is not passed on. What signing does is decided in `juro`.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use serde::Deserialize;

use crate::juro::{self, SigningView};
use crate::limits::NAME_CHARS_MAX;
use crate::wire::{Problem, Reply};
use crate::world::Shared;

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0 1rem;overflow-wrap:anywhere}\
dl{border-top:1px solid #8886;margin:1.5rem 0}\
dl div{border-bottom:1px solid #8886;padding:.5rem 0}\
dt{font-size:.875rem;opacity:.75}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}\
table{border-collapse:collapse;margin:1.5rem 0}td{border:1px solid #8886;padding:.25rem .6rem}\
label{display:block;font-weight:600}\
input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0 1rem}\
button{font:inherit;padding:.5rem 1.25rem;margin-right:.5rem;min-height:2.75rem}\
.note{border-left:4px solid #888;padding:.5rem .75rem}.error{border-color:#c00}";

/// `/sign/{token}` and `/pdf/{token}`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/sign/{token}", get(show).post(submit)).route("/pdf/{token}", get(pdf))
}

async fn pdf(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Response<Body> {
    juro::public_pdf(&shared.lock(), &token).unwrap_or_else(Problem::into_reply).into_response()
}

async fn show(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Response<Body> {
    let view = juro::signing_view(&shared.lock(), &token);
    match view {
        Some(view) => page(StatusCode::OK, &view, None),
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
    Path(token): Path<String>,
    form: Result<Form<Submission>, FormRejection>,
) -> Response<Body> {
    let mut world = shared.lock();
    let result = match form {
        Err(rejection) => Err(Problem::bad(rejection.body_text())),
        Ok(Form(Submission { name, action: Action::Sign })) => juro::sign_with_token(&mut world, &token, &name),
        Ok(Form(Submission { action: Action::Decline, .. })) => juro::decline(&mut world, &token),
    };
    match (result, juro::signing_view(&world, &token)) {
        (Ok(()), _) => {
            Reply::new(StatusCode::SEE_OTHER, "text/plain", "").with(LOCATION, format!("/sign/{token}")).into_response()
        }
        (Err(problem), Some(view)) => page(problem.status, &view, Some(&problem.message)),
        (Err(_), None) => nowhere(),
    }
}

fn page(status: StatusCode, view: &SigningView, error: Option<&str>) -> Response<Body> {
    let title = escape(&view.contract_name);
    let mut main = format!(
        "<p>{} asks you to sign</p><h1>{title}</h1><p>You sign for <strong>{}</strong>.</p>",
        escape(&view.owner_name),
        escape(&view.side_name)
    );
    if let Some(error) = error {
        push(&mut main, format_args!("<p class=\"note error\" role=\"alert\">{}</p>", escape(error)));
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
    push(&mut main, format_args!("<p><a href=\"{}\">The contract as a PDF</a></p>", escape(&view.pdf_url)));
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
    html(status, &title, &main)
}

/// The browser's own check keeps an empty name back; declining needs none.
fn form(view: &SigningView) -> String {
    format!(
        "<form method=\"post\"><label for=\"name\">Your full name</label>\
         <input id=\"name\" name=\"name\" required maxlength=\"{NAME_CHARS_MAX}\" autocomplete=\"name\" value=\"{}\">\
         <button name=\"action\" value=\"sign\">Sign</button>\
         <button name=\"action\" value=\"decline\" formnovalidate>Decline</button></form>",
        escape(view.expected.as_deref().unwrap_or_default())
    )
}

fn nowhere() -> Response<Body> {
    let main = "<h1>This link leads nowhere</h1><p>The contract was deleted, or the address is not complete.</p>";
    html(StatusCode::NOT_FOUND, "Not found", main)
}

fn html(status: StatusCode, title: &str, main: &str) -> Response<Body> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{main}</main></body></html>"
    );
    Reply::new(status, "text/html; charset=utf-8", page)
        .with(CONTENT_SECURITY_POLICY, POLICY)
        .with(CACHE_CONTROL, "no-store")
        .with(REFERRER_POLICY, "no-referrer")
        .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .into_response()
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("writing to a String cannot fail");
}

/// Text for HTML content and for quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
