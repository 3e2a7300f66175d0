//! `THIRD-PARTY-NOTICES.txt`: what others made that is in a bundle, under which licence, with the texts
//! that they ship.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use super::build::{self, EXECUTABLES, GUEST, GUEST_TRIPLE};
use super::platform::Platform;
use super::toolchain::Toolchain;
use crate::sh::{self, Failure};

/// How files with licence texts begin, in lower case.
const TEXT_NAMES: [&str; 6] = [
    "licen",
    "copying",
    "copyright",
    "notice",
    "unlicense",
    "authors",
];
/// Crates with C code have its licence some folders down.
const FOLDERS_DOWN: usize = 2;

/// Something made by others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// Name and version.
    title: String,
    /// SPDX expression.
    licence: String,
    source: String,
    texts: Vec<String>,
}

/// The notices of a bundle for one platform. Without Zig's tools nothing of Zig is in it.
pub(crate) fn make(
    platform: Platform,
    tools: Option<&Toolchain>,
    web_licences: &[PathBuf],
) -> Result<String, Failure> {
    let mut parts = BTreeMap::new();
    for (triple, packages) in [
        (
            platform.triple(),
            EXECUTABLES.map(|(package, _)| package).to_vec(),
        ),
        (GUEST_TRIPLE, vec![GUEST]),
    ] {
        for package in linked(&metadata(triple)?, &packages)? {
            let part = crate_part(package)?;
            parts.insert(part.title.clone(), part);
        }
    }
    let mut others = toolchain_parts(tools)?;
    for list in web_licences {
        others.extend(npm_parts(&super::read(list)?)?);
    }
    for part in others {
        parts.insert(part.title.clone(), part);
    }
    Ok(render(parts.into_values().collect()))
}

fn metadata(triple: &str) -> Result<Value, Failure> {
    let out = sh::cargo(&["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", triple])
        .output()
        .map_err(|e| Failure::new(format!("cargo metadata: {e}")))?;
    if !out.status.success() {
        let log = String::from_utf8_lossy(&out.stderr);
        return Err(Failure::new(format!("cargo metadata: {log}")));
    }
    serde_json::from_slice(&out.stdout).map_err(|e| Failure::new(format!("cargo metadata: {e}")))
}

/// The packages of others that are linked into some of ours: neither what only builds or tests, nor
/// procedural macros.
fn linked<'a>(metadata: &'a Value, ours: &[&str]) -> Result<Vec<&'a Value>, Failure> {
    let list = |value: &'a Value| value.as_array().map_or(&[][..], Vec::as_slice);
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let mut waiting: Vec<&str> = packages
        .iter()
        .filter(|(_, package)| {
            package["name"]
                .as_str()
                .is_some_and(|name| ours.contains(&name))
        })
        .map(|(id, _)| *id)
        .collect();
    if waiting.len() != ours.len() {
        return Err(Failure::new(format!("not all of {ours:?} are packages")));
    }
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in list(&nodes[id]["deps"]) {
            let normal = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"].is_null());
            let id = dependency["pkg"].as_str().unwrap_or_default();
            let is_macro = list(&packages[id]["targets"]).iter().any(|target| {
                list(&target["kind"])
                    .iter()
                    .any(|kind| kind == "proc-macro")
            });
            if normal && !is_macro {
                waiting.push(id);
            }
        }
    }
    // Packages without a source are this workspace's own.
    Ok(seen
        .into_iter()
        .map(|id| packages[id])
        .filter(|package| !package["source"].is_null())
        .collect())
}

fn crate_part(package: &Value) -> Result<Part, Failure> {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let manifest = PathBuf::from(text("manifest_path"));
    let folder = manifest.parent().unwrap_or(&manifest);
    // Only crates with C code have other people's folders in them.
    let down = if package["links"].is_null() {
        0
    } else {
        FOLDERS_DOWN
    };
    let mut files = BTreeSet::new();
    find_texts(folder, down, &mut files)
        .map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    if let Some(file) = package["license_file"].as_str() {
        files.insert(folder.join(file));
    }
    let licence = match text("license") {
        "" => "see its text",
        licence => licence,
    };
    Ok(Part {
        title: format!("{} {}", text("name"), text("version")),
        licence: licence.to_owned(),
        source: format!(
            "https://crates.io/crates/{}/{}",
            text("name"),
            text("version")
        ),
        texts: read_all(files)?,
    })
}

