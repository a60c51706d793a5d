//! One expression as a tree, for typing.
//!
//! Tera decides what an expression is and computes it; this only reads its shape, with Tera's own precedences. What it cannot
//! read (a slice, a subscript of something computed) gives no tree, and then nothing is said about kinds.

use super::lexer::{Placed, Token, lex};
use super::text::Expression;
use crate::limits::EXPRESSION_PARTS_MAX;
use std::ops::Range;

/// A part of an expression, with its place in the whole text.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) node: Node,
    pub(crate) range: Range<usize>,
}

/// What a part is.
#[derive(Debug)]
pub(crate) enum Node {
    /// The reference at this position of the expression's list.
    Reference(usize),
    /// A text that is written out.
    Text,
    /// A whole number that is written out.
    Integer,
    /// A number with a point.
    Float,
    Boolean,
    Null,
    List(Vec<Tree>),
    Map(Vec<Tree>),
    /// `not`, or the absence in `is not` and `not in`.
    Not(Box<Tree>),
    /// A minus in front.
    Minus(Box<Tree>),
    /// Two operands.
    Binary(Operator, Box<Tree>, Box<Tree>),
    Filter(Call),
    Test(Call),
    /// `a if b else c`: b, a, c.
    If(Box<Tree>, Box<Tree>, Box<Tree>),
}

/// A filter or test with what it is applied to.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) input: Box<Tree>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<(String, Tree)>,
}

