//! The kinds of values that an expression may give, and what in it cannot work.
//!
//! Only what is certain is called wrong: a kind must be known, from a schema or written out, before anything is said about it.
//! Where findings go and what they are called is for the rules.

use crate::expr::kinds::{ANY, BOOLEAN, FLOAT, INTEGER, Kinds, LIST, MAP, NULL, NUMBER, STRING};
use crate::expr::signatures::{FILTER_SIGNATURES, Gives, Signature, TEST_SIGNATURES};
use crate::expr::tree::{Call, Node, Operator, Tree};
use std::ops::Range;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) kinds: Kinds,
    /// Whether it certainly is of one of these kinds; otherwise they are a guess that nothing is built on.
    pub(crate) known: bool,
    /// The kinds of a list's items, where they are known.
    pub(crate) items: Option<Kinds>,
    /// Whether a list certainly has an item, or a map an entry.
    pub(crate) filled: bool,
}

impl Type {
    pub(crate) const UNKNOWN: Self = Self { kinds: ANY, known: false, items: None, filled: false };

    pub(crate) const fn of(kinds: Kinds) -> Self {
        Self { kinds, known: true, items: None, filled: false }
    }

    fn or(self, other: Self) -> Self {
        let items = match (self.items, other.items) {
            (Some(one), Some(two)) => Some(one.or(two)),
            _ => None,
        };
        Self {
            kinds: self.kinds.or(other.kinds),
            known: self.known && other.known,
            items,
            filled: self.filled && other.filled,
        }
    }

    /// Whether it certainly counts as true.
    fn is_true(self) -> bool {
        self.known && self.filled && LIST.or(MAP).holds(self.kinds)
    }

    fn without(self, kinds: Kinds) -> Self {
        Self { kinds: self.kinds.without(kinds), ..self }
    }
}

/// A part of an expression that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where, in the whole text.
    pub(crate) range: Range<usize>,
    pub(crate) kind: MisfitKind,
    /// What is there, or may be there.
    pub(crate) given: Kinds,
    /// What is taken, and by whom: "`upper`".
    pub(crate) taken: Kinds,
    pub(crate) taker: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MisfitKind {
    /// The operand of an operator or filter can never be taken.
    Never,
    /// The argument of a filter or test can never be taken.
    Argument,
    /// The two sides cannot be compared, whatever they are.
    Compare,
    /// Some of its kinds cannot be taken.
    Sometimes,
}

/// What the expression's references give.
pub(crate) trait References {
    /// The type of the reference at this position of the expression's list.
    fn reference(&self, position: usize) -> Type;

    /// Whether two references of the expression lead to the same value.
    fn same(&self, one: usize, other: usize) -> bool;
}

/// Works out an expression's type and what does not fit in it.
pub(crate) struct Typer<'r> {
    references: &'r dyn References,
    /// References that are there, or not null, because a condition around the part at hand says so.
    tested: Vec<Assured>,
    /// Each use of a reference, with what is sure of others wherever it is computed.
    pub(crate) uses: Vec<(usize, Vec<Assured>)>,
    pub(crate) misfits: Vec<Misfit>,
}

impl<'r> Typer<'r> {
    pub(crate) fn new(references: &'r dyn References) -> Self {
        Self { references, tested: Vec::new(), uses: Vec::new(), misfits: Vec::new() }
    }

