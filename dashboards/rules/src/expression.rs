//! Expressions: whether the metrics, labels and values they name exist.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use anyhow::{Result, anyhow};
use promql_parser::label::MatchOp;
use promql_parser::parser::token::T_LOR;
use promql_parser::parser::{self, BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::catalogue::{Catalogue, TARGET_LABELS};
use crate::rule::{Rule, RuleFile, rules};

/// Conditions on labels: a label, and its value or alternatives of it.
pub type Matchers = Vec<(String, Vec<String>)>;

/// What an expression looks at.
#[derive(Debug, Default)]
pub struct Usage {
    /// Series, with the conditions on their labels.
    pub selectors: Vec<(String, Matchers)>,
    /// Labels that are kept, left out or compared.
    pub grouping: BTreeSet<String>,
}

/// Reads an expression.
///
/// # Errors
/// When it is not valid, or a series has no name.
pub fn usage(expr: &str) -> Result<Usage> {
    let mut usage = Usage::default();
    match walk_expr(&mut usage, &parse(expr)?) {
        Ok(_) => Ok(usage),
        Err(never) => match never {},
    }
}

fn parse(expr: &str) -> Result<Expr> {
    parser::parse(expr).map_err(|error| anyhow!("{error}, in: {expr}"))
}

/// Whether many series of the left are matched with one of the right, and keep what they have.
fn grouped(binary: &BinaryExpr) -> bool {
    let card = binary.modifier.as_ref().map(|modifier| &modifier.card);
    matches!(card, Some(VectorMatchCardinality::ManyToOne(_)))
}

fn less(mut labels: BTreeSet<String>, gone: &[String]) -> BTreeSet<String> {
    labels.retain(|label| !gone.contains(label));
    labels
}

impl Usage {
    fn select(&mut self, selector: &VectorSelector) {
        let matchers = selector.matchers.matchers.iter().map(|matcher| {
            let values = match matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.clone()],
                MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').map(str::to_owned).collect(),
            };
            (matcher.name.clone(), values)
        });
        self.selectors.push((selector.name.clone().unwrap_or_default(), matchers.collect()));
    }
}

impl ExprVisitor for Usage {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                self.grouping.extend(aggregate.modifier.iter().flat_map(|by| by.labels().labels.clone()));
            }
            Expr::Binary(binary) => {
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                self.grouping.extend(matching.iter().flat_map(|on| on.labels().labels.clone()));
            }
            _ => {}
        }
        Ok(true)
    }
}

/// Metrics of the exporter and series that are recorded, with their labels.
#[derive(Debug, Clone)]
pub struct Series {
    catalogue: Catalogue,
    /// Labels of each, those of targets among them.
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Series {
    /// What there is by the catalogue and the rules.
    ///
    /// # Errors
    /// When an expression of a recorded series is not valid.
    pub fn new(catalogue: &Catalogue, files: &[RuleFile]) -> Result<Self> {
        let targets = || TARGET_LABELS.iter().map(|&label| label.to_owned());
        let labels = catalogue.metrics.iter();
        let labels =
            labels.map(|(name, labels)| (name.clone(), labels.iter().cloned().chain(targets()).collect()));
        let mut series = Self { catalogue: catalogue.clone(), labels: labels.collect() };
        for rule in rules(files) {
            if let Some(name) = &rule.record {
                let kept = series.kept(rule)?;
                series.labels.entry(name.clone()).or_default().extend(kept);
            }
        }
        Ok(series)
    }

    /// Labels that the result of a rule can have.
    ///
    /// # Errors
    /// When its expression is not valid.
    pub fn kept(&self, rule: &Rule) -> Result<BTreeSet<String>> {
        let mut kept = self.labels_of(&parse(&rule.expr)?);
        kept.extend(rule.labels.keys().cloned());
        Ok(kept)
    }

    fn labels_of(&self, expr: &Expr) -> BTreeSet<String> {
        let selected = |name: &Option<String>| self.labels.get(name.as_deref().unwrap_or_default()).cloned();
        match expr {
            Expr::VectorSelector(selector) => selected(&selector.name).unwrap_or_default(),
            Expr::MatrixSelector(matrix) => selected(&matrix.vs.name).unwrap_or_default(),
            Expr::Paren(inner) => self.labels_of(&inner.expr),
            Expr::Unary(inner) => self.labels_of(&inner.expr),
            Expr::Subquery(inner) => self.labels_of(&inner.expr),
            Expr::Aggregate(aggregate) => match &aggregate.modifier {
                Some(LabelModifier::Include(by)) => by.labels.iter().cloned().collect(),
                Some(LabelModifier::Exclude(without)) => {
                    less(self.labels_of(&aggregate.expr), &without.labels)
                }
                None => BTreeSet::new(),
            },
            Expr::Binary(binary) => {
                let (left, right) = (self.labels_of(&binary.lhs), self.labels_of(&binary.rhs));
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                match (binary.op.is_set_operator(), matching) {
                    (false, Some(LabelModifier::Exclude(ignored))) if !grouped(binary) => {
                        less(left, &ignored.labels)
                    }
                    (true, _) if binary.op.id() != T_LOR => left,
                    (false, _) if !left.is_empty() => left,
                    _ => left.union(&right).cloned().collect(),
                }
            }
            // Nothing is left of a series that is absent.
            Expr::Call(call) if call.func.name.starts_with("absent") => BTreeSet::new(),
            Expr::Call(call) => {
                let all = call.args.args.iter().flat_map(|argument| self.labels_of(argument)).collect();
                if call.func.name == "histogram_quantile" { less(all, &["le".to_owned()]) } else { all }
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => BTreeSet::new(),
        }
    }

    /// What is wrong with an expression.
    #[must_use]
    pub fn problems(&self, expr: &str) -> Vec<String> {
        let usage = match usage(expr) {
            Ok(usage) => usage,
            Err(error) => return vec![format!("not valid: {error}")],
        };
        let mut problems = Vec::new();
        let mut all = BTreeSet::new();
        for (name, matchers) in &usage.selectors {
            let Some(labels) = self.labels.get(name) else {
                problems.push(format!(
                    "no metric {name:?} in docs/metrics.md, and no series recorded under this name"
                ));
                continue;
            };
            all.extend(labels);
            for (label, values) in matchers {
                if !labels.contains(label) {
                    problems.push(format!("{name} has no label {label:?}"));
                }
                let Some(known) = self.catalogue.values.get(label) else { continue };
                for value in values.iter().filter(|value| !value.is_empty() && !known.contains(*value)) {
                    problems.push(format!("label {label:?} of {name} is never {value:?}"));
                }
            }
        }
        let unknown = usage.grouping.iter().filter(|label| !all.contains(label));
        problems.extend(unknown.map(|label| format!("none of its series has the label {label:?}")));
        problems
    }
}
