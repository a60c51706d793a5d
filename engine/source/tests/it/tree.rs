//! The tree: places of keys and values, pointers, questions.

use engross_source::yaml::{Mapping, Style};
use engross_source::{Limits, Node, SourceFile, Span, Value, load};

const TEXT: &str = "\
name: nda # the name
steps:
  create:
    uses: juro/create
    with: {id: 'x', n: [1, 2.5, true]}

  send:
    needs:
    - create
    - {any: [a.b, c]}
    text: |
      Dear é,

        indented

    empty:
last: ~
a/b: {m~n: 1}
";

fn tree() -> (SourceFile, Node) {
    let file = SourceFile::new("flow.yaml", TEXT);
    let node = load(&file, &Limits::default()).expect("the text is well formed");
    (file, node)
}

/// Checks the text of the value and of the key at `pointer`.
fn check(pointer: &str, value: &str, key: Option<&str>) {
    let (file, root) = tree();
    let node = root.at_pointer(pointer).expect(pointer);
    assert_eq!(file.slice(node.span), value, "{pointer}");
    assert_eq!(root.key_span_at_pointer(pointer).map(|span| file.slice(span)), key, "{pointer}");
}

#[test]
fn every_key_and_value_has_its_place() {
    check("", TEXT.trim_end(), None);
    check("/name", "nda", Some("name"));
    check("/steps/create/with", "{id: 'x', n: [1, 2.5, true]}", Some("with"));
    check("/steps/create/with/id", "'x'", Some("id"));
    check("/steps/create/with/n/1", "2.5", Some("2.5"));
    check("/steps/create", "uses: juro/create\n    with: {id: 'x', n: [1, 2.5, true]}", Some("create"));
    check("/steps/send/needs", "- create\n    - {any: [a.b, c]}", Some("needs"));
    check("/steps/send/needs/1/any", "[a.b, c]", Some("any"));
    check("/steps/send/text", "|\n      Dear é,\n\n        indented", Some("text"));
    check("/steps/send/empty", "", Some("empty"));
    check("/last", "~", Some("last"));
    check("/a~1b/m~0n", "1", Some("m~n"));
}

#[test]
fn pointers_to_nothing() {
    let (_, root) = tree();
    for pointer in
        ["name", "/nme", "/name/x", "/steps/send/needs/2", "/steps/send/needs/01", "/steps/send/needs/-", "/"]
    {
        assert_eq!(root.at_pointer(pointer), None, "{pointer}");
        assert_eq!(root.key_span_at_pointer(pointer), None, "{pointer}");
    }
}

#[test]
fn questions() {
    let (_, root) = tree();
    let at = |pointer| root.at_pointer(pointer).expect(pointer);
    assert_eq!(at("/name").as_str(), Some("nda"));
    assert_eq!(at("/steps/create/with/n/0").as_i64(), Some(1));
    assert_eq!(at("/steps/create/with/n/0").as_f64(), Some(1.0));
    assert_eq!(at("/steps/create/with/n/1").as_i64(), None);
    assert_eq!(at("/steps/create/with/n/1").as_f64(), Some(2.5));
    assert_eq!(at("/steps/create/with/n/2").as_bool(), Some(true));
    assert_eq!(at("/steps/create/with/n").as_sequence().map(<[Node]>::len), Some(3));
    assert_eq!(at("/steps/send/text").style, Style::Literal);
    assert!(at("/last").is_null() && at("/steps/send/empty").is_null());
    let kinds = ["", "/name", "/steps/create/with/n", "/steps/create/with/n/0", "/steps/create/with/n/2", "/last"]
        .map(|pointer| at(pointer).kind_name());
    assert_eq!(kinds, ["a mapping", "a string", "a list", "a number", "a boolean", "nothing"]);
    let keys: Vec<_> = root.as_mapping().into_iter().flat_map(Mapping::keys).collect();
    assert_eq!(keys, ["name", "steps", "last", "a/b"], "in the order of the file");
    assert_eq!(root.get("steps").and_then(|steps| steps.get("send")).map(Node::kind_name), Some("a mapping"));
    assert_eq!(root.get("missing"), None);
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let file = SourceFile::from_bytes("flow.yaml", b"\xEF\xBB\xBFa: no way\r\n").expect("UTF-8");
    let node = load(&file, &Limits::default()).expect("a mapping");
    let value = node.get("a").expect("a");
    assert_eq!((file.slice(value.span), file.line_col(value.span.start)), ("no way", (1, 4)));
}

#[test]
fn a_tree_as_deep_as_allowed_can_be_used() {
    let limits = Limits { depth_max: usize::MAX, ..Limits::default() };
    let deep = |depth: usize| SourceFile::new("f", &format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
    let node = load(&deep(64), &limits).expect("64 is allowed");
    assert_eq!(node.clone().to_json(), node.to_json());
    let bottom = node.at_pointer(&"/0".repeat(64)).map(|node| &node.value);
    assert_eq!(bottom, Some(&Value::Integer(1)));
    assert!(load(&deep(65), &limits).is_err());
}

#[test]
fn numbers_map_to_themselves() {
    let file = SourceFile::new("f", "a: 12.50\n");
    let node = load(&file, &Limits::default()).expect("a mapping");
    assert_eq!(node.get("a").map(|value| value.map_range(&file, 3, 5)), Some(Span::new(6, 8)));
}
