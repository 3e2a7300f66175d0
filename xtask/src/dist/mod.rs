//! `cargo xtask dist`: the bundle that is uploaded to a Mattermost server.
//!
//! The same sources give the same bytes: pinned tools, no path of the machine in the executables, and an
//! archive without times and owners. What a server would refuse or could not run is refused here.

mod archive;
mod build;
mod dev;
mod executable;
mod manifest;
mod notices;
mod options;
mod platform;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use archive::Entry;
use build::{EXECUTABLES, Remap};
use flate2::Compression;
use manifest::Manifest;
use options::{Options, Profile};
use parley_flavour::Flavour;
use platform::Platform;
use toolchain::Toolchain;

use crate::sh::{self, Failure, Outcome};
use crate::tools;

/// Reverse proxies let 50 MB pass where they follow Mattermost's example; this leaves some room.
const ARCHIVE_BYTES_MAX: usize = 45_000_000;
/// The web build's account of its parts: for the notices, not for the bundle.
const WEB_LICENCES: &str = "licenses.json";
/// The script that the server renames; all other web files need the content's hash in their names.
const WEB_SCRIPT: &str = "main.js";
const HASH_CHARS: usize = 8;
/// The folder of files that the server gives out as they are, under their own names.
const WEB_PUBLIC: &str = "public";

pub(crate) fn run(args: &[String]) -> Outcome {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{}", options::HELP);
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse(args)?;
    let manifest = Manifest::parse(&read_text(&sh::root().join("manifest.json"))?)?;
    let platforms = platforms(&options)?;
    let bundle = Bundle {
        flavour: options.flavour,
        manifest,
        made: match options.profile {
            Profile::Dev => prepare_dev(&options)?,
            Profile::Bundle => Made::Shipped {
                traces: Remap::of_this_machine().traces(),
                tools: if options.check {
                    Toolchain::found()?
                } else {
                    prepare(&options, &platforms)?
                },
            },
        },
    };
    for platform in platforms {
        let path = bundle.path(platform);
        let packed = bundle.pack(platform)?;
        if options.check {
            compare(&path, &packed)?;
        } else {
            write(&path, &packed)?;
            let size = packed.len() as f64 / 1e6;
            println!("{} ({size:.1} MB)", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was asked for, or all that this machine can.
fn platforms(options: &Options) -> Result<Vec<Platform>, Failure> {
    if options.profile == Profile::Dev {
        let own = Platform::of_this_machine()
            .ok_or_else(|| Failure::new("no bundle is made for machines of this kind"))?;
        if options.platforms.iter().any(|asked| *asked != own) {
            return Err(Failure::usage(format!(
                "dist: the profile dev is for this machine, {}",
                own.name()
            )));
        }
        return Ok(vec![own]);
    }
    let missing = |platform: &Platform| {
        format!(
            "{}: run `rustup target add {}`",
            platform.name(),
            platform.triple()
        )
    };
    if let Some(platform) = options.platforms.iter().find(|asked| !asked.is_installed()) {
        return Err(Failure::new(format!(
            "no Rust target for {}",
            missing(platform)
        )));
    }
    if !options.platforms.is_empty() {
        return Ok(options.platforms.clone());
    }
    let (here, not): (Vec<_>, Vec<_>) = Platform::ALL
        .into_iter()
        .partition(|platform| platform.is_installed());
    for platform in not {
        println!("left out: {}", missing(&platform));
    }
    Ok(here)
}

/// Builds everything that goes into the bundles.
fn prepare(options: &Options, platforms: &[Platform]) -> Result<Toolchain, Failure> {
    tools::ready_to_build()?;
    let tools = Toolchain::ready()?;
    let remap = Remap::of_this_machine();
    build::web(options.flavour)?;
    let guest = build::guest(&remap)?;
    for platform in platforms {
        build::executables(&tools, *platform, &guest, &remap)?;
    }
    Ok(tools)
}

/// As [`prepare`], from what the last build for tests left.
fn prepare_dev(options: &Options) -> Result<Made, Failure> {
    if !options.check {
        println!(
            "for tests on this machine: a debug build, not checked for other systems; never upload it to \
             a server that people use"
        );
        build::web(options.flavour)?;
        dev::strip()?;
    }
    Ok(Made::ForThisMachine)
}

/// A bundle in the making: everything is built.
struct Bundle {
    flavour: Flavour,
    manifest: Manifest,
    made: Made,
}

/// What its executables are.
enum Made {
    Shipped {
        /// What must not be in them.
        traces: Vec<String>,
        tools: Toolchain,
    },
    ForThisMachine,
}

impl Bundle {
    fn path(&self, platform: Platform) -> PathBuf {
        let name = match self.flavour {
            Flavour::Own => "parley",
            Flavour::DropIn => "parley-drop-in",
        };
        let (version, platform) = (&self.manifest.version, platform.name());
        match self.made {
            Made::Shipped { .. } => sh::target_dir()
                .join("dist")
                .join(format!("{name}-{version}-{platform}.tar.gz")),
            Made::ForThisMachine => {
                dev::folder().join(format!("{name}-{version}-{platform}-dev.tar.gz"))
            }
        }
    }

    fn pack(&self, platform: Platform) -> Result<Vec<u8>, Failure> {
        let (how, most) = match self.made {
            Made::Shipped { .. } => (Compression::best(), ARCHIVE_BYTES_MAX),
            Made::ForThisMachine => (Compression::fast(), usize::MAX),
        };
        let packed = archive::pack(self.flavour.id(), &self.entries(platform)?, how)
            .map_err(|e| Failure::new(format!("packing: {e}")))?;
        if packed.len() > most {
            return Err(Failure::new(format!(
                "the bundle has {} bytes, {most} are the most",
                packed.len()
            )));
        }
        Ok(packed)
    }

    fn tools(&self) -> Option<&Toolchain> {
        match &self.made {
            Made::Shipped { tools, .. } => Some(tools),
            Made::ForThisMachine => None,
        }
    }

    fn entries(&self, platform: Platform) -> Result<Vec<Entry>, Failure> {
        let plugin_json = self.manifest.plugin_json(self.flavour, platform)?;
        let licences = notices::web_licences(self.flavour);
        let mut entries = vec![
            Entry::file("plugin.json", plugin_json),
            Entry::file("LICENSE", read(&sh::root().join("LICENSE"))?),
            Entry::file(
                "THIRD-PARTY-NOTICES.txt",
                notices::make(platform, self.tools(), &licences)?,
            ),
        ];
        let host = self.manifest.executable(platform)?;
        for (_, name) in EXECUTABLES {
            let (built, traces) = match &self.made {
                Made::Shipped { traces, .. } => {
                    (build::executable(platform, name), Some(&traces[..]))
                }
                Made::ForThisMachine => (dev::executable(name), None),
            };
            executable::check(&built, platform, traces)?;
            let path = match name {
                "parley" => host.to_owned(),
                // The host looks for it beside itself.
                other => sibling(host, other),
            };
            entries.push(Entry::executable(path, read(&built)?));
        }
        entries.extend(web_entries(
            &build::web_dir(self.flavour),
            self.manifest.bundle_path()?,
        )?);
        Ok(entries)
    }
}

/// Files whose page adds the version to their address: the server has a folder of its own for them.
fn public_entries(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", folder.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != WEB_LICENCES {
            let path = format!("{WEB_PUBLIC}/{name}");
            entries.push(Entry::file(path, read(&entry.path())?));
        }
    }
    Ok(entries)
}

/// The web files, in the folder of the script: the server copies all of it to where browsers get it.
fn web_entries(folder: &Path, script: &str) -> Result<Vec<Entry>, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", folder.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = match name.as_str() {
            WEB_LICENCES => continue,
            WEB_PUBLIC => {
                entries.extend(public_entries(&entry.path())?);
                continue;
            }
            WEB_SCRIPT => script.to_owned(),
            name if is_hashed(name) => sibling(script, name),
            _ => {
                return Err(Failure::new(format!(
                    "{}: browsers keep it for a year, so its name needs a hash of its content",
                    entry.path().display()
                )));
            }
        };
        entries.push(Entry::file(path, read(&entry.path())?));
    }
    if !entries.iter().any(|entry| entry.path == script) {
        return Err(Failure::new(format!(
            "{}: no {WEB_SCRIPT}",
            folder.display()
        )));
    }
    Ok(entries)
}

