//! Search results hold only what the caller may read, and tell nothing of the rest.
//!
//! A page holds the readable rows that a client asked for, whatever stands between them, and a token only if a
//! readable row follows. So an answer is the same whether hidden rows match the search or none does. To find out, the
//! origin is asked up to ten times; where it has more hidden rows in a row than that, a page goes out short
//! with a token. What remains to be observed is time.
//!
//! The token says how many rows were shown and which row comes next, beside its place in the origin's answers
//! ([`super::page_token`]). If another row stands at that place by now, because rows before it came or went, the row
//! is looked for from the beginning: the place alone would tell of hidden rows.
//!
//! An answer that is too long is asked for again in smaller pieces. A row that is too long alone is left out.

use std::ops::Range;

use futures_util::future::try_join_all;

use super::embedded::to_see_scorer;
use super::page_token::{Binding, Cursor, Position, RowKey, offset_in, offset_token, row_key};
use super::{Answered, Responder, rows};
use crate::accounts::Database;
use crate::authz::{self, Caller, Capability, EVERY, Permit, Required, Resource, ResourceType, may_read};
use crate::error::{Rejection, Result};
use crate::http::{Body, Headers, Response};
use crate::json::{Json, Limits, Wanted};
use crate::mlflow::prompt::is_prompt;
use crate::owners::gateway::scorer_of;
use crate::request::{Call, Payload};
use crate::routes::{ChildKind, Embedding, ListResponse, RowKind};
use crate::upstream::{Origin, bad_upstream_response};

/// Answers of the origin that make one of ours, at most; those that were too long are not counted.
const QUESTIONS: usize = 10;
/// Answers that were too long, at most.
const TOO_LONG: usize = 20;
/// Rows that every version of MLflow gives at once; what hidden rows hide is looked for in steps of this.
const STEP: usize = 1000;
/// Rows of a search whose every row costs a look-up, and how many of these run side by side.
const LOOK_UPS: usize = 100;
const LOOK_UPS_AT_ONCE: usize = 20;
const LEAST_LOOK_UPS: usize = 10;
/// Rows whose grants are asked for with one D1 statement, whose parameters may be 2 MB long.
const GRANTS_AT_ONCE: usize = 5000;
/// D1 and the origin's answers, where look-ups are counted too.
const OTHER_SUBREQUESTS: usize = 2 * QUESTIONS;
/// The longest answer with several rows, and with one.
const LONGEST_PAGE: usize = 8 * 1024 * 1024;
const LONGEST_ROW: usize = 32 * 1024 * 1024;
/// A page of ours that is longer ends before its next row.
const LONGEST_KEPT: usize = 16 * 1024 * 1024;
/// Rows in a page of MLflow if the client does not say; the smallest of its defaults.
const DEFAULT_ROWS: usize = 50;

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Answers a search with its readable rows.
    pub(super) async fn filter(
        &self,
        permit: Permit,
        mut call: Call<O::Stream>,
        caller: &Caller,
        listing: ListResponse,
    ) -> Answered<O::Stream> {
        call.method = call.method.decided_as(); // a HEAD would tell the length of what is hidden
        let (size, token) = if listing.is_paged { take_paging(&mut call)? } else { (None, None) };
        let binding = self.config.secret_key.as_ref().map(|key| Binding { key, context: context(&call, caller) });
        let most = if listing.of == RowKind::Child(ChildKind::Dataset) { LOOK_UPS } else { usize::MAX };
        let look_ups = (self.config.subrequest_limit as usize).saturating_sub(OTHER_SUBREQUESTS).max(LEAST_LOOK_UPS);
        let mut search =
            Search { stage: self, call, caller, listing, questions: 0, too_long: 0, most, look_ups, headers: None };
        let position = match (&binding, &token) {
            (_, None) => Position::default(),
            (Some(binding), Some(token)) => binding.open(token)?,
            (None, Some(_)) => return Err(Rejection::invalid("Page tokens need a SECRET_KEY, and there is none.")),
        };
        let mut page = match search.page(position, size).await? {
            Page::Rows(page) => page,
            Page::Refused(response) => return Ok(permit.release(response)),
        };
        let next = page.next.take().zip(binding);
        let token = match next {
            None => None,
            Some((next, binding)) => Some(
                binding
                    .seal(&next, self.random)
                    .ok_or_else(|| bad_upstream_response("a page token that cannot be made"))?,
            ),
        };
        let write = match listing.of {
            RowKind::McpServer | RowKind::McpEndpoint => rows::write_whole_page, // pydantic leaves nothing out
            _ => rows::write_page,
        };
        let text = write(listing.rows, &page.rows, token.as_deref());
        let headers = search.headers.unwrap_or_default();
        Ok(permit.release(Response { status: 200, headers, body: Body::Bytes(text.into_bytes()) }))
    }

    /// The requirements to see each row; none if it may not be seen, whatever the grants say.
    async fn required(&self, rows: &[Named], of: RowKind) -> Result<Vec<Vec<Required>>> {
        let RowKind::Child(part) = of else { return rows.iter().map(|row| to_see(row, of)).collect() };
        let mut found = Vec::new();
        for some in rows.chunks(LOOK_UPS_AT_ONCE) {
            let parents = try_join_all(some.iter().map(|row| self.owners.parent(part, &row.id, false))).await?;
            let experiments = parents.into_iter().map(|parent| parent.map_or(Vec::new(), |p| p.experiments));
            found.extend(experiments.map(|all| all.iter().map(|it| Required::on(Capability::Read, it)).collect()));
        }
        Ok(found)
    }

    /// True for each row that the caller may read.
    async fn readable(&self, rows: &[Named], caller: &Caller, of: RowKind) -> Result<Vec<bool>> {
        let policy = self.config.policy();
        let mut readable = Vec::new();
        for required in self.required(rows, of).await?.chunks(GRANTS_AT_ONCE) {
            let patterns = authz::patterns(required.iter().flatten());
            let grants = self.accounts.grants(caller.id, &patterns).await?;
            readable.extend(required.iter().map(|all| may_read(all, &grants, policy)));
        }
        Ok(readable)
    }
}

