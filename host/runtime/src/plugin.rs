//! A loaded plugin: its image, what it promised, and where its instances come from.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::bindings::host::types as wit;
use crate::engine::Slots;
use crate::failure::{Failure, FailureKind};
use crate::guest::Prepared;
use crate::image::{Frozen, Image, Making};
use crate::instance::{Instance, InstanceContext};
use crate::live::Live;
use crate::phase::{Phase, PhaseSet};
use crate::pool::Pool;
use crate::setup::Setup;
use crate::turns::{Pace, Turns};
use crate::version::Version;

/// How instances are shared between requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// A fresh instance, made from the image taken after `configure`, or wiped until it is equal to one: no byte of one request
    /// can reach the next.
    Request,
    /// Warm instances, recycled by count, memory and idle time.
    Pooled,
}

impl Isolation {
    pub fn as_str(self) -> &'static str {
        match self {
            Isolation::Request => "request",
            Isolation::Pooled => "pooled",
        }
    }
}

/// A plugin with one config. Ready to be called; shared by all requests.
pub struct Plugin {
    pub(crate) image: Arc<Image>,
    pub(crate) prepared: Prepared,
    pub(crate) context: InstanceContext,
    pub(crate) isolation: Isolation,
    pub(crate) slots: Slots,
    pub(crate) turns: Turns,
    pub(crate) paces: [Pace; Phase::ALL.len()],
    pub(crate) pool: Arc<Pool>,
    /// For an image that could not be frozen: each new instance is configured with it.
    pub(crate) config: Option<String>,
    pub(crate) phases: PhaseSet,
}

impl Plugin {
    pub fn setup(&self) -> &Setup {
        &self.image.setup
    }

    pub fn phases(&self) -> PhaseSet {
        self.phases
    }

    pub fn version(&self) -> Version {
        self.context.version
    }

    /// The same plugin with warm instances of its own: none that has served here serves there, nor the other way round.
    pub fn apart(&self) -> Plugin {
        Plugin {
            image: self.image.clone(),
            prepared: self.prepared.clone(),
            context: self.context.clone(),
            isolation: self.isolation,
            slots: self.slots.clone(),
            turns: self.turns.clone(),
            paces: Default::default(),
            pool: Arc::new(Pool::new(self.context.limits.memory_bytes_max)),
            config: self.config.clone(),
            phases: self.phases,
        }
    }

    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// SHA-256 of the component as it was handed in, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.image.digest
    }

    /// Whether instances start with `configure` behind them; if not, the reason.
    pub fn frozen(&self) -> Result<(), &str> {
        match &self.image.frozen {
            Frozen::Yes => Ok(()),
            Frozen::No(reason) => Err(reason),
        }
    }

    /// Whether it is called as a component, or as the one module that its component is made of.
    pub fn is_component(&self) -> bool {
        matches!(self.prepared, Prepared::Component(..))
    }

    /// What it took to make it ready; none if its compiled code came from the disk.
    pub fn making(&self) -> Option<Making> {
        self.image.making
    }

    /// Bytes of its compiled code, which all instances share.
    pub fn code_bytes(&self) -> usize {
        self.image.code.bytes()
    }

    /// A new instance for whoever measures it.
    pub async fn live(&self) -> Result<Live, Failure> {
        Ok(Live { instance: self.create().await? })
    }

    /// A warm instance. None where there is none.
    ///
    /// It is wiped here and not when it comes back: what the system is asked for one serves for those that the same request takes next.
    pub(crate) fn take(&self) -> Option<Box<Instance>> {
        loop {
            let mut instance = self.pool.take()?;
            if self.isolation == Isolation::Pooled || instance.wipe() {
                return Some(instance);
            }
        }
    }

    /// Takes back an instance whose last call went well.
    pub(crate) fn release(&self, instance: Box<Instance>) {
        let is_kept = self.isolation == Isolation::Pooled || instance.can_be_wiped();
        if is_kept && !self.slots.is_short() {
            self.pool.put(instance);
            // A call may have begun to wait in between, and have seen no idle instance.
            if self.slots.is_short() {
                self.pool.evict_one();
            }
        }
    }

    /// A new instance.
    pub(crate) async fn create(&self) -> Result<Box<Instance>, Failure> {
        let permit = self.slots.reserve(self.context.limits.wall_max).await?;
        let mut instance = self.make(Some(permit)).await?;
        if self.isolation == Isolation::Request && instance.remember() {
            // All of its memory was read for that, which has given it pages that each wipe would restore.
            instance = self.make(instance.into_permit()).await?;
            instance.remember();
        }
        Ok(instance)
    }

    async fn make(&self, permit: Option<OwnedSemaphorePermit>) -> Result<Box<Instance>, Failure> {
        let mut instance = Box::new(Instance::new(&self.prepared, &self.context, permit).await?);
        if let Some(config) = &self.config {
            match instance.configure(config).await? {
                Ok(wit::Setup { .. }) => {}
                Err(_) => {
                    let message = "`configure` refused a config that it had accepted at load";
                    return Err(Failure::new(FailureKind::BadReturn, message));
                }
            }
        }
        Ok(instance)
    }
}