/// Operators by what they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `+ - * % // **`.
    Arithmetic(&'static str),
    /// `/`.
    Division,
    Concatenation,
    Equality,
    /// `< <= > >=`.
    Order(&'static str),
    In,
    And,
    Or,
}

/// How tightly an operator binds what is before and after it; the numbers are Tera's.
const BINDING: [(&str, Operator, u8, u8); 17] = [
    ("or", Operator::Or, 1, 2),
    ("and", Operator::And, 3, 4),
    ("in", Operator::In, 5, 6),
    ("==", Operator::Equality, 7, 8),
    ("!=", Operator::Equality, 7, 8),
    ("<", Operator::Order("<"), 7, 8),
    ("<=", Operator::Order("<="), 7, 8),
    (">", Operator::Order(">"), 7, 8),
    (">=", Operator::Order(">="), 7, 8),
    ("+", Operator::Arithmetic("+"), 11, 12),
    ("-", Operator::Arithmetic("-"), 11, 12),
    ("*", Operator::Arithmetic("*"), 13, 14),
    ("/", Operator::Division, 13, 14),
    ("%", Operator::Arithmetic("%"), 13, 14),
    ("~", Operator::Concatenation, 13, 14),
    ("//", Operator::Arithmetic("//"), 13, 14),
    ("**", Operator::Arithmetic("**"), 16, 15),
];
const TERNARY: u8 = 0;
const NOT: u8 = 5;
const MINUS: u8 = 20;
const IS: u8 = 5;
const PIPE: u8 = 17;

/// Reads an expression of `text`.
pub(crate) fn tree(text: &str, expression: &Expression) -> Option<Tree> {
    let lexed = lex(text, expression.inner.start).ok()?;
    let mut parser = Parser { tokens: &lexed.tokens, at: 0, parts: 0, expression };
    let tree = parser.expression(0)?;
    (parser.at == lexed.tokens.len()).then_some(tree)
}

struct Parser<'t> {
    tokens: &'t [Placed<'t>],
    at: usize,
    /// Parts read so far, at every level: with them the depth of the tree is bounded, too.
    parts: usize,
    expression: &'t Expression,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Placed<'t>> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, mark: &str) -> Option<()> {
        self.peek().filter(|token| token.is(mark))?;
        self.at += 1;
        Some(())
    }

    fn takes_name(&mut self, name: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_name(name));
        self.at += usize::from(found);
        found
    }

    /// Recursion is bounded by `EXPRESSION_PARTS_MAX`.
    fn expression(&mut self, min: u8) -> Option<Tree> {
        self.count()?;
        let mut left = self.operand()?;
        while let Some(token) = self.peek() {
            self.count()?;
            let word = match &token.token {
                Token::Name(name) => *name,
                Token::Mark(mark) => mark,
                _ => break,
            };
            let negated = word == "not" && self.tokens.get(self.at + 1).is_some_and(|next| next.is_name("in"));
            left = match word {
                "if" if TERNARY == min => {
                    self.at += 1;
                    let condition = self.expression(0)?;
                    if !self.takes_name("else") {
                        return None;
                    }
                    let other = self.expression(0)?;
                    let range = left.range.start..other.range.end;
                    Tree { node: Node::If(Box::new(condition), Box::new(left), Box::new(other)), range }
                }
                "is" if IS >= min => self.test(left)?,
                "|" if PIPE >= min => {
                    self.at += 1;
                    let call = self.call(left)?;
                    let range = call.input.range.start..self.end();
                    Tree { node: Node::Filter(call), range }
                }
                "[" | "?[" | "." | "?." => return None,
                _ => {
                    let word = if negated { "in" } else { word };
                    let Some((_, operator, before, after)) = BINDING.iter().find(|(name, ..)| *name == word) else {
                        break;
                    };
                    if *before < min {
                        break;
                    }
                    self.at += 1 + usize::from(negated);
                    let right = self.expression(*after)?;
                    let range = left.range.start..right.range.end;
                    let node = Node::Binary(*operator, Box::new(left), Box::new(right));
                    let whole = Tree { node, range: range.clone() };
                    if negated { Tree { node: Node::Not(Box::new(whole)), range } } else { whole }
                }
            };
        }
        Some(left)
    }

    fn count(&mut self) -> Option<()> {
        self.parts += 1;
        (self.parts <= EXPRESSION_PARTS_MAX).then_some(())
    }

    fn end(&self) -> usize {
        self.tokens.get(self.at.saturating_sub(1)).map_or(0, |token| token.range.end)
    }

    fn test(&mut self, input: Tree) -> Option<Tree> {
        self.at += 1;
        let negated = self.takes_name("not");
        let call = self.call(input)?;
        let range = call.input.range.start..self.end();
        let test = Tree { node: Node::Test(call), range: range.clone() };
        Some(if negated { Tree { node: Node::Not(Box::new(test)), range } } else { test })
    }

    fn call(&mut self, input: Tree) -> Option<Call> {
        let Token::Name(name) = self.peek()?.token else { return None };
        self.at += 1;
        let mut arguments = Vec::new();
        if self.take("(").is_some() {
            while self.take(")").is_none() {
                let Token::Name(argument) = self.peek()?.token else { return None };
                self.at += 1;
                self.take("=")?;
                arguments.push((argument.to_owned(), self.expression(0)?));
                if self.take(",").is_none() && !self.peek()?.is(")") {
                    return None;
                }
            }
        }
        Some(Call { input: Box::new(input), name: name.to_owned(), arguments })
    }

    fn operand(&mut self) -> Option<Tree> {
        let token = self.peek()?;
        let range = token.range.clone();
        let node = match &token.token {
            Token::Text(_) => Node::Text,
            Token::Integer(_) => Node::Integer,
            Token::Float => Node::Float,
            Token::Mark("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.take(")")?;
                return Some(inner);
            }
            Token::Mark("[") => Node::List(self.list()?),
            Token::Mark("{") => Node::Map(self.map()?),
            Token::Mark("-") => {
                self.at += 1;
                let inner = self.expression(MINUS)?;
                let range = range.start..inner.range.end;
                return Some(Tree { node: Node::Minus(Box::new(inner)), range });
            }
            Token::Mark(_) => return None,
            Token::Name("not") => {
                self.at += 1;
                let inner = self.expression(NOT)?;
                let range = range.start..inner.range.end;
                return Some(Tree { node: Node::Not(Box::new(inner)), range });
            }
            Token::Name("true" | "True" | "false" | "False") => Node::Boolean,
            Token::Name("none" | "None" | "null") => Node::Null,
            Token::Name(_) => return self.reference(range.start),
        };
        if !matches!(node, Node::List(_) | Node::Map(_)) {
            self.at += 1;
        }
        Some(Tree { node, range: range.start..self.end() })
    }

    fn list(&mut self) -> Option<Vec<Tree>> {
        self.at += 1;
        let mut items = Vec::new();
        while self.take("]").is_none() {
            items.push(self.expression(0)?);
            if self.take(",").is_none() && !self.peek()?.is("]") {
                return None;
            }
        }
        Some(items)
    }

    fn map(&mut self) -> Option<Vec<Tree>> {
        self.at += 1;
        let mut values = Vec::new();
        while self.take("}").is_none() {
            if !matches!(self.peek()?.token, Token::Text(_) | Token::Integer(_)) {
                return None;
            }
            self.at += 1;
            self.take(":")?;
            values.push(self.expression(0)?);
            if self.take(",").is_none() && !self.peek()?.is("}") {
                return None;
            }
        }
        Some(values)
    }

    /// The reference that starts here, with all of its chain.
    fn reference(&mut self, start: usize) -> Option<Tree> {
        let found = self.expression.references.iter().position(|r| r.static_range().start == start)?;
        let end = self.expression.references.get(found)?.end;
        while self.peek().is_some_and(|token| token.range.start < end) {
            self.at += 1;
        }
        Some(Tree { node: Node::Reference(found), range: start..end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::scan;

    /// A tree with brackets around everything.
    fn shown(tree: &Tree) -> String {
        let all = |trees: &[Tree]| trees.iter().map(shown).collect::<Vec<_>>().join(" ");
        match &tree.node {
            Node::Reference(at) => format!("r{at}"),
            Node::Text => "t".to_owned(),
            Node::Integer => "i".to_owned(),
            Node::Float => "f".to_owned(),
            Node::Boolean => "b".to_owned(),
            Node::Null => "n".to_owned(),
            Node::List(items) => format!("[{}]", all(items)),
            Node::Map(values) => format!("{{{}}}", all(values)),
            Node::Not(inner) => format!("!{}", shown(inner)),
            Node::Minus(inner) => format!("-{}", shown(inner)),
            Node::Binary(operator, left, right) => {
                let name = BINDING.iter().find(|(_, of, ..)| of == operator).map_or("?", |(name, ..)| name);
                format!("({} {name} {})", shown(left), shown(right))
            }
            Node::Filter(call) | Node::Test(call) => {
                let arguments: Vec<String> =
                    call.arguments.iter().map(|(name, tree)| format!(" {name}={}", shown(tree))).collect();
                format!("{}({}{})", call.name, shown(&call.input), arguments.concat())
            }
            Node::If(condition, then, other) => format!("({} ? {} : {})", shown(condition), shown(then), shown(other)),
        }
    }

    fn check(text: &str, expected: &str) {
        let found = scan(text);
        let tree = found.expressions.first().and_then(|expression| tree(text, expression));
        assert_eq!(tree.as_ref().map_or("none".to_owned(), shown), expected, "{text}");
    }

    #[test]
    fn operators_bind_as_in_tera() {
        check("{{ a + b * c }}", "(r0 + (r1 * r2))");
        check("{{ a ~ b | upper }}", "(r0 ~ upper(r1))");
        check("{{ (a ~ b) | truncate(length=3, end='') }}", "truncate((r0 ~ r1) length=i end=t)");
        check("{{ not a and b or c }}", "((!r0 and r1) or r2)");
        check("{{ a.b[0] is not defined and 1 not in c }}", "(!defined(r0) and !(i in r1))");
        check(
            "{{ a if b > 2 else c | default(value=[1, {'x': none}]) }}",
            "((r1 > i) ? r0 : default(r2 value=[i {n}]))",
        );
        check("{{ -a ** 2 }}", "(-r0 ** i)");
        check("{{ 'x' ~ (1 if a else 2) ~ 1.5 }}", "((t ~ (r0 ? i : i)) ~ f)");
        check("{{ a if b else c if d else e }}", "(r1 ? r0 : (r3 ? r2 : r4))");
        check("{{ a[b.c].d ~ e }}", "(r0 ~ r2)");
        check("{{ (a).b }}", "none");
    }
}
