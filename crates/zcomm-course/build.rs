//! Lists the files of `docs/`, so that the library contains all of them, whatever their names.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    println!("cargo::rerun-if-changed={}", docs.display());
    let mut files = Vec::new();
    collect(&docs, "", &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for (name, path) in files {
        // Writing to a string cannot fail.
        writeln!(list, "    ({name:?}, include_str!({path:?})),").ok();
    }
    #[allow(clippy::disallowed_methods, reason = "cargo's variable, not a setting")]
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("files.rs"), list + "]\n")
}

/// Adds the files below a folder: each with its name from `docs/`, and its path.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{file}");
        // The attacks come from another origin, so no server of ours may serve them.
        if path.is_dir() && file != "attacks" {
            collect(&path, &format!("{name}/"), files)?;
        // The pictures of the README are not part of the course.
        } else if path.is_file()
            && file != "book.toml"
            && !file.starts_with('.')
            && !file.ends_with(".webp")
        {
            files.push((name, path));
        }
    }
    Ok(())
}
