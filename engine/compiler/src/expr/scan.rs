//! From the text of a template to its references and to what workflows do not allow in it.
//!
//! One pass over the tokens, no recursion. The grammar itself is Tera's: what is no expression at all is found in `syntax`.

use super::filters::FILTERS;
use super::lexer::{LexError, Placed, Token, lex};
use super::predicates::TESTS;
use super::text::{Expression, Fault, Reference, Segment, Text, next_marker};
use crate::codes;
use crate::limits::{CONCATENATIONS_MAX, REFERENCES_MAX, TEMPLATE_BYTES_MAX};
use engross_source::{Code, nearest};
use std::ops::Range;

/// A filter or test that templates may use.
pub(super) struct Callable {
    pub(super) name: &'static str,
    /// Its arguments, and whether each must be given.
    pub(super) arguments: &'static [(&'static str, bool)],
}

/// Words that are no references.
const WORDS: [&str; 14] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "True", "false", "False", "none", "None", "null"];

/// Looks through a string. A string without markers has no expressions and no faults.
pub(crate) fn scan(text: &str) -> Text {
    let mut found = Text::default();
    if text.len() > TEMPLATE_BYTES_MAX && next_marker(text, 0).is_some() {
        let message = format!("the template is {} bytes long, more than {TEMPLATE_BYTES_MAX}", text.len());
        found.faults.push(fault(codes::TEMPLATE_PROFILE, 0..1, message, "split the text over several steps"));
        return found;
    }
    let mut at = 0;
    while let Some(open) = next_marker(text, at) {
        let marker = text.get(open..open + 2).unwrap_or_default();
        if marker != "{{" {
            found.faults.push(block(marker, open));
            at = open + 2;
            continue;
        }
        let dash = text.get(open + 2..).is_some_and(|rest| rest.starts_with('-'));
        let start = open + 2 + usize::from(dash);
        match lex(text, start) {
            Ok(lexed) => {
                at = lexed.close.end;
                let trims = dash || lexed.close.len() == 3;
                let (references, faults) = Scanner::new(&lexed.tokens).run();
                let inner = match (lexed.tokens.first(), lexed.tokens.last()) {
                    (Some(first), Some(last)) => first.range.start..last.range.end,
                    _ => start..start,
                };
                found.faults.extend(faults);
                found.expressions.push(Expression { outer: open..at, inner, references, trims });
            }
            Err(error) => {
                found.faults.push(not_lexed(text, open, &error));
                break;
            }
        }
    }
    let blank = |range: Range<usize>| text.get(range).is_some_and(|around| around.trim_ascii().is_empty());
    if let [only] = found.expressions.as_slice() {
        found.whole = blank(0..only.outer.start) && blank(only.outer.end..text.len());
    }
    found
}

fn fault(code: Code, range: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault { code, range, message: message.into(), hint: Some(hint.into()) }
}

fn block(marker: &str, at: usize) -> Fault {
    let message = if marker == "{%" {
        "`{% … %}` blocks are not part of workflows"
    } else {
        "`{# … #}` comments are not part of workflows"
    };
    let hint = format!(
        "templates are expressions in `{{{{ … }}}}`, such as `{{{{ a if b else c }}}}`; to mean the characters themselves write `{{{{ \"{marker}\" }}}}`"
    );
    fault(codes::TEMPLATE_BLOCK, at..at + 2, message, hint)
}

fn not_lexed(text: &str, open: usize, error: &LexError) -> Fault {
    match error {
        LexError::Unclosed => {
            let hint = "close it with `}}`; to mean the braces themselves write `{{ \"{{\" }}`";
            fault(codes::TEMPLATE_SYNTAX, open..open + 2, "`{{` is not closed", hint)
        }
        LexError::UnclosedString(at) => {
            let quote = text.get(*at..*at + 1).unwrap_or_default();
            let hint = format!("close it with {quote}");
            fault(codes::TEMPLATE_SYNTAX, *at..*at + 1, "a string in the template is not closed", hint)
        }
        LexError::Unexpected(range) => {
            let shown = engross_source::diagnostic::quoted(text.get(range.clone()).unwrap_or_default());
            let hint = "put text into quotes";
            fault(codes::TEMPLATE_SYNTAX, range.clone(), format!("{shown} means nothing in a template"), hint)
        }
    }
}

