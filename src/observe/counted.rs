//! The two doors to the outside, with what passes them counted.

use std::rc::Rc;

use futures_util::FutureExt;
use serde::de::DeserializeOwned;

use crate::accounts::{Database, DatabaseError, Statement};
use crate::cost::Cost;
use crate::http::{Headers, Response};
use crate::upstream::{Answer, Origin, OriginRequest};

/// D1, its statements counted.
pub struct CountedDatabase<'a, D> {
    /// The directory.
    pub inner: &'a D,
    /// The costs of this request.
    pub cost: &'a Cost,
}

impl<D: Database> Database for CountedDatabase<'_, D> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let sent = self.cost.now();
        let rows = self.inner.run(statements).await;
        self.cost.add_statement(sent);
        rows
    }

    fn switch_to_primary(&self) {
        self.inner.switch_to_primary();
    }

    fn answered_by_replica(&self) -> bool {
        self.inner.answered_by_replica()
    }
}

/// The MLflow server, calls to it counted.
pub struct CountedOrigin<'a, O> {
    /// The server.
    pub inner: &'a O,
    /// The costs of this request.
    pub cost: Rc<Cost>,
}

impl<O: Origin> Origin for CountedOrigin<'_, O> {
    type Stream = O::Stream;

    fn send(&self, request: OriginRequest<O::Stream>) -> Answer<O::Stream> {
        let (cost, sent) = (self.cost.clone(), self.cost.now());
        cost.add_call();
        let answer = self.inner.send(request);
        async move {
            let answer = answer.await;
            cost.add_wait(sent);
            answer
        }
        .boxed_local()
    }

    async fn cached_parent(&self, key: &str) -> Option<Vec<u8>> {
        self.inner.cached_parent(key).await
    }

    fn cache_parent(&self, key: &str, fact: Vec<u8>) {
        self.inner.cache_parent(key, fact);
    }

    async fn cached_response(&self, key: &str, conditions: &Headers) -> Option<Response<O::Stream>> {
        self.inner.cached_response(key, conditions).await
    }

    fn cache_response(&self, key: &str, answer: Response<O::Stream>) -> Response<O::Stream> {
        self.inner.cache_response(key, answer)
    }
}
