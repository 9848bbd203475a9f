use super::{Class, Lines};

#[test]
fn four_to_one_at_each_fork() {
    let mut lines = Lines::default();
    let given: Vec<Class> = (0..25)
        .map(|_| {
            let class = lines.turns()[0];
            lines.given(class);
            class
        })
        .collect();
    let count = |class: Class| given.iter().filter(|one| **one == class).count();
    assert_eq!((count(Class::New), count(Class::More), count(Class::Retry)), (16, 4, 5));
}

#[test]
fn a_place_is_kept_until_it_is_left() {
    let mut lines = Lines::default();
    let (mut one, mut two) = (None, None);
    lines.join(1, Class::New, &mut one);
    lines.join(2, Class::New, &mut two);
    lines.join(1, Class::New, &mut one);
    let first = lines.next(Class::New, i64::MIN).unwrap();
    assert_eq!((first.1, lines.next(Class::New, first.0).unwrap().1), (1, 2));
    lines.join(1, Class::More, &mut one);
    assert_eq!((lines.next(Class::New, i64::MIN).unwrap().1, lines.next(Class::More, i64::MIN).unwrap().1), (2, 1));
    lines.join_first(1, Class::New, &mut one);
    assert_eq!(lines.next(Class::New, i64::MIN).unwrap().1, 1);
    lines.leave(1, &mut one);
    lines.leave(2, &mut two);
    assert!(lines.is_empty() && one.is_none());
}
