//! The methods of all services: by which path each is called over HTTP, and which role may call it.

use crate::POOL;
use crate::v1::{Call, Role, call};
use prost_reflect::{MethodDescriptor, Value};
use std::sync::LazyLock;

#[derive(Clone, Debug)]
pub struct Method {
    /// As gRPC has it: `tracewell.api.v1.Hosts/ListHosts`.
    pub name: String,
    /// Path over HTTP, with names of the request's fields in braces.
    pub path: String,
    /// A GET changes nothing; else it is a POST.
    pub is_get: bool,
    /// The least that may call it.
    pub role: Role,
    pub descriptor: MethodDescriptor,
}

static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    let services = POOL.services();
    services.flat_map(|service| service.methods().map(read).collect::<Vec<_>>()).collect()
});

/// All of them, in the order of `proto/`.
pub fn all() -> &'static [Method] {
    &METHODS
}

/// The one that takes requests of this type: each method has its own.
pub fn of<T: prost::Name>() -> Option<&'static Method> {
    let request = T::full_name();
    all().iter().find(|method| method.descriptor.input().full_name() == request)
}

fn read(descriptor: MethodDescriptor) -> Method {
    let name = format!("{}/{}", descriptor.parent_service().full_name(), descriptor.name());
    let option = POOL.get_extension_by_name("tracewell.api.v1.call").expect("call.proto has it");
    let options = descriptor.options();
    let call = match options.get_extension(&option).as_ref() {
        Value::Message(call) => call.transcode_to::<Call>().expect("it is a Call"),
        _ => Call::default(),
    };
    let (path, is_get) = match &call.path {
        Some(call::Path::Get(path)) => (path.clone(), true),
        Some(call::Path::Post(path)) => (path.clone(), false),
        None => panic!("{name} does not say how it is called"),
    };
    assert_ne!(call.role(), Role::Unspecified, "{name} does not say who may call it");
    Method { name, path, is_get, role: call.role(), descriptor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::RevokeHostRequest;
    use std::collections::BTreeSet;

    #[test]
    fn each_method_has_a_request_and_a_path_of_its_own() {
        let distinct = |key: fn(&Method) -> String| all().iter().map(key).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(|method| method.descriptor.input().full_name().into()), all().len());
        assert_eq!(distinct(|method| format!("{} {}", method.is_get, method.path)), all().len());
        let revoke = of::<RevokeHostRequest>().unwrap();
        assert_eq!((revoke.name.as_str(), revoke.role), ("tracewell.api.v1.Hosts/RevokeHost", Role::Operator));
    }

    #[test]
    fn each_name_in_a_path_is_a_field_of_the_request() {
        for method in all() {
            for name in method.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let field = method.descriptor.input().get_field_by_name(name);
                assert!(field.is_some_and(|field| field.kind() == prost_reflect::Kind::String), "{}", method.path);
            }
        }
    }
}
