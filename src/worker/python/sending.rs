//! How requests get into a child: one that it begins at once, and quick ones ahead of their time.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::line::{Line, Sent};
use crate::broker::Settle;
use crate::pool::python::{Child, Packet};
use crate::protocol::Value;
use crate::task::TimeLimits;
use crate::worker::Request;
use crate::worker::execute::discard;
use crate::worker::reading::Wire;
use crate::worker::start::begin;
use crate::worker::strategy::{Decision, decide};
use crate::worker::undone::cancelled;

impl Line<'_> {
    /// Gives a request to the child, which has nothing else.
    pub(super) async fn begin(&mut self, request: Arc<Request>) {
        let Ok(unsettled) = Arc::clone(&self.core.unsettled).acquire_owned().await else {
            return;
        };
        if self.child.is_none() && !self.get_child().await {
            self.core.settle(&request, Settle::Restore);
            return self.core.remove(&request);
        }
        let Some(sent) = self.prepare(request, unsettled).await else {
            return;
        };
        self.sent.push_back(sent);
        self.send_all().await;
    }

    /// Gives the child what it can begin at once when it is done with what it has.
    pub(super) async fn ahead(&mut self) {
        let depth = match self.pace {
            pace if pace < 500.0 => 24,
            pace if pace < 2000.0 => 4,
            _ => return,
        };
        if self.sent.front().is_some_and(|sent| sent.is_large) {
            // What announces it could be taken back, and what follows on the stream could not.
            return;
        }
        if self.sent.len() > depth / 2 || self.fence.is_some() {
            // Many at a time.
            return;
        }
        let left = self.child.as_ref().and_then(|child| self.pool.left(child));
        let left = left.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let mut next = Vec::new();
        let mut packets = Vec::new();
        let mut back = Vec::new();
        while self.sent.len() + next.len() < depth && next.len() < left {
            let Ok(unsettled) = Arc::clone(&self.core.unsettled).try_acquire_owned() else {
                break;
            };
            let Some(request) = self.core.slots.take_ahead(self.core) else {
                break;
            };
            let Some(sent) = self.prepare(request, unsettled).await else {
                continue;
            };
            let packet = self.packet(&sent);
            if sent.limits != TimeLimits::default() || packet.is_large() {
                back.push(sent.request);
                break;
            }
            next.push(sent);
            packets.push(packet);
        }
        if !next.is_empty() {
            let fits = self
                .child
                .as_mut()
                .map_or(0, |child| child.send_all(&packets));
            let rest = next.split_off(fits);
            self.sent.extend(next);
            back.splice(0..0, rest.into_iter().map(|sent| sent.request));
        }
        if !back.is_empty() {
            self.core.slots.put_back(self.core, back);
        }
    }

    /// A request as it is sent; none if it is not to be run.
    async fn prepare(
        &mut self,
        request: Arc<Request>,
        unsettled: OwnedSemaphorePermit,
    ) -> Option<Sent> {
        let core = self.core;
        if core.shutdown.is_cold() {
            core.settle(&request, Settle::Restore);
            core.remove(&request);
            return None;
        }
        let stamp = core.state.lock().revoked_by(&request);
        let now = jiff::Timestamp::now();
        if let Decision::Discard(why) = decide(&request, stamp.is_some(), now) {
            discard(core, &request, why, stamp.flatten()).await;
            core.remove(&request);
            return None;
        }
        let limits = {
            let controlled = core.state.lock().time_limits.get(request.task()).copied();
            core.limits(&request, controlled)
        };
        self.number = self.number.wrapping_add(1) & 0x7FFF_FFFF;
        Some(Sent {
            request,
            number: self.number,
            limits,
            unsettled,
            since: Instant::now(),
            has_begun: false,
            is_large: false,
            has_stored: false,
            has_succeeded: false,
            is_cut_off: false,
            goes_on: false,
            timed_out: false,
            kill_at: None,
            soft_at: None,
            has_passed_soft: false,
        })
    }

    pub(super) fn packet(&self, sent: &Sent) -> Packet {
        let soft = sent.limits.soft.filter(|_| self.pool.has_processes());
        let note = soft.map(|soft| Value::from([("soft", soft.as_secs_f64().into())]));
        let empty = Wire::default();
        let wire = sent.request.wire.as_deref().unwrap_or(&empty);
        Packet::run(sent.number, wire.parts(), note.as_ref())
    }

    /// Sends everything to a child that has nothing, a new one if there is none.
    pub(super) async fn send_all(&mut self) {
        if self.core.shutdown.is_cold() {
            return self.give_back().await;
        }
        if self.sent.is_empty() {
            return;
        }
        if self.child.is_none() && !self.get_child().await {
            return self.give_back().await;
        }
        let packets: Vec<Packet> = self.sent.iter().map(|sent| self.packet(sent)).collect();
        let mut fits = 0;
        if let Some(child) = &mut self.child {
            for packet in &packets {
                if fits > 0 && packet.is_large() {
                    break;
                }
                match child.send(packet).await {
                    Ok(true) => fits += 1,
                    // Its end will be said.
                    Err(_) if fits == 0 => fits = 1,
                    _ => break,
                }
                if packet.is_large() {
                    break;
                }
            }
        }
        if let (Some(first), Some(packet)) = (self.sent.front_mut(), packets.first()) {
            first.is_large = packet.is_large();
        }
        let rest = self.sent.split_off(fits.max(1));
        let rest = rest.into_iter().map(|sent| sent.request).collect();
        self.core.slots.put_back(self.core, rest);
        self.start_first();
    }

    /// Gets a child that is ready for requests; false if there never will be one.
    pub(super) async fn get_child(&mut self) -> bool {
        let child = tokio::select! {
            biased;
            () = self.core.shutdown.cold_asked() => return false,
            child = self.pool.checkout() => child,
        };
        match child {
            Ok(child) => {
                self.child = Some(child);
                true
            }
            Err(error) => {
                tracing::debug!("no child to run a task: {error}");
                false
            }
        }
    }

    /// Nothing more is run: what the child was to have goes back to its queue.
    async fn give_back(&mut self) {
        for sent in std::mem::take(&mut self.sent) {
            if sent.has_begun {
                cancelled(self.core, &sent.request).await;
            } else {
                self.core.settle(&sent.request, Settle::Restore);
            }
            self.core.remove(&sent.request);
        }
    }

    /// The first request of the queue begins.
    pub(super) fn start_first(&mut self) {
        let Some(sent) = self.sent.front_mut() else {
            return;
        };
        sent.since = Instant::now();
        sent.soft_at = sent.limits.soft.map(|soft| sent.since + soft);
        if sent.has_begun {
            return;
        }
        sent.has_begun = true;
        let pid = self.child.as_ref().map_or(0, Child::pid);
        sent.request.mark_pid(pid);
        begin(self.core, &sent.request, pid);
    }
}
