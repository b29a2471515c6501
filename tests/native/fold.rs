//! The rule that makes one decision of many grants: MLflow 3.17's tables, and a second, naive telling of it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::properties::check;
use mlflow_edge_auth::authz::{
    self, Caller, Capability, Denial, Grant, Grants, Permission, Policy, Question, Reason, Required, Requirement,
    Resource, ResourceType, SignIn,
};

use Capability::{Delete, Manage, NotDenied, Read, Update, Use};
use ResourceType as T;

/// The levels, from the lowest, with what each may.
const LEVELS: [(&str, &[Capability]); 6] = [
    ("DENY", &[]),
    ("NO_PERMISSIONS", &[NotDenied]),
    ("READ", &[NotDenied, Read]),
    ("USE", &[NotDenied, Read, Use]),
    ("EDIT", &[NotDenied, Read, Use, Update]),
    ("MANAGE", &[NotDenied, Read, Use, Update, Delete, Manage]),
];

/// Type, pattern, level.
type Row = (T, &'static str, &'static str);

fn level(name: &str) -> Permission {
    Permission::parse(name).unwrap()
}

fn policy(default: &str, has_floor: bool) -> Policy {
    Policy { default: level(default), has_floor }
}

/// The grants of these rows, on everything that the requirements ask about; the rows are numbered from 1.
fn grants(rows: &[Row], all: &[Required]) -> Grants {
    let mut grants = Grants::on(&authz::patterns(all));
    for (n, (kind, pattern, name)) in rows.iter().enumerate() {
        let pattern = Resource { kind: *kind, id: (*pattern).to_owned() };
        grants.add(&pattern, Grant { level: level(name), role: 7, row: n as i64 + 1 });
    }
    grants
}

fn decide(all: &[Required], rows: &[Row], policy: Policy) -> Result<Reason, Denial> {
    let caller = Caller { id: 2, username: "bob".to_owned(), is_admin: false, sign_in: SignIn::Password };
    let question = Question { requirement: Requirement::All(all), reads: false, administers: false };
    let permit = authz::decide(&question, Some(&caller), &grants(rows, all), policy)?;
    Ok(permit.release(()).into_parts().1)
}

fn may(all: &[Required], rows: &[Row], policy: Policy) -> bool {
    decide(all, rows, policy).is_ok()
}

fn experiment(id: &str) -> Resource {
    Resource::experiment(id).unwrap()
}

/// The highest level whose capabilities are all held on experiment 1.
fn level_on_1(rows: &[Row], policy: Policy) -> &'static str {
    let holds = |capability| may(&[Required::on(capability, &experiment("1"))], rows, policy);
    let held: Vec<Capability> =
        [NotDenied, Read, Use, Update, Delete, Manage].into_iter().filter(|c| holds(*c)).collect();
    LEVELS.iter().find(|(_, capabilities)| **capabilities == held[..]).expect("a level").0
}

#[test]
fn the_table_of_one_experiment_is_mlflows() {
    // rows, then the level where the default is READ, EDIT and NO_PERMISSIONS, as a server of 3.17.2 answers
    let exp = |id, name| (T::Experiment, id, name);
    let table: &[(&[Row], [&str; 3])] = &[
        (&[], ["READ", "EDIT", "NO_PERMISSIONS"]),
        (&[exp("1", "READ")], ["READ", "EDIT", "READ"]),
        (&[exp("1", "USE")], ["USE", "EDIT", "USE"]),
        (&[exp("1", "EDIT")], ["EDIT", "EDIT", "EDIT"]),
        (&[exp("1", "MANAGE")], ["MANAGE", "MANAGE", "MANAGE"]),
        (&[exp("*", "READ")], ["READ", "EDIT", "READ"]),
        (&[exp("*", "MANAGE"), exp("1", "READ")], ["MANAGE", "MANAGE", "MANAGE"]),
        (&[exp("1", "DENY")], ["DENY", "DENY", "DENY"]),
        (&[exp("1", "DENY"), exp("*", "MANAGE")], ["DENY", "DENY", "DENY"]),
        (&[exp("*", "DENY"), exp("1", "MANAGE")], ["DENY", "DENY", "DENY"]),
        (&[exp("1", "NO_PERMISSIONS")], ["NO_PERMISSIONS", "NO_PERMISSIONS", "NO_PERMISSIONS"]),
        (&[exp("1", "NO_PERMISSIONS"), exp("*", "READ")], ["READ", "EDIT", "READ"]),
        (&[(T::Workspace, "*", "USE")], ["READ", "EDIT", "NO_PERMISSIONS"]),
        (&[(T::Workspace, "*", "MANAGE"), exp("1", "DENY")], ["MANAGE", "MANAGE", "MANAGE"]),
        (&[exp("2", "DENY"), (T::RegisteredModel, "1", "MANAGE")], ["READ", "EDIT", "NO_PERMISSIONS"]),
    ];
    for (rows, expected) in table {
        for (default, expected) in ["READ", "EDIT", "NO_PERMISSIONS"].into_iter().zip(expected) {
            assert_eq!(level_on_1(rows, policy(default, true)), *expected, "{rows:?}, default {default}");
        }
    }
}

