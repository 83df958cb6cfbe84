//! Looking through the chain of the audit log.
//!
//! Whoever can write to the file can make a whole chain anew. Against that only a hash helps that was
//! written down elsewhere, which is what is `expected`.

use crate::domain::Result;
use crate::domain::audit::{Break, Link, follow, vouches_for};
use crate::store::Store;
use crate::store::audit::hash;

/// How many records are read at once.
const BATCH: usize = 1_000;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// How many records were looked at.
    pub records: u64,
    /// Where the chain begins: the last record that was trimmed.
    pub anchor: Link,
    /// The last record that fits.
    pub last: Link,
    pub broken: Option<Break>,
}

/// A walk along the chain.
struct Walk<'a> {
    verdict: Verdict,
    expected: Option<&'a Link>,
    /// Whether a record says that all before the beginning was dropped.
    is_vouched: bool,
}

/// Looks through the chain from its beginning to its end, or to the first break.
pub async fn verify(store: &Store, expected: Option<&Link>) -> Result<Verdict> {
    loop {
        let (anchor, head) = store.audit.ends().await?;
        let mut walk = Walk {
            verdict: Verdict {
                records: 0,
                last: anchor.clone(),
                anchor,
                broken: None,
            },
            expected,
            is_vouched: false,
        };
        walk.go(store).await?;
        let (anchor, now) = store.audit.ends().await?;
        // Otherwise it was trimmed meanwhile, and what seemed to be missing was.
        if anchor == walk.verdict.anchor {
            let found = walk.verdict.broken.take();
            walk.verdict.broken = found.or_else(|| walk.judge(&head, &now));
            return Ok(walk.verdict);
        }
    }
}

impl Walk<'_> {
    async fn go(&mut self, store: &Store) -> Result<()> {
        loop {
            let batch = store.audit.read(self.verdict.last.seq, BATCH).await?;
            for record in &batch {
                match follow(&self.verdict.last, record, hash) {
                    Ok(link) => self.verdict.last = link,
                    Err(broken) => {
                        self.verdict.broken = Some(broken);
                        return Ok(());
                    }
                }
                self.verdict.records += 1;
                self.is_vouched |= vouches_for(record, &self.verdict.anchor);
                let last = &self.verdict.last;
                if let Some(expected) = self.expected.filter(|it| it.seq == last.seq && *it != last)
                {
                    self.verdict.broken = Some(broken(
                        expected.seq,
                        "the record is not the one that was expected",
                    ));
                    return Ok(());
                }
            }
            if batch.len() < BATCH {
                return Ok(());
            }
        }
    }

    /// What is wrong with the ends of a chain that is whole; they were so before, and are so now.
    fn judge(&self, before: &Link, now: &Link) -> Option<Break> {
        let (anchor, last) = (&self.verdict.anchor, &self.verdict.last);
        if *anchor != Link::origin() && !self.is_vouched {
            let reason = "no record says that those up to this one were dropped";
            return Some(broken(anchor.seq, reason));
        }
        // What was added meanwhile is behind the end that was read first.
        if last.seq < before.seq {
            return Some(broken(last.seq + 1, "records are missing at the end"));
        }
        if last.seq > now.seq {
            return Some(broken(last.seq, "where the log ends is not written down"));
        }
        let is_other = |end: &Link| end.seq == last.seq && end.hash != last.hash;
        if is_other(before) || is_other(now) {
            let reason = "the last record is not the one that was written last";
            return Some(broken(last.seq, reason));
        }
        let expected = self.expected?;
        if expected.seq > last.seq {
            let reason = "the record that was expected is missing, as are all behind the last";
            return Some(broken(expected.seq, reason));
        }
        if expected.seq < anchor.seq || (expected.seq == anchor.seq && expected != anchor) {
            let reason = "the record that was expected was dropped, and cannot be compared";
            return Some(broken(expected.seq, reason));
        }
        None
    }
}

fn broken(seq: u64, reason: &str) -> Break {
    Break {
        seq,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Deed;

    async fn chain(records: u64) -> (Store, Vec<Link>) {
        let store = crate::store::in_memory().expect("a store");
        for now in 1..=records {
            let deed = Deed::new("heal.begun", "daarion", now);
            store.audit.add(vec![deed], now).await.expect("added");
        }
        let all = store.audit.read(0, 100).await.expect("read");
        let links = all.into_iter().map(|it| Link {
            seq: it.seq,
            hash: it.hash,
        });
        (store, links.collect())
    }

    async fn reason(store: &Store, expected: Option<&Link>) -> Option<String> {
        let verdict = verify(store, expected).await.expect("read");
        verdict.broken.map(|broken| broken.reason)
    }

    #[tokio::test]
    async fn what_was_written_down_elsewhere_is_compared() {
        let (store, links) = chain(3).await;
        for link in &links {
            assert_eq!(reason(&store, Some(link)).await, None);
        }
        let other = Link {
            hash: links[0].hash.clone(),
            ..links[1].clone()
        };
        let found = reason(&store, Some(&other)).await.expect("broken");
        assert!(found.contains("not the one that was expected"), "{found}");
        let later = Link {
            seq: 9,
            ..links[1].clone()
        };
        let found = reason(&store, Some(&later)).await.expect("broken");
        assert!(found.contains("is missing"), "{found}");
        store.audit.trim(3, 10, 4).await.expect("trimmed");
        assert_eq!(reason(&store, Some(&links[1])).await, None, "its end");
        let found = reason(&store, Some(&links[0])).await.expect("gone");
        assert!(found.contains("was dropped"), "{found}");
    }
}