struct Scanner<'t, 's> {
    tokens: &'s [Placed<'t>],
    /// For each bracket the position of the one that belongs to it.
    partner: Vec<Option<usize>>,
    references: Vec<Reference>,
    faults: Vec<Fault>,
}

impl<'t, 's> Scanner<'t, 's> {
    fn new(tokens: &'s [Placed<'t>]) -> Self {
        let mut partner = vec![None; tokens.len()];
        let mut open = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let Token::Mark(mark) = token.token else { continue };
            if matches!(mark, "(" | "[" | "?[" | "{") {
                open.push(at);
            } else if matches!(mark, ")" | "]" | "}")
                && let Some(start) = open.pop()
            {
                for (from, to) in [(start, at), (at, start)] {
                    if let Some(slot) = partner.get_mut(from) {
                        *slot = Some(to);
                    }
                }
            }
        }
        Self { tokens, partner, references: Vec::new(), faults: Vec::new() }
    }

    fn run(mut self) -> (Vec<Reference>, Vec<Fault>) {
        for at in 0..self.tokens.len() {
            match self.tokens.get(at).map(|placed| &placed.token) {
                Some(Token::Name(name)) => self.name(at, name),
                Some(Token::Mark(mark)) => self.mark(at, mark),
                _ => {}
            }
        }
        self.count();
        (self.references, self.faults)
    }

    fn is(&self, at: Option<usize>, mark: &str) -> bool {
        at.and_then(|at| self.tokens.get(at)).is_some_and(|token| token.is(mark))
    }

    fn is_name(&self, at: Option<usize>, name: &str) -> bool {
        at.and_then(|at| self.tokens.get(at)).is_some_and(|token| token.is_name(name))
    }

    fn range(&self, at: usize) -> Range<usize> {
        self.tokens.get(at).map_or(0..0, |token| token.range.clone())
    }

    fn name(&mut self, at: usize, name: &str) {
        let before = at.checked_sub(1);
        if self.is(before, ".") || self.is(before, "?.") {
            return;
        }
        if self.is(before, "|") {
            self.callable(at, name, "filter", codes::UNKNOWN_FILTER, FILTERS);
        } else if self.is_name(before, "is") && name != "not"
            || self.is_name(before, "not") && self.is_name(at.checked_sub(2), "is")
        {
            self.callable(at, name, "test", codes::UNKNOWN_TEST, TESTS);
        } else if name == "for" {
            let message = "lists cannot be computed item by item here";
            let hint = "compute the list in a step of its own";
            self.faults.push(fault(codes::TEMPLATE_PROFILE, self.range(at), message, hint));
        } else if WORDS.contains(&name) || self.is(Some(at + 1), "=") {
            // Words, and the names of arguments, are no references.
        } else if self.is(Some(at + 1), "(") {
            let message = format!("functions such as `{name}` cannot be called in a workflow");
            let hint = "use a filter: `{{ value | filter }}`";
            self.faults.push(fault(codes::TEMPLATE_PROFILE, self.range(at), message, hint));
        } else {
            self.reference(at, name);
        }
    }

    fn mark(&mut self, at: usize, mark: &str) {
        let operand_next = at.checked_sub(1).is_none_or(|before| match self.tokens.get(before).map(|t| &t.token) {
            Some(Token::Mark(mark)) => !matches!(*mark, ")" | "]" | "}"),
            Some(Token::Name(word)) => matches!(*word, "and" | "or" | "not" | "in" | "if" | "else"),
            _ => false,
        });
        let message = match mark {
            "..." => "`...` cannot be used in a workflow",
            "<" if operand_next => "components cannot be used in a workflow",
            _ => return,
        };
        let hint = "use references, operators and filters";
        self.faults.push(fault(codes::TEMPLATE_PROFILE, self.range(at), message, hint));
    }

    /// Takes the chain that starts at `at`, as far as it is written out, and looks at what follows it.
    fn reference(&mut self, at: usize, name: &str) {
        let mut segments = vec![(Segment::Key(name.to_owned()), self.range(at))];
        let mut next = at + 1;
        loop {
            let step = if self.is(Some(next), ".") || self.is(Some(next), "?.") {
                match self.tokens.get(next + 1) {
                    Some(Placed { token: Token::Name(key), range }) => {
                        Some((Segment::Key((*key).to_owned()), range.clone(), next + 2))
                    }
                    _ => None,
                }
            } else if (self.is(Some(next), "[") || self.is(Some(next), "?[")) && self.is(Some(next + 2), "]") {
                let range = self.range(next).start..self.range(next + 2).end;
                match self.tokens.get(next + 1).map(|token| &token.token) {
                    Some(Token::Text(key)) => Some((Segment::Key(key.clone()), range, next + 3)),
                    Some(Token::Integer(digits)) => {
                        digits.parse().ok().map(|index| (Segment::Index(index), range, next + 3))
                    }
                    _ => None,
                }
            } else {
                None
            };
            let Some((segment, range, after)) = step else { break };
            segments.push((segment, range));
            next = after;
        }
        let (end, accesses, after) = self.computed_part(next);
        let guarded = self.is_guarded(at, after);
        self.references.push(Reference { segments, end, accesses, guarded });
    }

    /// What follows the part of a chain that is written out: where it ends, its plain accesses, the token after it.
    fn computed_part(&self, mut next: usize) -> (usize, Vec<usize>, usize) {
        let mut accesses = Vec::new();
        loop {
            let plain = self.is(Some(next), ".") || self.is(Some(next), "[");
            let optional = self.is(Some(next), "?.") || self.is(Some(next), "?[");
            let after = if self.is(Some(next), ".") || self.is(Some(next), "?.") {
                Some(next + 2)
            } else if plain || optional {
                self.partner.get(next).copied().flatten().map(|close| close + 1)
            } else {
                None
            };
            let Some(after) = after.filter(|after| *after <= self.tokens.len()) else { break };
            if plain {
                accesses.push(self.range(next).start);
            }
            next = after;
        }
        (self.range(next.saturating_sub(1)).end, accesses, next)
    }

    /// Whether `default` or `is defined` takes the chain from `start` up to before `after`, brackets around it aside.
    fn is_guarded(&self, mut start: usize, mut after: usize) -> bool {
        while self.is(Some(after), ")")
            && self.partner.get(after).copied().flatten() == start.checked_sub(1)
            && start > 0
        {
            start -= 1;
            after += 1;
        }
        let test = if self.is_name(Some(after + 1), "not") { after + 2 } else { after + 1 };
        let tested = self.is_name(Some(test), "defined") || self.is_name(Some(test), "undefined");
        (self.is(Some(after), "|") && self.is_name(Some(after + 1), "default"))
            || (self.is_name(Some(after), "is") && tested)
    }

    fn callable(&mut self, at: usize, name: &str, what: &str, code: Code, known: &'static [Callable]) {
        let range = self.range(at);
        let Some(callable) = known.iter().find(|callable| callable.name == name) else {
            let names = known.iter().map(|callable| callable.name);
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the {what}s are {}", names.collect::<Vec<_>>().join(", ")),
            };
            self.faults.push(fault(code, range, format!("there is no {what} `{name}`"), hint));
            return;
        };
        let mut given = Vec::new();
        if self.is(Some(at + 1), "(") {
            let close = self.partner.get(at + 1).copied().flatten().unwrap_or(self.tokens.len());
            let mut inside = at + 2;
            while inside < close {
                match self.tokens.get(inside).map(|placed| &placed.token) {
                    Some(Token::Name(argument)) if self.is(Some(inside + 1), "=") => {
                        given.push((*argument, self.range(inside)))
                    }
                    Some(Token::Mark(_)) => {
                        inside = self.partner.get(inside).copied().flatten().map_or(inside, |p| p.max(inside))
                    }
                    _ => {}
                }
                inside += 1;
            }
        }
        let arguments = callable.arguments;
        for (argument, range) in &given {
            if !arguments.iter().any(|(known, _)| known == argument) {
                let message = format!("the {what} `{name}` has no argument `{argument}`");
                let hint = match nearest(argument, arguments.iter().map(|(known, _)| *known)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => usage(callable),
                };
                self.faults.push(fault(codes::FILTER_ARGUMENT, range.clone(), message, hint));
            }
        }
        for (required, _) in arguments.iter().filter(|(_, required)| *required) {
            if !given.iter().any(|(argument, _)| argument == required) {
                let message = format!("the {what} `{name}` needs the argument `{required}`");
                self.faults.push(fault(codes::FILTER_ARGUMENT, range.clone(), message, usage(callable)));
            }
        }
    }

    fn count(&mut self) {
        let concatenations = self.tokens.iter().filter(|token| token.is("~"));
        if let Some(token) = concatenations.clone().nth(CONCATENATIONS_MAX) {
            let message = format!(
                "`~` stands {} times in one expression, more than {CONCATENATIONS_MAX}",
                concatenations.count()
            );
            let hint = "write text around several `{{ … }}` instead";
            self.faults.push(fault(codes::TEMPLATE_PROFILE, token.range.clone(), message, hint));
        }
        if let Some(reference) = self.references.get(REFERENCES_MAX) {
            let message =
                format!("{} references stand in one expression, more than {REFERENCES_MAX}", self.references.len());
            let hint = "split it over several `{{ … }}` or steps";
            self.faults.push(fault(codes::TEMPLATE_PROFILE, reference.static_range(), message, hint));
        }
    }
}

