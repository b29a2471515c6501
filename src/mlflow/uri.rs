//! URIs inside values: where a model version comes from, and where an experiment keeps its artifacts.
//!
//! MLflow reads them by urllib (schemes in any case, tabs dropped, authority, query and fragment split off) and by parsers of
//! its own (`_parse_model_uri`, `RunsArtifactRepository.parse_runs_uri`). Here is one grammar of what all of them read in one
//! way (MLflow 2.9 to 3.17); anything else is refused.

use super::artifact_path;

/// The route by which MLflow's own server hands out artifacts: in an http URL MLflow takes what follows it for a path of its
/// store.
const ANCHOR: &str = "mlflow-artifacts/artifacts";

/// A prompt has no files: its clients send one of these as the source of a version (MLflow 2.21 to 3.17).
const PROMPT_SOURCES: &[&str] = &["dummy-source", "prompt-template"];

/// A URI that was refused, with what is wrong with it.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct UriError(&'static str);

/// The source of a model version, or of a prompt.
#[derive(Debug, PartialEq)]
pub enum SourceUri<'a> {
    /// `runs:/<run id>/<path>`
    Run(&'a str),
    /// `models:/<name>/<version or stage>` or `models:/<name>@<alias>`: a version of a registered model.
    RegisteredModel(&'a str),
    /// `models:/<model id>`
    LoggedModel(&'a str),
    /// `prompts:/<name>/<version>` or `prompts:/<name>@<alias>`
    Prompt(&'a str),
    /// `mlflow-artifacts:/<path>`: a path of the store that the server itself hands out.
    ProxiedArtifact(&'a str),
    /// The placeholder that prompts have as their source.
    Placeholder,
    /// Any other place, with a scheme or without one.
    Place(&'a str),
}

impl<'a> SourceUri<'a> {
    /// Reads a source.
    ///
    /// Fails for whatever has two readings: control characters and blanks at the ends (urllib drops them), backslashes, a dot
    /// segment in any round of percent-decoding, a scheme that is not in lower case, an authority where MLflow has none
    /// (`runs://A/B`), and `models:` and `prompts:` that are not exactly a name with a version or an alias.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        check_characters(text)?;
        if PROMPT_SOURCES.contains(&text) {
            return Ok(Self::Placeholder);
        }
        let Some((scheme, rest)) = split_scheme(text)? else { return Ok(Self::Place(text)) };
        match scheme {
            "runs" => {
                let run = rooted(rest)?.split(['/', '?', '#']).next().unwrap_or_default();
                if run.is_empty() { Err(UriError("it names no run")) } else { Ok(Self::Run(run)) }
            }
            "models" => named(rest).map(|name| match name {
                Named::Version(name) => Self::RegisteredModel(name),
                Named::Id(id) => Self::LoggedModel(id),
            }),
            "prompts" => match named(rest)? {
                Named::Version(name) => Ok(Self::Prompt(name)),
                Named::Id(_) => Err(UriError("it names no version of a prompt")),
            },
            "mlflow-artifacts" => rooted(rest).map(|path| Self::ProxiedArtifact(before_query(path))),
            _ => Ok(Self::Place(text)),
        }
    }
}

/// A place where the artifacts of an experiment are kept, which its creator may choose.
#[derive(Debug, PartialEq)]
pub struct ArtifactLocation<'a>(&'a str);

impl<'a> ArtifactLocation<'a> {
    /// Reads a location.
    ///
    /// Fails, for administrators too, where MLflow would fetch from the place itself, on behalf of whoever reads the run: http
    /// and its like follow redirects, to MLflow's own address or to a cloud's metadata, and of a URL with the route of the proxied
    /// store MLflow serves another part of the store than the URL names. Also where the location has two readings: control
    /// characters, backslashes, dot segments, a query or a fragment, a scheme that is not in lower case, or a place of another
    /// run or model.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        check_characters(text)?;
        if decodings(text).any(|text| text.contains(['?', '#', ';'])) {
            return Err(UriError("it has a query, a fragment or parameters"));
        }
        if decodings(text).any(|text| text.contains(ANCHOR)) {
            return Err(UriError("it holds the route of the proxied store"));
        }
        let Some((scheme, rest)) = split_scheme(text)? else {
            return if text.starts_with("//") { Err(UriError("it begins with two slashes")) } else { Ok(Self(text)) };
        };
        match scheme {
            "http" | "https" | "ftp" | "sftp" | "ftps" => Err(UriError("the server would fetch it itself")),
            "runs" | "models" | "prompts" => Err(UriError("it is a place of another run or model")),
            "mlflow-artifacts" => rooted(rest).map(|_| Self(text)),
            _ => Ok(Self(text)),
        }
    }

    /// Returns true if the location is one of these prefixes, or lies below one of them.
    pub fn is_below(&self, prefixes: &[String]) -> bool {
        prefixes.iter().any(|prefix| is_inside(self.0, prefix))
    }
}

/// Returns true if a place is `root` or lies below it. A local path may be written with or without `file://`.
pub fn is_inside(place: &str, root: &str) -> bool {
    let (place, root) = match (local_path(place), local_path(root)) {
        (Some(place), Some(root)) => (place, root),
        (None, None) => (place, root),
        _ => return false,
    };
    let root = root.trim_end_matches('/');
    let rest = place.strip_prefix(root).filter(|_| !root.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks a prefix of a setting: it must name a place that is nobody's run and that no scheme of MLflow's own stands for.
///
/// Fails with what is wrong with it.
pub fn check_prefix(prefix: &str) -> Result<(), UriError> {
    ArtifactLocation::parse(prefix)?;
    let below = local_path(prefix).or_else(|| prefix.split_once("://").map(|(_, rest)| rest)).unwrap_or(prefix);
    if below.trim_matches('/').is_empty() { Err(UriError("it names no place")) } else { Ok(()) }
}

/// The path of a local place: `/path`, `file:/path` or `file:///path`. `file:s3://bucket` is a folder below wherever the
/// server was started, and no such path.
fn local_path(place: &str) -> Option<&str> {
    let path = match place.strip_prefix("file:") {
        Some(rest) => rest.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(rest),
        None => place,
    };
    path.starts_with('/').then_some(path)
}

/// Refuses what urllib drops or some reader takes for a separator, and dot segments in every round of decoding.
fn check_characters(text: &str) -> Result<(), UriError> {
    if text.is_empty() {
        return Err(UriError("it is empty"));
    }
    if text.trim() != text {
        return Err(UriError("it begins or ends with a blank"));
    }
    let mut rounds = 0;
    for text in decodings(text) {
        rounds += 1;
        if rounds > MOST_ROUNDS {
            return Err(UriError("it is percent-encoded too often"));
        }
        if text.contains(['\\', '\t', '\n', '\r', '\0']) || (rounds == 1 && text.chars().any(char::is_control)) {
            return Err(UriError("it holds a control character or a backslash"));
        }
        // urllib ends the path at `?` and `#`, MLflow's check for `..` does not
        if text.split(['/', '?', '#', ';']).any(|segment| matches!(segment, "." | "..")) {
            return Err(UriError("it holds a dot segment"));
        }
    }
    Ok(())
}

const MOST_ROUNDS: usize = 10;

/// The text, and what each further round of percent-decoding makes of it. A `+` is a blank to one of MLflow's checks and to
/// nothing else: no blank makes a segment that means something.
fn decodings(text: &str) -> impl Iterator<Item = String> {
    std::iter::successors(Some(text.to_owned()), |text| artifact_path::unquote(text)).take(MOST_ROUNDS + 1)
}

/// The scheme of a URI and what follows its colon; `None` for a path. A scheme has no capital letter here: MLflow compares
/// some with and some without regard to case.
fn split_scheme(text: &str) -> Result<Option<(&str, &str)>, UriError> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(None) };
    let is_scheme = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !is_scheme(scheme) || !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return if scheme.contains('/') { Ok(None) } else { Err(UriError("it has a colon but no scheme")) };
    }
    if scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(UriError("its scheme is not in lower case"));
    }
    Ok(Some((scheme, rest)))
}

