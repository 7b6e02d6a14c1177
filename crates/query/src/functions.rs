//! The functions Backtrail adds to SQL. Each is a thin, vectorised wrapper around a pure one; this list also makes their reference.

pub(crate) mod address;
pub(crate) mod arn;
pub(crate) mod calls;
pub(crate) mod redact;
mod text;

use std::sync::{Arc, LazyLock};

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::ScalarUDF;

/// A function with what its reference says.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) udf: Arc<ScalarUDF>,
    /// Names of its arguments.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) returns: &'static str,
    pub(crate) doc: &'static str,
}

/// Every function of ours, by name.
pub(crate) fn all() -> &'static [Function] {
    static ALL: LazyLock<Vec<Function>> = LazyLock::new(|| {
        let mut all = [address::functions(), arn::functions(), calls::functions(), redact::functions()].concat();
        all.sort_by(|a, b| a.udf.name().cmp(b.udf.name()));
        all
    });
    &ALL
}

/// Registers them, and `->`, `->>` and `json_get…` of datafusion-functions-json.
pub(crate) fn register(registry: &mut dyn FunctionRegistry) -> datafusion::common::Result<()> {
    datafusion_functions_json::register_all(registry)?;
    for function in all() {
        registry.register_udf(Arc::clone(&function.udf))?;
    }
    Ok(())
}