    /// The type of a part. Recursion follows the tree, whose depth its reader bounds.
    pub(crate) fn infer(&mut self, tree: &Tree) -> Type {
        match &tree.node {
            Node::Reference(at) => {
                let found = self.references.reference(*at);
                self.uses.push((*at, self.tested.clone()));
                let not_null = |other: &&Assured| other.not_null && self.references.same(*at, other.reference);
                let tested = self.tested.iter().any(|other| not_null(&other));
                if tested { found.without(NULL) } else { found }
            }
            Node::Text => Type::of(STRING),
            Node::Integer => Type::of(INTEGER),
            Node::Float => Type::of(FLOAT),
            Node::Boolean => Type::of(BOOLEAN),
            Node::Null => Type::of(NULL),
            Node::List(items) => {
                let types: Vec<Type> = items.iter().map(|item| self.infer(item)).collect();
                let items = types.iter().map(|t| t.known.then_some(t.kinds)).collect::<Option<Vec<_>>>();
                let filled = !types.is_empty();
                Type { items: items.and_then(|all| all.into_iter().reduce(Kinds::or)), filled, ..Type::of(LIST) }
            }
            Node::Map(values) => {
                for value in values {
                    self.infer(value);
                }
                Type::of(MAP)
            }
            Node::Not(inner) => {
                self.infer(inner);
                Type::of(BOOLEAN)
            }
            Node::Minus(inner) => {
                let found = self.infer(inner);
                if self.takes(inner, found, NUMBER, "`-`", MisfitKind::Never) { found } else { Type::UNKNOWN }
            }
            Node::Binary(operator, left, right) => self.binary(*operator, tree, left, right),
            Node::Filter(call) => self.filter(call),
            Node::Test(call) => self.test(call),
            Node::If(condition, then, other) => {
                self.infer(condition);
                let then = self.under(condition, true, then);
                let other = self.under(condition, false, other);
                then.or(other)
            }
        }
    }

    fn binary(&mut self, operator: Operator, whole: &Tree, left: &Tree, right: &Tree) -> Type {
        let one = self.infer(left);
        let two = match operator {
            Operator::And => self.under(left, true, right),
            Operator::Or => self.under(left, false, right),
            _ => self.infer(right),
        };
        match operator {
            Operator::Arithmetic(_) | Operator::Division => {
                let name =
                    if let Operator::Arithmetic(name) = operator { format!("`{name}`") } else { "`/`".to_owned() };
                let fits = self.takes(left, one, NUMBER, &name, MisfitKind::Never);
                if !(self.takes(right, two, NUMBER, &name, MisfitKind::Never) && fits) {
                    return Type::UNKNOWN;
                }
                let whole = one.kinds == INTEGER
                    && two.kinds == INTEGER
                    && matches!(operator, Operator::Arithmetic("+" | "-" | "*"));
                Type::of(if whole { INTEGER } else { NUMBER })
            }
            Operator::Concatenation => Type::of(STRING),
            Operator::Equality => Type::of(BOOLEAN),
            Operator::Order(name) => {
                self.compare(whole, one, two, name);
                Type::of(BOOLEAN)
            }
            Operator::In => {
                self.takes(right, two, STRING.or(LIST).or(MAP), "`in`", MisfitKind::Never);
                Type::of(BOOLEAN)
            }
            Operator::And if one.is_true() => two,
            Operator::Or if one.is_true() => one,
            Operator::And => one.or(two),
            Operator::Or => one.without(NULL).or(two),
        }
    }

    /// The type of a part that is computed only where a condition comes out as `truth`.
    fn under(&mut self, condition: &Tree, truth: bool, part: &Tree) -> Type {
        let before = self.tested.len();
        assured(condition, truth, &mut self.tested);
        let part = self.infer(part);
        self.tested.truncate(before);
        part
    }

    fn compare(&mut self, whole: &Tree, one: Type, two: Type, name: &str) {
        if !(one.known && two.known) {
            return;
        }
        let number = |kinds: Kinds| if kinds.and(NUMBER).is_empty() { kinds } else { kinds.or(NUMBER) };
        let (left, right) = (number(one.kinds), number(two.kinds));
        let common = left.and(right).without(MAP);
        let single = [NUMBER, STRING, BOOLEAN].contains(&left) && left == right;
        if single {
            return;
        }
        let kind = if common.is_empty() { MisfitKind::Compare } else { MisfitKind::Sometimes };
        let taker = format!("`{name}`");
        if kind == MisfitKind::Compare {
            self.misfits.push(Misfit { range: whole.range.clone(), kind, given: one.kinds, taken: two.kinds, taker });
            return;
        }
        // Null, or one of several kinds, on one side only: what may go wrong is what the other side cannot be.
        let given = left.without(right).or(right.without(left));
        let given = if given.is_empty() { left } else { given };
        self.misfits.push(Misfit {
            range: whole.range.clone(),
            kind,
            given,
            taken: NUMBER.or(STRING).or(BOOLEAN),
            taker,
        });
    }