#[test]
fn without_the_floor_a_grant_may_be_lower_than_the_default() {
    let rows = [(T::Experiment, "1", "READ")];
    assert_eq!(level_on_1(&rows, policy("EDIT", false)), "READ");
    assert_eq!(level_on_1(&rows, policy("EDIT", true)), "EDIT");
    assert_eq!(level_on_1(&[(T::Experiment, "1", "DENY")], policy("MANAGE", true)), "DENY");
}

#[test]
fn grants_on_children_decide_before_those_on_the_container() {
    // run: get, set-tag, restore; trace: get, tag; version: get, set-tag. Default READ, everything in experiment 1 or
    // model m; as a server of 3.17.2 answers
    let on = |capability, child, container: &Resource| Required::on_children(capability, child, container).to_vec();
    let (exp, model) = (experiment("1"), Resource::registered_model("m"));
    let asked = [
        on(Read, T::Run, &exp),
        on(Update, T::Run, &exp),
        on(Delete, T::Run, &exp),
        on(Read, T::Trace, &exp),
        on(Update, T::Trace, &exp),
        on(Read, T::RegisteredModelVersion, &model),
        on(Update, T::RegisteredModelVersion, &model),
    ];
    #[rustfmt::skip]
    let table: &[(&[Row], [u8; 7])] = &[
        (&[],                                                                       [1, 0, 0, 1, 0, 1, 0]),
        (&[(T::Experiment, "1", "EDIT")],                                           [1, 1, 0, 1, 1, 1, 0]),
        (&[(T::Run, "*", "EDIT")],                                                  [1, 1, 0, 1, 0, 1, 0]),
        (&[(T::Run, "*", "MANAGE")],                                                [1, 1, 1, 1, 0, 1, 0]),
        (&[(T::Experiment, "1", "EDIT"), (T::Run, "*", "READ")],                    [1, 0, 0, 1, 1, 1, 0]),
        (&[(T::Experiment, "1", "MANAGE"), (T::Run, "*", "DENY")],                  [0, 0, 0, 1, 1, 1, 0]),
        (&[(T::Experiment, "1", "DENY"), (T::Run, "*", "MANAGE")],                  [0, 0, 0, 0, 0, 1, 0]),
        (&[(T::Trace, "*", "EDIT")],                                                [1, 0, 0, 1, 1, 1, 0]),
        (&[(T::RegisteredModel, "m", "EDIT")],                                      [1, 0, 0, 1, 0, 1, 1]),
        (&[(T::RegisteredModel, "m", "EDIT"), (T::RegisteredModelVersion, "*", "READ")],   [1, 0, 0, 1, 0, 1, 0]),
        (&[(T::RegisteredModel, "m", "DENY"), (T::RegisteredModelVersion, "*", "MANAGE")], [1, 0, 0, 1, 0, 0, 0]),
    ];
    for (rows, expected) in table {
        let found = asked.each_ref().map(|all| u8::from(may(all, rows, policy("READ", false))));
        assert_eq!(&found, expected, "{rows:?}");
    }
}

#[test]
fn assessments_are_deleted_by_whoever_may_edit_their_experiment() {
    let all = Required::on_children(Delete, T::Assessment, &experiment("1"));
    assert!(may(&all, &[(T::Experiment, "1", "EDIT")], policy("READ", false)));
    assert!(!may(&all, &[(T::Experiment, "1", "EDIT"), (T::Assessment, "*", "EDIT")], policy("READ", false)));
    assert!(may(&all, &[(T::Assessment, "*", "MANAGE")], policy("READ", false)));
}

#[test]
fn grants_on_every_model_are_none_on_prompts_but_a_name_is_a_name() {
    let prompt = Resource { kind: T::Prompt, id: "p".to_owned() };
    let edit = |resource: &Resource, rows: &[Row]| may(&[Required::on(Update, resource)], rows, policy("READ", false));
    let model = Resource::registered_model("p");
    for (rows, on_model, on_prompt) in [
        (&[(T::RegisteredModel, "*", "EDIT")], true, false),
        (&[(T::Prompt, "*", "EDIT")], false, true),
        (&[(T::RegisteredModel, "p", "EDIT")], true, true),
        (&[(T::Prompt, "p", "EDIT")], true, true),
    ] {
        assert_eq!((edit(&model, rows), edit(&prompt, rows)), (on_model, on_prompt), "{rows:?}");
    }
    // and a version of a prompt is one of a prompt
    let versions = Required::on_children(Update, T::RegisteredModelVersion, &prompt);
    assert!(may(&versions, &[(T::PromptVersion, "*", "EDIT")], policy("READ", false)));
    assert!(!may(&versions, &[(T::RegisteredModelVersion, "*", "EDIT")], policy("READ", false)));
}

