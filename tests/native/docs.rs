//! Links of the documents, and the tests, files, functions and `make` targets that they name, are there.

use std::fs;
use std::path::{Path, PathBuf};

const WEAKNESSES: &str = "docs/mlflow-weaknesses.md";
const DESIGN: &str = "docs/design.md";
const DOCUMENTS: &[&str] =
    &["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", DESIGN, "docs/performance.md", WEAKNESSES];

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

/// Returns what stands between backticks, in a line or in a block.
fn code(document: &str) -> impl Iterator<Item = &str> {
    document.split('`').skip(1).step_by(2)
}

/// Returns the tests that a document names as `file::name`.
fn named_tests(document: &str) -> Vec<(&str, &str)> {
    code(document).filter_map(|code| code.split_once("::")).filter(|(file, _)| file.contains('/')).collect()
}

#[test]
fn every_link_to_a_section_leads_to_a_heading() {
    let mut files = ["README.md", "SECURITY.md"].map(|name| root().join(name)).to_vec();
    for folder in ["docs", "src", "tests"] {
        add_files(&root().join(folder), &mut files);
    }
    for document in [WEAKNESSES, DESIGN] {
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

#[test]
fn every_link_to_a_file_leads_to_it_and_to_its_section() {
    for document in DOCUMENTS {
        let text = read(document);
        let folder = root().join(document);
        let folder = folder.parent().unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { root().join(document) } else { folder.join(file) };
            assert!(file.exists(), "{document}: there is no {target}");
            if !section.is_empty() {
                let linked = fs::read_to_string(&file).unwrap();
                let is_there = headings(&linked).into_iter().any(|heading| anchor(heading) == section);
                assert!(is_there, "{document}: no section {target}");
            }
        }
    }
}

#[test]
fn every_make_target_that_a_document_names_is_there() {
    let makefile = read("Makefile");
    let mut found = 0;
    for document in DOCUMENTS {
        let text = read(document);
        for words in code(&text).flat_map(str::lines).map(|line| line.split_whitespace().collect::<Vec<_>>()) {
            let is_option = |word: &&&str| word.contains('=');
            let target = words.iter().skip_while(is_option).take(2).collect::<Vec<_>>();
            if let [&"make", target] = target[..] {
                found += 1;
                assert!(makefile.contains(&format!("\n{target}:")), "{document}: there is no `make {target}`");
            }
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn every_path_of_the_repository_that_a_document_names_is_there() {
    let folders = ["src/", "tests/", "docs/", "scripts/", "bench/", "migrations/", ".github/"];
    for document in DOCUMENTS.iter().filter(|document| **document != "CHANGELOG.md") {
        let text = read(document);
        let paths = code(&text).map(|code| code.split("::").next().unwrap());
        let paths = paths.filter(|path| folders.iter().any(|folder| path.starts_with(folder)));
        for path in paths.filter(|path| !path.contains(['*', '<', ' ']) && !path.contains("NNNN")) {
            assert!(root().join(path).exists(), "{document}: there is no {path}");
        }
    }
}

#[test]
fn every_function_of_the_walks_is_in_its_file() {
    let design = read(DESIGN);
    let walks = design.split("\n## Five walks").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut found = 0;
    for step in walks.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let mut source = None;
        for name in code(step) {
            if name.starts_with("src/") {
                source = Some(read(name));
                continue;
            }
            let Some(source) = &source else { panic!("no file before `{name}`: {step}") };
            let function = name.rsplit("::").next().unwrap();
            let is_defined = ["(", "<"].iter().any(|end| source.contains(&format!("fn {function}{end}")));
            assert!(is_defined, "there is no `{name}` where this says: {step}");
            found += 1;
        }
    }
    assert!(found > 100, "{found}");
}