    fn filter(&mut self, call: &Call) -> Type {
        let Some(signature) = FILTER_SIGNATURES.iter().find(|s| s.name == call.name) else { return Type::UNKNOWN };
        let found = self.infer(&call.input);
        let arguments = self.arguments(call, signature);
        if !self.takes(&call.input, found, signature.takes, &format!("`{}`", call.name), MisfitKind::Never) {
            return Type::UNKNOWN;
        }
        // An item of a joined list becomes text, which null cannot.
        if let (true, Some(items)) = (call.name == "join", found.items) {
            let item = Type { kinds: items, known: found.known && items.holds(NULL), ..Type::UNKNOWN };
            let item = if items == NULL { item.or(Type::of(STRING)) } else { item };
            self.takes(&call.input, item, ANY.without(NULL), "`join` of its items", MisfitKind::Never);
        }
        match signature.gives {
            Gives::Kinds(kinds) => Type::of(kinds),
            Gives::Same => Type { kinds: found.kinds.and(signature.takes), ..found },
            Gives::Item => match found.items {
                Some(items) if found.filled && call.name != "nth" => Type::of(items),
                Some(items) => Type::of(items.or(NULL)),
                None => Type::UNKNOWN,
            },
            Gives::Texts => Type { items: Some(STRING), filled: call.name == "split", ..Type::of(LIST) },
            Gives::Default => {
                let argument = |name: &str| arguments.iter().find(|(own, _)| *own == name);
                let Some((_, other)) = argument("value") else { return Type::UNKNOWN };
                let found = if argument("boolean").is_some() { found.without(NULL) } else { found };
                found.or(*other)
            }
            Gives::Unknown => Type::UNKNOWN,
        }
    }

    fn test(&mut self, call: &Call) -> Type {
        let found = self.infer(&call.input);
        if let Some(signature) = TEST_SIGNATURES.iter().find(|s| s.name == call.name) {
            self.arguments(call, signature);
            self.takes(&call.input, found, signature.takes, &format!("`is {}`", call.name), MisfitKind::Never);
        }
        Type::of(BOOLEAN)
    }

    fn arguments<'c>(&mut self, call: &'c Call, signature: &Signature) -> Vec<(&'c str, Type)> {
        let mut types = Vec::with_capacity(call.arguments.len());
        for (name, tree) in &call.arguments {
            let found = self.infer(tree);
            types.push((name.as_str(), found));
            if let Some((_, taken)) = signature.arguments.iter().find(|(own, _)| own == name) {
                let taker = format!("`{name}` of `{}`", call.name);
                self.takes(tree, found, *taken, &taker, MisfitKind::Argument);
            }
        }
        types
    }

    /// Whether a value can be taken at all.
    pub(crate) fn takes(&mut self, tree: &Tree, found: Type, taken: Kinds, taker: &str, never: MisfitKind) -> bool {
        if !found.known || taken.holds(found.kinds) {
            return true;
        }
        let fits = !found.kinds.and(taken).is_empty();
        let (kind, given) =
            if fits { (MisfitKind::Sometimes, found.kinds.without(taken)) } else { (never, found.kinds) };
        self.misfits.push(Misfit { range: tree.range.clone(), kind, given, taken, taker: taker.to_owned() });
        fits
    }
}

/// A reference that a condition says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assured {
    /// Its position in the expression's list.
    pub(crate) reference: usize,
    /// Whether it is not null, too; otherwise it is only there.
    pub(crate) not_null: bool,
}

/// What holds of references when a condition comes out as `truth`.
pub(crate) fn assured(condition: &Tree, truth: bool, into: &mut Vec<Assured>) {
    match &condition.node {
        Node::Reference(at) if truth => into.push(Assured { reference: *at, not_null: true }),
        Node::Not(inner) => assured(inner, !truth, into),
        Node::Binary(Operator::And, left, right) if truth => {
            assured(left, truth, into);
            assured(right, truth, into);
        }
        Node::Binary(Operator::Or, left, right) if !truth => {
            assured(left, truth, into);
            assured(right, truth, into);
        }
        Node::Test(call) => {
            let Node::Reference(reference) = call.input.node else { return };
            let (when, not_null) = match call.name.as_str() {
                "undefined" => (false, false),
                "none" => (false, true),
                "defined" => (true, false),
                _ => (true, true),
            };
            if truth == when {
                into.push(Assured { reference, not_null });
            }
        }
        _ => {}
    }
}
