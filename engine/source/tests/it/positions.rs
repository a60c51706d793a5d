//! Every character of a decoded scalar is found again in the file.
//!
//! A small writer spells random text in each style of YAML and remembers which bytes each character became. The loader
//! must decode that text, and its map must give those bytes back.

use std::ops::Range;

use engross_source::{Limits, Node, SourceFile, Span, Value, load};
use proptest::prelude::*;

/// What stands before the scalar, and the indentation of the collection that holds it.
const BLOCK_CONTEXTS: &[(&str, usize)] = &[
    ("- ", 0),
    ("a: ", 0),
    ("é: ", 0),
    ("a:\n  b: ", 2),
    ("a:\n  - ", 2),
    ("a:\n- ", 0),
    ("- - ", 2),
    ("a: # a comment with | and > and '\n  ", 0),
];

const FLOW_CONTEXTS: &[&str] = &["", "[", "{é: ", "[{\"'\": ", "--- "];

/// A piece of text as a writer is asked to spell it.
#[derive(Clone, Debug)]
enum Item {
    /// This character, as it is where the style allows.
    Char(char),
    /// This character as an escape, where there are escapes.
    Escape(char, u8),
    /// A folded line break with so many empty lines after it, and blanks around it.
    Fold { empty: usize, before: usize, after: usize },
    /// A line break that is nothing, where there are escapes.
    Join,
}

fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => prop::sample::select(vec!['a', 'Z', '7', 'é', '宽', '𝄞', '\u{a0}']),
        3 => Just(' '),
        2 => prop::sample::select(vec!['\'', '"', '\\', '#', ':', '-', '{', '}', '[', ',', '|', '%', '\t']),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        8 => character().prop_map(Item::Char),
        2 => (character(), 0..4_u8).prop_map(|(c, form)| Item::Escape(c, form)),
        1 => (0..3_usize, 0..3_usize, 0..3_usize).prop_map(|(empty, before, after)| Item::Fold { empty, before, after }),
        1 => Just(Item::Join),
    ]
}

/// Text as it is written, as it should be decoded, and the bytes of each decoded character.
struct Writer {
    raw: String,
    decoded: String,
    places: Vec<Range<usize>>,
    line_break: &'static str,
}

impl Writer {
    fn new(prefix: &str, crlf: bool) -> Self {
        let line_break = if crlf { "\r\n" } else { "\n" };
        Self { raw: prefix.replace('\n', line_break), decoded: String::new(), places: Vec::new(), line_break }
    }

    fn write(&mut self, c: char, spelling: &str) {
        let start = self.raw.len();
        self.raw.push_str(spelling);
        self.decoded.push(c);
        self.places.push(start..self.raw.len());
    }

    fn fold(&mut self, indent: usize, empty: usize, before: usize, after: usize) {
        let start = self.raw.len();
        self.raw.push_str(&" ".repeat(before));
        self.raw.push_str(self.line_break);
        for _ in 0..empty {
            self.raw.push_str(&"\t".repeat(after));
            self.write('\n', self.line_break);
        }
        self.raw.push_str(&" ".repeat(indent + after));
        if empty == 0 {
            self.decoded.push(' ');
            self.places.push(start..self.raw.len());
        }
    }

    /// Loads what was written and checks each character.
    fn check(&self) {
        let file = SourceFile::new("flow.yaml", &self.raw);
        let root = load(&file, &Limits::default()).expect(&self.raw);
        let node = scalar(&root);
        assert_eq!(node.as_str(), Some(self.decoded.as_str()), "{:?}", self.raw);
        let map = node.offset_map(&file);
        for ((offset, c), place) in self.decoded.char_indices().zip(&self.places) {
            let expected = Span::from_usize(place.start, place.end);
            let shown = || format!("{c:?} at {offset} of {:?}", self.raw);
            assert_eq!(map.span(offset, offset + c.len_utf8()), expected, "{}", shown());
            assert_eq!(map.offset(offset), expected.start, "{}", shown());
        }
        let end = map.offset(self.decoded.len()) as usize;
        let last = self.places.last().map_or(node.span.range().start, |last| last.end);
        assert!((last..=self.raw.len()).contains(&end), "the end of {:?}", self.raw);
    }
}

/// The first scalar of the tree.
fn scalar(root: &Node) -> &Node {
    let mut node = root;
    loop {
        node = match &node.value {
            Value::Sequence(items) => &items[0],
            Value::Mapping(mapping) => &mapping.entries()[0].value,
            _ => return node,
        };
    }
}

fn closing(prefix: &str) -> &'static str {
    match prefix {
        "[" => "]",
        "{é: " => "}",
        "[{\"'\": " => "}]",
        _ => "",
    }
}

