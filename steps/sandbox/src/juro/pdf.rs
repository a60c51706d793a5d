//! A contract as a real one-page PDF: the same state gives the same bytes.
//!
//! It uses the standard 14 fonts, so nothing is embedded and text outside Windows-1252 shows as `?` on the page (the
//! document's title keeps it). Every date in it comes from the contract, and the file id is a digest of the page. What does
//! not fit on one page is left out and said so.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use sha2::{Digest, Sha256};

use super::state::{Contract, Status};

/// A4 in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 64.0;
/// Where the signatures begin at the latest; the content above is cut there.
const SIGNATURES_TOP: f32 = 290.0;
/// Where the signatures end.
const BOTTOM: f32 = 60.0;
/// Characters of a line of body text, which keeps it inside the margins in Helvetica 10.
const LINE_CHARS: usize = 84;

const REGULAR: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");
const HAND: Name<'static> = Name(b"F3");

/// The bytes of the PDF.
pub(super) fn render(contract: &Contract) -> Vec<u8> {
    let [catalog, tree, page, content, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let fonts: [(Name<'_>, Ref, &[u8]); 3] = [
        (REGULAR, Ref::new(6), b"Helvetica"),
        (BOLD, Ref::new(7), b"Helvetica-Bold"),
        (HAND, Ref::new(8), b"Times-Italic"),
    ];
    let drawing = draw(contract);
    let digest = Sha256::digest(&drawing);
    let mut pdf = Pdf::new();
    pdf.set_file_id((digest.to_vec(), digest.to_vec()));
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids([page]).count(1);
    let mut leaf = pdf.page(page);
    leaf.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(content);
    let mut resources = leaf.resources();
    let mut dict = resources.fonts();
    for (name, id, _) in fonts {
        dict.pair(name, id);
    }
    dict.finish();
    resources.finish();
    leaf.finish();
    for (_, id, base) in fonts {
        pdf.type1_font(id).base_font(Name(base)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    pdf.document_info(info).title(TextStr(&contract.name)).producer(TextStr("Engross sandbox"));
    pdf.stream(content, &drawing);
    pdf.finish()
}

/// The `content-disposition` of a download. Characters that a quoted ASCII name cannot carry become `_`.
pub(super) fn content_disposition(contract_name: &str) -> String {
    let safe = |letter: char| match letter {
        '"' | '\\' | '/' => '_',
        ' '..='~' => letter,
        _ => '_',
    };
    format!("attachment; filename=\"{}.pdf\"", contract_name.chars().map(safe).collect::<String>())
}

/// Title and value of every field that has a value.
pub(super) fn filled_fields(contract: &Contract) -> Vec<(&'static str, String)> {
    let filled = contract.template.fields.iter().filter(|field| !contract.value(field.uid).is_empty());
    filled.map(|field| (field.title, contract.value(field.uid).to_owned())).collect()
}

/// A page that is being written from top to bottom.
struct Sheet {
    content: Content,
    y: f32,
    /// Nothing is written below this height.
    floor: f32,
    full: bool,
}

impl Sheet {
    /// Writes one line and moves down. Once a line does not fit, nothing more is written above the floor.
    fn line(&mut self, font: Name<'_>, size: f32, gray: f32, x: f32, text: &str) {
        let height = size * 1.45;
        self.full |= self.y - height < self.floor;
        if self.full {
            return;
        }
        self.y -= height;
        self.content.set_fill_gray(gray);
        self.content.begin_text().set_font(font, size).next_line(x, self.y).show(Str(&win_ansi(text))).end_text();
    }

    fn paragraph(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        for line in wrap(text) {
            self.line(font, size, 0.1, x, &line);
        }
    }

    fn rule(&mut self, from: f32, to: f32) {
        self.content.set_stroke_gray(0.6).set_line_width(0.7);
        self.content.move_to(from, self.y).line_to(to, self.y).stroke();
    }

    fn space(&mut self, points: f32) {
        self.y -= points;
    }
}

fn draw(contract: &Contract) -> Vec<u8> {
    let mut sheet = Sheet { content: Content::new(), y: PAGE.1 - MARGIN, floor: SIGNATURES_TOP + 20.0, full: false };
    sheet.line(REGULAR, 10.0, 0.4, MARGIN, contract.template.name);
    for line in wrap_at(&contract.name, 40).into_iter().take(3) {
        sheet.line(BOLD, 19.0, 0.0, MARGIN, &line);
    }
    if contract.status != Status::FullySigned {
        sheet.space(2.0);
        sheet.line(BOLD, 11.0, 0.35, MARGIN, "DRAFT – not signed");
    }
    sheet.space(9.0);
    sheet.rule(MARGIN, PAGE.0 - MARGIN);
    sheet.space(6.0);
    for (title, value) in filled_fields(contract) {
        sheet.line(REGULAR, 8.5, 0.4, MARGIN, title);
        sheet.paragraph(REGULAR, 11.0, MARGIN, &value);
        sheet.space(4.0);
    }
    for rows in contract.tables.values() {
        sheet.space(4.0);
        for row in rows {
            sheet.paragraph(REGULAR, 10.0, MARGIN, &row.join("   |   "));
        }
    }
    if sheet.full {
        sheet.y = SIGNATURES_TOP + 20.0;
        (sheet.full, sheet.floor) = (false, BOTTOM);
        sheet.line(REGULAR, 8.5, 0.4, MARGIN, "The rest does not fit on this page.");
    }
    draw_signatures(&mut sheet, contract);
    sheet.content.finish().into_vec()
}

/// Two columns, one box for each place to sign. Once fully signed, a place that was not needed is left out.
fn draw_signatures(sheet: &mut Sheet, contract: &Contract) {
    let width = (PAGE.0 - 2.0 * MARGIN - 30.0) / 2.0;
    let mut top = SIGNATURES_TOP;
    let done = contract.status == Status::FullySigned;
    let needed = contract.signatures().filter(|(_, signature)| !done || signature.signed.is_some());
    for (index, (side, signature)) in needed.enumerate() {
        let right = index % 2 == 1;
        let x = if right { MARGIN + width + 30.0 } else { MARGIN };
        (sheet.y, sheet.floor, sheet.full) = (top, BOTTOM, false);
        sheet.line(BOLD, 10.0, 0.1, x, &shortened(&side.caption));
        sheet.line(REGULAR, 8.5, 0.4, x, &shortened(&signature.upper_text));
        match &signature.signed {
            Some(signed) => {
                sheet.line(HAND, 17.0, 0.0, x, &shortened(&signed.name));
                sheet.space(3.0);
                sheet.rule(x, x + width);
                sheet.line(REGULAR, 9.0, 0.1, x, &shortened(&signed.name));
                sheet.line(REGULAR, 9.0, 0.1, x, &signed.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
            }
            None => {
                sheet.space(28.0);
                sheet.rule(x, x + width);
                sheet.line(REGULAR, 9.0, 0.4, x, "not signed");
            }
        }
        sheet.line(REGULAR, 8.5, 0.4, x, &shortened(&signature.lower_text));
        if right {
            top -= 115.0;
        }
    }
    (sheet.y, sheet.floor, sheet.full) = (46.0, 0.0, false);
    sheet.line(REGULAR, 7.5, 0.5, MARGIN, &format!("Contract {} - made by a sandbox, binds nobody", contract.id));
}

/// A text that fits into one column.
fn shortened(text: &str) -> String {
    const CHARS: usize = 28;
    if text.chars().count() <= CHARS {
        return text.to_owned();
    }
    text.chars().take(CHARS - 1).chain(['…']).collect()
}

fn wrap(text: &str) -> Vec<String> {
    wrap_at(text, LINE_CHARS)
}

/// Breaks at spaces, and inside words that are longer than a line.
fn wrap_at(text: &str, chars: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let (mut line, mut length) = (String::new(), 0_usize);
        for word in paragraph.split_whitespace() {
            if length > 0 && length + 1 + word.chars().count() > chars {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            for letter in word.chars() {
                if length == chars {
                    lines.push(std::mem::take(&mut line));
                    length = 0;
                }
                line.push(letter);
                length += 1;
            }
        }
        lines.push(line);
    }
    lines
}

/// Text in Windows-1252, the encoding the fonts are declared with; `?` for what it does not have.
fn win_ansi(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| match letter {
            ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).unwrap_or(b'?'),
            '€' => 0x80,
            '…' => 0x85,
            '‘' => 0x91,
            '’' => 0x92,
            '“' => 0x93,
            '”' => 0x94,
            '•' => 0x95,
            '–' => 0x96,
            '—' => 0x97,
            '™' => 0x99,
            'Š' => 0x8a,
            'š' => 0x9a,
            'Ž' => 0x8e,
            'ž' => 0x9e,
            'Œ' => 0x8c,
            'œ' => 0x9c,
            'Ÿ' => 0x9f,
            _ => b'?',
        })
        .collect()
}
