use super::{Budget, MOST_LENT, MOST_THREADS, MOST_WAITING, Pool};
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn everything_given_is_done() {
    let (done, results) = mpsc::channel();
    let done = std::sync::Mutex::new(done);
    let pool = Pool::new(move |number: usize| done.lock().unwrap().send(number).unwrap());
    let refused = (0..300).filter(|number| pool.give(*number).is_err()).count();
    assert_eq!(refused, 0);
    let mut all: Vec<usize> = results.iter().take(300).collect();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}

#[test]
fn what_is_too_much_comes_back() {
    let (open, closed) = mpsc::channel::<()>();
    let closed = std::sync::Mutex::new(closed);
    let pool = Pool::new(move |()| assert!(closed.lock().unwrap().recv().is_err()));
    let refused = (0..2000).filter(|_| pool.give(()).is_err()).count();
    assert!((2000 - MOST_THREADS - MOST_WAITING..2000).contains(&refused), "{refused}");
    drop(open);
}

#[test]
fn memory_is_lent_once() {
    let budget = Budget::default();
    let soon = || Instant::now() + Duration::from_millis(20);
    let whole = budget.borrow(MOST_LENT, soon()).unwrap();
    assert!(budget.borrow(1, soon()).is_none());
    drop(whole);
    assert!(budget.borrow(1, soon()).is_some());
    assert!(budget.borrow(MOST_LENT + 1, soon()).is_none());
}