/// `<name>-<hash>.<extension>`, as the web build makes it.
fn is_hashed(name: &str) -> bool {
    let Some((stem, _)) = name.rsplit_once('.') else {
        return false;
    };
    // The hash may have a hyphen in it too.
    let Some(at) = stem.len().checked_sub(HASH_CHARS + 1) else {
        return false;
    };
    at > 0 && stem.is_char_boundary(at) && stem[at..].starts_with('-')
}

fn sibling(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

fn compare(path: &Path, packed: &[u8]) -> Result<(), Failure> {
    if read(path)? == packed {
        println!("{}: the same bytes", path.display());
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} is not what is made from the present build: run `cargo xtask dist` again; if that does not \
         help, the bundle is not reproducible any more",
        path.display()
    )))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

/// Writes a file and the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(names: &[&str]) -> Result<Vec<String>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), *name).unwrap();
        }
        let entries = web_entries(folder.path(), "webapp/dist/main.js")?;
        let mut paths: Vec<String> = entries.into_iter().map(|entry| entry.path).collect();
        paths.sort();
        Ok(paths)
    }

    #[test]
    fn web_files_go_beside_the_script_and_the_account_of_licences_does_not() {
        let names = [
            "main.js",
            "ring-a-cdEF_1.ogg",
            "a.b-01234567.js",
            "licenses.json",
        ];
        let found = web(&names).unwrap();
        let expected = ["a.b-01234567.js", "main.js", "ring-a-cdEF_1.ogg"];
        assert_eq!(found, expected.map(|name| format!("webapp/dist/{name}")));
    }

    #[test]
    fn public_files_keep_their_names_in_a_folder_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.js"), "script").unwrap();
        fs::create_dir(folder.path().join(WEB_PUBLIC)).unwrap();
        for name in ["standalone.js", WEB_LICENCES] {
            fs::write(folder.path().join(WEB_PUBLIC).join(name), name).unwrap();
        }
        let entries = web_entries(folder.path(), "webapp/dist/main.js").unwrap();
        let mut paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["public/standalone.js", "webapp/dist/main.js"]);
    }

    #[test]
    fn a_web_file_whose_name_stays_when_it_changes_is_refused() {
        for name in ["ring.ogg", "ring-short.ogg", "-12345678.ogg", "README"] {
            let error = web(&["main.js", name]).unwrap_err();
            assert!(error.message.contains(name), "{}", error.message);
        }
    }

    #[test]
    fn a_web_build_without_its_script_is_refused() {
        assert!(web(&["licenses.json"]).is_err());
    }
}