/// The part of a row that says what it is.
struct Named {
    id: String,
    is_prompt: bool,
    /// Its experiment and the scorer, if it is a version of one.
    scorer: Option<(Resource, Resource)>,
}

/// The requirements to see a row that says itself whose it is. A model of the name `*` is for administrators.
fn to_see(row: &Named, of: RowKind) -> Result<Vec<Required>> {
    let kind = if row.is_prompt { ResourceType::Prompt } else { ResourceType::RegisteredModel };
    let model = Resource { kind, id: row.id.clone() };
    let experiment =
        || Resource::experiment(&row.id).map_err(|_| bad_upstream_response("an experiment id that is none"));
    Ok(match of {
        RowKind::RegisteredModel | RowKind::ModelVersion if row.id == EVERY => Vec::new(),
        // a model says its latest versions
        RowKind::RegisteredModel | RowKind::ModelVersion => {
            Required::on_children(Capability::Read, ResourceType::RegisteredModelVersion, &model).into()
        }
        RowKind::Experiment => vec![Required::on(Capability::Read, &experiment()?)],
        RowKind::Child(_) => Vec::new(), // the origin is asked for those
        RowKind::Id(_) | RowKind::McpServer | RowKind::McpEndpoint if row.id == EVERY => Vec::new(),
        RowKind::Id(kind) => vec![Required::on(Capability::Read, &Resource { kind, id: row.id.clone() })],
        RowKind::McpServer | RowKind::McpEndpoint => {
            let server = Resource { kind: ResourceType::McpServer, id: row.id.clone() };
            vec![Required::on(Capability::Read, &server)]
        }
        RowKind::Scorer => {
            let (experiment, scorer) =
                row.scorer.as_ref().ok_or_else(|| bad_upstream_response("a scorer that does not say whose it is"))?;
            to_see_scorer(experiment, scorer)
        }
    })
}

/// A page of ours.
enum Page<S> {
    Rows(Kept),
    /// The origin's own rejection, which tells nothing of the rows.
    Refused(Response<S>),
}

#[derive(Default)]
struct Kept {
    rows: Vec<String>,
    length: usize,
    next: Option<Position>,
}