/// Returns the rest behind the one slash that MLflow's own schemes have in the place of an authority.
fn rooted(rest: &str) -> Result<&str, UriError> {
    match rest.strip_prefix('/') {
        Some(path) if !path.starts_with('/') && !path.is_empty() => Ok(path),
        _ => Err(UriError("its scheme is not followed by exactly one slash")),
    }
}

enum Named<'a> {
    Version(&'a str),
    Id(&'a str),
}

/// `/<name>/<suffix>`, `/<name>@<alias>` or `/<id>`, as `_parse_model_uri` reads them: only a last segment is split at its
/// last `@`.
fn named(rest: &str) -> Result<Named<'_>, UriError> {
    let path = rooted(rest)?;
    if path.contains('?') {
        return Err(UriError("it has a query"));
    }
    let is_blank = |text: &str| text.trim().is_empty();
    match (path.split_once('/'), path.rsplit_once('@')) {
        (Some((name, suffix)), _) if !suffix.contains('/') && !is_blank(name) && !is_blank(suffix) => {
            Ok(Named::Version(name))
        }
        (None, Some((name, alias))) if !is_blank(name) && !is_blank(alias) => Ok(Named::Version(name)),
        (None, None) if !is_blank(path) => Ok(Named::Id(path)),
        _ => Err(UriError("it is not a name with one version or alias")),
    }
}

