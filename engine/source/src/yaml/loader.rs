//! From parser events to a tree, or to everything that is wrong with the file.
//!
//! The events are folded over a stack of open collections, so that no input can make this recurse. A refused key or
//! value is reported and stepped over; only what leaves no way on (a syntax error, a limit of the whole file) stops.
//! Meaning of scalars is in `resolve.rs`, of keys in `key.rs`, wording of syntax errors in `syntax.rs`.

use std::ops::ControlFlow;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, StructureStyle};

use super::node::{Entry, Key, Mapping, Node, Style, Value};
use super::{key, resolve, syntax};
use crate::codes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quoted};
use crate::file::{SourceFile, Span};
use crate::limits::{DEPTH_MAX, Limits};

/// The tree of `file`.
///
/// # Errors
/// Everything that is wrong with the file, sorted by place, at most [`Limits::diagnostics_max`] findings; never empty.
pub fn load(file: &SourceFile, limits: &Limits) -> Result<Node, Vec<Diagnostic>> {
    let mut loader = Loader::new(file, limits);
    // Whether the loader came to the end does not matter here, because every stop was reported.
    let _ = loader.run();
    loader.finish()
}

/// What the next node in a mapping is.
enum Slot {
    /// A key.
    Key,
    /// The value of this key.
    Value(Key),
    /// The value of a refused key; it is dropped.
    Dropped,
}

/// An open list or mapping.
enum Frame {
    Sequence { items: Vec<Node>, start: u32, style: Style },
    Mapping { entries: Vec<Entry>, slot: Slot, start: u32, style: Style },
}

impl Frame {
    /// Where the opening bracket stands, if there is one.
    fn bracket(&self) -> Option<u32> {
        match self {
            Self::Sequence { start, style: Style::Flow, .. } | Self::Mapping { start, style: Style::Flow, .. } => {
                Some(*start)
            }
            _ => None,
        }
    }
}

struct Loader<'a> {
    file: &'a SourceFile,
    limits: &'a Limits,
    found: Diagnostics,
    open: Vec<Frame>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    /// Where the last event ended; what follows up to the next one is indicators, blanks and comments.
    floor: usize,
    /// The line of the last unquoted template. Its text after the braces is no YAML, so the parser stumbles there.
    template_line: Option<usize>,
}

impl<'a> Loader<'a> {
    fn new(file: &'a SourceFile, limits: &'a Limits) -> Self {
        Self {
            file,
            limits,
            found: Diagnostics::new(),
            open: Vec::new(),
            nodes: 0,
            documents: 0,
            root: None,
            floor: 0,
            template_line: None,
        }
    }

    fn run(&mut self) -> ControlFlow<()> {
        let text = self.file.text();
        if text.len() > self.limits.file_bytes_max {
            let message = format!("the file is {} bytes long, more than {}", text.len(), self.limits.file_bytes_max);
            self.report(codes::FILE_TOO_LARGE, Span::at(0), message, "split the file")?;
            return ControlFlow::Break(());
        }
        self.control_characters()?;
        for item in Parser::new_from_str_with_options(text, options(self.depth_max())) {
            let (event, span) = match item {
                Ok(item) => item,
                Err(error) => return self.syntax_error(&error),
            };
            let range = span.byte_range().unwrap_or_default();
            let tag = span.tag_span().and_then(|tag| tag.byte_range());
            let tag = tag.map(|tag| Span::from_usize(tag.start, tag.end));
            // A document without its marker is told with the place of the token that begins it.
            let stands_alone = !matches!(event, Event::DocumentStart(false, _));
            self.event(event, Span::from_usize(range.start, range.end), tag)?;
            if stands_alone {
                self.floor = self.floor.max(range.end);
            }
        }
        ControlFlow::Continue(())
    }

    /// The tree, unless anything was found.
    fn finish(mut self) -> Result<Node, Vec<Diagnostic>> {
        // After a break the open mappings never complete, and what is wrong with them so far is still worth saying.
        for frame in std::mem::take(&mut self.open) {
            if let Frame::Mapping { entries, .. } = frame {
                self.mapping(entries);
            }
        }
        let root = self.root.take();
        if root.is_none() && self.found.is_empty() {
            let message = "the file is empty";
            let empty = Diagnostic::error(codes::EMPTY_DOCUMENT, self.file.shared_path(), Span::at(0), message);
            self.found.push(empty.hint("write a mapping of keys and values"));
        }
        match root {
            Some(root) if self.found.is_empty() => Ok(root),
            _ => Err(self.found.into_vec()),
        }
    }