fn escape(c: char, form: u8) -> String {
    let code = u32::from(c);
    match form {
        0 if code < 0x100 => format!("\\x{code:02x}"),
        0 | 1 if code < 0x1_0000 => format!("\\u{code:04X}"),
        2 if code >= 0x1_0000 => {
            let mut units = [0; 2];
            c.encode_utf16(&mut units);
            format!("\\u{:04x}\\u{:04x}", units[0], units[1])
        }
        3 if c == '\u{a0}' => "\\_".to_owned(),
        3 if c == '\t' => "\\t".to_owned(),
        _ => format!("\\U{code:08x}"),
    }
}

fn double_quoted(items: &[Item], prefix: &str, crlf: bool) -> Writer {
    let mut writer = Writer::new(prefix, crlf);
    writer.raw.push('"');
    let mut broken = true;
    for (at, item) in items.iter().enumerate() {
        let breaks_next = matches!(items.get(at + 1), None | Some(Item::Fold { .. }));
        match item {
            Item::Char(c @ (' ' | '\t')) if broken || breaks_next => writer.write(*c, &escape(*c, 0)),
            Item::Char('"') => writer.write('"', "\\\""),
            Item::Char('\\') => writer.write('\\', "\\\\"),
            Item::Char(c) => writer.write(*c, &c.to_string()),
            Item::Escape(c, form) => writer.write(*c, &escape(*c, *form)),
            Item::Fold { .. } | Item::Join if broken => continue,
            Item::Fold { empty, before, after } => writer.fold(6, *empty, *before, *after),
            Item::Join => {
                writer.raw.push('\\');
                writer.raw.push_str(writer.line_break);
                writer.raw.push_str("      ");
            }
        }
        broken = matches!(item, Item::Fold { .. } | Item::Join);
    }
    writer.raw.push('"');
    writer.raw.push_str(closing(prefix));
    writer
}

fn single_quoted(items: &[Item], prefix: &str, crlf: bool) -> Writer {
    let mut writer = Writer::new(prefix, crlf);
    writer.raw.push('\'');
    let mut broken = true;
    for (at, item) in items.iter().enumerate() {
        let breaks_next = matches!(items.get(at + 1), None | Some(Item::Fold { .. } | Item::Join));
        match item {
            Item::Char(' ' | '\t') | Item::Escape(' ' | '\t', _) if broken || breaks_next => continue,
            Item::Char('\'') | Item::Escape('\'', _) => writer.write('\'', "''"),
            Item::Char(c) | Item::Escape(c, _) => writer.write(*c, &c.to_string()),
            // Blanks before the break would belong to it.
            Item::Fold { .. } | Item::Join if broken || writer.raw.ends_with([' ', '\t']) => continue,
            Item::Fold { empty, before, after } => writer.fold(6, *empty, *before, *after),
            Item::Join => writer.fold(6, 0, 0, 0),
        }
        broken = matches!(item, Item::Fold { .. } | Item::Join);
    }
    writer.raw.push('\'');
    writer.raw.push_str(closing(prefix));
    writer
}

fn plain(items: &[Item], prefix: &str, crlf: bool) -> Writer {
    let mut writer = Writer::new(prefix, crlf);
    writer.write('x', "x");
    let mut text_before = true;
    for item in items {
        match item {
            Item::Char(' ' | '\t') | Item::Escape(' ' | '\t', _) if text_before => {
                // Between two letters, because blanks at the end of a line are not content.
                writer.write(' ', " ");
                writer.write('y', "y");
            }
            Item::Char(c) | Item::Escape(c, _) if c.is_alphanumeric() || matches!(c, '\'' | '"' | '\\') => {
                let text = if text_before { *c } else { 'w' };
                writer.write(text, &text.to_string());
                text_before = true;
            }
            Item::Fold { empty, before, after } if text_before => {
                writer.fold(6, *empty, *before, *after);
                text_before = false;
            }
            _ => {}
        }
    }
    writer.write('z', "z");
    writer.raw.push_str(closing(prefix));
    writer
}

/// A line of a block scalar: its text, and how many empty lines stand before it.
type Line = (String, usize);

fn line() -> impl Strategy<Value = Line> {
    let text = prop::collection::vec(character(), 0..6).prop_map(|chars| chars.into_iter().collect::<String>());
    (text, 0..3_usize).prop_map(|(text, empty)| (text + "z", empty))
}

/// The parameters of one block scalar.
#[derive(Clone, Debug)]
struct Block {
    context: usize,
    deeper: usize,
    explicit: bool,
    chomping: u8,
    after: usize,
    crlf: bool,
    padded: bool,
}

