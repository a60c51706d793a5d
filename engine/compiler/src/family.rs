//! The workflows that a workflow starts, compiled with it: a run keeps the definition of all it does.
//!
//! A file is compiled once, however many steps start it. What is wrong with it is said when it is checked itself; here it only
//! matters that it cannot be had, and why.

use crate::catalog::Catalog;
use crate::compile::compile_in;
use crate::limits::COMPILED_CHILDREN_MAX;
use engross_core::PlanDefinition;
use engross_core::limits::CHILD_LEVELS_MAX;
use engross_source::SourceFile;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A workflow that can be started by another.
pub(crate) struct Child {
    pub(crate) definition: PlanDefinition,
    /// What each step that starts it adds to a plan.
    pub(crate) bytes: usize,
    pub(crate) facts: Facts,
}

/// What a workflow is to one that starts it, besides its plan.
#[derive(Clone)]
pub(crate) struct Facts {
    /// The schema of its outputs.
    pub(crate) outputs: Value,
    /// Whether a run of it may end as stopped.
    pub(crate) can_stop: bool,
    /// How many workflows are one inside the other, itself included.
    pub(crate) levels: usize,
    /// The steps of all of them.
    pub(crate) steps: usize,
}

impl Child {
    fn new(definition: PlanDefinition, facts: Facts) -> Self {
        let bytes = |value: serde_json::Result<Vec<u8>>| value.map_or(usize::MAX, |bytes| bytes.len());
        let of_plan = bytes(serde_json::to_vec(&definition));
        Self { bytes: of_plan.saturating_add(bytes(serde_json::to_vec(&facts.outputs))), definition, facts }
    }
}

/// Why a workflow cannot be had.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// There is none with this name; these there are.
    Unknown(Rc<Vec<String>>),
    /// The file at this path has mistakes.
    Broken(String),
    /// It leads back to one that is being compiled: the names from it to that one.
    Circle(Vec<String>),
    /// It leads on and on: the names from it to the first too many.
    TooDeep(Vec<String>),
    /// It was not looked at, because too much is wrong already.
    Left,
}

/// What a file was found to be: the second is where it leads back to.
type Known = Result<Rc<Child>, (String, Option<Vec<String>>)>;

/// All that is compiled for one file.
pub(crate) struct Family<'c> {
    pub(crate) catalog: &'c dyn Catalog,
    /// The names of those that are being compiled, each started by the one before.
    chain: RefCell<Vec<String>>,
    /// Which file is meant, by the path of the one that says so and by the name.
    files: RefCell<BTreeMap<(String, String), Option<SourceFile>>>,
    /// The names that the file at a path can mean.
    names: RefCell<BTreeMap<String, Rc<Vec<String>>>>,
    /// By path.
    known: RefCell<BTreeMap<String, Known>>,
    /// Where the one that is being compiled leads, if that is no place to lead to.
    leads: RefCell<Option<Trouble>>,
    given_up: Cell<bool>,
}

impl<'c> Family<'c> {
    pub(crate) fn new(catalog: &'c dyn Catalog) -> Self {
        Self {
            catalog,
            chain: RefCell::default(),
            files: RefCell::default(),
            names: RefCell::default(),
            known: RefCell::default(),
            leads: RefCell::default(),
            given_up: Cell::new(false),
        }
    }

    /// The one of this name begins to be compiled.
    pub(crate) fn enter(&self, name: &str) {
        self.chain.borrow_mut().push(name.to_owned());
    }

    /// The last that began is done.
    pub(crate) fn leave(&self) {
        self.chain.borrow_mut().pop();
    }

    /// Whether what is compiled now is so because another starts it.
    pub(crate) fn is_started_by_another(&self) -> bool {
        !self.chain.borrow().is_empty()
    }

    /// The workflow that the file at `from` means by `name`.
    pub(crate) fn find(&self, from: &str, name: &str) -> Result<Rc<Child>, Trouble> {
        let found = self.look(from, name);
        let own = self.chain.borrow().last().cloned().unwrap_or_default();
        let led = |names: &[String]| std::iter::once(own.clone()).chain(names.iter().cloned()).collect();
        match &found {
            Err(Trouble::Circle(names)) if names.last() != Some(&own) => {
                *self.leads.borrow_mut() = Some(Trouble::Circle(led(names)));
            }
            Err(Trouble::TooDeep(names)) => {
                self.given_up.set(true);
                *self.leads.borrow_mut() = Some(Trouble::TooDeep(led(names)));
            }
            _ => {}
        }
        found
    }

    /// Files are asked for once each: whoever has them may have to read them.
    fn file(&self, from: &str, name: &str) -> Option<SourceFile> {
        let mut files = self.files.borrow_mut();
        let meant = files.entry((from.to_owned(), name.to_owned()));
        meant.or_insert_with(|| self.catalog.workflow(from, name)).clone()
    }

    fn names(&self, from: &str) -> Rc<Vec<String>> {
        let mut names = self.names.borrow_mut();
        names.entry(from.to_owned()).or_insert_with(|| Rc::new(self.catalog.workflows(from))).clone()
    }

    fn look(&self, from: &str, name: &str) -> Result<Rc<Child>, Trouble> {
        let named = || vec![name.to_owned()];
        let is_open = |name: &String| self.chain.borrow().contains(name);
        if is_open(&name.to_owned()) {
            return Err(Trouble::Circle(named()));
        }
        let Some(file) = self.file(from, name) else { return Err(Trouble::Unknown(self.names(from))) };
        let level = self.chain.borrow().len();
        let known = self.known.borrow().get(file.path()).cloned();
        let found = match known {
            Some(known) => known,
            None if self.given_up.get() || self.known.borrow().len() >= COMPILED_CHILDREN_MAX => {
                return Err(Trouble::Left);
            }
            None if level > CHILD_LEVELS_MAX => return Err(Trouble::TooDeep(named())),
            None => {
                let outer = self.leads.take();
                let compiled = compile_in(&file, self);
                let leads = std::mem::replace(&mut *self.leads.borrow_mut(), outer);
                let found = match (compiled, leads) {
                    (Ok((compiled, Some(facts))), _) => {
                        Ok(Rc::new(Child::new(compiled.plan.definition().clone(), facts)))
                    }
                    // It is one that another starts, so that its facts are there.
                    (Ok((_, None)), _) => return Err(Trouble::Left),
                    (Err(_), Some(Trouble::Circle(names))) => Err((file.path().to_owned(), Some(names))),
                    (Err(_), Some(deep)) => return Err(deep),
                    (Err(_), None) => Err((file.path().to_owned(), None)),
                };
                self.known.borrow_mut().insert(file.path().to_owned(), found.clone());
                found
            }
        };
        match found {
            Ok(child) if level.saturating_sub(1) + child.facts.levels > CHILD_LEVELS_MAX => {
                Err(Trouble::TooDeep(named()))
            }
            Ok(child) => Ok(child),
            Err((_, Some(names))) if names.last().is_some_and(is_open) => Err(Trouble::Circle(names)),
            Err((path, _)) => Err(Trouble::Broken(path)),
        }
    }
}
