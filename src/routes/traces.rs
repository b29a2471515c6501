//! Traces, their tags and assessments (MLflow 2.14), spans in OTLP (MLflow 3.4). A trace has the permission of its
//! experiment.
//!
//! The id of a trace is the client's choice, and the origin takes a trace that exists already for the one that is
//! sent: MLflow 3.17 lets `StartTraceV3` move a foreign trace into one's own experiment, and OTLP write into it. So
//! what exists is claimed too (docs/mlflow-weaknesses.md#traces-that-are-started-again). A tag such as
//! `mlflow.artifactLocation` would point a trace at the data of another.

use super::words::*;

const REQUEST: &Field = &field(ValueKind::Child(ChildKind::Trace), Cardinality::One, &["request_id"]);
const TRACE: &Field = &field(ValueKind::Child(ChildKind::Trace), Cardinality::One, &["trace_id"]);
const TRACES_OF_BODY: &Field =
    &field(ValueKind::ChildIfExists(ChildKind::Trace), Cardinality::EachOptional, &["spans[].trace_id"]);
const TAGS_OF_BODY: &Field = &field(ValueKind::TraceTag, Cardinality::EachOptional, &["tags[].key"]);
const TAG: &Field = &field(ValueKind::TraceTag, Cardinality::Optional, &["key"]);
const ANY_TRACE: &Field = &every(ResourceType::Trace);
const ANY_ASSESSMENT: &Field = &every(ResourceType::Assessment);
/// MLflow 3.17 takes the assessments out of a trace for whoever may not see them; here the trace is refused.
const ASSESSED: &[ResourceType] = &[ResourceType::Trace, ResourceType::Assessment];
/// A filter, or an order, finds runs and logged models out by their ids. MLflow 3.17 looks if it does; here it always may.
const SEARCHED: &[ResourceType] =
    &[ResourceType::Trace, ResourceType::Assessment, ResourceType::Run, ResourceType::LoggedModel];
const SEEN: &Field = &field(ValueKind::InChild(ChildKind::Trace, ASSESSED), Cardinality::One, &["trace_id"]);
const SEEN_REQUEST: &Field = &field(ValueKind::InChild(ChildKind::Trace, ASSESSED), Cardinality::One, &["request_id"]);
const SEEN_TRACES: &Field = &field(ValueKind::InChild(ChildKind::Trace, ASSESSED), Cardinality::Each, &["trace_ids"]);
const TRACES_IN: &Field = &in_experiment(SEARCHED, Cardinality::Each, &["experiment_ids"]);
const TRACES_IN_ONE: &Field = &in_experiment(ASSESSED, Cardinality::One, &["experiment_id"]);
const ASSESSMENTS: &Field =
    &field(ValueKind::InChild(ChildKind::Trace, &[ResourceType::Assessment]), Cardinality::One, &["trace_id"]);
const PROMPTS: &Field = &field(ValueKind::RegisteredModel, Cardinality::EachOptional, &["prompt_versions[].name"]);

const NEW: &Field =
    &field(ValueKind::ChildIfExists(ChildKind::Trace), Cardinality::Optional, &["trace.trace_info.trace_id"]);
const NEW_TAGS: &Field = &field(ValueKind::TraceTag, Cardinality::EachOptional, &["trace.trace_info.tags{}"]);
const NEW_ASSESSMENTS: &Field =
    &field(ValueKind::AssessmentId, Cardinality::EachOptional, &["trace.trace_info.assessments[].assessment_id"]);
const NEW_IN: &Field = &field(
    ValueKind::Experiment,
    Cardinality::One,
    &["trace.trace_info.trace_location.mlflow_experiment.experiment_id"],
);
const LOCATIONS: &Field = &in_experiment(SEARCHED, Cardinality::Each, &["locations[].mlflow_experiment.experiment_id"]);

const OTLP_EXPERIMENT: &Field = &field(ValueKind::Experiment, Cardinality::One, &["X-Mlflow-Experiment-Id"]);
const OTLP_RUN: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Optional, &["X-Mlflow-Run-Id"]);

const OF_INFO: Answer = ByResponse(&["trace_info", "experiment_id"]);
const OF_TRACE: Answer = ByResponse(&["trace", "trace_info", "trace_location", "mlflow_experiment", "experiment_id"]);
const OF_TRACES: Answer =
    ByResponse(&["traces", "[]", "trace_info", "trace_location", "mlflow_experiment", "experiment_id"]);
