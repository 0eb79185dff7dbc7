//! `js/glue.js` as Rust sees it. What each function does stands there.

use js_sys::{ArrayBuffer, JsString, Promise};
use wasm_bindgen::prelude::*;

/// Strings that exist once in the runtime instead of being decoded from wasm memory at each use. A
/// macro, because rustfmt takes the value off a foreign static.
macro_rules! static_strings {
    ($($name:ident = $text:tt;)*) => {
        #[wasm_bindgen]
        extern "C" {
            $(
                #[wasm_bindgen(thread_local_v2, static_string)]
                static $name: JsString = $text;
            )*
        }
    };
}
pub(crate) use static_strings;

#[wasm_bindgen(module = "/js/glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = setUp)]
    pub fn set_up(limits: &str, upstream: &str, caller: &str, log_all: bool);
    pub fn settings(call: &Call) -> String;
    #[wasm_bindgen(js_name = setRoute)]
    pub fn set_route(call: &Call, route: &JsString);
    #[wasm_bindgen(js_name = lookUp)]
    pub fn look_up(call: &Call, entry: &str);
    #[wasm_bindgen(js_name = setKey)]
    pub fn set_key(call: &Call, key_id: &JsString, record: &JsString);
    #[wasm_bindgen(js_name = setOutgoing)]
    pub fn set_outgoing(
        call: &Call,
        url: &str,
        claims: &str,
        signature: &str,
        timeout_ms: u32,
        host: usize,
    );
    #[wasm_bindgen(js_name = setPacked)]
    pub fn set_packed(call: &Call, packed: &str);

    pub fn configure(call: &Call, key_id: &str, limits: &str) -> Promise;
    pub fn revoke(call: &Call, key_id: &str) -> Promise;

    pub fn respond(
        call: &Call,
        status: u16,
        body: &JsString,
        content_type: &JsString,
        extra: &str,
        code: &str,
        cause: &str,
    ) -> JsValue;
    #[wasm_bindgen(js_name = dropUpstream)]
    pub fn drop_upstream(call: &Call);
    pub fn relay(call: &Call) -> JsValue;
    #[wasm_bindgen(js_name = readBody)]
    pub fn read_body(call: &Call, most: u32) -> Promise<JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// A request on its way, `Call` of `js/entry.js`: the runtime's objects that belong to it.
    #[derive(Clone)]
    pub type Call;

    #[wasm_bindgen(method, getter)]
    pub fn env(this: &Call) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn packed(this: &Call) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn cause(this: &Call) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn record(this: &Call) -> JsString;
}

#[wasm_bindgen]
extern "C" {
    /// An object's SQLite database.
    pub type SqlStorage;

    #[wasm_bindgen(method, catch)]
    pub fn exec(this: &SqlStorage, query: &JsString) -> Result<SqlCursor, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_bytes(
        this: &SqlStorage,
        query: &JsString,
        bytes: &[u8],
    ) -> Result<SqlCursor, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_number(
        this: &SqlStorage,
        query: &JsString,
        number: f64,
    ) -> Result<SqlCursor, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_text_bytes(
        this: &SqlStorage,
        query: &JsString,
        text: &str,
        bytes: &[u8],
    ) -> Result<SqlCursor, JsValue>;

    /// The rows of a statement.
    pub type SqlCursor;

    #[wasm_bindgen(method, catch, js_name = toArray)]
    pub fn to_array(this: &SqlCursor) -> Result<Vec<LimiterRow>, JsValue>;

    /// The one row of the limiter's table. A BLOB is read as an `ArrayBuffer`, whatever wrote it.
    pub type LimiterRow;

    #[wasm_bindgen(method, getter)]
    pub fn limits(this: &LimiterRow) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub fn counters(this: &LimiterRow) -> Option<ArrayBuffer>;
    #[wasm_bindgen(method, getter)]
    pub fn revoked_at(this: &LimiterRow) -> Option<f64>;
}

#[wasm_bindgen]
extern "C" {
    /// A query string's parameters (WHATWG URL, 6).
    #[wasm_bindgen(js_name = URLSearchParams)]
    pub type UrlSearchParams;

    #[wasm_bindgen(constructor, js_class = "URLSearchParams")]
    pub fn new(query: &str) -> UrlSearchParams;
    #[wasm_bindgen(method)]
    pub fn get(this: &UrlSearchParams, name: &str) -> Option<String>;
}

/// How large this instance's linear memory has grown, in bytes. It never shrinks.
#[cfg(feature = "test-routes")]
pub(crate) fn memory_bytes() -> u32 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    buffer.byte_length()
}

/// The text of whatever JavaScript threw, for the log.
pub(crate) fn thrown(error: &JsValue) -> String {
    let object: &js_sys::Object = error.unchecked_ref();
    object.to_string().into()
}
