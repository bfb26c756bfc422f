//! `completions/` and `man/` are what the program generates; `UPDATE=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHELLS: &[(&str, &str)] = &[
    ("bash", "rcelery.bash"),
    ("zsh", "_rcelery"),
    ("fish", "rcelery.fish"),
    ("powershell", "_rcelery.ps1"),
    ("elvish", "rcelery.elv"),
];

/// Runs the program with nothing in its environment: what it generates must not depend on the machine.
fn rcelery(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_rcelery"))
        .args(args)
        .env_clear()
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "rcelery {args:?}: {stderr}");
    output.stdout
}

fn read(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries
        .map(|entry| {
            let entry = entry.expect("a directory that can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            (
                name,
                fs::read(entry.path()).expect("a file that can be read"),
            )
        })
        .collect()
}

/// Compares a directory of the repository with what belongs there, or rewrites it.
fn check(dir: &str, wanted: &BTreeMap<String, Vec<u8>>) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(dir);
    if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
        fs::create_dir_all(&dir).expect("the directory can be made");
        for name in read(&dir).keys().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(dir.join(name)).expect("a stale file can be removed");
        }
        for (name, text) in wanted {
            fs::write(dir.join(name), text).expect("the file can be written");
        }
    }
    let found = read(&dir);
    let mut stale: Vec<&String> = wanted
        .iter()
        .filter(|(name, text)| found.get(*name) != Some(text))
        .map(|(n, _)| n)
        .collect();
    stale.extend(found.keys().filter(|name| !wanted.contains_key(*name)));
    assert!(
        stale.is_empty(),
        "{} is stale ({stale:?}): run `UPDATE=1 cargo test --test generated`",
        dir.display()
    );
}

#[test]
fn completions_are_current() {
    let scripts = SHELLS
        .iter()
        .map(|(shell, file)| ((*file).to_owned(), rcelery(&["completions", shell])))
        .collect();
    check("completions", &scripts);
}

#[test]
fn man_pages_are_current() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    rcelery(&["man", &dir.path().to_string_lossy()]);
    let pages = read(dir.path());
    for name in [
        "rcelery.1",
        "rcelery-worker.1",
        "rcelery-send.1",
        "rcelery-inspect-active.1",
    ] {
        assert!(pages.contains_key(name), "there is no {name}");
    }
    check("man", &pages);
}

/// Every page has its sections and only macros that roff knows; where there is a groff, it has nothing to warn of.
#[test]
fn man_pages_are_clean() {
    let pages = read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man"));
    let groff = Command::new("groff").arg("--version").output().is_ok();
    let known = [
        ".ie", ".el", ".TH", ".SH", ".SS", ".TP", ".PP", ".br", ".nf", ".fi", ".BR", ".RS", ".RE",
        ".IP", ".sp",
    ];
    for (name, page) in pages {
        let text = String::from_utf8(page).expect("a page is text");
        let mut wanted = vec![
            "NAME",
            "SYNOPSIS",
            "EXAMPLES",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
        ];
        if name == "rcelery-worker.1" {
            wanted.push("SIGNALS");
        }
        for section in wanted {
            let plain = text.contains(&format!("\n.SH {section}\n"));
            assert!(
                plain || text.contains(&format!("\n.SH \"{section}\"\n")),
                "{name}: {section}"
            );
        }
        for line in text.lines().filter(|line| line.starts_with('.')) {
            let name_of = line.split_whitespace().next().expect("it has a dot");
            assert!(known.contains(&name_of), "{name}: {line}");
        }
        if groff {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("man")
                .join(&name);
            let output = Command::new("groff")
                .args(["-man", "-Tutf8", "-ww", "-z"])
                .arg(&path)
                .output()
                .expect("groff runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        }
    }
}

#[test]
fn nothing_of_this_machine_is_in_them() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let worker = String::from_utf8(rcelery(&["help", "worker"])).expect("help is text");
    assert!(worker.contains("celery@%h"), "{worker}");
    let host = host.trim();
    assert!(
        host.is_empty() || !worker.contains(&format!("@{host}")),
        "the host name is in the help"
    );
}
