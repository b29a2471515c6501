//! The text for MLflow: slices of the text that was read, in another order and with edits.

/// A field of an object, with its key: its place in the text, and its rank among the others.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    start: usize,
    end: usize,
    rank: Rank,
    /// The field, if it is known.
    pub name: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Decided,
    Known,
    DecidedWithUnknown,
    KnownWithUnknown,
    Unknown,
    /// Not written.
    Absent,
}

impl Rank {
    /// Those of fields that are written, the foremost first.
    pub const WRITTEN: [Self; 5] =
        [Self::Decided, Self::Known, Self::DecidedWithUnknown, Self::KnownWithUnknown, Self::Unknown];
}

impl Member {
    pub fn known(start: usize, end: usize, name: &'static str, is_decided: bool, has_unknown: bool) -> Self {
        let rank = match (is_decided, has_unknown) {
            (true, false) => Rank::Decided,
            (false, false) => Rank::Known,
            (true, true) => Rank::DecidedWithUnknown,
            (false, true) => Rank::KnownWithUnknown,
        };
        Self { start, end, rank, name }
    }

    /// A field that nobody knows. If no parser stops at it, it is like any other that is not decided on.
    pub fn unknown(start: usize, end: usize, can_stop: bool) -> Self {
        Self { start, end, rank: if can_stop { Rank::Unknown } else { Rank::Known }, name: "" }
    }

    /// A field that is null.
    pub fn not_found(start: usize, end: usize) -> Self {
        Self { start, end, rank: Rank::Absent, name: "" }
    }

    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Returns true if it can stand anywhere.
    pub fn is_plain(&self) -> bool {
        matches!(self.rank, Rank::Decided | Rank::Known)
    }

    pub fn is_absent(&self) -> bool {
        self.rank == Rank::Absent
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self.rank, Rank::DecidedWithUnknown | Rank::KnownWithUnknown | Rank::Unknown)
    }

    pub fn is_decided_with_unknown(&self) -> bool {
        self.rank == Rank::DecidedWithUnknown
    }
}

/// Replacements of pieces of a text, from front to back.
#[derive(Debug, Default)]
pub struct Edits(Vec<Edit>);

#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

impl Edits {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces a piece that lies behind all others.
    pub fn push(&mut self, start: usize, end: usize, text: String) {
        self.0.push(Edit { start, end, text });
    }

    /// Puts one replacement in the place of all from the one of this number on.
    pub fn replace(&mut self, first: usize, start: usize, end: usize, text: String) {
        self.0.truncate(first);
        self.push(start, end, text);
    }

    /// A piece of the text with the edits in it, of which none before the one of this number matters.
    pub fn apply(&self, text: &str, start: usize, end: usize, first: usize) -> String {
        let mut out = String::with_capacity(end - start);
        self.write(&mut out, text, start, end, first);
        out
    }

    /// An object with its members in order.
    pub fn arranged(&self, text: &str, members: &[Member], first: usize) -> String {
        let mut out = String::from("{");
        for member in Rank::WRITTEN.iter().flat_map(|rank| members.iter().filter(|member| member.rank == *rank)) {
            if out.len() > 1 {
                out.push(',');
            }
            self.write(&mut out, text, member.start, member.end, first);
        }
        out.push('}');
        out
    }

    fn write(&self, out: &mut String, text: &str, start: usize, end: usize, first: usize) {
        let edits = self.0.get(first..).unwrap_or_default();
        let from = edits.partition_point(|edit| edit.start < start);
        let mut at = start;
        for edit in edits.iter().skip(from).take_while(|edit| edit.end <= end) {
            out.push_str(text.get(at..edit.start).unwrap_or_default());
            out.push_str(&edit.text);
            at = edit.end;
        }
        out.push_str(text.get(at..end).unwrap_or_default());
    }
}
