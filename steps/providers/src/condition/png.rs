//! The size of a PNG image in base64, read from its first bytes. The image itself is not decoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How many characters of base64 hold the signature and the size: 24 bytes.
const HEAD_CHARS: usize = 32;

/// `475x175`; nothing where the text is no PNG image.
pub(super) fn size(base64: &str) -> Option<String> {
    let head = STANDARD_NO_PAD.decode(base64.get(..HEAD_CHARS)?).ok()?;
    let (signature, rest) = head.split_first_chunk::<8>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (width, rest) = rest.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    let is_png = signature == b"\x89PNG\r\n\x1a\n" && kind == b"IHDR";
    is_png.then(|| format!("{}x{}", u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_stands_in_the_head() {
        // The head of the image in the documents of Juro v2, which is smaller than they ask for.
        assert_eq!(size("iVBORw0KGgoAAAANSUhEUgAAAGYAAAAdCAIAAADXWI43").as_deref(), Some("102x29"));
        for broken in ["", "iVBORw0KGgo=", "R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=", "ä".repeat(32).as_str()]
        {
            assert_eq!(size(broken), None, "{broken}");
        }
    }
}
