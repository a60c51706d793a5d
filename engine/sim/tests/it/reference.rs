//! The core and the reference interpreter come to the same end, for random plans and scripts.

use engross_sim::check_reference;

#[test]
fn the_core_and_the_reference_agree() {
    let compared = check_reference(0, 1_500);
    if let Some(differs) = compared.differs {
        panic!("{differs}");
    }
    assert_eq!(compared.agreed, 1_500);
    assert!(compared.over > 400, "only {} of the runs came to an end", compared.over);
    let (lists, undone, children) = (compared.lists, compared.undone, compared.children);
    assert!(
        lists > 400 && undone > 50 && children > 150,
        "{lists} with lists, {undone} undone, {children} with others"
    );
}
