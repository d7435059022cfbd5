//! What a component needs of the asynchronous part of the component model, by
//! what it contains: not all hosts have it, and plain calls cost more with it.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentDefinedType, ComponentFuncType,
    ComponentType, ComponentTypeDeclaration, ComponentValType, InstanceTypeDeclaration, Payload,
    PrimitiveValType, WasmFeatures,
};
use wasmtime::Config;

/// The parts of the component model that a component needs, of those that
/// wasmtime runs concurrently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Concurrency {
    features: WasmFeatures,
    /// Whether it has tasks, or threads, that go on while another one waits.
    tasks: bool,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            features: WasmFeatures::empty(),
            tasks: false,
        }
    }
}

impl Concurrency {
    /// What WASI 0.3 needs: asynchronous functions, and tasks to call them.
    pub(crate) fn needs_tasks(&mut self) {
        self.features |= WasmFeatures::CM_ASYNC;
        self.tasks = true;
    }

    /// Adds what one part of a component needs, whatever component it is nested
    /// in.
    pub(crate) fn see(&mut self, part: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match part {
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    self.see_function(&function?);
                }
            }
            Payload::ComponentTypeSection(types) => {
                for each in types.clone() {
                    self.see_type(&each?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn is_needed(self) -> bool {
        !self.features.is_empty()
    }

    /// Whether a wait of one call may hold up another one.
    pub(crate) fn has_tasks(self) -> bool {
        self.tasks
    }

    /// Switches on what is needed, and nothing else.
    pub(crate) fn configure(self, config: &mut Config) {
        let needs = |feature| self.features.contains(feature);
        config.concurrency_support(self.is_needed());
        if !self.is_needed() {
            return;
        }
        config.wasm_component_model_async(true);
        config
            .wasm_component_model_more_async_builtins(needs(WasmFeatures::CM_MORE_ASYNC_BUILTINS));
        config.wasm_component_model_async_stackful(needs(WasmFeatures::CM_ASYNC_STACKFUL));
        config.wasm_component_model_threading(needs(WasmFeatures::CM_THREADING));
        config.wasm_component_model_error_context(needs(WasmFeatures::CM_ERROR_CONTEXT));
    }

    /// By the rules of the validator.
    fn see_function(&mut self, function: &CanonicalFunction) {
        use CanonicalFunction as F;
        let more_if = |more| match more {
            true => WasmFeatures::CM_ASYNC | WasmFeatures::CM_MORE_ASYNC_BUILTINS,
            false => WasmFeatures::CM_ASYNC,
        };
        let is_async = |options: &[CanonicalOption]| options.contains(&CanonicalOption::Async);
        let needed = match function {
            F::Lift { options, .. } | F::Lower { options, .. } if !is_async(options) => return,
            F::Lift { options, .. } => match options.iter().any(is_callback) {
                true => WasmFeatures::CM_ASYNC,
                false => WasmFeatures::CM_ASYNC | WasmFeatures::CM_ASYNC_STACKFUL,
            },
            F::Lower { .. } => WasmFeatures::CM_ASYNC,
            // Storage alone makes no task.
            F::ContextGet { slot, .. } | F::ContextSet { slot, .. } => {
                self.features |= match slot {
                    0 => WasmFeatures::CM_ASYNC,
                    _ => WasmFeatures::CM_ASYNC | WasmFeatures::CM_THREADING,
                };
                return;
            }
            F::ErrorContextNew { .. }
            | F::ErrorContextDebugMessage { .. }
            | F::ErrorContextDrop => {
                self.features |= WasmFeatures::CM_ERROR_CONTEXT;
                return;
            }
            F::StreamRead { options, .. }
            | F::StreamWrite { options, .. }
            | F::FutureRead { options, .. }
            | F::FutureWrite { options, .. } => more_if(!is_async(options)),
            F::SubtaskCancel { async_ }
            | F::StreamCancelRead { async_, .. }
            | F::StreamCancelWrite { async_, .. }
            | F::FutureCancelRead { async_, .. }
            | F::FutureCancelWrite { async_, .. } => more_if(*async_),
            F::BackpressureInc
            | F::BackpressureDec
            | F::TaskReturn { .. }
            | F::TaskCancel
            | F::SubtaskDrop
            | F::StreamNew { .. }
            | F::StreamDropReadable { .. }
            | F::StreamDropWritable { .. }
            | F::FutureNew { .. }
            | F::FutureDropReadable { .. }
            | F::FutureDropWritable { .. }
            | F::WaitableSetNew
            | F::WaitableSetWait { .. }
            | F::WaitableSetPoll { .. }
            | F::WaitableSetDrop
            | F::WaitableJoin
            | F::ThreadYield { .. } => WasmFeatures::CM_ASYNC,
            // With these alone a thread says itself which one goes on: while it waits
            // in a call, none could.
            F::ThreadIndex | F::ThreadNewIndirect { .. } | F::ThreadSuspendThenResume { .. } => {
                self.features |= WasmFeatures::CM_ASYNC | WasmFeatures::CM_THREADING;
                return;
            }
            F::ThreadResumeLater
            | F::ThreadSuspend { .. }
            | F::ThreadYieldThenResume { .. }
            | F::ThreadSuspendThenPromote { .. }
            | F::ThreadYieldThenPromote { .. } => {
                WasmFeatures::CM_ASYNC | WasmFeatures::CM_THREADING
            }
            // The last three are of threads that run in parallel, which wasmtime
            // does not have.
            F::ResourceNew { .. }
            | F::ResourceDrop { .. }
            | F::ResourceRep { .. }
            | F::ThreadSpawnRef { .. }
            | F::ThreadSpawnIndirect { .. }
            | F::ThreadAvailableParallelism => return,
        };
        self.features |= needed;
        self.tasks = true;
    }

    fn see_type(&mut self, each: &ComponentType<'_>) {
        match each {
            ComponentType::Defined(defined) => self.see_defined(defined),
            ComponentType::Func(function) => self.see_function_type(function),
            ComponentType::Component(declarations) => {
                for declaration in declarations {
                    if let ComponentTypeDeclaration::Type(inner) = declaration {
                        self.see_type(inner);
                    }
                }
            }
            ComponentType::Instance(declarations) => {
                for declaration in declarations {
                    if let InstanceTypeDeclaration::Type(inner) = declaration {
                        self.see_type(inner);
                    }
                }
            }
            ComponentType::Resource { .. } => {}
        }
    }

    fn see_function_type(&mut self, function: &ComponentFuncType<'_>) {
        if function.async_ {
            self.features |= WasmFeatures::CM_ASYNC;
        }
        let parameters = function.params.iter().map(|(_name, each)| each);
        parameters
            .chain(&function.result)
            .for_each(|each| self.see_value(each));
    }

    fn see_defined(&mut self, defined: &ComponentDefinedType<'_>) {
        use ComponentDefinedType as D;
        match defined {
            D::Future(item) | D::Stream(item) => {
                self.features |= WasmFeatures::CM_ASYNC;
                item.iter().for_each(|each| self.see_value(each));
            }
            D::Primitive(primitive) => self.see_primitive(*primitive),
            D::Record(fields) => fields.iter().for_each(|(_name, each)| self.see_value(each)),
            D::Variant(cases) => {
                let payloads = cases.iter().filter_map(|case| case.ty.as_ref());
                payloads.for_each(|each| self.see_value(each));
            }
            D::List(item) | D::FixedLengthList(item, _) | D::Option(item) => self.see_value(item),
            D::Map(key, value) => [key, value]
                .into_iter()
                .for_each(|each| self.see_value(each)),
            D::Tuple(items) => items.iter().for_each(|each| self.see_value(each)),
            D::Result { ok, err } => ok.iter().chain(err).for_each(|each| self.see_value(each)),
            D::Flags(_) | D::Enum(_) | D::Own(_) | D::Borrow(_) => {}
        }
    }

    fn see_value(&mut self, value: &ComponentValType) {
        if let ComponentValType::Primitive(primitive) = value {
            self.see_primitive(*primitive);
        }
    }

    fn see_primitive(&mut self, primitive: PrimitiveValType) {
        if primitive == PrimitiveValType::ErrorContext {
            self.features |= WasmFeatures::CM_ERROR_CONTEXT;
        }
    }
}

fn is_callback(option: &CanonicalOption) -> bool {
    matches!(option, CanonicalOption::Callback(_))
}
