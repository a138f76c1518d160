//! Which file of a crate uses which: the paths in each, followed through re-exports to where things are defined.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The segments of a path.
type Segments = Vec<String>;

/// What the files of a crate use.
pub(super) struct Uses {
    /// By file, the files it uses, each with a path that leads there.
    pub(super) files: BTreeMap<String, BTreeMap<String, String>>,
    /// By file, the first segments of paths that lead out of the crate.
    pub(super) crates: BTreeMap<String, BTreeSet<String>>,
}

impl Uses {
    /// Of a crate. Its unit tests may use what they like, and are left out.
    pub(super) fn of(src: &Path) -> Self {
        let mut paths = Vec::new();
        sources(src, &mut paths);
        let mut modules = BTreeMap::new();
        for path in paths {
            let file = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
            let mut module = Module::default();
            module.visit_file(&syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
            modules.insert(name_of(&file), module);
        }
        let modules = Modules(modules);
        let (mut files, mut crates) = (BTreeMap::new(), BTreeMap::new());
        for (name, module) in &modules.0 {
            let (mut used, mut outside) = (BTreeMap::new(), BTreeSet::new());
            for path in &module.paths {
                match modules.resolve(name, path, 0) {
                    Some(Place::File(other)) if other != *name => {
                        used.insert(file_of(&other), path.join("::"));
                    }
                    Some(Place::File(_)) => {}
                    Some(Place::Crate(other)) => {
                        outside.insert(other);
                    }
                    None => {}
                }
            }
            files.insert(file_of(name), used);
            crates.insert(file_of(name), outside);
        }
        Self { files, crates }
    }

    /// Whether a file uses another, if through others.
    pub(super) fn reaches(&self, from: &str, to: &str) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            for other in self.files[file].keys() {
                if other == to {
                    return true;
                }
                if seen.insert(other) {
                    open.push(other);
                }
            }
        }
        false
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|name| name == "tests" || name == "fixture") {
            continue;
        }
        if path.join("Cargo.toml").exists() {
            // Another package.
        } else if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn name_of(file: &str) -> Segments {
    let name = file.strip_suffix(".rs").unwrap();
    if name == "lib" { Vec::new() } else { name.split('/').map(str::to_owned).collect() }
}

fn file_of(name: &[String]) -> String {
    if name.is_empty() { "lib.rs".to_owned() } else { format!("{}.rs", name.join("/")) }
}

/// What a file says.
#[derive(Default)]
struct Module {
    /// Names that `use` binds, and what they stand for.
    bound: BTreeMap<String, Segments>,
    globs: Vec<Segments>,
    paths: BTreeSet<Segments>,
}

impl Module {
    fn bind(&mut self, tree: &syn::UseTree, mut before: Segments) {
        let (name, bound) = match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                return self.bind(&path.tree, before);
            }
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.bind(tree, before.clone()));
            }
            syn::UseTree::Glob(_) => {
                self.globs.push(before.clone());
                before.push("*".to_owned());
                self.paths.insert(before);
                return;
            }
            syn::UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            syn::UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
        };
        let bound = if name == "self" { before.last().unwrap().clone() } else { bound };
        if name != "self" {
            before.push(name);
        }
        self.bound.insert(bound, before.clone());
        self.paths.insert(before);
    }

    /// Paths in what is given to a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Segments::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.paths.insert(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.paths.insert(path);
    }
}

impl<'a> Visit<'a> for Module {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| matches!(&attribute.meta, syn::Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test");
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.bind(&item.tree, Segments::new());
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}
}

/// Where a path leads.
enum Place {
    /// The file that defines what it names.
    File(Segments),
    Crate(String),
}

struct Modules(BTreeMap<Segments, Module>);

impl Modules {
    /// `None` for what is no path of a file or crate: a local name, a module by itself.
    fn resolve(&self, from: &[String], path: &[String], depth: u32) -> Option<Place> {
        // Two names that stand for each other do not compile; this is for those that this reading gets wrong.
        if depth > 16 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.inside(&[], rest, depth),
            "self" => self.inside(from, rest, depth),
            "super" => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                self.inside(&from[..from.len().saturating_sub(ups)], &path[ups..], depth)
            }
            name => {
                let child = [from, &[name.to_owned()]].concat();
                if self.0.contains_key(&child) {
                    return self.inside(&child, rest, depth);
                }
                match self.0[from].bound.get(name) {
                    Some(bound) if bound.as_slice() != path => {
                        self.resolve(from, &[bound.as_slice(), rest].concat(), depth + 1)
                    }
                    _ => (!rest.is_empty()).then(|| Place::Crate(name.to_owned())),
                }
            }
        }
    }

    /// A path that begins in a module.
    fn inside(&self, module: &[String], path: &[String], depth: u32) -> Option<Place> {
        let (first, rest) = path.split_first()?;
        let there = &self.0[module];
        let bound = there.bound.get(first);
        let child = [module, std::slice::from_ref(first)].concat();
        // One name may be that of a module and of what is in it.
        if self.0.contains_key(&child) && !(rest.is_empty() && bound.is_some()) {
            return self.inside(&child, rest, depth);
        }
        let here = || Some(Place::File(module.to_vec()));
        if let Some(bound) = bound {
            return self.resolve(module, &[bound.as_slice(), rest].concat(), depth + 1);
        }
        let globs = there.globs.iter().filter(|_| first != "*");
        let mut globbed = globs.filter_map(|glob| {
            match self.resolve(module, &[glob.as_slice(), std::slice::from_ref(first)].concat(), depth + 1)? {
                Place::File(file) if file != module => Some(Place::File(file)),
                _ => None,
            }
        });
        globbed.next().or_else(here)
    }
}
