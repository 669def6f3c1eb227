//! No text whatever makes a reader panic.

use super::super::{ini, tree};
use super::*;
use proptest::prelude::*;
use std::path::Path;

proptest! {
    #[test]
    fn no_ini_text_makes_it_panic(text in "([\\[\\]a-c:=\"'\\\\ #1-3{}-]{0,12}|\\[(a|b):(children|vars)\\])(\n[\\[\\]a-c:=\"'\\\\ #1-3{}é-]{0,12}){0,6}") {
        let source = crate::error::Source::new(Path::new("f"), text);
        let mut problems = Problems::new();
        let mut inventory = Inventory::new();
        ini::read(&source, &mut inventory, &mut problems);
        inventory.reconcile();
        let _ = graph(&inventory, None, "all", true);
    }

    #[test]
    fn no_yaml_inventory_makes_it_panic(text in "((  ){0,4}(all|hosts|children|vars|a|b|\\[a\\]|1)(:|: a|: \\{\\}|: \\[1\\]|)\n){0,8}") {
        let source = crate::error::Source::new(Path::new("f"), text);
        if let Ok(crate::yaml::Document { root: Some(root), .. }) = crate::yaml::parse(&source) {
            let mut inventory = Inventory::new();
            tree::read(&root, Path::new("f"), &mut inventory, &mut Problems::new());
            inventory.reconcile();
        }
    }

    #[test]
    fn no_pattern_makes_it_panic(pattern in "[a-c~&!:,*?\\[\\]0-9 .(-]{0,16}") {
        let inventory = {
            let mut inventory = Inventory::new();
            inventory.add_host("a", Some("b"), None, None);
            inventory.reconcile();
            inventory
        };
        let _ = select(&inventory, &pattern);
    }
}
