//! The documents that name tests, and the links into the documents, lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

const WEAKNESSES: &str = "docs/mlflow-weaknesses.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Adds the text files below a folder, without the recordings.
fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            if path.file_name().unwrap() != "fixtures" {
                add_files(&path, files);
            }
        } else if path.extension().is_some_and(|e| ["rs", "py", "toml", "txt", "md"].iter().any(|known| e == *known)) {
            files.push(path);
        }
    }
}

/// Returns the anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn headings(document: &str) -> Vec<&str> {
    let is_heading = |line: &&str| line.trim_start_matches('#').starts_with(' ') && line.starts_with('#');
    document.lines().filter(is_heading).map(|line| line.trim_start_matches('#').trim()).collect()
}

/// Returns the links to anchors of a document: `start` is all of a link before the anchor.
fn links<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let ends = |rest: &'a str| &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
    text.match_indices(start).map(|(at, _)| ends(&text[at + start.len()..])).collect()
}

/// Returns the tests that a document names as `file::name`.
fn named_tests(document: &str) -> Vec<(&str, &str)> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.filter_map(|code| code.split_once("::")).filter(|(file, _)| file.contains('/')).collect()
}

#[test]
fn every_link_to_a_section_leads_to_a_heading() {
    let mut files = ["README.md", "SECURITY.md"].map(|name| root().join(name)).to_vec();
    for folder in ["docs", "src", "tests"] {
        add_files(&root().join(folder), &mut files);
    }
    for document in [WEAKNESSES, "docs/design.md"] {
        let text = read(document);
        let anchors: Vec<String> = headings(&text).into_iter().map(anchor).collect();
        let name = document.trim_start_matches("docs/");
        let mut found = 0;
        for file in &files {
            let linking = fs::read_to_string(file).unwrap();
            // a link from the same folder leaves the folder out, one from the same document its name, too
            let start = format!("{name}#");
            let mut links = links(&linking, &start);
            if file.ends_with(document) {
                links.extend(self::links(&linking, "](#"));
            }
            found += links.len();
            for link in links {
                let is_there = anchors.iter().any(|anchor| anchor == link);
                assert!(is_there, "{}: {document} has no section #{link}", file.display());
            }
        }
        assert!(found > 0, "nothing links to a section of {document}");
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    for document in ["SECURITY.md", WEAKNESSES] {
        let text = read(document);
        let tests = named_tests(&text);
        assert!(tests.len() > 10, "{document} names {} tests", tests.len());
        for (file, test) in tests {
            let source = read(file);
            let is_defined = [format!("fn {test}("), format!("def {test}(")].iter().any(|start| source.contains(start));
            assert!(is_defined, "{document}: there is no `{test}` in {file}");
        }
    }
}

#[test]
fn every_weak_spot_names_a_test() {
    let text = read(WEAKNESSES);
    let spots = text.split("\n## Differences").next().unwrap();
    let sections: Vec<&str> = spots.split("\n### ").skip(1).collect();
    assert!(sections.len() > 30, "{} weak spots", sections.len());
    for section in sections {
        let heading = section.lines().next().unwrap();
        assert!(!named_tests(section).is_empty(), "{heading}: no test holds it");
    }
}