/// urllib takes what stands behind `?` or `#` for no part of the path.
fn before_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_as_mlflow_reads_it() {
        use SourceUri::*;
        for (text, read) in [
            ("runs:/a1/model", Run("a1")),
            ("runs:/a1", Run("a1")),
            ("runs:/a1//m%20x#y", Run("a1")),
            ("runs:/a1?x/b2", Run("a1")),
            ("models:/a/1", RegisteredModel("a")),
            ("models:/a@b/1", RegisteredModel("a@b")),
            ("models:/a@b@champion", RegisteredModel("a@b")),
            ("models:/a b/Production", RegisteredModel("a b")),
            ("models:/m-1", LoggedModel("m-1")),
            ("prompts:/a@b@c", Prompt("a@b")),
            ("prompts:/a/1", Prompt("a")),
            ("mlflow-artifacts:/1/r1/artifacts/100%.txt", ProxiedArtifact("1/r1/artifacts/100%.txt")),
            ("mlflow-artifacts:/1/r1?x", ProxiedArtifact("1/r1")),
            ("s3://bucket/a%20b", Place("s3://bucket/a%20b")),
            ("/data/1:2", Place("/data/1:2")),
            ("dummy-source", Placeholder),
        ] {
            assert_eq!(SourceUri::parse(text), Ok(read), "{text}");
        }
    }

    #[test]
    fn a_source_with_two_readings_is_refused() {
        for text in [
            "",
            " runs:/a",
            "runs:/a ",
            "ru\tns:/a",
            "runs:/a\n",
            "runs://A/B/model",
            "runs:a",
            "runs:/",
            "runs:///a",
            "Runs:/a",
            "RUNS:/a",
            "models://mine/victim/1",
            "models:/",
            "models:/a/",
            "models:/a/1/2",
            "models:/a@",
            "models:/@a",
            "models:/a?x/1",
            "prompts:/a",
            "mlflow-artifacts://host/1/x",
            "mlflow-artifacts:1/x",
            "s3://b/../x",
            "s3://b/%2e%2e/x",
            "s3://b/%252e%252e/x",
            "s3://b/x?../../y",
            "file:///a\\b",
            "/a/./b",
            "1:2",
            ":x",
            "mlflow-artifacts:/1/.%0a./2",
        ] {
            assert!(SourceUri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_location_is_no_place_that_the_server_would_fetch() {
        for good in
            ["s3://bucket/x", "/data/mlflow", "file:///data", "mlflow-artifacts:/team", "gs://b/a b", "relative/place"]
        {
            assert!(ArtifactLocation::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://host/x",
            "https://host/x",
            "ftp://h/x",
            "HTTP://h/x",
            "runs:/a",
            "models:/a/1",
            "mlflow-artifacts://h/x",
            "//host/x",
            "s3://b/x?y",
            "s3://b/x#y",
            "s3://b/x;y",
            "s3://b/../x",
            " s3://b",
            "\ts3://b",
            "s3://b/api/2.0/mlflow-artifacts/artifacts/x",
            "s3://b/api/2.0/mlflow%2dartifacts/artifacts/x",
            "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts//api/2.0/mlflow-artifacts/artifacts/x",
        ] {
            assert!(ArtifactLocation::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_is_inside_at_the_boundary_of_a_segment() {
        for (place, root) in [
            ("s3://b/x", "s3://b/x"),
            ("s3://b/x/y", "s3://b/x/"),
            ("/data/1/y", "file:///data/1"),
            ("file:///data/1/y", "/data/1"),
            ("file:/data/1", "file:///data/1"),
        ] {
            assert!(is_inside(place, root), "{place} {root}");
        }
        for (place, root) in [
            ("s3://b/xy", "s3://b/x"),
            ("/data/10", "file:///data/1"),
            ("file://host/data/1", "/data/1"),
            ("file:s3://b/x", "s3://b/x"),
            ("s3://b/x", "file:s3://b/x"),
            ("file:b/x", "b/x"),
            ("/x", "/"),
            ("s3://b", ""),
        ] {
            assert!(!is_inside(place, root), "{place} {root}");
        }
        for bad in ["/", "file:///", "s3://", "http://x/y", "mlflow-artifacts:/", "runs:/a", ""] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
        assert!(check_prefix("s3://bucket/models").is_ok() && check_prefix("/data/models").is_ok());
    }
}
