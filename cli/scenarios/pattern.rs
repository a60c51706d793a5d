//! A text that a pattern accepts, for what schemas commonly ask: classes, groups, alternatives and counts.
//!
//! It makes a guess; whoever asks checks it against the pattern itself. The same seed gives the same text, another seed mostly
//! another.

use sha2::{Digest, Sha256};
use std::iter::Peekable;
use std::str::Chars;

/// Characters of a guess, at most.
const CHARS_MAX: usize = 4_096;

/// Groups inside of groups, at most.
const GROUPS_MAX: usize = 8;

/// What a class that only says what is not in it is taken from.
const COMMON: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_.ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A guess; none where the pattern says more than is understood.
pub fn guess(pattern: &str, seed: &str) -> Option<String> {
    let digest: Vec<u8> = Sha256::digest(seed).to_vec();
    let mut guesser = Guesser { chars: pattern.chars().peekable(), digest, made: 0 };
    let text = guesser.alternatives(GROUPS_MAX)?;
    guesser.chars.next().is_none().then_some(text)
}

struct Guesser<'p> {
    chars: Peekable<Chars<'p>>,
    digest: Vec<u8>,
    /// How many characters were chosen so far.
    made: usize,
}

impl Guesser<'_> {
    /// The first of several alternatives, up to the end or a closing parenthesis.
    fn alternatives(&mut self, depth: usize) -> Option<String> {
        let mut first: Option<String> = None;
        loop {
            let one = self.sequence(depth)?;
            first.get_or_insert(one);
            if self.chars.next_if_eq(&'|').is_none() {
                return first;
            }
        }
    }

    fn sequence(&mut self, depth: usize) -> Option<String> {
        let mut text = String::new();
        while let Some(next) = self.chars.peek().copied() {
            if next == '|' || next == ')' {
                break;
            }
            self.chars.next();
            let atom = match next {
                '^' | '$' => continue,
                '(' => {
                    if self.chars.next_if_eq(&'?').is_some() && self.chars.next() != Some(':') {
                        return None;
                    }
                    let inside = self.alternatives(depth.checked_sub(1)?)?;
                    self.chars.next_if_eq(&')')?;
                    Atom::Text(inside)
                }
                '[' => Atom::Class(self.class()?),
                '.' => Atom::Class(COMMON.chars().collect()),
                '\\' => escaped(self.chars.next()?)?,
                literal => Atom::Text(literal.to_string()),
            };
            let times = self.count()?;
            for _ in 0..times {
                match &atom {
                    Atom::Text(inside) => text.push_str(inside),
                    Atom::Class(class) => text.push(self.choose(class)?),
                }
                if text.len() > CHARS_MAX {
                    return None;
                }
            }
        }
        Some(text)
    }

    fn choose(&mut self, class: &[char]) -> Option<char> {
        let byte = self.digest.get(self.made % self.digest.len().max(1)).copied().unwrap_or_default();
        // Longer texts must not repeat themselves where the digest does.
        let at = usize::from(byte) + self.made / self.digest.len().max(1);
        self.made += 1;
        class.get(at % class.len().max(1)).copied()
    }

    /// How often the atom before comes at least.
    fn count(&mut self) -> Option<usize> {
        let least = match self.chars.peek() {
            Some('*' | '?') => 0,
            Some('+') => 1,
            Some('{') => {
                self.chars.next();
                let mut digits = String::new();
                while let Some(digit) = self.chars.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                while self.chars.next_if(|c| *c != '}').is_some() {}
                self.chars.next_if_eq(&'}')?;
                return digits.parse().ok().filter(|count| *count <= CHARS_MAX);
            }
            _ => return Some(1),
        };
        self.chars.next();
        self.chars.next_if_eq(&'?');
        Some(least)
    }

    fn class(&mut self) -> Option<Vec<char>> {
        let negated = self.chars.next_if_eq(&'^').is_some();
        let mut found: Vec<char> = Vec::new();
        loop {
            let from = match self.chars.next()? {
                ']' if !found.is_empty() || negated => break,
                '\\' => match escaped(self.chars.next()?)? {
                    Atom::Class(class) => {
                        found.extend(class);
                        continue;
                    }
                    Atom::Text(text) => text.chars().next()?,
                },
                other => other,
            };
            if self.chars.next_if_eq(&'-').is_none() {
                found.push(from);
                continue;
            }
            match self.chars.next()? {
                ']' => {
                    found.extend([from, '-']);
                    break;
                }
                to => found.extend((from..=to).take(CHARS_MAX)),
            }
        }
        match negated {
            true => Some(COMMON.chars().filter(|c| !found.contains(c)).collect()),
            false => Some(found),
        }
    }
}

enum Atom {
    Text(String),
    Class(Vec<char>),
}

fn escaped(letter: char) -> Option<Atom> {
    Some(match letter {
        'd' => Atom::Class(('0'..='9').collect()),
        'w' => Atom::Class(COMMON.chars().filter(|c| c.is_alphanumeric()).collect()),
        'S' | 'D' => Atom::Class(('a'..='z').collect()),
        's' => Atom::Text(" ".to_string()),
        // A boundary, a back reference or a class by name: no guess is made.
        other if other.is_alphanumeric() => return None,
        other => Atom::Text(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::guess;
    use serde_json::json;

    /// Whatever is guessed is accepted.
    #[test]
    fn guesses_are_accepted_by_their_patterns() {
        for pattern in [
            "^[0-9a-f]{64}$",
            "^[0-9A-Fa-f]{128}$",
            r"\S",
            r"^\d{4}-\d{2}$",
            "^(?:juro|docjuris)/[a-z_]+(-[a-z]*)?$",
            "^[^/]+@[^@]{2,}$",
            r"^https?://[\w.-]+$",
            "^[a-c-]{2}x?[.]$",
            "",
        ] {
            let text = guess(pattern, "create.id").unwrap_or_else(|| panic!("{pattern}"));
            let validator = jsonschema::validator_for(&json!({ "pattern": pattern })).unwrap();
            assert!(validator.is_valid(&json!(text)), "{pattern} does not accept {text}");
        }
        assert_ne!(guess("^[0-9a-f]{64}$", "a"), guess("^[0-9a-f]{64}$", "b"));
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for pattern in ["(?=a)b", r"\bword\b", "a{9999999}", "(", "[", r"(a)\1"] {
            assert_eq!(guess(pattern, "x"), None, "{pattern}");
        }
    }
}
