//! The table as a tree of paths.

use std::sync::OnceLock;

use matchit::Router;

use super::{Route, TABLE};
use crate::http::Method;

/// The rows of one path, and the values of its named segments.
pub struct RouteMatch {
    /// One for each method.
    pub rows: &'static [&'static Route],
    /// Name and decoded value.
    pub captures: Vec<(String, String)>,
}

impl RouteMatch {
    /// The row of a method.
    pub fn row(&self, method: Method) -> Option<&'static Route> {
        self.rows.iter().copied().find(|row| row.method == method.decided_as())
    }

    /// Returns true if this path is answered here.
    pub fn is_ours(&self) -> bool {
        self.rows.iter().any(|row| row.endpoint().is_some())
    }

    /// The methods that exist, as in an Allow header.
    pub fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.rows.iter().map(|row| row.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

/// Both spellings of a pattern's path.
pub fn paths(row: &Route) -> impl Iterator<Item = String> {
    let both: &[&str] = if row.path.starts_with("{api}") { &["/api", "/ajax-api"] } else { &[""] };
    let rest = row.path.strip_prefix("{api}").unwrap_or(row.path);
    both.iter().map(move |prefix| format!("{prefix}{rest}"))
}

/// Finds the rows of a canonical path. With `--static-prefix`, MLflow serves everything under the prefix but the
/// sign-up page; without it `/api`, the sign-up page and, before 3.17, health and version (before 3.13 OTLP and the
/// gateway too, which are decided alike in both places).
pub fn find(path: &str, static_prefix: &str) -> Option<RouteMatch> {
    let stays = |path: &str| {
        let native = ["/api/", "/gateway/", "/v1/traces"];
        native.iter().any(|prefix| path.starts_with(prefix)) || matches!(path, "/signup" | "/health" | "/version")
    };
    let path = match path.strip_prefix(static_prefix).filter(|_| !static_prefix.is_empty()) {
        Some(rest) if rest.starts_with('/') => (rest != "/signup").then_some(rest)?,
        _ if static_prefix.is_empty() || stays(path) => path,
        _ => return None,
    };
    let found = router()?.at(path).ok()?;
    let captures = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(RouteMatch { rows: found.value, captures })
}

/// The whole table as one tree. `None` only if two patterns collide, which a test rules out.
fn router() -> Option<&'static Router<Vec<&'static Route>>> {
    static ROUTER: OnceLock<Option<Router<Vec<&'static Route>>>> = OnceLock::new();
    ROUTER.get_or_init(build).as_ref()
}

fn build() -> Option<Router<Vec<&'static Route>>> {
    let mut by_path: Vec<(String, Vec<&'static Route>)> = Vec::new();
    for row in TABLE.iter().copied().flatten() {
        for path in paths(row) {
            match by_path.iter_mut().find(|(known, _)| *known == path) {
                Some((_, rows)) => rows.push(row),
                None => by_path.push((path, vec![row])),
            }
        }
    }
    let mut router = Router::new();
    by_path.into_iter().try_for_each(|(path, rows)| router.insert(path, rows)).ok()?;
    Some(router)
}
