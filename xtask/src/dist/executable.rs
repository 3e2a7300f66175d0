//! What an executable of the bundle has to be: stripped, for the right machine, without needs that a
//! server's system may not meet, and without traces of the machine that built it.

use std::path::Path;

use super::platform::{GLIBC, Platform};
use crate::sh::{self, Failure};

/// Parts of glibc (below 2.34 it is in several), and the compiler's own library.
const LIBRARIES: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// Checks one executable; the failure names everything that is wrong with it.
///
/// `traces` of the building machine must not be in what is shipped. `None`: it is for this machine alone, and
/// may need this machine's glibc.
pub(crate) fn check(
    path: &Path,
    platform: Platform,
    traces: Option<&[String]>,
) -> Result<(), Failure> {
    let args = [
        "--wide",
        "--file-header",
        "--section-headers",
        "--dynamic",
        "--version-info",
    ];
    let out = sh::command("readelf", &args)
        .arg(path)
        .env("LC_ALL", "C")
        .output()
        .map_err(|e| Failure::new(format!("readelf (Debian's package binutils): {e}")))?;
    if !out.status.success() {
        let log = String::from_utf8_lossy(&out.stderr);
        return Err(Failure::new(format!("readelf {}: {log}", path.display())));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let mut problems = problems_of(&text, platform);
    if let Some(traces) = traces {
        problems.extend(newer_symbols(&text));
        let bytes = super::read(path)?;
        for trace in found_in(&bytes, traces) {
            problems.push(format!("has the building machine's path {trace} in it"));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} cannot be shipped:\n  {}",
        path.display(),
        problems.join("\n  ")
    )))
}

/// Reads `readelf`'s output.
fn problems_of(text: &str, platform: Platform) -> Vec<String> {
    let mut problems = Vec::new();
    let machine = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Machine:"))
        .map_or("", str::trim);
    if machine != platform.machine() {
        problems.push(format!("is for {machine:?}, not for {}", platform.name()));
    }
    for library in text.lines().filter_map(needed) {
        if !LIBRARIES.contains(&library) {
            problems.push(format!("needs the shared library {library}"));
        }
    }
    if text.lines().filter_map(section).any(is_removable) {
        problems.push("is not stripped".to_owned());
    }
    problems
}

/// Symbols that older systems do not have, in `readelf`'s output.
fn newer_symbols(text: &str) -> Vec<String> {
    let mut versions: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == '(' || c == ')')
        .filter_map(|word| word.strip_prefix("GLIBC_"))
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions
        .into_iter()
        .filter(|version| !is_old_enough(version))
        .map(|version| {
            format!(
                "needs GLIBC_{version}, and {}.{} is the newest allowed",
                GLIBC.0, GLIBC.1
            )
        })
        .collect()
}

/// `0x…1 (NEEDED)  Shared library: [libc.so.6]`
fn needed(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("(NEEDED)")?;
    let (_, name) = rest.split_once('[')?;
    name.split(']').next()
}

/// `[ 1] .interp  PROGBITS …`
fn section(line: &str) -> Option<&str> {
    let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    number.trim().parse::<u32>().ok()?;
    rest.split_whitespace().next()
}

fn is_removable(section: &str) -> bool {
    section == ".symtab" || section.starts_with(".debug_")
}

/// Compared by numbers: 2.4 is older than 2.28. What is no number (`PRIVATE`) is never allowed.
fn is_old_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) <= GLIBC,
        _ => false,
    }
}

/// Those of the paths that are somewhere in the bytes. One pass over some 30 MB, without optimisation.
fn found_in<'a>(bytes: &[u8], paths: &'a [String]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        for path in paths {
            if bytes[at..].starts_with(path.as_bytes()) && !found.contains(&path.as_str()) {
                found.push(path);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "\
ELF Header:
  Type:                              DYN (Position-Independent Executable file)
  Machine:                           Advanced Micro Devices X86-64
Section Headers:
  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al
  [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0
  [ 3] .dynsym           DYNSYM          0000000000000320 000320 000d08 18   A  8   1  8
  [29] .shstrtab         STRTAB          0000000000000000 c5e60d 00011a 00      0   0  1
Dynamic section at offset 0xc536d8 contains 30 entries:
 0x0000000000000001 (NEEDED)             Shared library: [libm.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libpthread.so.0]
Version symbols section '.gnu.version' contains 139 entries:
  000:   0 (*local*)       2 (GLIBC_2.2.5)   2 (GLIBC_2.28)   3 (GLIBC_2.4)
";

    fn problems_with(more: &str) -> String {
        let text = format!("{FINE}{more}\n");
        let mut problems = problems_of(&text, Platform::Amd64);
        problems.extend(newer_symbols(&text));
        problems.join("; ")
    }

    #[test]
    fn an_executable_of_an_old_glibc_is_fine() {
        assert_eq!(problems_with(""), "");
    }

    #[test]
    fn a_newer_symbol_is_found_whatever_its_number_looks_like() {
        for newer in ["2.29", "2.100", "3.0", "PRIVATE"] {
            let found = problems_with(&format!("  0x0020:   Name: GLIBC_{newer}  Flags: none"));
            assert!(
                found.contains(&format!("GLIBC_{newer}")),
                "{newer}: {found}"
            );
        }
    }

    #[test]
    fn a_foreign_library_is_found() {
        let found = problems_with(" 0x0000000000000001 (NEEDED)  Shared library: [libssl.so.3]");
        assert_eq!(found, "needs the shared library libssl.so.3");
    }

    #[test]
    fn symbols_and_debug_information_are_found() {
        for left in [".symtab", ".debug_line"] {
            let line = format!("  [ 7] {left}           PROGBITS   0000000000000000 c5e60d 00011a");
            assert_eq!(problems_with(&line), "is not stripped", "{left}");
        }
    }

    #[test]
    fn another_machine_is_found() {
        let found = problems_of(FINE, Platform::Arm64).join("; ");
        assert!(found.contains("linux-arm64"), "{found}");
    }

    #[test]
    fn a_debug_build_is_refused_for_its_symbols_and_its_paths() {
        let own = std::env::current_exe().unwrap();
        let platform = match std::env::consts::ARCH {
            "x86_64" => Platform::Amd64,
            _ => Platform::Arm64,
        };
        // Debug information names the folder in which the compiler was.
        let trace = format!("{}/", sh::root().display());
        let error = check(&own, platform, Some(std::slice::from_ref(&trace))).unwrap_err();
        assert!(
            error.message.contains("is not stripped"),
            "{}",
            error.message
        );
        assert!(error.message.contains(&trace), "{}", error.message);
        let readable = check(Path::new("/nowhere"), platform, None).unwrap_err();
        assert!(
            readable.message.contains("/nowhere"),
            "{}",
            readable.message
        );
    }
}
