//! Trees of parents and children.

use std::collections::BTreeSet;

use duroxide_exporter::Capability;

use crate::subject::{Order, Subject, assert_unsupported};

pub(crate) async fn each_instance_is_in_its_tree(subject: &Subject) {
    let truth = &subject.truth;
    for instance in &truth.instances {
        let tree = subject.api.get_instance_tree(&instance.id).await;
        if !subject.has(Capability::Tree) {
            assert_unsupported("get_instance_tree", tree);
            continue;
        }
        let tree = tree.unwrap_or_else(|error| panic!("{:?}: {error}", instance.id));
        let what = format!("the tree of {:?}", instance.id);
        let root = truth.root(&instance.id);
        assert_eq!((&tree.root_id, tree.partial), (&root, false), "{what}");
        let ids: Vec<_> = tree.instances.iter().map(|info| info.instance_id.clone()).collect();
        assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), truth.tree(&root), "{what}");
        assert_eq!(ids.len(), truth.tree(&root).len(), "{what}: somebody is there twice");
        assert_eq!(ids.first(), Some(&root), "{what}");

        let place = |id: &str| ids.iter().position(|other| other == id).unwrap();
        for info in &tree.instances {
            assert_eq!(*info, subject.info(truth.instance(&info.instance_id).unwrap()), "{what}");
            let children = truth.children(&info.instance_id);
            let places: Vec<_> = children.iter().map(|child| place(&child.id)).collect();
            assert!(
                places.iter().all(|child| *child > place(&info.instance_id)),
                "{what}: a child before {info:?}"
            );
            if subject.order == Order::Exact {
                assert!(
                    places.is_sorted(),
                    "{what}: siblings are not in the order of their creation: {ids:?}"
                );
            }
        }
    }
}
