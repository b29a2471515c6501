//! The picture of the rooms in docs/design.md, held by the `use` lines.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up: a room uses only what stands before it.
const ROOMS: &[&str] = &[
    "error http bounded cost secret password client_certificate json",
    "mlflow",
    "authz",
    "routes",
    "config",
    "accounts",
    "request",
    "authn",
    "upstream",
    "owners",
    "admin",
    "respond",
    "observe",
    "state",
    "gate",
    "worker",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The file, its room and its text, but for unit tests.
fn sources() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files
        .into_iter()
        .filter(|file| !file.ends_with("lib.rs") && !file.ends_with("tests.rs"))
        .map(|file| {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let room = name.split(['/', '.']).next().unwrap().to_owned();
            let text = fs::read_to_string(&file).unwrap();
            (name, room, text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn every_arrow_between_rooms_points_down() {
    let height: BTreeMap<&str, usize> =
        ROOMS.iter().enumerate().flat_map(|(height, rooms)| rooms.split(' ').map(move |room| (room, height))).collect();
    let (mut up, mut arrows) = (Vec::new(), 0);
    for (file, room, text) in sources() {
        let own = *height.get(&room[..]).unwrap_or_else(|| panic!("{file} is in no room of the picture"));
        for (_, rest) in text.match_indices("crate::").map(|(at, found)| text.split_at(at + found.len())) {
            let used: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let used = used.as_str();
            let there = *height.get(used).unwrap_or_else(|| panic!("{file} uses {used}, which is no room"));
            arrows += usize::from(used != room);
            if used != room && there >= own && own > 0 {
                up.push(format!("{file} -> {used}"));
            }
            if own == 0 && there > 0 {
                up.push(format!("{file} -> {used}"));
            }
        }
    }
    assert!(arrows > 100, "{arrows}");
    assert!(up.is_empty(), "arrows that point up:\n{}", up.join("\n"));
}

#[test]
fn the_picture_in_the_design_is_this_one() {
    let design = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/design.md")).unwrap();
    let picture = design.split("\n## The rooms").nth(1).unwrap().split("```").nth(1).unwrap();
    let drawn: Vec<&str> = picture.lines().skip(1).map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(drawn, ROOMS.iter().rev().copied().collect::<Vec<_>>());
}

#[test]
fn only_gate_rs_knows_the_gate_and_only_one_line_the_platform() {
    for (file, _, text) in sources() {
        assert!(!text.contains("Gate<") || file == "gate.rs", "{file}");
        assert!(!text.contains("target_arch"), "{file}");
    }
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    assert_eq!(lib.matches("target_arch").count(), 1);
}

#[test]
fn no_match_over_a_row_has_an_arm_for_the_rest() {
    // `_ =>` in a `match` over one of these would take a new variant without a word
    for (file, _, text) in sources() {
        for (at, _) in text.match_indices("match ") {
            let line = text[at..].lines().next().unwrap();
            if !["answer {", "requires {", ".body {"].iter().any(|end| line.ends_with(end))
                || !line.contains("row") && !line.contains("route") && !line.contains("self.")
            {
                continue;
            }
            let indent = text[..at].rsplit('\n').next().unwrap().len()
                - text[..at].rsplit('\n').next().unwrap().trim_start().len();
            let arms = text[at..]
                .lines()
                .skip(1)
                .take_while(|l| l.trim().is_empty() || l.len() - l.trim_start().len() > indent);
            for arm in arms.filter(|l| l.len() - l.trim_start().len() == indent + 4) {
                assert!(!arm.trim_start().starts_with("_ =>"), "{file}: {line}");
            }
        }
    }
}
