//! rcelery as contender: a program that sends with the library and says how long that took, as JSON.
//!
//! ```text
//! bench_client enqueue COUNT BATCH     seconds and CPU seconds for COUNT calls, BATCH at a time; 1: each by itself
//! bench_client latency COUNT           seconds from each send to its result, one after the other
//! ```
//!
//! `client.py` does the same with Celery. `CELERY_BROKER_URL` and `CELERY_RESULT_BACKEND` say where.

mod stamps;
mod tasks;

use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rcelery::{App, config};
use serde_json::{Value, json};

use crate::tasks::Noop;

/// Calls before the measured ones: connections are open, and queues declared.
const WARM_UP: usize = 20;

/// How long to wait for one result.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = tasks::app().configure(config::from_env()?);
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = match args[..] {
        ["enqueue", count, batch] => enqueue(&app, count.parse()?, batch.parse()?).await?,
        ["latency", count] => json!({ "seconds": latency(&app, count.parse()?).await? }),
        _ => return Err("usage: bench_client enqueue COUNT BATCH | latency COUNT".into()),
    };
    app.close().await;
    writeln!(io::stdout(), "{answer}")?;
    Ok(())
}

async fn enqueue(app: &App, count: usize, batch: usize) -> Result<Value, Box<dyn Error>> {
    for n in 0..WARM_UP {
        app.delay(Noop { n }).await?;
    }
    let (start, used) = (Instant::now(), cpu()?);
    let mut next = WARM_UP;
    let end = WARM_UP + count;
    while next < end {
        let last = end.min(next + batch);
        if batch == 1 {
            app.delay(Noop { n: next }).await?;
        } else {
            app.send_many((next..last).map(|n| app.signature(Noop { n })))
                .await?;
        }
        next = last;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({ "seconds": seconds, "cpu": cpu()? - used, "warm_up": WARM_UP }))
}

/// Seconds that this process has used.
fn cpu() -> nix::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let used = usage.user_time() + usage.system_time();
    Ok(used.num_microseconds() as f64 / 1e6)
}

async fn latency(app: &App, count: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut seconds = Vec::with_capacity(count);
    let warm_up = count.min(WARM_UP);
    for n in 0..warm_up + count {
        let start = Instant::now();
        let result = app.delay(Noop { n }).await?;
        result.get(PATIENCE).await?;
        if n >= warm_up {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(seconds)
}
