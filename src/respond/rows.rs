//! The rows of a long answer as pieces of its text: a page is read for the ids in it and is never built as a tree.

use std::ops::Range;

/// Finds the items of the list under a key of the outermost object. The text must be JSON that was read before.
pub fn items(text: &str, key: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut state = State::default();
    for (at, byte) in text.bytes().enumerate() {
        state.step(text, key, at, byte, &mut found);
    }
    found
}

#[derive(Default)]
struct State {
    depth: usize,
    /// The string that is being read: its beginning, and true behind a backslash.
    string: Option<(usize, bool)>,
    /// The last string that ended on the level of the outermost keys.
    last: Range<usize>,
    /// True between the brackets of the wanted list.
    inside: bool,
    /// The beginning of the current item.
    item: Option<usize>,
}

impl State {
    fn step(&mut self, text: &str, key: &str, at: usize, byte: u8, found: &mut Vec<Range<usize>>) {
        match (&mut self.string, byte) {
            (Some((_, escaped)), _) if *escaped => *escaped = false,
            (Some((_, escaped)), b'\\') => *escaped = true,
            (Some((start, _)), b'"') => {
                if self.depth == 1 {
                    self.last = *start + 1..at;
                }
                self.string = None;
            }
            (Some(_), _) | (None, b' ' | b'\n' | b'\r' | b'\t') => {}
            (None, b',' | b']') if self.inside && self.depth == 2 => {
                found.extend(self.item.take().map(|start| start..at));
                if byte == b']' {
                    self.inside = false;
                    self.depth = 1;
                }
            }
            (None, _) => {
                if self.inside && self.depth == 2 {
                    self.item.get_or_insert(at);
                }
                match byte {
                    b'"' => self.string = Some((at, false)),
                    b'{' | b'[' => {
                        self.inside |= self.depth == 1 && byte == b'[' && text.get(self.last.clone()) == Some(key);
                        self.depth += 1;
                    }
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }
}

/// Writes a page as MLflow does: an empty list is left out, and the token stands behind the rows.
pub fn write_page(key: &str, rows: &[String], token: Option<&str>) -> String {
    let mut parts = Vec::new();
    if !rows.is_empty() {
        parts.push(format!("\n  \"{key}\": [\n    {}\n  ]", rows.join(",\n    ")));
    }
    if let Some(token) = token {
        parts.push(format!("\n  \"next_page_token\": \"{token}\""));
    }
    if parts.is_empty() { "{}".to_owned() } else { format!("{{{}\n}}", parts.join(",")) }
}

/// Writes a page in which nothing is left out, as MLflow's newer lists are.
pub fn write_whole_page(key: &str, rows: &[String], token: Option<&str>) -> String {
    let token = token.map_or("null".to_owned(), |token| format!("\"{token}\""));
    format!("{{\"{key}\":[{}],\"next_page_token\":{token}}}", rows.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
        items(text, key).into_iter().map(|range| text[range].trim_end()).collect()
    }

    #[test]
    fn the_items_of_a_list_are_found_as_they_were_written() {
        let text = r#" {"other":{"rows":[9]},"x":"rows", "rows" : [ {"a":[1,{"b":"],}\\"}]} , "s,]\"", 3,
            [4 , 5] , null ],"rows2":[7],"z":[{"rows":[8]}]}"#;
        assert_eq!(pieces(text, "rows"), [r#"{"a":[1,{"b":"],}\\"}]}"#, r#""s,]\"""#, "3", "[4 , 5]", "null"]);
        assert_eq!(pieces(text, "rows2"), ["7"]);
        for none in [r#"{"rows":[]}"#, r#"{"rows":{"rows":[1]}}"#, r#"[["rows"],[1]]"#, r#"{"a":[1]}"#, "3"] {
            assert_eq!(pieces(none, "rows"), [""; 0], "{none}");
        }
    }

    #[test]
    fn a_page_is_written_as_mlflow_writes_it() {
        let rows = ["{}".to_owned(), "{}".to_owned()];
        let page = "{\n  \"rows\": [\n    {},\n    {}\n  ],\n  \"next_page_token\": \"t\"\n}";
        assert_eq!(write_page("rows", &rows, Some("t")), page);
        assert_eq!(pieces(page, "rows"), ["{}", "{}"]);
        assert_eq!(write_page("rows", &[], None), "{}");
    }
}
