//! Puts text into HTML and SVG.

use crate::shared::text::visible;

/// Escapes a text that another program or the user has written, so that it is text and not
/// markup. Control characters become pictures, because XML has no control characters.
pub(super) fn escaped(text: &str) -> String {
    // Replace `&` first, because the other replacements contain a `&`.
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_is_escaped() {
        let hostile = "<script>alert(\"1\" & '2')</script>";
        let shown = "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;";
        assert_eq!(escaped(hostile), shown);
    }
}