fn find_texts(folder: &Path, down: usize, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let is_text = TEXT_NAMES.iter().any(|start| name.starts_with(start));
        if entry.file_type()?.is_file() && is_text && !name.ends_with(".rs") {
            found.insert(entry.path());
        } else if entry.file_type()?.is_dir() && down > 0 {
            find_texts(&entry.path(), down - 1, found)?;
        }
    }
    Ok(())
}

fn read_all(files: BTreeSet<PathBuf>) -> Result<Vec<String>, Failure> {
    files
        .iter()
        .map(|file| Ok(String::from_utf8_lossy(&super::read(file)?).into_owned()))
        .collect()
}

/// What the web build says is in its script.
fn npm_parts(json: &[u8]) -> Result<Vec<Part>, Failure> {
    let wrong = || Failure::new("licenses.json of the web build: not what was expected");
    let parts: Value = serde_json::from_slice(json).map_err(|_| wrong())?;
    let parts = parts.as_array().ok_or_else(wrong)?;
    parts
        .iter()
        .map(|part| {
            let text = |key: &str| part[key].as_str().map(str::to_owned);
            let (name, version) = (text("name"), text("version"));
            let (name, version) = (name.ok_or_else(wrong)?, version.ok_or_else(wrong)?);
            Ok(Part {
                title: format!("{name} {version} (npm)"),
                licence: text("identifier").unwrap_or_else(|| "see its text".to_owned()),
                source: format!("https://www.npmjs.com/package/{name}/v/{version}"),
                texts: text("text").into_iter().collect(),
            })
        })
        .collect()
}

/// What compilers add: Rust's standard library, and Zig's parts of LLVM.
fn toolchain_parts(tools: Option<&Toolchain>) -> Result<Vec<Part>, Failure> {
    let sysroot = sh::output("rustc", &["--print", "sysroot"]).unwrap_or_default();
    let rust = PathBuf::from(sysroot).join("share/doc/rust/licenses");
    let version = sh::output("rustc", &["--version"]).unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or_default().to_owned();
    let text = |path: PathBuf| read_all(BTreeSet::from([path]));
    let mut rust_texts = Vec::new();
    for name in ["MIT.txt", "Apache-2.0.txt"] {
        rust_texts.extend(text(rust.join(name))?);
    }
    let mut parts = vec![Part {
        title: format!("Rust standard library {version}"),
        licence: "MIT OR Apache-2.0".to_owned(),
        source: "https://github.com/rust-lang/rust".to_owned(),
        texts: rust_texts,
    }];
    let Some(tools) = tools else {
        return Ok(parts);
    };
    let zig = tools.zig()?;
    parts.extend([
        Part {
            title: "Zig's runtime library (compiler-rt)".to_owned(),
            licence: "MIT".to_owned(),
            source: "https://ziglang.org".to_owned(),
            texts: text(zig.join("LICENSE"))?,
        },
        Part {
            title: "LLVM libunwind".to_owned(),
            licence: "Apache-2.0 WITH LLVM-exception".to_owned(),
            source: "https://libunwind.llvm.org".to_owned(),
            texts: text(zig.join("lib/libunwind/LICENSE.TXT"))?,
        },
    ]);
    Ok(parts)
}

const RULE: &str =
    "--------------------------------------------------------------------------------\n";

/// A list of everything, then each text once with everything that carries it.
fn render(mut parts: Vec<Part>) -> String {
    parts.sort_by(|a, b| a.title.cmp(&b.title));
    let mut out = String::from(
        "Parley contains the following software of others. Their licence texts follow the list.\n\n",
    );
    let mut texts: BTreeMap<String, (String, BTreeSet<&str>)> = BTreeMap::new();
    for part in &parts {
        let missing = if part.texts.is_empty() {
            "; its package has no licence text"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "{}: {}{missing}\n    {}",
            part.title, part.licence, part.source
        );
        for text in &part.texts {
            // The same licence comes with other line breaks and indents.
            let words: Vec<&str> = text.split_whitespace().collect();
            let (_, users) = texts
                .entry(words.join(" "))
                .or_insert_with(|| (text.clone(), BTreeSet::new()));
            users.insert(&part.title);
        }
    }
    let mut texts: Vec<_> = texts.into_values().collect();
    texts.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    for (text, users) in texts {
        let users: Vec<&str> = users.into_iter().collect();
        let text = text.replace("\r\n", "\n");
        let _ = write!(
            out,
            "\n{RULE}{}\n{RULE}\n{}\n",
            users.join("\n"),
            text.trim_end()
        );
    }
    out
}

