//! Ordinary files mean what another reader of YAML says they mean.

use engross_source::{Limits, SourceFile, load};

/// Files without anything on which the two readers are known to differ.
const CORPUS: &[&str] = &[
    include_str!("corpus/mutual_nda.yaml"),
    include_str!("corpus/mutual_nda.test.yaml"),
    include_str!("corpus/engross.yaml"),
    include_str!("corpus/styles.yaml"),
    "a: 1\nb: -2\nc: 3.5\nd: 1e3\ne: true\nf: null\ng: ~\nh:\ni: text\nj: 2026-08-20\nk: 1_000\nl: 1.2.3\n",
    "- a\n- - b\n  - c\n-\n  d: 1\n  e:\n  - 2\n  - 3\n- []\n- {}\n",
    "{a: [1, {b: 2}], 'c': \"d\", e: , f}\n",
    "# comment\na: x # comment\n\n\nb: 'a # b'\nc: a#b\nd: http://example.com/?a=b&c=d\n",
    "a:   \n  b:\n\n    c: 1\n",
    "---\na: 1\n...\n",
    "\"quoted key\": 1\n'single ''key''': 2\nkey with spaces: 3\n? explicit\n: 4\n",
    "text\n",
    "12\n",
];

#[test]
fn agrees_with_serde_yaml() {
    for text in CORPUS {
        for text in [(*text).to_owned(), text.replace('\n', "\r\n")] {
            let file = SourceFile::new("flow.yaml", &text);
            let ours = load(&file, &Limits::default()).unwrap_or_else(|found| panic!("{found:#?}")).to_json();
            let theirs: serde_json::Value = serde_yaml::from_str(&text).expect("the other reader accepts it");
            assert_eq!(ours, theirs, "{text}");
        }
    }
}
