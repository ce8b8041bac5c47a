//! Which connections the aggregator has followed, from one host's alert to what is at their other ends.

use crate::alert_decode::{address, protocol};
use crate::error::at_most;
use crate::limits::FAR_ENDS_MAX;
use crate::{WireError, alert_encode, proto};
use tracewell_model::{EventNs, FarEnd};

impl TryFrom<&Vec<FarEnd>> for proto::Follow {
    type Error = WireError;

    fn try_from(ends: &Vec<FarEnd>) -> Result<Self, WireError> {
        at_most("connections to follow", ends.len(), FAR_ENDS_MAX)?;
        let end = |end: &FarEnd| proto::FarEnd {
            protocol: alert_encode::protocol(end.protocol).into(),
            local: Some(alert_encode::address(end.local)),
            remote: Some(alert_encode::address(end.remote)),
            first_ns: end.first.0,
            span_ns: end.last.0.wrapping_sub(end.first.0),
        };
        Ok(Self { ends: ends.iter().map(end).collect() })
    }
}

impl TryFrom<proto::Follow> for Vec<FarEnd> {
    type Error = WireError;

    fn try_from(follow: proto::Follow) -> Result<Self, WireError> {
        at_most("connections to follow", follow.ends.len(), FAR_ENDS_MAX)?;
        let end = |end: proto::FarEnd| {
            let missing = |what| move || WireError::Missing { what };
            Ok(FarEnd {
                protocol: protocol(end.protocol()),
                local: address(end.local.ok_or_else(missing("local address of a connection"))?)?,
                remote: address(end.remote.ok_or_else(missing("remote address of a connection"))?)?,
                first: EventNs(end.first_ns),
                last: EventNs(end.first_ns.wrapping_add(end.span_ns)),
            })
        };
        follow.ends.into_iter().map(end).collect()
    }
}