impl Kept {
    fn count(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    /// True if a row of this length is for the next page.
    fn is_full(&self, wanted: usize, length: usize) -> bool {
        self.rows.len() >= wanted || (!self.rows.is_empty() && self.length + length > LONGEST_KEPT)
    }
}

/// One answer of the origin.
struct Rows {
    /// The place of its first row.
    start: Cursor,
    text: String,
    rows: Vec<Row>,
    token: Option<String>,
}

struct Row {
    range: Range<usize>,
    key: RowKey,
    is_readable: bool,
    /// The row without what it holds of other things that may not be seen, if it can hold any.
    rewritten: Option<String>,
}

impl Rows {
    /// The place of a row. An offset is counted on, so that the rows before it need not be asked for again; the rows
    /// behind a token of another form are counted from its page.
    fn place(&self, index: usize) -> Cursor {
        let end = self.token.as_deref().and_then(offset_in);
        let behind = u64::try_from(self.rows.len() - index.min(self.rows.len())).unwrap_or(u64::MAX);
        let start = self.start.token.as_deref().and_then(offset_in);
        let from_start = start.and_then(|start| start.checked_add(u64::try_from(index).ok()?));
        match end.and_then(|end| end.checked_sub(behind)).or(from_start) {
            Some(0) => Cursor::default(),
            Some(offset) => Cursor { token: Some(offset_token(offset)), skip: 0 },
            None => Cursor { token: self.start.token.clone(), skip: index },
        }
    }

    /// True if this readable row is the first from the place that was asked for.
    fn begins_with(&self, key: RowKey) -> bool {
        self.wanted().next().is_some_and(|(_, row)| row.is_readable && row.key == key)
    }

    /// The rows from the place that was asked for, with their place in the answer.
    fn wanted(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().skip(self.start.skip)
    }
}

/// An answer to one question.
enum Answer<S> {
    Rows(Rows),
    Refused(Response<S>),
    /// A row that is too long to be read; the search goes on behind it.
    LeftOut(Cursor),
    /// No more may be asked.
    Enough,
}

struct Search<'s, 'g, D, O: Origin> {
    stage: &'s Responder<'g, D, O>,
    /// The search without its paging.
    call: Call<O::Stream>,
    caller: &'s Caller,
    listing: ListResponse,
    questions: usize,
    too_long: usize,
    /// Rows that are asked for at once.
    most: usize,
    /// Look-ups that may still be made.
    look_ups: usize,
    /// The header fields of the first answer.
    headers: Option<Headers>,
}

impl<D: Database, O: Origin> Search<'_, '_, D, O> {
    /// Reads the rows of a page, and on until one more readable row or the end is found.
    async fn page(&mut self, from: Position, size: Option<usize>) -> Result<Page<O::Stream>> {
        let Position { shown, size: usual, next: mut expected, mut cursor } = from;
        let mut kept = Kept::default();
        let (mut wanted, mut is_first) = (size.or(usize::try_from(usual).ok().filter(|usual| *usual > 0)), true);
        loop {
            let ask = wanted.map(|wanted| ask_for(wanted.saturating_sub(kept.rows.len()), is_first));
            let rows = match self.ask(&cursor, ask).await? {
                Answer::Rows(rows) => rows,
                Answer::Refused(response) => return Ok(Page::Refused(response)),
                Answer::LeftOut(next) => {
                    wanted.get_or_insert(DEFAULT_ROWS);
                    cursor = next;
                    continue;
                }
                Answer::Enough => {
                    let size = wanted.and_then(|wanted| u64::try_from(wanted).ok()).unwrap_or(0);
                    kept.next = Some(Position { shown: shown + kept.count(), size, next: None, cursor });
                    return Ok(Page::Rows(kept));
                }
            };
            if let Some(key) = expected.take()
                && !rows.begins_with(key)
                && let Some(moved) = self.find(key, shown).await?
            {
                cursor = moved;
                continue;
            }
            is_first = false;
            let whole = if rows.token.is_some() { rows.rows.len() } else { usize::MAX };
            let wanted = *wanted.get_or_insert(whole);
            for (index, row) in rows.wanted().filter(|(_, row)| row.is_readable) {
                let text = rows.text.get(row.range.clone()).unwrap_or_default().trim_end();
                let text = row.rewritten.as_deref().unwrap_or(text);
                if self.listing.is_paged && kept.is_full(wanted, text.len()) {
                    let (shown, size) = (shown + kept.count(), u64::try_from(wanted).unwrap_or(0));
                    kept.next = Some(Position { shown, size, next: Some(row.key), cursor: rows.place(index) });
                    return Ok(Page::Rows(kept));
                }
                kept.length += text.len();
                kept.rows.push(text.to_owned());
            }
            match rows.token {
                Some(token) => cursor = Cursor { token: Some(token), skip: 0 },
                None => return Ok(Page::Rows(kept)),
            }
        }
    }

