//! A plain one-page PDF: a title and some lines. The same text gives the same bytes; Juro's has more to show and its own file.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

/// Lines that fit on the page; the rest is left out.
const LINES: usize = 45;

const FONT: Name<'static> = Name(b"F1");

/// The bytes of the PDF.
pub(crate) fn render(title: &str, lines: &[String]) -> Vec<u8> {
    let [catalog, tree, page, content, font, info] = [1, 2, 3, 4, 5, 6].map(Ref::new);
    let mut drawing = Content::new();
    drawing.begin_text().set_font(FONT, 16.0).next_line(64.0, 760.0).show(Str(&latin(title)));
    drawing.set_font(FONT, 10.0).next_line(0.0, -28.0);
    for line in lines.iter().take(LINES) {
        drawing.show(Str(&latin(line))).next_line(0.0, -15.0);
    }
    drawing.end_text();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids([page]).count(1);
    let mut leaf = pdf.page(page);
    leaf.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(tree).contents(content);
    leaf.resources().fonts().pair(FONT, font);
    leaf.finish();
    pdf.type1_font(font).base_font(Name(b"Helvetica")).encoding_predefined(Name(b"WinAnsiEncoding"));
    pdf.document_info(info).title(TextStr(title)).producer(TextStr("Engross sandbox"));
    pdf.stream(content, &drawing.finish());
    pdf.finish()
}

/// What the standard fonts can show of a text; other letters become `?`, but stay in the document's title.
fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(u32::from(letter)).ok().filter(|byte| *byte >= b' ').unwrap_or(b'?'))
        .collect()
}
