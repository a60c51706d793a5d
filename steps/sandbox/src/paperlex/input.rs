//! What a client sent: the query and the form together, and the checks that every attribute has in common.

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::state::unprocessable;
use crate::delivery::check_url;
use crate::form::Form;
use crate::limits::{BODY_CHARS_MAX, NAME_CHARS_MAX, VALUE_CHARS_MAX};
use crate::wire::{Attempt, Call, Problem, clip};

/// The parameters of one request.
pub(super) struct Input {
    query: Form,
    body: Form,
}

impl Input {
    pub(super) fn read(call: &Call<'_>) -> Result<Self, Problem> {
        Self::parse(call.uri().query().unwrap_or_default(), call.body())
    }

    /// The same before the credentials were checked. A body that did not arrive whole is taken as empty.
    pub(super) fn of(attempt: &Attempt<'_>) -> Result<Self, Problem> {
        let body = attempt.body.map(AsRef::as_ref).unwrap_or_default();
        Self::parse(attempt.parts.uri.query().unwrap_or_default(), body)
    }

    fn parse(query: &str, body: &[u8]) -> Result<Self, Problem> {
        let query = Form::parse(query.as_bytes()).map_err(unprocessable)?;
        Ok(Self { query, body: Form::parse(body).map_err(unprocessable)? })
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.body.text(key).or_else(|| self.query.text(key))
    }

    pub(super) fn group(&self, key: &str) -> Option<&Form> {
        self.body.group(key).or_else(|| self.query.group(key))
    }

    /// The attributes of the one thing the request is about; only the named ones are allowed.
    pub(super) fn attributes<'a>(&'a self, thing: &'static str, allowed: &[&str]) -> Result<Attributes<'a>, Problem> {
        let Some(form) = self.group(thing) else {
            return Err(unprocessable(format!("{thing} is required")));
        };
        let keys = form.keys().filter(|key| !allowed.contains(key));
        let problems = keys.map(|key| format!("{thing}[{}] is not allowed", clip(key))).collect();
        Ok(Attributes { thing, form, problems })
    }
}

/// The attributes of one thing, and what is wrong with them so far.
pub(super) struct Attributes<'a> {
    thing: &'static str,
    pub(super) form: &'a Form,
    problems: Vec<String>,
}

impl<'a> Attributes<'a> {
    pub(super) fn problem(&mut self, key: &str, what: &str) {
        self.problems.push(format!("{}[{key}] {what}", self.thing));
    }

    /// A text that is there and says something; `None` when it is absent.
    pub(super) fn text(&mut self, key: &str, chars_max: usize) -> Option<&'a str> {
        let text = self.form.text(key)?;
        if text.trim().is_empty() {
            self.problem(key, "can't be blank");
        } else if text.chars().count() > chars_max {
            self.problem(key, &format!("has more than {chars_max} characters"));
        }
        Some(text)
    }

    pub(super) fn name(&mut self, key: &str) -> Option<&'a str> {
        self.text(key, NAME_CHARS_MAX)
    }

    pub(super) fn body(&mut self, key: &str) -> Option<&'a str> {
        self.text(key, BODY_CHARS_MAX)
    }

    /// As the documents have it, an integer greater than zero.
    pub(super) fn positive(&mut self, key: &str, max: usize) -> Option<usize> {
        let text = self.form.text(key)?;
        match text.trim().parse::<usize>() {
            Ok(number) if (1..=max).contains(&number) => Some(number),
            _ => {
                self.problem(key, &format!("must be an integer greater than zero, at most {max}"));
                None
            }
        }
    }

    pub(super) fn email(&mut self, key: &str) -> Option<&'a str> {
        let text = self.name(key)?;
        if !text.trim().is_empty() && !text.contains('@') {
            self.problem(key, "is not an e-mail address");
        }
        Some(text)
    }

    /// An address to call back; empty takes an earlier one away, because a client sends what it has not as `key=`.
    pub(super) fn callback(&mut self, key: &str) -> Option<Option<Url>> {
        match self.form.text(key)? {
            "" => Some(None),
            text => match check_url(text) {
                Ok(url) => Some(Some(url)),
                Err(problem) => {
                    self.problem(key, &format!("is invalid: {}", problem.message));
                    None
                }
            },
        }
    }

    /// Notes that something required is absent.
    pub(super) fn require(&mut self, key: &str) {
        if self.form.text(key).is_none() {
            self.problem(key, "is required");
        }
    }

    /// 422 with everything that was wrong, or nothing.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.problems.is_empty() { Ok(()) } else { Err(unprocessable(self.problems.join("; "))) }
    }
}

/// A hash of responses, checked.
pub(super) fn responses(form: &Form) -> Result<Vec<(String, String)>, Problem> {
    let mut responses = Vec::new();
    for key in form.keys() {
        let Some(value) = form.text(key) else {
            return Err(unprocessable(format!("responses[{}] must be a text", clip(key))));
        };
        if key.chars().count() > NAME_CHARS_MAX {
            return Err(unprocessable(format!("responses: a key has more than {NAME_CHARS_MAX} characters")));
        }
        check_value(key, value)?;
        responses.push((key.to_owned(), value.to_owned()));
    }
    Ok(responses)
}

pub(super) fn check_value(key: &str, value: &str) -> Result<(), Problem> {
    if value.chars().count() > VALUE_CHARS_MAX {
        return Err(unprocessable(format!("responses[{}] has more than {VALUE_CHARS_MAX} characters", clip(key))));
    }
    Ok(())
}

/// A response's key as it stands in a path.
pub(super) fn path_key(call: &Call<'_>) -> String {
    percent_decode_str(call.param(1)).decode_utf8_lossy().into_owned()
}