/// The texts that a run of [`make`] needs from the web builds.
pub(crate) fn web_licences(flavour: parley_flavour::Flavour) -> [PathBuf; 2] {
    let folder = build::web_dir(flavour);
    [
        folder.join(super::WEB_LICENCES),
        folder.join(super::WEB_PUBLIC).join(super::WEB_LICENCES),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(title: &str, texts: &[&str]) -> Part {
        Part {
            title: title.to_owned(),
            licence: "MIT".to_owned(),
            source: format!("https://example.org/{title}"),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn each_text_stands_once_under_all_that_carry_it() {
        let made = render(vec![
            part("b 1.0.0", &["Do  what\r\nyou want.\n"]),
            part("a 2.0.0", &["Do what you want."]),
            part("c 3.0.0", &[]),
        ]);
        assert_eq!(
            made.matches("what you want").count() + made.matches("what\nyou want").count(),
            1
        );
        assert!(made.contains("a 2.0.0\nb 1.0.0\n"), "{made}");
        assert!(
            made.contains("c 3.0.0: MIT; its package has no licence text"),
            "{made}"
        );
    }

    #[test]
    fn the_order_in_which_parts_are_found_leaves_no_trace() {
        let mut parts = vec![part("b", &["x", "y"]), part("a", &["y"]), part("c", &["z"])];
        let made = render(parts.clone());
        parts.reverse();
        assert_eq!(render(parts), made);
    }

    #[test]
    fn only_what_is_linked_counts() {
        let package = |name: &str, source: Option<&str>, kind: &str| json!({"id": name, "name": name, "source": source, "targets": [{"kind": [kind]}]});
        let dep =
            |name: &str, kind: Option<&str>| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("ours", None, "lib"),
                package("helper", None, "lib"),
                package("far", Some("registry"), "lib"),
                package("near", Some("registry"), "lib"),
                package("derive", Some("registry"), "proc-macro"),
                package("inside_derive", Some("registry"), "lib"),
                package("builder", Some("registry"), "lib"),
                package("tester", Some("registry"), "lib"),
                package("stranger", Some("registry"), "lib"),
            ],
            "resolve": {"nodes": [
                {"id": "ours", "deps": [
                    dep("helper", None), dep("derive", None), dep("builder", Some("build")),
                    dep("tester", Some("dev")),
                ]},
                {"id": "helper", "deps": [dep("near", None)]},
                {"id": "near", "deps": [dep("far", None), dep("near", None)]},
                {"id": "derive", "deps": [dep("inside_derive", None)]},
                {"id": "far", "deps": []},
            ]},
        });
        let found = linked(&metadata, &["ours"]).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|package| package["name"].as_str())
            .collect();
        assert_eq!(names, [Some("far"), Some("near")]);
        assert!(linked(&metadata, &["nobody"]).is_err());
    }

    #[test]
    fn a_crates_texts_are_found_and_those_of_its_c_code() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("vendor/library");
        fs::create_dir_all(&inner).unwrap();
        fs::write(folder.path().join("LICENSE-MIT"), "outer").unwrap();
        fs::write(folder.path().join("license.rs"), "code").unwrap();
        fs::write(inner.join("COPYING"), "inner").unwrap();
        let manifest = folder.path().join("Cargo.toml");
        let package = |links: Option<&str>| {
            json!({"name": "x", "version": "1.2.3", "license": "MIT", "links": links,
                   "manifest_path": manifest})
        };
        let alone = crate_part(&package(None)).unwrap();
        assert_eq!(alone.texts, ["outer"]);
        assert_eq!(alone.title, "x 1.2.3");
        let with_c = crate_part(&package(Some("x"))).unwrap();
        assert_eq!(with_c.texts, ["outer", "inner"]);
    }

    #[test]
    fn npm_parts_without_a_name_are_no_parts() {
        let parts = npm_parts(br#"[{"name": "a", "version": "1.0.0", "text": "t"}]"#).unwrap();
        assert_eq!(parts[0].title, "a 1.0.0 (npm)");
        assert_eq!(parts[0].texts, ["t"]);
        assert!(npm_parts(br#"[{"version": "1.0.0"}]"#).is_err());
        assert!(npm_parts(b"{}").is_err());
    }
}