    /// Looks for a readable row from the beginning. If it is gone, finds the place behind as many rows as were shown.
    /// `None` if it is too far to be found.
    async fn find(&mut self, key: RowKey, shown: u64) -> Result<Option<Cursor>> {
        let (mut cursor, mut seen, mut fallback) = (Cursor::default(), 0, None);
        loop {
            let rows = match self.ask(&cursor, Some(STEP)).await? {
                Answer::Rows(rows) => rows,
                Answer::LeftOut(next) => {
                    cursor = next;
                    continue;
                }
                Answer::Refused(_) | Answer::Enough => return Ok(None),
            };
            for (index, row) in rows.wanted().filter(|(_, row)| row.is_readable) {
                if row.key == key {
                    return Ok(Some(rows.place(index)));
                }
                if seen == shown {
                    fallback = Some(rows.place(index));
                }
                seen += 1;
            }
            match rows.token {
                Some(token) => cursor = Cursor { token: Some(token), skip: 0 },
                None => return Ok(fallback.or(Some(rows.place(rows.rows.len())))),
            }
        }
    }

    /// Asks for rows from a place on; with fewer and fewer until the answer is short enough.
    async fn ask(&mut self, from: &Cursor, size: Option<usize>) -> Result<Answer<O::Stream>> {
        let is_looked_up = matches!(self.listing.of, RowKind::Child(_));
        let mut size = size;
        loop {
            if is_looked_up {
                size = size.map(|size| size.min(self.look_ups));
            }
            if self.questions >= QUESTIONS || self.too_long >= TOO_LONG || size == Some(0) {
                let nothing_came = || bad_upstream_response("every answer to a search was too long");
                return if self.questions > 0 { Ok(Answer::Enough) } else { Err(nothing_came()) };
            }
            let total = size.map(|size| total(from.skip, size.min(self.most)));
            put_paging(&mut self.call, from.token.as_deref(), total, self.listing.is_paged);
            let mut answer = self.stage.proxy.withhold(self.caller, &mut self.call).await?;
            if answer.status() != 200 {
                let rejection = answer.into_rejection("a search")?;
                let is_first = self.questions == 0;
                return if is_first {
                    Ok(Answer::Refused(rejection))
                } else {
                    Err(bad_upstream_response("a search was refused halfway"))
                };
            }
            let is_one = total.is_some_and(|total| total == from.skip + 1) || !self.listing.is_paged;
            let limit = if is_one { LONGEST_ROW } else { LONGEST_PAGE };
            if let Some(bytes) = answer.read_within(limit).await? {
                self.questions += 1;
                self.headers.get_or_insert_with(|| answer.into_headers());
                return self.read(bytes, from).await.map(Answer::Rows);
            }
            self.too_long += 1;
            if is_one {
                return self.leave_out(from).map(Answer::LeftOut);
            }
            let smaller = size.map_or(DEFAULT_ROWS, |size| size.min(self.most) / 4).max(1);
            self.most = smaller;
            size = Some(smaller);
        }
    }

    /// The place behind a row that is too long. It is known only where the token is an offset.
    fn leave_out(&self, row: &Cursor) -> Result<Cursor> {
        let offset = row.token.as_deref().map_or(Some(0), offset_in);
        let behind = offset.filter(|_| row.skip == 0 && self.listing.is_paged).and_then(|offset| offset.checked_add(1));
        let behind = behind.ok_or_else(|| bad_upstream_response("a row that is too long"))?;
        Ok(Cursor { token: Some(offset_token(behind)), skip: 0 })
    }

