//! The page of a lesson, which the lesson's own server serves.
//!
//! The origin of such a page is the address of the server, and other machines can open the page.
//!
//! A learner can also open the file of the page by double click, because the page needs only
//! files in the same folder. Then the origin is `null`, and the server must allow this origin.
//!
//! The response has a content security policy with the hashes of the page's own scripts and
//! styles. So a script that is hidden in a message cannot run, and the page cannot send data to
//! another server.

use data_encoding::BASE64;
use hyper::header::{self, HeaderValue};
use sha2::{Digest, Sha256};

use crate::http::response::{Answer, moved, ok};

/// A page and the files that it needs. The program contains all of these files.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The file that a learner can double-click. A log line at the start shows this path.
    pub file: &'static str,
    /// The address that the file connects to, e.g. `ws://127.0.0.1:8765/`.
    pub address: &'static str,
    /// The contents of the page.
    pub html: &'static str,
    /// The files that the page links to.
    pub assets: &'static [Asset],
    /// Returns more files, by path. Many files can be made only when a browser asks for them.
    pub more: fn(&str) -> Option<Asset>,
}

/// A file that a page links to, or a document that the page shows in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// The path of the file on the server, e.g. `/style.css`.
    pub path: &'static str,
    /// The media type of the file, e.g. `text/css`.
    pub mime: &'static str,
    /// The contents of the file.
    pub body: &'static str,
}

impl Page {
    /// The response for this path: the page or one of its files. `None` for any other path. For
    /// the path of a folder without the `/` at its end, the response is the path of the folder.
    pub(crate) fn response(&self, path: &str) -> Option<Answer> {
        if path == "/" {
            return Some(document(self.html, "'none'"));
        }
        let Some(asset) = self.file(path) else {
            let folder = self.file(&format!("{path}/"))?;
            return Some(moved(folder.path));
        };
        if asset.mime.starts_with("text/html") {
            return Some(document(asset.body, "'self'"));
        }
        Some(ok(asset.mime, asset.body))
    }

    fn file(&self, path: &str) -> Option<Asset> {
        let asset = self.assets.iter().find(|asset| asset.path == path);
        asset.copied().or_else(|| (self.more)(path))
    }
}

/// A response with a document. Only pages that match `ancestors` may show this document in a
/// frame.
fn document(html: &'static str, ancestors: &str) -> Answer {
    let mut response = ok("text/html; charset=utf-8", html);
    if let Ok(policy) = HeaderValue::try_from(policy(html, ancestors)) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn policy(html: &str, ancestors: &str) -> String {
    let (scripts, styles) = (hashes(html, "script"), hashes(html, "style"));
    format!(
        "default-src 'none'; img-src 'self'; style-src 'self'{styles}; script-src 'self'{scripts}; \
             connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors {ancestors}"
    )
}

/// The hash of each element of this kind that has its code in the page.
fn hashes(html: &str, element: &str) -> String {
    let (start, end) = (format!("<{element}"), format!("</{element}>"));
    let inside = |rest: &'_ str| {
        let (code, _) = rest.split_once('>')?.1.split_once(&end)?;
        // A browser hashes the parsed text, in which each line ends with \n. In the file, a
        // line may end with \r\n, because Git for Windows can change the line ends.
        let code = code.replace("\r\n", "\n");
        (!code.is_empty()).then(|| format!(" 'sha256-{}'", BASE64.encode(&Sha256::digest(&code))))
    };
    html.split(&start).skip(1).filter_map(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        file: "clients/x.html",
        address: "ws://127.0.0.1:8765/",
        html: "<p>hi</p><script src=\"page.js\"></script><script id=\"lesson\">alert(1)</script>",
        assets: &[Asset {
            path: "/style.css",
            mime: "text/css",
            body: "p {}",
        }],
        more: |path| (path == "/more/").then_some(MORE),
    };
    const MORE: Asset = Asset {
        path: "/more/",
        mime: "text/html; charset=utf-8",
        body: "<p>more",
    };

    #[test]
    fn the_policy_allows_exactly_the_pages_own_script() {
        let policy = policy(PAGE.html, "'none'");
        // The hash is from: printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert!(
            policy.contains("'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"),
            "{policy}"
        );
        assert_eq!(policy.matches("sha256-").count(), 1);
        assert!(!policy.contains("unsafe"));
    }

    #[test]
    fn the_policy_allows_a_style_that_the_page_contains() {
        let page = "<style>p {}</style><p>hi</p>";
        // The hash is from: printf 'p {}' | openssl dgst -sha256 -binary | base64
        let hash = "style-src 'self' 'sha256-SNJDlN1Iy2mnt7DOjQIyDb2LQE6O5PQiSZomcdzawQ4='; ";
        assert!(policy(page, "'none'").contains(hash));
        assert!(policy("<p style=x>hi</p>", "'none'").contains("style-src 'self'; "));
    }

    #[test]
    fn the_policy_is_the_same_for_the_line_ends_of_windows() {
        let policy = |html| policy(html, "'none'");
        assert_eq!(
            policy("<script>\r\nalert(1)\r\n</script>"),
            policy("<script>\nalert(1)\n</script>")
        );
    }

    #[test]
    fn a_page_serves_itself_and_its_assets_and_nothing_else() {
        assert!(PAGE.response("/").is_some());
        assert!(PAGE.response("/style.css").is_some());
        assert!(PAGE.response("/other.css").is_none());
    }

    #[test]
    fn a_folder_is_found_without_its_last_sign() {
        assert_eq!(PAGE.response("/more/").unwrap().status(), 200);
        let moved = PAGE.response("/more").unwrap();
        assert_eq!(moved.status(), 308);
        assert_eq!(moved.headers()["location"], "/more/");
        assert!(PAGE.response("/mor").is_none());
        assert!(PAGE.response("/more/more").is_none());
    }
}
