//! Reads the forms that keyctl sends.

use std::collections::BTreeMap;

use crate::server::Request;

/// The fields of a form, the file among them, and the file's name.
pub(crate) fn form(request: &Request) -> (BTreeMap<String, Vec<u8>>, String) {
    let kind = request.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = String::from_utf8(request.body.clone()).unwrap();
    let text = text
        .strip_suffix(&format!("\r\n--{boundary}--\r\n"))
        .unwrap();
    let text = format!("\r\n{text}");
    let (mut fields, mut file) = (BTreeMap::new(), String::new());
    for part in text.split(&format!("\r\n--{boundary}\r\n")).skip(1) {
        let (head, value) = part.split_once("\r\n\r\n").unwrap();
        let name = head.split("; name=\"").nth(1).unwrap().split('"').next();
        fields.insert(name.unwrap().to_owned(), value.as_bytes().to_vec());
        if let Some((_, name)) = head.split_once("filename=\"") {
            name.split('"').next().unwrap().clone_into(&mut file);
        }
    }
    (fields, file)
}
