//! Look-ups of names, with a bound: each takes a thread until the system's resolver gives up,
//! however soon whoever asked has gone away. Those of one name at a time are one look-up, so that a
//! name whose servers are silent takes one thread and not one a try.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

/// How many names are looked up at once: far fewer than there are threads for blocking work.
const AT_ONCE: usize = 64;
/// How long a look-up may take, its turn included.
const LIMIT: Duration = Duration::from_secs(10);

type Found = Result<Vec<IpAddr>, String>;
/// Asks the system.
type Ask = Arc<dyn Fn(String) -> BoxFuture<'static, Found> + Send + Sync>;

/// Looks names up.
#[derive(Clone)]
pub struct Names {
    ask: Ask,
    turns: Arc<Semaphore>,
    limit: Duration,
    running: Arc<Mutex<HashMap<String, Shared<BoxFuture<'static, Found>>>>>,
}

impl Names {
    /// By the system's resolver.
    pub fn of_the_system() -> Self {
        let ask: Ask = Arc::new(|name| {
            let found = async move { tokio::net::lookup_host((name, 0)).await };
            let addresses = async {
                let found = found.await.map_err(|error| error.to_string())?;
                Ok(found.map(|address| address.ip()).collect())
            };
            addresses.boxed()
        });
        Self::asking(ask, LIMIT)
    }

    fn asking(ask: Ask, limit: Duration) -> Self {
        Self {
            ask,
            limit,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            running: Arc::default(),
        }
    }

    /// The addresses that a name leads to now.
    pub async fn look_up(&self, name: &str) -> Found {
        let asked = self.asked(name);
        let late = |_| Err(format!("no answer within {} s", self.limit.as_secs()));
        let found = tokio::time::timeout(self.limit, asked).await;
        found.unwrap_or_else(late)
    }

    /// The look-up of a name that is under way, or that is begun.
    fn asked(&self, name: &str) -> Shared<BoxFuture<'static, Found>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = running.get(name) {
            return asked.clone();
        }
        let (this, key) = (self.clone(), name.to_owned());
        // A task of its own: its turn ends with the thread, not with whoever waits.
        let task = tokio::spawn(async move {
            let end = End {
                names: &this,
                name: &key,
            };
            let _turn = this.turns.acquire().await;
            let found = (this.ask)(key.clone()).await;
            drop(end);
            found
        });
        let asked = task.map(|found| found.unwrap_or_else(|error| Err(error.to_string())));
        let asked = asked.boxed().shared();
        running.insert(name.to_owned(), asked.clone());
        asked
    }
}

/// Whoever asks from now on begins anew, however the look-up ends.
struct End<'a> {
    names: &'a Names,
    name: &'a str,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let running = &self.names.running;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(self.name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Names that begin with "hang" are never answered; says how many were asked for.
    fn names() -> (Names, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let ask: Ask = Arc::new(move |name| {
            counter.fetch_add(1, Ordering::SeqCst);
            match name.starts_with("hang") {
                true => futures_util::future::pending().boxed(),
                false => async { Ok(vec![IpAddr::from([9, 9, 9, 9])]) }.boxed(),
            }
        });
        (Names::asking(ask, Duration::from_millis(200)), asked)
    }

    #[tokio::test]
    async fn a_name_that_hangs_takes_one_thread_and_ends_in_time() {
        let (names, asked) = names();
        let tries = (0..1_000).map(|_| names.look_up("hang.example"));
        let found = futures_util::future::join_all(tries).await;
        assert!(found.iter().all(Result::is_err), "in time");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let good = names.look_up("good.example").await;
        assert_eq!(good, Ok(vec![IpAddr::from([9, 9, 9, 9])]));
        names.look_up("good.example").await.expect("asked again");
        assert_eq!(asked.load(Ordering::SeqCst), 3, "nothing is remembered");
    }

    #[tokio::test]
    async fn so_many_names_and_no_more_are_looked_up_at_once() {
        let (names, asked) = names();
        let many: Vec<_> = (0..1_000).map(|it| format!("hang{it}.example")).collect();
        let tries = many.iter().map(|name| names.look_up(name));
        futures_util::future::join_all(tries).await;
        assert_eq!(asked.load(Ordering::SeqCst), AT_ONCE);
    }
}