fn block() -> impl Strategy<Value = Block> {
    (0..BLOCK_CONTEXTS.len(), 1..9_usize, any::<bool>(), 0..3_u8, 0..3_usize, any::<bool>(), any::<bool>()).prop_map(
        |(context, deeper, explicit, chomping, after, crlf, padded)| Block {
            context,
            deeper,
            explicit,
            chomping,
            after,
            crlf,
            padded,
        },
    )
}

fn block_scalar(lines: &[Line], block: &Block, folded: bool) -> Writer {
    let (prefix, parent) = BLOCK_CONTEXTS[block.context];
    let mut writer = Writer::new(prefix, block.crlf);
    let line_break = writer.line_break;
    let indent = " ".repeat(parent + block.deeper);
    let blank = if block.padded { indent.as_str() } else { "" };
    writer.raw.push(if folded { '>' } else { '|' });
    // Without the indicator, the first line with text tells the indentation.
    if block.explicit || lines[0].0.starts_with([' ', '\t']) {
        writer.raw.push_str(&block.deeper.to_string());
    }
    writer.raw.push_str(["-", "", "+"][usize::from(block.chomping)]);
    writer.raw.push_str(" # > |");
    writer.raw.push_str(line_break);
    let mut deeper_before = None;
    for (text, empty) in lines {
        let deeper = text.starts_with([' ', '\t']);
        let folds = folded && !deeper && deeper_before == Some(false);
        if deeper_before.is_some() {
            match (folds, empty) {
                (true, 0) => writer.write(' ', line_break),
                (true, _) => writer.raw.push_str(line_break),
                (false, _) => writer.write('\n', line_break),
            }
        }
        for _ in 0..*empty {
            writer.raw.push_str(blank);
            writer.write('\n', line_break);
        }
        writer.raw.push_str(&indent);
        text.chars().for_each(|c| writer.write(c, &c.to_string()));
        deeper_before = Some(deeper);
    }
    for break_number in 0..=block.after {
        let kept = block.chomping == 2 || (block.chomping == 1 && break_number == 0);
        if break_number > 0 {
            writer.raw.push_str(blank);
        }
        if kept { writer.write('\n', line_break) } else { writer.raw.push_str(line_break) }
    }
    if prefix.starts_with('a') {
        writer.raw.push_str("next: 1");
    }
    writer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quoted_and_plain(items in prop::collection::vec(item(), 0..24), context in 0..FLOW_CONTEXTS.len(), crlf: bool) {
        for spell in [double_quoted, single_quoted, plain] {
            spell(&items, FLOW_CONTEXTS[context], crlf).check();
        }
        for (prefix, _) in BLOCK_CONTEXTS {
            for spell in [double_quoted, single_quoted, plain] {
                spell(&items, prefix, crlf).check();
            }
        }
    }

    #[test]
    fn literal_and_folded(lines in prop::collection::vec(line(), 1..6), block in block()) {
        block_scalar(&lines, &block, false).check();
        block_scalar(&lines, &block, true).check();
    }
}

#[test]
fn block_scalars_without_text() {
    for text in ["a: |+\n\n\n", "a: >+\n  \n\n", "a: |2+\n    \n   \n", "a: |", "a: >-\n", "a: ''", "a: \"\""] {
        let file = SourceFile::new("flow.yaml", text);
        let root = load(&file, &Limits::default()).unwrap_or_else(|found| panic!("{text:?} {found:#?}"));
        let node = scalar(&root);
        let length = node.as_str().map_or(0, str::len);
        let places: Vec<u32> = (0..=length).map(|offset| node.map_offset(&file, offset)).collect();
        assert!(places.is_sorted(), "{text:?} {places:?}");
        assert!(places.iter().all(|place| (3..=text.len()).contains(&(*place as usize))), "{text:?} {places:?}");
    }
}

#[test]
fn a_range_across_lines_goes_from_its_first_to_its_last_character() {
    let text = "a: >-\n  Dear {{\n  name }},\n  hello\n";
    let file = SourceFile::new("flow.yaml", text);
    let root = load(&file, &Limits::default()).expect("a mapping");
    let node = scalar(&root);
    let decoded = node.as_str().expect("text");
    let start = decoded.find("{{").expect("a template");
    let end = decoded.find("}}").expect("a template") + 2;
    assert_eq!(file.slice(node.map_range(&file, start, end)), "{{\n  name }}");
    assert_eq!(node.map_range(&file, start, start), Span::at(13));
    assert_eq!(node.map_range(&file, 900, 901), Span::at(34));
}
