//! The text of an HTML page, for messages: proxies and servers say in pages what went wrong. Nothing is rendered and nothing is
//! believed of what a page says.

/// What a page holds that nobody reads.
const UNREAD: [&str; 3] = ["script", "style", "svg"];

const ENTITIES: [(&str, &str); 6] =
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];

/// Whether a text is a page or holds markup.
pub(super) fn is_html(text: &str) -> bool {
    text.trim_start().starts_with('<') || text.contains("</") || text.contains("<br")
}

/// What people would read of it. A tag that does not end takes the rest with it.
pub(super) fn text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!' || c == '?') {
            // A sign of its own.
            text.push('<');
            rest = tag;
            continue;
        }
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        rest = tag.split_once('>').map_or("", |(_, after)| after);
        if UNREAD.contains(&name.as_str()) {
            let end = format!("</{name}");
            let at = rest.to_ascii_lowercase().find(&end).unwrap_or(rest.len());
            rest = rest.get(at..).unwrap_or_default();
        }
    }
    text.push_str(rest);
    ENTITIES.iter().fold(text, |text, (entity, sign)| text.replace(entity, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_what_people_read() {
        let check = |html: &str, expected: &str| {
            let words = text(html).split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words, expected, "{html}");
        };
        check(
            "<!DOCTYPE html>\n<html><head><title>502</title><style>a > b {}</style>\n<SCRIPT>if (a < b) {}</SCRIPT></head>\n\
             <body><!-- <b>x</b> --><h1>Bad&nbsp;Gateway</h1><hr>a &lt; b &amp;amp; c</body></html>",
            "502 Bad Gateway a < b &amp; c",
        );
        check("1 < 2 <b>bold</b>", "1 < 2 bold");
        check("cut <a href=\"x", "cut");
        check("<script>never closed", "");
        check("<!-- never closed <b>", "");
        assert!(is_html(" <p>") && is_html("a</b>") && !is_html("a < b"));
    }
}
