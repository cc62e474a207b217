//! Freezes an instance after `configure`: its memory and globals become the data of a new component.

use std::panic::AssertUnwindSafe;

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance as ComponentInstance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::instance::{Instance, PluginState};

/// Bytes that the snapshot may read out of a guest at once.
const READ_BYTES_MAX: usize = 1 << 30;

/// A component under way to its snapshot.
pub(crate) struct Instrumented<'a> {
    wizer: Wizer,
    context: wasmtime_wizer::ComponentContext<'a>,
    /// To be compiled, instantiated and configured.
    pub(crate) bytes: Vec<u8>,
}

impl<'a> Instrumented<'a> {
    /// Errors say why this component cannot be frozen.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Instrumented<'a>, String> {
        let wizer = Wizer::new();
        let instrumented = std::panic::catch_unwind(AssertUnwindSafe(|| wizer.instrument_component(bytes)));
        match instrumented {
            Ok(Ok((context, bytes))) => Ok(Instrumented { wizer, context, bytes }),
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(_) => Err("it uses what cannot be frozen".into()),
        }
    }

    /// The new component, with the state of `instance` in it.
    pub(crate) async fn freeze(&self, instance: &mut Instance) -> Result<Vec<u8>, String> {
        if !instance.holds_nothing() {
            return Err("it holds a handle of the host after `configure`".into());
        }
        let (store, component) = instance.component().ok_or("it is no component")?;
        store.set_hostcall_fuel(READ_BYTES_MAX);
        let mut access = Access { store, instance: component, error: None };
        let frozen = self.wizer.snapshot_component(&self.context, &mut access).await;
        match (access.error, frozen) {
            (Some(error), _) | (None, Err(error)) => Err(format!("{error:#}")),
            (None, Ok(bytes)) => Ok(bytes),
        }
    }
}

/// Reads memories and globals through the functions that the instrumentation added.
struct Access<'a> {
    store: &'a mut Store<PluginState>,
    instance: &'a ComponentInstance,
    /// The first thing that went wrong; the snapshot is thrown away then.
    error: Option<wasmtime::Error>,
}

impl Access<'_> {
    async fn call<R: Lift + 'static>(&mut self, interface: &str, name: &str) -> Option<R>
    where
        (R,): ComponentNamedList + Lift,
    {
        match self.try_call(interface, name).await {
            Ok(value) => Some(value),
            Err(error) => {
                self.error.get_or_insert(error);
                None
            }
        }
    }

    async fn try_call<R: Lift + 'static>(&mut self, interface: &str, name: &str) -> wasmtime::Result<R>
    where
        (R,): ComponentNamedList + Lift,
    {
        let missing = || wasmtime::format_err!("the instrumented component lacks {interface}#{name}");
        let (_, interface_index) = self.instance.get_export(&mut *self.store, None, interface).ok_or_else(missing)?;
        let (_, function) =
            self.instance.get_export(&mut *self.store, Some(&interface_index), name).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, function)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }
}

impl ComponentInstanceState for Access<'_> {
    async fn call_func_ret_list_u8(&mut self, interface: &str, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let list = self.call::<WasmList<u8>>(interface, name).await;
        match list {
            Some(list) => contents(list.as_le_slice(&*self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, interface: &str, name: &str) -> i32 {
        self.call(interface, name).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, interface: &str, name: &str) -> i64 {
        self.call(interface, name).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, interface: &str, name: &str) -> u32 {
        self.call::<f32>(interface, name).await.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, interface: &str, name: &str) -> u64 {
        self.call::<f64>(interface, name).await.unwrap_or_default().to_bits()
    }
}
