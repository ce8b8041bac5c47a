//! Event time as people and files read it.

use tracewell_model::EventNs;

/// RFC 3339 in UTC with the nanoseconds.
pub fn rfc3339(time: EventNs) -> String {
    format!("{:.9}", timestamp(time))
}

/// To the second, for the eye.
pub fn short(rfc3339: &str) -> String {
    let seconds = rfc3339.split_once('.').map_or(rfc3339, |(seconds, _)| seconds);
    seconds.trim_end_matches('Z').replace('T', " ")
}

/// From `first` to `last`, the day only once where it is the same.
pub fn span(first: &str, last: &str) -> String {
    let (first, last) = (short(first), short(last));
    match (first.split_once(' '), last.split_once(' ')) {
        _ if first == last => format!("{first} UTC"),
        (Some((day, _)), Some((last_day, time))) if day == last_day => format!("{first} to {time} UTC"),
        _ => format!("{first} to {last} UTC"),
    }
}

fn timestamp(time: EventNs) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(time.0.into()).expect("the years to 2554 are in range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let at = |ns| rfc3339(EventNs(ns));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(1_474_979_897_011_368_624), "2016-09-27T12:38:17.011368624Z");
        assert_eq!(at(u64::MAX), "2554-07-21T23:34:33.709551615Z");
        let [a, b, c] = [1_474_979_897_000_000_000, 1_474_979_928_500_000_000, 1_475_100_000_000_000_000].map(at);
        assert_eq!(span(&a, &a), "2016-09-27 12:38:17 UTC");
        assert_eq!(span(&a, &b), "2016-09-27 12:38:17 to 12:38:48 UTC");
        assert_eq!(span(&a, &c), "2016-09-27 12:38:17 to 2016-09-28 22:00:00 UTC");
    }
}
