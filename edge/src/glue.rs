//! `js/glue.js` as Rust sees it. What each function does stands there.

use js_sys::{JsString, Promise};
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
    pub fn set_up(limits: &str, upstream: &str, caller: &str, log_all: bool, registering: bool);
    pub fn settings(call: &Call) -> String;
    #[wasm_bindgen(js_name = setRoute)]
    pub fn set_route(call: &Call, route: &JsString);
    #[wasm_bindgen(js_name = lookUp)]
    pub fn look_up(call: &Call, entry: &str);
    #[wasm_bindgen(js_name = lookUpPlan)]
    pub fn look_up_plan(call: &Call, entry: &str, record: &JsString);
    #[wasm_bindgen(js_name = setKey)]
    pub fn set_key(
        call: &Call,
        key_id: &JsString,
        record: &JsString,
        cost: u32,
        generation: u32,
        lease_ms: u32,
        ticket: u32,
    );
    #[wasm_bindgen(js_name = setNews)]
    pub fn set_news(call: &Call, refused: u32, refusal: u32, used: u32, ahead: u32);
    #[wasm_bindgen(js_name = setPermit)]
    pub fn set_permit(call: &Call, at: f64);
    #[wasm_bindgen(js_name = setHash)]
    pub fn set_hash(call: &Call, hash: &str);
    #[wasm_bindgen(js_name = setOrigin)]
    pub fn set_origin(call: &Call, origin: &str);
    pub fn header(call: &Call, name: &str) -> String;
    #[wasm_bindgen(js_name = setOutgoing)]
    pub fn set_outgoing(
        call: &Call,
        url: &str,
        claims: &str,
        signature: &str,
        timeout_ms: u32,
        host: u32,
    );
    #[wasm_bindgen(js_name = setAlternatives)]
    pub fn set_alternatives(call: &Call, target: &str, wanted: &str, ask: bool);
    #[wasm_bindgen(js_name = setHost)]
    pub fn set_host(call: &Call, host: u32, origin: &str, ask: bool);
    #[wasm_bindgen(js_name = setKept)]
    pub fn set_kept(call: &Call);
    pub fn statement(call: &Call) -> String;
    #[wasm_bindgen(js_name = setPacked)]
    pub fn set_packed(call: &Call, packed: &str);

    pub fn ask(
        call: &Call,
        binding: &str,
        name: &str,
        method: &str,
        args: &str,
    ) -> Promise<JsString>;
    pub fn query(call: &Call, statements: &str) -> Promise<JsString>;
    #[wasm_bindgen(js_name = bucketGet)]
    pub fn bucket_get(call: &Call, name: &str) -> Promise<JsValue>;
    #[wasm_bindgen(js_name = bucketPut)]
    pub fn bucket_put(call: &Call, name: &str, text: &str) -> Promise<JsValue>;
    #[wasm_bindgen(js_name = bucketDelete)]
    pub fn bucket_delete(call: &Call, names: &str) -> Promise<JsValue>;
    #[wasm_bindgen(js_name = bucketNames)]
    pub fn bucket_names(call: &Call, prefix: &str, limit: u32) -> Promise<JsValue>;
    #[wasm_bindgen(js_name = bucketEmpty)]
    pub fn bucket_empty(call: &Call, prefix: &str) -> Promise<JsValue>;

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
    #[wasm_bindgen(js_name = exportAll)]
    pub fn export_all(call: &Call, page: &str, account: &str, now: f64, folder: &str) -> JsValue;
    #[wasm_bindgen(js_name = uploadPart)]
    pub fn upload_part(call: &Call, account: &str, id: &str, number: f64, length: f64) -> JsValue;
    #[wasm_bindgen(js_name = storeForm)]
    pub fn store_form(call: &Call, account: &str, id: &str, items: &str, once: &str) -> JsValue;
    pub fn stored(
        call: &Call,
        name: &str,
        status: u16,
        content_type: &JsString,
        extra: &str,
        first: f64,
        length: f64,
    ) -> Promise<JsValue>;

    pub fn page(call: &Call, path: &str, content_type: &JsString, extra: &str) -> JsValue;

    #[wasm_bindgen(js_name = jobEvents)]
    pub fn job_events(call: &Call, account: &str, id: &str, view: &str) -> JsValue;
    #[wasm_bindgen(js_name = fetchText)]
    pub fn fetch_text(call: &Call, url: &str, form: Option<&str>) -> Promise<JsString>;
    #[wasm_bindgen(js_name = postJson)]
    pub fn post_json(call: &Call, url: &str, json: &str) -> Promise<JsString>;
    #[wasm_bindgen(js_name = verifiedToken)]
    pub fn verified_token(call: &Call, token: &str, keys: &str) -> Promise<JsString>;
    pub fn relay(call: &Call) -> JsValue;
    pub fn upgrade(call: &Call) -> JsValue;
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
    pub fn id(this: &Call) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn parts(this: &Call) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn packed(this: &Call) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn cause(this: &Call) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn record(this: &Call) -> JsString;
    #[wasm_bindgen(method, getter)]
    pub fn outgoing(this: &Call) -> Outgoing;

    /// What goes to a host.
    pub type Outgoing;

    /// Names of models, separated by spaces.
    #[wasm_bindgen(method, getter)]
    pub fn wanted(this: &Outgoing) -> String;
}

#[wasm_bindgen]
extern "C" {
    /// An object's storage.
    pub type Storage;

    #[wasm_bindgen(method, getter)]
    pub fn sql(this: &Storage) -> SqlStorage;
    #[wasm_bindgen(method, js_name = setAlarm)]
    pub fn set_alarm(this: &Storage, unix_ms: f64) -> Promise;

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
    pub fn exec_name(this: &SqlStorage, query: &JsString, name: &str)
    -> Result<SqlCursor, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_name_text(
        this: &SqlStorage,
        query: &JsString,
        name: &str,
        text: &str,
    ) -> Result<SqlCursor, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_name_bytes(
        this: &SqlStorage,
        query: &JsString,
        name: &str,
        bytes: &[u8],
    ) -> Result<SqlCursor, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_bytes_name_text(
        this: &SqlStorage,
        query: &JsString,
        bytes: &[u8],
        name: &str,
        text: &str,
    ) -> Result<SqlCursor, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn exec_bytes_texts(
        this: &SqlStorage,
        query: &JsString,
        bytes: &[u8],
        name: &str,
        text: &str,
        other: &str,
        text_of_other: &str,
    ) -> Result<SqlCursor, JsValue>;

    /// The rows of a statement.
    pub type SqlCursor;

    #[wasm_bindgen(method, catch, js_name = toArray)]
    pub fn to_array(this: &SqlCursor) -> Result<Vec<NamedValue>, JsValue>;

    /// A row of an object's table.
    pub type NamedValue;

    #[wasm_bindgen(method, getter)]
    pub fn name(this: &NamedValue) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn value(this: &NamedValue) -> JsValue;
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