    /// Writes the readable rows anew, without what they hold of things that may not be seen.
    async fn rewrite(&self, text: &str, rows: &mut [Row], embedding: Embedding) -> Result<()> {
        let mut readable: Vec<&mut Row> = rows.iter_mut().filter(|row| row.is_readable).collect();
        let object = |row: &&mut Row| Json::parse(text.get(row.range.clone()).unwrap_or_default().as_bytes());
        let objects: std::result::Result<Vec<Json>, _> = readable.iter().map(object).collect();
        let mut objects = objects.map_err(|error| bad_upstream_response(format!("a row that is not JSON: {error}")))?;
        let mut all: Vec<&mut Json> = objects.iter_mut().collect();
        self.stage.redact_all(&mut all, self.caller, embedding).await?;
        for (row, object) in readable.iter_mut().zip(&objects) {
            row.rewritten = Some(object.compact());
        }
        Ok(())
    }

    async fn read(&mut self, bytes: Vec<u8>, from: &Cursor) -> Result<Rows> {
        let ListResponse { rows: list, id, .. } = self.listing;
        let text = String::from_utf8(bytes).map_err(|_| bad_upstream_response("a search answered with no UTF-8"))?;
        let wanted = Wanted::Fields(&[list, id, "version", "next_page_token", "tags", "key", "value", "scorer_name"]);
        let page = Json::read(text.as_bytes(), wanted, Limits::NONE);
        let page = page.map_err(|error| bad_upstream_response(format!("not JSON: {error}")))?;
        let ids = ids_of(&page, self.listing)?;
        let ranges = rows::items(&text, list);
        if ranges.len() != ids.len() {
            return Err(bad_upstream_response(format!("{list} is no list")));
        }
        if matches!(self.listing.of, RowKind::Child(_)) {
            self.look_ups = self.look_ups.saturating_sub(ids.len());
        }
        let (named, keys): (Vec<Named>, Vec<RowKey>) = ids.into_iter().unzip();
        let readable = self.stage.readable(&named, self.caller, self.listing.of).await?;
        let rows = ranges.into_iter().zip(keys).zip(readable);
        let mut rows: Vec<Row> =
            rows.map(|((range, key), is_readable)| Row { range, key, is_readable, rewritten: None }).collect();
        if let Some(embedding) = embedding_of(self.listing.of) {
            self.rewrite(&text, &mut rows, embedding).await?;
        }
        let token = page.get("next_page_token").and_then(Json::text).filter(|token| !token.is_empty());
        // rows that come more easily may be asked for in greater numbers again
        if self.most < STEP && !matches!(self.listing.of, RowKind::Child(_)) && text.len() < LONGEST_PAGE / 8 {
            self.most = self.most.saturating_mul(4);
        }
        Ok(Rows { start: from.clone(), rows, token: token.map(str::to_owned).filter(|_| self.listing.is_paged), text })
    }
}

/// The object that a row is, if it holds something of other resources.
fn embedding_of(row: RowKind) -> Option<Embedding> {
    match row {
        RowKind::Id(ResourceType::GatewayEndpoint) => Some(Embedding::GatewayEndpoint),
        RowKind::Id(ResourceType::GatewayModelDefinition) => Some(Embedding::ModelDefinition),
        RowKind::McpServer => Some(Embedding::McpServer),
        RowKind::Id(_) | RowKind::Scorer | RowKind::McpEndpoint | RowKind::Child(_) => None,
        RowKind::Experiment | RowKind::RegisteredModel | RowKind::ModelVersion => None,
    }
}

/// The rows of a page up to those that are asked for. Where some are passed over, no more than a step in all.
fn total(skip: usize, size: usize) -> usize {
    if skip == 0 { size } else { (skip + size).min(STEP.max(skip + 1)) }
}

/// The number of rows to ask for if this many are missing: one more, to see whether there is one. MLflow may refuse
/// more than a step, so that a page of a step or more is asked for as it is.
fn ask_for(missing: usize, is_first: bool) -> usize {
    match missing {
        STEP.. => missing,
        _ if is_first => missing + 1,
        _ => STEP,
    }
}

/// The id of each row, with a key that knows the row again. A row without an id is an error: it could be anything.
fn ids_of(page: &Json, listing: ListResponse) -> Result<Vec<(Named, RowKey)>> {
    let Json::Object(_) = page else { return Err(bad_upstream_response("a search answered with no object")) };
    let Some(rows) = page.get(listing.rows).filter(|rows| **rows != Json::Null) else { return Ok(Vec::new()) };
    let rows = rows.list().ok_or_else(|| bad_upstream_response(format!("{} is no list", listing.rows)))?;
    let text = |value: &Json| match value {
        Json::Text(text) | Json::Number(text) => Some(text.clone()), // scorers/list has a number, unlike the others
        _ => None,
    };
    rows.iter()
        .map(|row| {
            let id = row.get(listing.id).and_then(text);
            let id =
                id.ok_or_else(|| bad_upstream_response(format!("a row of {} without {}", listing.rows, listing.id)))?;
            let version = row.get("version").and_then(text).unwrap_or_default();
            let key = row_key(&[&id, &version]);
            Ok((Named { id, is_prompt: is_prompt(row), scorer: scorer_of(row) }, key))
        })
        .collect()
}

const SIZE: &str = "max_results";
const TOKEN: &str = "page_token";

/// Takes the size of a page and the token out of a search.
fn take_paging<S>(call: &mut Call<S>) -> Result<(Option<usize>, Option<String>)> {
    let (size, token) = match &mut call.payload {
        Payload::Json(_, Ok(json)) => {
            let (size, token) = (json.field(SIZE).cloned(), json.field(TOKEN).cloned());
            json.remove(SIZE);
            json.remove(TOKEN);
            let token = token.map(|token| match token {
                Json::Text(token) => Ok(token),
                other => Err(invalid(TOKEN, &other.compact(), "It must be a string")),
            });
            let size = size.map(|size| match size {
                Json::Text(text) | Json::Number(text) => Ok(text),
                other => Err(invalid(SIZE, &other.compact(), "It must be a positive integer")),
            });
            (size.transpose()?, token.transpose()?)
        }
        _ => (call.query.take(SIZE), call.query.take(TOKEN)),
    };
    Ok((size.map(|size| read_size(&size)).transpose()?, token.filter(|token| !token.is_empty())))
}

/// A size that is not positive makes MLflow count from the end, and so would tell of hidden rows.
fn read_size(text: &str) -> Result<usize> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let size =
        Some(whole).filter(|whole| whole.bytes().all(|b| b.is_ascii_digit())).and_then(|whole| whole.parse().ok());
    let size = size.filter(|size| (1..=i32::MAX as usize).contains(size));
    size.ok_or_else(|| invalid(SIZE, text, "It must be a positive integer"))
}