const OF_INFOS: Answer = ByResponse(&["trace_infos", "[]", "trace_location", "mlflow_experiment", "experiment_id"]);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/2.0/mlflow/traces",                                          All(&[Update(EXPERIMENT), NotDenied(ANY_TRACE), Update(TAGS_OF_BODY)]), Json,    AsIs),
    get   ("{api}/2.0/mlflow/traces",                                          All(&[Read(TRACES_IN)]),                                   AsIs),
    patch ("{api}/2.0/mlflow/traces/{request_id}",                             All(&[Update(REQUEST), Update(TAGS_OF_BODY)]),    Json,    AsIs),
    get   ("{api}/2.0/mlflow/traces/{request_id}",                             Administrator,                                             AsIs),
    get   ("{api}/2.0/mlflow/traces/{request_id}/info",                        All(&[Read(SEEN_REQUEST)]),                                     OF_INFO),
    patch ("{api}/2.0/mlflow/traces/{request_id}/tags",                        All(&[Update(REQUEST), Update(TAG)]),             Json,    AsIs),
    delete("{api}/2.0/mlflow/traces/{request_id}/tags",                        All(&[Update(REQUEST), Update(TAG)]),             Json,    AsIs),
    post  ("{api}/2.0/mlflow/traces/delete-traces",                            All(&[Delete(TRACES_IN_ONE)]),                       Json,    AsIs),
    post  ("{api}/2.0/mlflow/traces/link-to-run",                              All(&[Update(RUN), Read(TRACES_IF_ANY)]),         Json,    AsIs),
    post  ("{api}/2.0/mlflow/traces/link-prompts",                             All(&[Update(TRACE), Read(PROMPTS)]),             Json,    AsIs),
    get   ("{api}/2.0/mlflow/get-trace-artifact",                              All(&[Read(REQUEST)]),                                     AsIs),
    get   ("{api}/2.0/mlflow/get-online-trace-details",                        Administrator,                                             AsIs),
    get   ("{api}/2.0/mlflow/unified-traces",                                  Administrator,                                             AsIs),
    // MLflow 2.22 registers these without a handler
    post  ("{api}/2.0/mlflow/traces/{request_id}/assessments",                 Administrator,                                    Json,    AsIs),
    patch ("{api}/2.0/mlflow/traces/{request_id}/assessments/{assessment_id}", Administrator,                                    Json,    AsIs),
    delete("{api}/2.0/mlflow/traces/{request_id}/assessments/{assessment_id}", Administrator,                                    Json,    AsIs),

    post  ("{api}/3.0/mlflow/traces",                                          All(&[Update(NEW_IN), NotDenied(ANY_TRACE), NotDenied(ANY_ASSESSMENT), Update(NEW), Update(NEW_TAGS), Update(NEW_ASSESSMENTS)]), Json,    AsIs),
    get   ("{api}/3.0/mlflow/traces/{trace_id}",                               All(&[Read(SEEN)]),                                       OF_TRACE),
    get   ("{api}/3.0/mlflow/traces/get",                                      All(&[Read(SEEN)]),                                       OF_TRACE),
    get   ("{api}/3.0/mlflow/traces/batchGet",                                 All(&[Read(SEEN_TRACES)]),                                      OF_TRACES),
    post  ("{api}/3.0/mlflow/traces/batchGetInfos",                            All(&[Read(SEEN_TRACES)]),                             Json,    OF_INFOS),
    post  ("{api}/3.0/mlflow/traces/search",                                   All(&[Read(LOCATIONS)]),                          Json,    AsIs),
    post  ("{api}/3.0/mlflow/traces/delete-traces",                            All(&[Delete(TRACES_IN_ONE)]),                       Json,    AsIs),
    post  ("{api}/3.0/mlflow/traces/calculate-filter-correlation",             All(&[Read(TRACES_IN)]),                        Json,    AsIs),
    post  ("{api}/3.0/mlflow/traces/metrics",                                  All(&[Read(TRACES_IN)]),                        Json,    AsIs),
    patch ("{api}/3.0/mlflow/traces/{trace_id}/tags",                          All(&[Update(TRACE), Update(TAG)]),               Json,    AsIs),
    delete("{api}/3.0/mlflow/traces/{trace_id}/tags",                          All(&[Update(TRACE), Update(TAG)]),               Json,    AsIs),
    post  ("{api}/3.0/mlflow/traces/{trace_id}/assessments",                   All(&[Read(TRACE), NotDenied(ANY_ASSESSMENT), Update(TRACE)]),                            Json,    AsIs),
    get   ("{api}/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}",   All(&[Read(SEEN)]),                                       AsIs),
    patch ("{api}/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}",   All(&[Read(TRACE), Update(ASSESSMENTS)]),                            Json,    AsIs),
    delete("{api}/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}",   All(&[Read(TRACE), Delete(ASSESSMENTS)]),                            Json,    AsIs),
    get   ("{api}/3.0/mlflow/get-trace-artifact",                              All(&[Read(REQUEST)]),                                     AsIs),

    post  ("/v1/traces",                                                       All(&[Update(OTLP_EXPERIMENT), NotDenied(ANY_TRACE), Update(OTLP_RUN), Update(TRACES_OF_BODY), Update(TAGS_OF_BODY)]), Otlp,    AsIs),
];
