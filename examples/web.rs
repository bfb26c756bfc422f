//! A web service that starts tasks and says how they are doing.
//!
//! ```text
//! cargo run --example worker -- worker &
//! cargo run --example web                          # PORT=8000
//! curl -X POST localhost:8000/tasks                # {"task_id":"…"}
//! curl localhost:8000/tasks/ID
//! curl -i -X POST localhost:8000/longtask          # Location: /status/ID
//! curl localhost:8000/status/ID                    # {"state":"PROGRESS","current":3,…}
//! ```
//!
//! Settings come from where the worker takes them, so that the two find each other: `CELERY_BROKER_URL`,
//! `CELERY_RESULT_BACKEND`, `rcelery.toml`, else one SQLite file.

mod tasks;

use std::error::Error;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rcelery::{App, AsyncResult, State as TaskState, Value, config};
use serde_json::json;
use tasks::{Add, Automation, Breaks, LongTask, Quiet};

type Answer = Result<Response, Failure>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The tasks are registered so that calls get their options (`ignore_result`).
    let app = tasks::register(App::new()).configure(config::from_env()?);
    let port = std::env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    #[expect(
        clippy::print_stdout,
        reason = "PORT=0 takes any port: whoever starts it reads which"
    )]
    {
        println!("listening on http://{}", listener.local_addr()?);
    }
    axum::serve(listener, routes(app)).await?;
    Ok(())
}

fn routes(app: App) -> Router {
    Router::new()
        .route("/tasks", post(execute_task))
        .route("/later", post(later))
        .route("/task/{task_name}", post(add_task_to_queue))
        .route("/breaks", post(execute_breaks))
        .route("/quiet", post(execute_quiet))
        .route("/tasks/{task_id}", get(get_task))
        .route("/longtask", post(long_task))
        .route("/status/{task_id}", get(task_status))
        .with_state(app)
}

fn accepted(task_id: &str) -> Response {
    let body = Json(json!({ "task_id": task_id }));
    (StatusCode::ACCEPTED, body).into_response()
}

async fn execute_task(State(app): State<App>) -> Answer {
    let task = app.delay(Add { x: 10, y: 20 }).await?;
    Ok(accepted(task.id()))
}

async fn later(State(app): State<App>) -> Answer {
    let call = app.signature(Add { x: 10, y: 20 });
    let task = call.countdown(Duration::from_secs(2)).apply_async().await?;
    Ok(accepted(task.id()))
}

async fn add_task_to_queue(State(app): State<App>, Path(task_name): Path<String>) -> Answer {
    // The id is known before the task is sent: it can be noted first.
    let task_id = rcelery::uuid();
    let call = app.signature(Automation { task_name });
    call.task_id(&task_id).apply_async().await?;
    let body = json!({ "response": "task successfully registered", "task_id": task_id });
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

async fn execute_breaks(State(app): State<App>) -> Answer {
    Ok(accepted(app.delay(Breaks).await?.id()))
}

async fn execute_quiet(State(app): State<App>) -> Answer {
    Ok(accepted(app.delay(Quiet).await?.id()))
}

async fn get_task(State(app): State<App>, Path(task_id): Path<String>) -> Answer {
    let result: AsyncResult = app.async_result(&task_id).await?;
    // One look for all three, so that they fit each other.
    let meta = result.meta().await?;
    let shown = match meta.exception() {
        Some(exception) => exception.repr().into(),
        None => meta.result,
    };
    let body = json!({
        "task_id": task_id,
        "task_status": meta.status.as_str(),
        "task_result": shown,
    });
    Ok(Json(body).into_response())
}

async fn long_task(State(app): State<App>) -> Answer {
    let task = app.delay(LongTask::default()).await?;
    let location = format!("/status/{}", task.id());
    let head = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, head, Json(json!({}))).into_response())
}

async fn task_status(State(app): State<App>, Path(task_id): Path<String>) -> Answer {
    let result: AsyncResult = app.async_result(&task_id).await?;
    let meta = result.meta().await?;
    let mut body = json!({ "state": meta.status.as_str() });
    if meta.status == TaskState::FAILURE {
        body["error"] = json!(meta.exception().map(|e| e.repr()));
    } else if let Value::Map(info) = meta.result {
        for (name, value) in info {
            body[name] = json!(value);
        }
    }
    Ok(Json(body).into_response())
}

/// Whatever went wrong: the broker or the back end cannot be reached.
struct Failure(Box<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.0.to_string() });
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}