/// How a filter or test is written.
fn usage(callable: &Callable) -> String {
    if callable.arguments.is_empty() {
        return format!("write `{}` alone", callable.name);
    }
    let arguments: Vec<String> = callable.arguments.iter().map(|(name, _)| format!("{name}=…")).collect();
    format!("write `{}({})`", callable.name, arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::path_text;

    /// `text` as its references (`?` when guarded, `+` when a computed part follows) and the codes of its faults.
    fn check(text: &str, expected: &str) {
        let found = scan(text);
        let references = found.expressions.iter().flat_map(|e| &e.references).map(|r| {
            let marks = [(r.guarded, "?"), (r.computed(), "+")];
            path_text(r.path()) + &marks.iter().filter(|(on, _)| *on).map(|(_, m)| *m).collect::<String>()
        });
        let faults = found.faults.iter().map(|f| f.code.0.to_owned());
        assert_eq!(references.chain(faults).collect::<Vec<_>>().join(" "), expected, "{text}");
    }

    #[test]
    fn references_are_found_with_their_paths() {
        check("no template } here }}", "");
        check(
            "{{ inputs.a.b }} and {{ steps.x.outputs['odd key'][0].y }}",
            "inputs.a.b steps.x.outputs['odd key'][0].y",
        );
        check("{{ a if b and not c else d.e }}", "a b c d.e");
        check("{{ x | default(value=y.z) | replace(from='a', to=w) }}", "x? y.z w");
        check("{{ (x.y) | default(value=1) }}{{ x is not defined }}{{ x is string }}", "x.y? x? x");
        check("{{ (x ~ y) | default(value=1) }}", "x y");
        check("{{ a[b.c].d }}", "a+ b.c");
        check("{{ a?.b?[0] }}{{ a[-1] }}{{ a[1:2] }}", "a.b[0] a+ a+");
        check("{{ {'k': v, 'l': [w]} }}", "v w");
        check("{{- a -}}", "a");
        check("{{ 'steps.x' ~ \"}}\" }}", "");
        check("{{ 1 in a }}{{ x not in y }}", "a x y");
    }

    #[test]
    fn what_workflows_do_not_allow_is_found() {
        check("{% if a %}{# b #}{{ c }}", "c E0302 E0302");
        check("{{ range(end=3) }}{{ throw(message='x') }}", "E0304 E0304");
        check("{{ [x for x in y] }}", "x x y E0304");
        check("{{ [...a] }}{{ <Foo/> }}{{ a < b }}", "a Foo a b E0304 E0304");
        check("{{ a | uper | nth | join(sepp=',') }}", "a E0305 E0307 E0307");
        check("{{ a is sting }}", "a E0306");
        check("{{ a", "E0301");
        check("{{ 'a }}", "E0301");
        check(&format!("{{{{ a{} }}}}", " ~ 1".repeat(8)), "a");
        check(&format!("{{{{ a{} }}}}", " ~ 1".repeat(9)), "a E0304");
        check(&format!("{{{{ a }}}}{}", "x".repeat(TEMPLATE_BYTES_MAX)), "E0304");
    }

    #[test]
    fn a_whole_template_may_have_blanks_around_it() {
        for (text, expected) in
            [("{{ a }}", true), (" {{ a }}\n", true), ("{{ a }}{{ b }}", false), ("x{{ a }}", false)]
        {
            assert_eq!(scan(text).whole, expected, "{text}");
        }
    }
}