fn invalid(name: &str, value: &str, why: &str) -> Rejection {
    Rejection::invalid(format!("Invalid value {value} for parameter '{name}' supplied. {why}"))
}

fn put_paging<S>(call: &mut Call<S>, token: Option<&str>, size: Option<usize>, is_paged: bool) {
    if !is_paged {
        return;
    }
    match &mut call.payload {
        Payload::Json(bytes, Ok(json)) => {
            json.remove(TOKEN);
            json.remove(SIZE);
            if let Json::Object(entries) = json {
                let size = size.map(|size| (SIZE.to_owned(), Json::Number(size.to_string())));
                let token = token.map(|token| (TOKEN.to_owned(), Json::Text(token.to_owned())));
                // before fields that no version of MLflow knows
                entries.splice(0..0, size.into_iter().chain(token));
            }
            *bytes = json.compact().into_bytes();
        }
        _ => {
            call.query.take(TOKEN);
            call.query.take(SIZE);
            if let Some(size) = size {
                call.query.set(SIZE, &size.to_string());
            }
            if let Some(token) = token {
                call.query.set(TOKEN, token);
            }
        }
    }
}

/// Returns the binding of a page token: this caller, this route and these parameters, in whatever order. The search has lost
/// its paging already.
fn context<S>(call: &Call<S>, caller: &Caller) -> String {
    let route = call.row.map(|row| row.path).unwrap_or_default();
    let parameters = match &call.payload {
        Payload::Json(_, Ok(Json::Object(entries))) => {
            let mut entries: Vec<(String, Json)> = entries.clone();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(entries).compact()
        }
        _ => call.query.sorted().encode(),
    };
    format!("{} {} {} {parameters}", caller.id, call.method.as_str(), route)
}
