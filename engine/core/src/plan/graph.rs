//! The petgraph view of a plan. Private to this file: node indices never leave it, everything else speaks step ids.
//!
//! Only petgraph's iterative algorithms are used: `kosaraju_scc` and ours. `tarjan_scc`, `is_cyclic_directed` and
//! `depth_first_search` recurse and overflow a thread's stack on long chains.

use super::{Need, NeedRef, PlanStep};
use crate::StepId;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::fmt;

#[derive(Debug)]
pub(super) struct Graph {
    graph: DiGraph<StepId, ()>,
    order: Vec<usize>,
}

/// Steps that need each other: each needs the one before it, and the first needs the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<StepId>);

/// Steps of a cycle that are named one by one; of a longer one, the first and the last are.
const CYCLE_STEPS_SHOWN: usize = 10;

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.0.len().saturating_sub(CYCLE_STEPS_SHOWN);
        let after_gap = if left_out == 0 { usize::MAX } else { self.0.len() - 2 };
        for (at, step) in self.0.iter().enumerate() {
            if left_out > 0 && at == CYCLE_STEPS_SHOWN - 2 {
                write!(f, "… {left_out} more … -> ")?;
            }
            if at < CYCLE_STEPS_SHOWN - 2 || at >= after_gap || left_out == 0 {
                write!(f, "{step} -> ")?;
            }
        }
        match self.0.first() {
            Some(first) => write!(f, "{first}"),
            None => Ok(()),
        }
    }
}

/// Every cycle among steps with these needs, one for each group of steps that need each other; the shortest of its group.
pub fn find_cycles(steps: &[(StepId, Vec<Need>)]) -> Vec<Cycle> {
    let mut graph = DiGraph::new();
    let nodes: BTreeMap<&StepId, NodeIndex> = steps.iter().map(|(id, _)| (id, graph.add_node(id.clone()))).collect();
    for (id, needs) in steps {
        connect(&mut graph, &nodes, id, needs.iter().flat_map(Need::refs));
    }
    cycles(&graph)
}

fn connect<'a>(
    graph: &mut DiGraph<StepId, ()>,
    nodes: &BTreeMap<&StepId, NodeIndex>,
    step: &StepId,
    needs: impl Iterator<Item = &'a NeedRef>,
) {
    for need in needs {
        if let (Some(from), Some(to)) = (nodes.get(&need.step), nodes.get(step)) {
            graph.update_edge(*from, *to, ());
        }
    }
}

impl Graph {
    pub(super) fn build(steps: &[PlanStep], positions: &BTreeMap<StepId, usize>) -> Self {
        let mut graph = DiGraph::with_capacity(steps.len(), steps.len());
        let nodes: BTreeMap<&StepId, NodeIndex> = steps.iter().map(|s| (&s.id, graph.add_node(s.id.clone()))).collect();
        for step in steps {
            connect(&mut graph, &nodes, &step.id, step.needs.iter().flat_map(Need::refs));
        }
        let order = kahn(&graph, positions);
        Self { graph, order }
    }

    /// Positions of the steps, each after all it needs; among those that are free, the first in the file.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    pub(super) fn cycles(&self) -> Vec<Cycle> {
        cycles(&self.graph)
    }
}

fn kahn(graph: &DiGraph<StepId, ()>, positions: &BTreeMap<StepId, usize>) -> Vec<usize> {
    let position = |node: NodeIndex| graph.node_weight(node).and_then(|id| positions.get(id)).copied();
    let mut waiting_for: BTreeMap<NodeIndex, usize> =
        graph.node_indices().map(|n| (n, graph.edges_directed(n, petgraph::Incoming).count())).collect();
    let mut free: BinaryHeap<Reverse<(usize, NodeIndex)>> = waiting_for
        .iter()
        .filter(|(_, count)| **count == 0)
        .filter_map(|(node, _)| Some(Reverse((position(*node)?, *node))))
        .collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse((at, node))) = free.pop() {
        order.push(at);
        for edge in graph.edges(node) {
            let Some(count) = waiting_for.get_mut(&edge.target()) else { continue };
            *count = count.saturating_sub(1);
            if let (0, Some(next)) = (*count, position(edge.target())) {
                free.push(Reverse((next, edge.target())));
            }
        }
    }
    order
}

fn cycles(graph: &DiGraph<StepId, ()>) -> Vec<Cycle> {
    let mut found: Vec<Cycle> = Vec::new();
    for component in kosaraju_scc(graph) {
        let alone = component.len() == 1 && !component.iter().any(|n| graph.contains_edge(*n, *n));
        if alone {
            continue;
        }
        if let Some(loop_) = shortest_loop(graph, &component) {
            found.push(loop_);
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The shortest way from the component's first step (by name) back to itself: breadth first, inside the component.
fn shortest_loop(graph: &DiGraph<StepId, ()>, component: &[NodeIndex]) -> Option<Cycle> {
    let start = component.iter().copied().min_by_key(|n| graph.node_weight(*n))?;
    let component: BTreeSet<NodeIndex> = component.iter().copied().collect();
    let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        let mut targets: Vec<NodeIndex> =
            graph.edges(node).map(|e| e.target()).filter(|t| component.contains(t)).collect();
        targets.sort_by_key(|t| graph.node_weight(*t));
        for target in targets {
            if target == start {
                let mut path = vec![node];
                while let Some(previous) = path.last().and_then(|n| came_from.get(n)) {
                    path.push(*previous);
                }
                path.reverse();
                return Some(Cycle(path.iter().filter_map(|n| graph.node_weight(*n).cloned()).collect()));
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(target) {
                entry.insert(node);
                queue.push_back(target);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{On, OutcomeName};

    fn check(edges: &[(&str, &[&str])], expected: &[&str]) {
        let steps: Vec<(StepId, Vec<Need>)> = edges
            .iter()
            .map(|(id, needs)| {
                let needs = needs.iter().map(|n| {
                    Need::One(NeedRef { step: StepId::new(n), on: On::Outcome(OutcomeName::new("succeeded")) })
                });
                (StepId::new(id), needs.collect())
            })
            .collect();
        let found: Vec<String> = find_cycles(&steps).iter().map(Cycle::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_group_of_steps_that_need_each_other_is_told_by_its_shortest_loop() {
        check(&[("a", &[]), ("b", &["a"])], &[]);
        check(&[("a", &["a"])], &["a -> a"]);
        check(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"])], &["a -> b -> c -> a"]);
        check(&[("a", &["b"]), ("b", &["a"]), ("x", &["y", "a"]), ("y", &["x"])], &["a -> b -> a", "x -> y -> x"]);
        check(&[("a", &["b", "d"]), ("b", &["a"]), ("c", &["a"]), ("d", &["c"])], &["a -> b -> a"]);
    }

    #[test]
    fn a_chain_of_ten_thousand_steps_needs_no_stack() {
        let steps: Vec<(StepId, Vec<Need>)> = (0..10_000)
            .map(|i: u32| {
                let previous = NeedRef { step: StepId::new(format!("s{}", (i + 9_999) % 10_000)), on: On::Done };
                (StepId::new(format!("s{i}")), vec![Need::One(previous)])
            })
            .collect();
        let found = find_cycles(&steps);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.len(), 10_000);
        let shown = "s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> s7 -> … 9990 more … -> s9998 -> s9999 -> s0";
        assert_eq!(found[0].to_string(), shown);
    }
}
