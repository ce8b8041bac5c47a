#![no_main]

#[path = "../../api/tests/it/request.rs"]
mod request;

use tracewell_api::methods;

// What an operator's program asks: a method, what path and query name on a line, and a body of JSON; the same bytes as a message of gRPC,
// and as the text of a field.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let method = &methods::all()[usize::from(first) % methods::all().len()];
    request::over_grpc(method, rest);
    request::field(&String::from_utf8_lossy(rest));
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return };
    let (line, body) = (String::from_utf8_lossy(&rest[..end]), &rest[end + 1..]);
    let pairs = line.split('&').filter_map(|pair| pair.split_once('='));
    let named: Vec<_> = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    request::over_http(method, &named, body);
});
