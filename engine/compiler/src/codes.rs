//! The codes of the findings that the compiler makes.
//!
//! E02xx are about the file's structure, E03xx about its templates, W04xx are warnings. A code is never given a second meaning,
//! because people search for it.

use engross_source::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = concat!($code, ": ", $title, ".")] pub(crate) const $name: Code = Code($code);)*

        /// Every code of the compiler with its title, in ascending order.
        pub const CODES: &[(&str, &str)] = &[$(($code, $title)),*];
    };
}

codes! {
    WRONG_KIND = "E0201", "a value is of the wrong kind";
    UNKNOWN_KEY = "E0202", "a key is not part of the language";
    MISSING_KEY = "E0203", "a key is missing";
    NOT_BUILT = "E0204", "a part of the language that is not built yet is used";
    LANGUAGE_VERSION = "E0205", "the version of the language is not known";
    NAME = "E0206", "a name does not have the form of a name";
    TOO_MANY_STEPS = "E0207", "a workflow has too many steps";
    SPAN = "E0208", "a span of time is not one";
    VALUE = "E0209", "a setting has a value that is not allowed";
    INPUT_SCHEMA = "E0210", "an input's schema is not a JSON Schema";
    INPUT_KEYWORD = "E0211", "an input's schema uses a keyword that is not known";
    INPUT_DEFAULT = "E0212", "an input's default does not fit its schema";
    UNKNOWN_OPERATION = "E0220", "an operation is not known";
    WITH_MISSING = "E0221", "a step's operation needs an input that is not given";
    WITH_UNKNOWN = "E0222", "a step gives an input that its operation does not have";
    WITH_VALUE = "E0223", "a step gives an input a value that does not fit";
    WITH_REFERENCE = "E0224", "a step gives an input a reference whose type does not fit";
    CONNECTION = "E0225", "a step's connection cannot be settled";
    TIMEOUT = "E0226", "a timeout that could never end its step";
    CAPABILITY = "E0227", "a provider cannot do what another can";
    BROKEN_SPEC = "E0229", "the operation's own schema is broken";
    UNKNOWN_STEP = "E0230", "`needs` names a step that is not there";
    UNKNOWN_OUTCOME = "E0231", "`needs` names an outcome that the step does not have";
    NEED_FORM = "E0232", "an entry of `needs` does not have the form of one";
    NEEDS_CONTRADICT = "E0233", "a step needs two outcomes of which only one can be reached";
    CYCLE = "E0234", "steps need each other in a circle";
    NEEDS_ITSELF = "E0235", "a step needs itself";
    UNDONE_BY_WAIT = "E0236", "a step is undone by one that waits";
    SCHEDULE = "E0240", "a schedule cannot be read";
    NEVER_FIRES = "E0241", "a schedule never fires";
    TRIGGER_INPUTS = "E0242", "the inputs of a trigger do not fit the workflow";
    FOREACH_ITEMS = "E0250", "`foreach` has no list of items";
    FOREACH_KEY = "E0251", "the key of an item does not tell it from the others";
    GROUP = "E0252", "the group of a run is no text";
    UNKNOWN_WORKFLOW = "E0260", "a workflow that is to be started is not known";
    CHILD_BROKEN = "E0261", "a workflow that is to be started has mistakes";
    STARTS_ITSELF = "E0262", "workflows start each other in a circle";
    TOO_MANY_LEVELS = "E0263", "workflows start each other over too many levels";
    UNKNOWN_POLICY = "E0264", "a policy that is to be asked is not known";
    POLICY_BROKEN = "E0265", "a policy that is to be asked has mistakes";
    UNKNOWN_PEOPLE = "E0266", "a workflow names people who are not known";
    QUORUM = "E0267", "more must approve than are asked";
    NO_TOLERATED = "E0268", "a no to an approval would be tolerated";
    PLAN = "E0298", "the plan cannot be built";
    TOO_MANY_FINDINGS = "E0299", "there are more findings than are shown";
    TEMPLATE_SYNTAX = "E0301", "a template is not well formed";
    TEMPLATE_BLOCK = "E0302", "a template uses a block or a comment";
    TEMPLATE_PLACE = "E0303", "a template stands where none is computed";
    TEMPLATE_PROFILE = "E0304", "a template uses what workflows do not allow";
    UNKNOWN_FILTER = "E0305", "a filter is not known";
    UNKNOWN_TEST = "E0306", "a test is not known";
    FILTER_ARGUMENT = "E0307", "a filter or test has a wrong argument";
    UNKNOWN_NAME = "E0310", "a reference starts with a name that is not known";
    NOT_IN_SCOPE = "E0311", "a reference names what is not in scope here";
    UNKNOWN_INPUT = "E0312", "a reference names an input that is not there";
    UNKNOWN_STEP_REFERENCE = "E0313", "a reference names a step that is not there";
    UNKNOWN_OUTPUT = "E0314", "a reference names an output that the step does not have";
    INCOMPLETE_REFERENCE = "E0315", "a reference stops before a value";
    SELF_REFERENCE = "E0316", "a step refers to itself";
    CONDITION = "E0317", "`if` is not one whole expression";
    CONDITION_TYPE = "E0318", "`if` is neither true nor false";
    KINDS = "E0319", "an expression puts together what does not fit";
    UNKNOWN_ITEM = "E0320", "a reference names what an item does not have";
    UNHANDLED_OUTCOME = "W0401", "nobody handles how a wait may end";
    WAITS_FOR_EVER = "W0402", "a step may wait for ever";
    MAYBE_ABSENT = "W0403", "a value may be absent";
    NEEDED_TWICE = "W0404", "a need is there twice";
    MAYBE_OTHER_KIND = "W0405", "a value may be of a kind that does not fit";
    NEVER_STARTS = "W0406", "a step can never start";
    NEED_IMPLIED = "W0407", "a need is implied by another";
    SECRET_STORED = "W0408", "a secret would be stored";
    MIXED_CONNECTIONS = "W0409", "a workflow uses sandboxes and live systems together";
    ADVISED_AGAINST = "W0410", "a step is given what its operation advises against";
}
