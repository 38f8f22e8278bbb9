use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use quern_snow::Id;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{Error, metrics::Metrics, node::Command, wire::MAX_PAYLOAD};

#[derive(Clone)]
struct Served {
    commands: mpsc::Sender<Command>,
    metrics: Metrics,
}

impl Served {
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Ended => StatusCode::SERVICE_UNAVAILABLE,
            Self::Snow(quern_snow::Error::TooManyBlocks(_)) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// Healthy while enough stake is connected for a poll to succeed.
async fn health(State(served): State<Served>) -> Result<Response, Error> {
    let status = served.ask(Command::Status).await?;
    let code = if status.healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((code, Json(status)).into_response())
}

async fn metrics(State(served): State<Served>) -> Response {
    match served.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A block with the body as its payload, on the preferred block.
async fn submit(State(served): State<Served>, payload: Bytes) -> Result<Response, Error> {
    let payload = payload.to_vec();
    let submit = |reply| Command::Submit {
        payload,
        parent: None,
        reply,
    };
    let id = served.ask(submit).await??;
    Ok((StatusCode::CREATED, Json(json!({ "id": id.to_string() }))).into_response())
}

async fn fate(State(served): State<Served>, Path(text): Path<String>) -> Result<Response, Error> {
    let mut id = Id::default();
    if hex::decode_to_slice(&text, &mut id.0).is_err() {
        let error = json!({ "error": "an id has 64 hexadecimal digits" });
        return Ok((StatusCode::BAD_REQUEST, Json(error)).into_response());
    }
    let fate = served.ask(|reply| Command::Look { id, reply }).await?;
    Ok(Json(json!({ "id": text, "fate": fate })).into_response())
}

/// Serves until `stop` changes; where.
pub(crate) async fn serve(
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    metrics_of: Metrics,
    mut stop: watch::Receiver<bool>,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/blocks", post(submit))
        .route("/blocks/{id}", get(fate))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD))
        .with_state(Served {
            commands,
            metrics: metrics_of,
        });
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = stop.wait_for(|stopped| *stopped).await;
        };
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
        if let Err(error) = serving.await {
            tracing::warn!(%error, "http ended");
        }
    });
    Ok((bound, task))
}
