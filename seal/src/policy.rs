//! The component that has the rules: made of a policy, and read again.

use capsock_policy::Policy;
use wasm_encoder::{
    CanonicalOption, CodeSection, ComponentBuilder, ComponentExportKind, ComponentValType,
    ConstExpr, CustomSection, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    MemorySection, MemoryType, Module, PrimitiveValType, TypeSection, ValType,
};

use crate::sections::custom;

/// What the keepers import; `components/wit/firewall.wit` has it.
pub(crate) const INTERFACE: &str = "capsock:firewall/policy@0.1.0";

/// Where the component has the rules as a file, for people and tools.
const SECTION: &str = "capsock-policy";

/// The largest such component, in bytes: tens of thousands of rules.
pub(crate) const LONGEST: usize = 4 << 20;

const PAGE: usize = 64 << 10;

/// Where the result stands in the module's memory: not at 0, which some tools take
/// for none.
const RESULT: usize = 16;

/// The component. Equal rules give equal bytes, in whatever order they stand.
pub(crate) fn component(policy: Option<&Policy>) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    let instance = component.component(None, instance(policy.map(rules).as_deref()));
    let none: [(&str, ComponentExportKind, u32); 0] = [];
    let instance = component.instantiate(None, instance, none);
    component.export(INTERFACE, ComponentExportKind::Instance, instance, None);
    if let Some(policy) = policy {
        component.custom_section(&CustomSection {
            name: SECTION.into(),
            data: policy.to_toml().into_bytes().into(),
        });
    }
    component.finish()
}

/// What has the function of the interface.
fn instance(rules: Option<&[String]>) -> ComponentBuilder {
    let mut component = ComponentBuilder::default();
    let module = component.core_module(None, &module(rules));
    let instance = component.core_instantiate(None, module, []);
    let memory = component.core_alias_export(None, instance, "memory", ExportKind::Memory);
    let rules = component.core_alias_export(None, instance, "rules", ExportKind::Func);
    let (list, encoder) = component.type_defined(None);
    encoder.list(PrimitiveValType::String);
    let (option, encoder) = component.type_defined(None);
    encoder.option(ComponentValType::Type(list));
    let (function, mut encoder) = component.type_function(None);
    let none: [(&str, ComponentValType); 0] = [];
    encoder
        .params(none)
        .result(Some(ComponentValType::Type(option)));
    let options = [CanonicalOption::UTF8, CanonicalOption::Memory(memory)];
    let rules = component.lift_func(None, rules, function, options);
    component.export("rules", ComponentExportKind::Func, rules, None);
    component
}

/// The policy that such a component has, or that it has none. `None` where it is no
/// such component.
pub(crate) fn of(component: &[u8]) -> Option<Option<Policy>> {
    if component.len() > LONGEST {
        return None;
    }
    let policy = match custom(component, SECTION) {
        Some(file) => Some(Policy::from_toml(str::from_utf8(file).ok()?).ok()?),
        None => None,
    };
    (self::component(policy.as_ref()) == component).then_some(policy)
}

fn rules(policy: &Policy) -> Vec<String> {
    let mut rules: Vec<String> = policy.rules().iter().map(ToString::to_string).collect();
    rules.sort();
    rules.dedup();
    rules
}

/// A module whose function returns the rules as the canonical ABI has them.
fn module(rules: Option<&[String]>) -> Module {
    let memory = memory(rules);
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: (RESULT + memory.len()).div_ceil(PAGE) as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("rules", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    let mut body = Function::new([]);
    body.instructions().i32_const(RESULT as i32).end();
    code.function(&body);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(RESULT as i32), memory);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&code)
        .section(&data);
    module
}

/// The result, the list and the strings, one behind the other.
fn memory(rules: Option<&[String]>) -> Vec<u8> {
    const NONE: u32 = 0;
    const SOME: u32 = 1;
    let Some(rules) = rules else {
        return [NONE; 3].map(u32::to_le_bytes).concat();
    };
    let list = RESULT + 3 * size_of::<u32>();
    let mut text = list + rules.len() * 2 * size_of::<u32>();
    // Offsets of a memory of 32 bits: policies are read from files of some KiB.
    let mut words = vec![SOME, list as u32, rules.len() as u32];
    for rule in rules {
        words.extend([text as u32, rule.len() as u32]);
        text += rule.len();
    }
    let words = words.into_iter().flat_map(u32::to_le_bytes);
    words.chain(rules.concat().into_bytes()).collect()
}
