//! Binary logarithms in thousandths, from a table: the same bits on each machine.

/// Fractions of a bit per unit in the table; fine enough that the last place is the only one in doubt.
const FRACTION_BITS: u32 = 24;

/// `log2(1 + i / 256)` with [`FRACTION_BITS`] binary places, by repeated squaring of the mantissa.
static TABLE: [u32; 257] = table();

const fn table() -> [u32; 257] {
    let mut table = [0; 257];
    let mut i = 0;
    while i < 256 {
        let mut mantissa = (256 + i as u64) << 23;
        let (mut log, mut place) = (0u32, 0);
        while place < FRACTION_BITS {
            // The mantissa lies in [1, 2) with 31 binary places, its square in [1, 4) with 62.
            mantissa = ((mantissa as u128 * mantissa as u128) >> 31) as u64;
            log <<= 1;
            if mantissa >= 1 << 32 {
                log |= 1;
                mantissa >>= 1;
            }
            place += 1;
        }
        table[i] = log;
        i += 1;
    }
    table[256] = 1 << FRACTION_BITS;
    table
}

/// `log2(value)` in thousandths, rounded down; 0 for 0 and 1.
pub fn log2_milli(value: u64) -> u32 {
    ((log2_fraction(value) * 1000) >> FRACTION_BITS) as u32
}

/// `log2(denominator / numerator)` in thousandths of a bit, rounded down; 0 where the ratio is at most 1 or undefined.
pub fn surprise_milli(numerator: u64, denominator: u64) -> u32 {
    let bits = log2_fraction(denominator).saturating_sub(log2_fraction(numerator));
    ((bits * 1000) >> FRACTION_BITS) as u32
}

fn log2_fraction(value: u64) -> u64 {
    if value < 2 {
        return 0;
    }
    let whole = value.ilog2();
    // The mantissa's 63 places: 8 choose the entry, the next 24 lie between it and the one after.
    let places = (value << (63 - whole)) << 1;
    let (entry, between) = ((places >> 56) as usize, (places >> 32) & 0xff_ffff);
    let (low, high) = (u64::from(TABLE[entry]), u64::from(TABLE[entry + 1]));
    (u64::from(whole) << FRACTION_BITS) + low + (((high - low) * between) >> 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let table = [(0, 0), (1, 0), (2, 1000), (3, 1584), (7, 2807), (10, 3321), (1000, 9965), (1 << 40, 40_000)];
        for (value, expected) in table {
            assert_eq!(log2_milli(value), expected, "log2({value})");
        }
        assert_eq!(log2_milli(u64::MAX), 63_999);
        assert_eq!(surprise_milli(1, 1024), 10_000);
        assert_eq!(surprise_milli(7, 7), 0);
        assert_eq!(surprise_milli(8, 7), 0);
    }

    #[test]
    fn grows_with_its_argument_and_stays_within_a_thousandth_of_libm() {
        let mut last = 0;
        for value in (1..200_000u64).chain((1..4_000).map(|i| i * 1_234_567_890_123)) {
            let (got, exact) = (log2_milli(value), libm::log2(value as f64) * 1000.0);
            assert!((f64::from(got) - exact).abs() < 1.01, "log2({value}): {got}, libm says {exact}");
            if value < 200_000 {
                assert!(got >= last, "log2({value}) fell");
                last = got;
            }
        }
    }
}
