//! What has to be done within a time, on a machine that has other work as well.

use std::fmt::Debug;
use std::ops::RangeBounds;

/// So often other work may come in between.
const ROUNDS: usize = 5;

/// Measures it until it is within the bounds. Other work makes it slower and never quicker, so one
/// round of some tells what it takes; what is too slow by itself is so in each.
pub async fn in_some_round<T: PartialOrd + Debug>(
    bounds: impl RangeBounds<T> + Debug,
    mut round: impl AsyncFnMut() -> T,
) {
    let mut all = Vec::new();
    while all.len() < ROUNDS {
        let measured = round().await;
        if bounds.contains(&measured) {
            return;
        }
        all.push(measured);
    }
    panic!("{all:?}, and none of them in {bounds:?}");
}
