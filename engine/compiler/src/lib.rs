//! Workflow files into plans, with every mistake said before the run.
