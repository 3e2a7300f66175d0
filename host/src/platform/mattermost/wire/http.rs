//! A request under `/plugins/<id>`, and the activation: their arguments have names.

use std::collections::BTreeMap;

use parley_goplugin::gob::Url;
use parley_goplugin::gob_struct;

/// `http.Header`.
pub(crate) type Header = BTreeMap<String, Vec<String>>;

gob_struct! {
    pub(crate) struct OnActivateArgs = "Z_OnActivateArgs" {
        api: u32 = "APIMuxId",
        driver: u32 = "DriverMuxId",
    }

    pub(crate) struct ServeHttpArgs = "Z_ServeHTTPArgs" {
        response_writer: u32 = "ResponseWriterStream",
        request: HttpRequest = "Request",
        /// 0 = none.
        request_body: u32 = "RequestBodyStream",
    }

    pub(crate) struct HttpRequest = "HTTPRequestSubset" {
        method: String = "Method",
        url: Option<Url> = "URL",
        header: Header = "Header",
    }
}