#[test]
fn a_decision_names_the_grant_and_the_role_that_decided() {
    let required = [Required::on(Read, &experiment("1"))];
    let Ok(Reason::Held(held)) = decide(&required, &[(T::Experiment, "*", "READ")], policy("NO_PERMISSIONS", false))
    else {
        panic!("it is held");
    };
    assert_eq!(held[0].to_string(), "READ on experiment 1 (grant 1 of role 7)");
    let denial =
        decide(&required, &[(T::Experiment, "*", "READ"), (T::Experiment, "1", "DENY")], policy("MANAGE", true));
    assert_eq!(
        denial.unwrap_err().to_string(),
        "user 2 holds DENY on experiment 1 (grant 2 of role 7), Read is needed"
    );
}

#[test]
fn what_was_not_asked_about_is_not_the_default() {
    let (one, other) = (experiment("1"), experiment("2"));
    let (asked, not_asked) = (Required::on(Read, &one), Required::on(Read, &other));
    let grants = Grants::on(&authz::patterns([&asked]));
    let open = policy("MANAGE", false);
    assert!(grants.cover(authz::patterns([&asked]).iter()) && !grants.cover(authz::patterns([&not_asked]).iter()));
    assert!(asked.weigh(&grants, open).is_enough() && !not_asked.weigh(&grants, open).is_enough());
}

/// The same rule, told once more: from the rows, without the code above.
fn naive(rows: &[Row], default: usize, has_floor: bool, rungs: &[(Vec<(T, &str)>, Capability)]) -> bool {
    let rank = |name: &str| LEVELS.iter().position(|(other, _)| *other == name).unwrap();
    if rows.contains(&(T::Workspace, "*", "MANAGE")) {
        return true;
    }
    for (patterns, capability) in rungs {
        let spoken = rows.iter().filter(|(kind, pattern, _)| patterns.contains(&(*kind, *pattern)));
        let levels: Vec<usize> = spoken.map(|(_, _, name)| rank(name)).collect();
        let Some(highest) = levels.iter().max() else { continue };
        let level = match () {
            () if levels.contains(&0) => 0,
            () if has_floor && *highest >= 2 => (*highest).max(default),
            () => *highest,
        };
        return LEVELS[level].1.contains(capability);
    }
    LEVELS[default].1.contains(&rungs.last().unwrap().1)
}

#[test]
fn a_second_telling_of_the_rule_decides_the_same() {
    let types = select(&[T::Experiment, T::Run, T::Workspace, T::RegisteredModel, T::Prompt, T::PromptVersion][..]);
    let row = (types, select(&["*", "1", "2"][..]), select(&LEVELS[..]))
        .prop_map(|(kind, pattern, (name, _))| (kind, pattern, name));
    let capability = select(&[Read, Use, Update, Delete, Manage, NotDenied][..]);
    let inputs = (vec(row, 0..7), 1..6_usize, any::<bool>(), capability, 0..4_u8);
    check(100_000, inputs, |input| {
        let (rows, default, has_floor, capability, asked): (Vec<Row>, usize, bool, Capability, u8) = input;
        let policy = policy(LEVELS[default].0, has_floor);
        let prompt = Resource { kind: T::Prompt, id: "1".to_owned() };
        let of_exp = vec![(T::Experiment, "1"), (T::Experiment, "*")];
        let of_prompt = vec![(T::Prompt, "1"), (T::RegisteredModel, "1"), (T::Prompt, "*")];
        let (all, expected) = match asked {
            0 => (vec![Required::on(capability, &experiment("1"))], vec![vec![(of_exp, capability)]]),
            1 => {
                let own = (vec![(T::Run, "*")], capability);
                let rungs = vec![vec![(of_exp.clone(), Read)], vec![own, (of_exp, capability)]];
                (Required::on_children(capability, T::Run, &experiment("1")).to_vec(), rungs)
            }
            2 => (vec![Required::on(capability, &prompt)], vec![vec![(of_prompt, capability)]]),
            _ => {
                let own = (vec![(T::PromptVersion, "*")], capability);
                let rungs = vec![vec![(of_prompt.clone(), Read)], vec![own, (of_prompt, capability)]];
                (Required::on_children(capability, T::RegisteredModelVersion, &prompt).to_vec(), rungs)
            }
        };
        let expected = expected.iter().all(|rungs| naive(&rows, default, has_floor, rungs));
        assert_eq!(may(&all, &rows, policy), expected, "{rows:?} {all:?}");
    });
}