    fn depth_max(&self) -> usize {
        self.limits.depth_max.min(DEPTH_MAX)
    }

    /// Adds a finding; breaks when there are as many as will be shown.
    fn report(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> ControlFlow<()> {
        self.push(Diagnostic::error(code, self.file.shared_path(), span, message).hint(hint))
    }

    fn push(&mut self, diagnostic: Diagnostic) -> ControlFlow<()> {
        let max = self.limits.diagnostics_max.max(1);
        if self.found.len() >= max {
            return ControlFlow::Break(());
        }
        if self.found.len() + 1 < max {
            self.found.push(diagnostic);
            return ControlFlow::Continue(());
        }
        let message = format!("there are more findings; the first {} are shown", self.found.len());
        let span = diagnostic.primary.span;
        let last = Diagnostic::error(codes::TOO_MANY_FINDINGS, self.file.shared_path(), span, message);
        self.found.push(last.hint("correct these first, then check the file again"));
        ControlFlow::Break(())
    }

    /// Reports every character that YAML does not allow in a file.
    fn control_characters(&mut self) -> ControlFlow<()> {
        let text = self.file.text();
        let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{85}');
        for (at, c) in text.char_indices().filter(|(_, c)| !allowed(*c)) {
            let message = format!("the file holds the control character U+{:04X}", u32::from(c));
            let hint = "delete it, or write it as an escape such as \"\\e\" in double quotes";
            self.report(codes::CONTROL_CHARACTER, Span::from_usize(at, at + c.len_utf8()), message, hint)?;
        }
        ControlFlow::Continue(())
    }

    fn syntax_error(&mut self, error: &ScanError) -> ControlFlow<()> {
        let text = self.file.text();
        let at = text.floor_char_boundary(error.marker().byte_offset().unwrap_or(text.len()));
        let next = text.get(at..).and_then(|rest| rest.chars().next()).filter(|c| !c.is_control());
        let span = Span::from_usize(at, at + next.map_or(0, char::len_utf8));
        let line = self.file.line_index(span.start);
        let stands_on_control = self.found.iter().any(|known| known.primary.span.start == span.start);
        // Both were reported where they are, in clearer words.
        if stands_on_control || self.template_line.is_some_and(|template| line == template || line == template + 1) {
            return ControlFlow::Break(());
        }
        let (code, message, hint) = syntax::explain(error, self.depth_max());
        let mut diagnostic = Diagnostic::error(code, self.file.shared_path(), span, message).hint(hint);
        // A bracket that was never closed shows only where the next lines make no sense inside it.
        let bracket = self.open.iter().rev().find_map(Frame::bracket);
        if let Some(bracket) = bracket.filter(|bracket| self.file.line_index(*bracket) < line) {
            diagnostic = diagnostic.secondary(Span::new(bracket, bracket + 1), "inside this bracket");
        }
        self.push(diagnostic)?;
        ControlFlow::Break(())
    }

    fn event(&mut self, event: Event<'_>, span: Span, tag: Option<Span>) -> ControlFlow<()> {
        if let Some(tag) = tag {
            let hint = "remove the tag; quote the value if it is text that starts with `!`";
            self.report(codes::TAG, tag, "tags are not supported", hint)?;
        }
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Anchor(_, name) => {
                let message = format!("anchors are not supported: {}", quoted(&name));
                self.report(
                    codes::ANCHOR,
                    span,
                    message,
                    "remove the anchor; quote the value if it is text that starts with `&`",
                )
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.alias(span),
            Event::Scalar(text, style, ..) => self.scalar(&text, style, span),
            Event::SequenceStart(style, ..) => {
                let frame = |start, style| Frame::Sequence { items: Vec::new(), start, style };
                self.open_collection(style, span, frame)
            }
            Event::MappingStart(style, ..) => {
                let frame = |start, style| Frame::Mapping { entries: Vec::new(), slot: Slot::Key, start, style };
                self.open_collection(style, span, frame)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close_collection(span),
            // The version of the parser is pinned, so the events left are those that carry no node.
            _ => ControlFlow::Continue(()),
        }
    }

    fn document(&mut self, span: Span) -> ControlFlow<()> {
        self.documents += 1;
        if self.documents == 1 {
            return ControlFlow::Continue(());
        }
        let message = "the file holds more than one document";
        self.report(
            codes::SEVERAL_DOCUMENTS,
            span,
            message,
            "keep one document and move the others to files of their own",
        )?;
        ControlFlow::Break(())
    }

    fn count_node(&mut self, span: Span) -> ControlFlow<()> {
        self.nodes += 1;
        if self.nodes <= self.limits.nodes_max {
            return ControlFlow::Continue(());
        }
        let message = format!("the file holds more than {} keys and values", self.limits.nodes_max);
        self.report(codes::TOO_MANY_NODES, span, message, "split the file")?;
        ControlFlow::Break(())
    }

    fn alias(&mut self, span: Span) -> ControlFlow<()> {
        self.count_node(span)?;
        let message = format!("aliases are not supported: {}", quoted(self.file.slice(span)));
        self.report(
            codes::ALIAS,
            span,
            message,
            "write the value out here; quote it if it is text that starts with `*`",
        )?;
        if let Some(slot) = self.key_slot() {
            *slot = Slot::Dropped;
            return ControlFlow::Continue(());
        }
        self.place(Node { value: Value::Null, span, style: Style::Plain })
    }

    /// The slot of the innermost mapping, when a key is expected there.
    fn key_slot(&mut self) -> Option<&mut Slot> {
        match self.open.last_mut() {
            Some(Frame::Mapping { slot, .. }) if matches!(slot, Slot::Key) => Some(slot),
            _ => None,
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> ControlFlow<()> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        // The parser gives a value that is not written the text `~`.
        let text = if style == Style::Plain && span.is_empty() { "" } else { text };
        let span = self.scalar_span(style, span);
        self.count_node(span)?;
        if self.key_slot().is_some() {
            return self.scalar_key(text, style, span);
        }
        let value = self.scalar_value(text, style, span)?;
        self.place(Node { value, span, style })
    }

    fn scalar_key(&mut self, text: &str, style: Style, span: Span) -> ControlFlow<()> {
        let refusal = key::refusal(text, style, self.limits);
        if let Some(slot) = self.key_slot() {
            let key = Key { text: text.to_owned(), span };
            *slot = if refusal.is_some() { Slot::Dropped } else { Slot::Value(key) };
        }
        match refusal {
            Some((code, message, hint)) => self.report(code, span, message, hint),
            None => ControlFlow::Continue(()),
        }
    }

    fn scalar_value(&mut self, text: &str, style: Style, span: Span) -> ControlFlow<(), Value> {
        if text.len() > self.limits.scalar_bytes_max {
            let message = format!("the value is {} bytes long, more than {}", text.len(), self.limits.scalar_bytes_max);
            self.report(codes::SCALAR_TOO_LONG, span, message, "keep long text in a file of its own")?;
            return ControlFlow::Continue(Value::String(String::new()));
        }
        if style != Style::Plain {
            return ControlFlow::Continue(Value::String(text.to_owned()));
        }
        match resolve::plain(text) {
            Ok(value) => ControlFlow::Continue(value),
            Err(refusal) => {
                let (code, message, hint) = refusal.explain(text);
                self.report(code, span, message, hint)?;
                ControlFlow::Continue(Value::String(text.to_owned()))
            }
        }
    }

    /// The place of a scalar. The parser starts a block scalar at its first line of content and ends it at the next
    /// token; here it goes from its indicator to its last visible character.
    fn scalar_span(&self, style: Style, span: Span) -> Span {
        let indicator = match style {
            Style::Literal => b'|',
            Style::Folded => b'>',
            _ => return span,
        };
        let Some(start) = self.indicator(span.end as usize, indicator) else { return span };
        let text = self.file.text().get(start..span.end as usize).unwrap_or_default();
        Span::from_usize(start, start + text.trim_end_matches([' ', '\t', '\n', '\r']).len())
    }

    /// Where `wanted` stands after the last event and before `end`, outside comments.
    fn indicator(&self, end: usize, wanted: u8) -> Option<usize> {
        let gap = self.file.text().as_bytes().get(self.floor..end)?;
        let mut in_comment = false;
        let at = gap.iter().position(|byte| {
            in_comment = *byte != b'\n' && *byte != b'\r' && (in_comment || *byte == b'#');
            !in_comment && *byte == wanted
        })?;
        Some(self.floor + at)
    }

    fn open_collection(
        &mut self,
        style: StructureStyle,
        span: Span,
        frame: impl FnOnce(u32, Style) -> Frame,
    ) -> ControlFlow<()> {
        self.count_node(span)?;
        if self.open.len() >= self.depth_max() {
            let (code, message, hint) = syntax::too_deep(self.depth_max());
            self.report(code, span, message, hint)?;
            return ControlFlow::Break(());
        }
        let style = match style {
            StructureStyle::Block => Style::Block,
            StructureStyle::Flow => Style::Flow,
        };
        let mut frame = frame(span.start, style);
        if let Frame::Sequence { start, style: Style::Block, .. } = &mut frame {
            // The parser starts a list that is not indented under its key at the first item instead of its dash.
            let end = span.start as usize + 1;
            *start = self.indicator(end, b'-').map_or(span.start, crate::file::saturate);
        }
        self.open.push(frame);
        ControlFlow::Continue(())
    }

    fn close_collection(&mut self, span: Span) -> ControlFlow<()> {
        let Some(frame) = self.open.pop() else { return ControlFlow::Continue(()) };
        let (value, start, style, last) = match frame {
            Frame::Sequence { items, start, style } => {
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), start, style, last)
            }
            Frame::Mapping { entries, start, style, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key.span.end));
                (Value::Mapping(self.mapping(entries)), start, style, last)
            }
        };
        // The end of a block collection is told at the next token, which may be many lines on.
        let end = if span.is_empty() { last.unwrap_or(start) } else { span.end };
        self.place(Node { value, span: Span::new(start, end), style })
    }

    /// A mapping of `entries`, its duplicate keys reported.
    fn mapping(&mut self, entries: Vec<Entry>) -> Mapping {
        let (mapping, repeated) = Mapping::new(entries);
        for (first, again) in repeated {
            let at = |index: usize| mapping.entries().get(index).map(|entry| &entry.key);
            let (Some(first), Some(again)) = (at(first), at(again)) else { continue };
            let message = format!("the key {} is given twice", quoted(&again.text));
            let diagnostic = Diagnostic::error(codes::DUPLICATE_KEY, self.file.shared_path(), again.span, message)
                .label("again here")
                .secondary(first.span, "first here")
                .hint("remove one of the two, or give it another name");
            if self.push(diagnostic).is_break() {
                break;
            }
        }
        mapping
    }

    /// Puts a complete node where it belongs.
    fn place(&mut self, node: Node) -> ControlFlow<()> {
        match self.open.last_mut() {
            None if node.is_null() && node.span.is_empty() => {}
            None => self.root = Some(node),
            Some(Frame::Sequence { items, .. }) => items.push(node),
            Some(Frame::Mapping { entries, slot, .. }) => match std::mem::replace(slot, Slot::Key) {
                Slot::Value(key) => entries.push(Entry { key, value: node }),
                Slot::Dropped => {}
                Slot::Key => {
                    *slot = Slot::Dropped;
                    return self.collection_key(&node);
                }
            },
        }
        ControlFlow::Continue(())
    }

    fn collection_key(&mut self, node: &Node) -> ControlFlow<()> {
        let text = self.file.text();
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let braces = text.get(..start).is_some_and(|before| before.ends_with('{'))
            && text.get(start..).is_some_and(|key| key.starts_with('{'));
        if !braces {
            let message = format!("a key must be text, and this is {}", node.kind_name());
            return self.report(codes::KEY_NOT_SCALAR, node.span, message, "write a name before the colon");
        }
        let closed = text.get(end..).is_some_and(|after| after.starts_with('}'));
        self.template_line = Some(self.file.line_index(node.span.end));
        let span = Span::from_usize(start - 1, end + usize::from(closed));
        let message = "an unquoted template is a mapping to YAML";
        let hint = "put the whole value in quotes: `\"{{ … }}\"`";
        self.report(codes::KEY_NOT_SCALAR, span, message, hint)
    }
}

/// Anchors and unknown aliases come as events, so that each is reported where it stands.
fn options(depth_max: usize) -> Options {
    let mut options = Options::default();
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    options.emit_anchor_events = true;
    options.flow_nesting_limit = depth_max;
    options.block_nesting_limit = depth_max;
    options.set_emit_comments(false);
    options
}
