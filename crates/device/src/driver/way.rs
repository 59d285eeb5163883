//! The way to the server: nothing passes that the gate does not let through, and every byte is counted for its purpose and network.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use polevik_device_api::{NetworkClass, TrafficClass, WaitReason};
use polevik_protocol::ErrorCode;

use crate::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// Bytes of bodies by purpose and network, up and down, that are not in the database yet.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: RefCell<BTreeMap<(TrafficClass, NetworkClass), (u64, u64)>>,
}

impl Meter {
    fn count(&self, class: TrafficClass, network: NetworkClass, up: u64, down: u64) {
        if up + down > 0 {
            let mut bytes = self.bytes.borrow_mut();
            let counted = bytes.entry((class, network)).or_default();
            *counted = (counted.0 + up, counted.1 + down);
        }
    }

    /// What was counted since this was last asked.
    pub(super) fn take(&self) -> BTreeMap<(TrafficClass, NetworkClass), (u64, u64)> {
        self.bytes.take()
    }

    /// Puts back what could not be kept.
    pub(super) fn put_back(&self, taken: BTreeMap<(TrafficClass, NetworkClass), (u64, u64)>) {
        for ((class, network), (up, down)) in taken {
            self.count(class, network, up, down);
        }
    }
}

/// The way that requests of one purpose take.
pub(super) struct Way<'a, T> {
    pub(super) transport: &'a T,
    pub(super) meter: &'a Meter,
    pub(super) class: TrafficClass,
    /// The network at this moment.
    pub(super) network: Box<dyn Fn() -> NetworkClass + 'a>,
    /// Whether bytes may go over it.
    pub(super) gate: Box<dyn Fn(NetworkClass) -> Result<(), WaitReason> + 'a>,
    /// Why the last request did not go.
    pub(super) waits: Cell<Option<WaitReason>>,
    /// Bytes that went this way, and that came.
    pub(super) counted: Cell<(u64, u64)>,
}

/// Counts what went even of a request that was dropped on its way.
struct Counting<'a> {
    meter: &'a Meter,
    counted: &'a Cell<(u64, u64)>,
    class: TrafficClass,
    network: NetworkClass,
    up: u64,
    down: u64,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.meter.count(self.class, self.network, self.up, self.down);
        let (up, down) = self.counted.get();
        self.counted.set((up + self.up, down + self.down));
    }
}

impl<T: Transport> Transport for Way<'_, T> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let network = (self.network)();
        if let Err(reason) = (self.gate)(network) {
            self.waits.set(Some(reason));
            return Err(TransportError::new(ErrorCode::NoInternet, "this network is not to carry it"));
        }
        let (meter, counted, class) = (self.meter, &self.counted, self.class);
        let mut counting = Counting { meter, counted, class, network, up: request.body.len() as u64, down: 0 };
        let answer = self.transport.send(request).await;
        match &answer {
            Ok(response) => counting.down = response.body.len() as u64,
            Err(error) => {
                counting.down = error.begun.as_ref().map_or(0, |begun| begun.body.len() as u64);
                // Nobody was there to take a byte.
                if matches!(error.code, ErrorCode::NoInternet | ErrorCode::TlsFailed) {
                    counting.up = 0;
                }
            }
        }
        answer
    }

    fn moved_bytes(&self) -> u64 {
        self.transport.moved_bytes()
    }
}
