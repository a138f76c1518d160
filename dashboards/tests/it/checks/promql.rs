//! Which labels the result of a query has, and what is wrong on the way there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use promql_parser::label::{Labels, MatchOp};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, VectorSelector, parse,
};

use crate::catalogue::Series;

type Names = BTreeSet<String>;

/// What is known on the way down.
#[derive(Clone, Copy, Default)]
struct Above<'a> {
    /// Below `rate` or `increase`.
    growth: bool,
    /// Below a `max by` or `min by`, with these labels: the first above the series.
    once: Option<&'a Labels>,
    /// Below a `sum`, `count` or `avg`.
    added: bool,
    /// Only tells which series are meant, or whether there are any.
    filter: bool,
}

struct Query<'a> {
    series: &'a Series,
    problems: Vec<String>,
}

/// The labels of the result, and problems. Parsing is slow, and most queries are looked at again and again.
pub(crate) fn analyse(query: &str, series: &Series) -> (Names, Vec<String>) {
    static KNOWN: Mutex<BTreeMap<String, (Names, Vec<String>)>> = Mutex::new(BTreeMap::new());
    if let Some(found) = KNOWN.lock().unwrap().get(query) {
        return found.clone();
    }
    let found = analyse_anew(query, series);
    KNOWN.lock().unwrap().insert(query.to_owned(), found.clone());
    found
}

/// Grafana's own variables stand where durations do.
fn analyse_anew(query: &str, series: &Series) -> (Names, Vec<String>) {
    let mut found = Query { series, problems: Vec::new() };
    for literal in ["le=", "le=~", "le!="] {
        if query.contains(&format!("{{{literal}")) || query.contains(&format!(",{literal}")) {
            found.problems.push("names a bucket, which Prometheus 2 and 3 write differently".to_owned());
        }
    }
    let written = query.replace("[$__rate_interval]", "[5m]");
    let labels = match parse(&written) {
        Ok(expression) => found.labels(&expression, Above::default()),
        Err(error) => {
            found.problems.push(format!("is not PromQL: {error}"));
            Names::new()
        }
    };
    for part in query.split("rate(").skip(1) {
        let range = part.split('[').nth(1).and_then(|rest| rest.split(']').next());
        if range != Some("$__rate_interval") {
            found.problems.push("rate() over another time than $__rate_interval".to_owned());
        }
    }
    (labels, found.problems)
}

impl Query<'_> {
    fn labels(&mut self, expression: &Expr, above: Above<'_>) -> Names {
        match expression {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, above),
            Expr::Binary(binary) => self.binary(binary, above),
            Expr::Call(call) => self.call(call, above),
            Expr::Paren(inner) => self.labels(&inner.expr, above),
            Expr::Unary(inner) => self.labels(&inner.expr, above),
            Expr::Subquery(inner) => self.labels(&inner.expr, above),
            Expr::VectorSelector(selector) => self.selector(selector, above),
            Expr::MatrixSelector(MatrixSelector { vs, .. }) => self.selector(vs, above),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Names::new(),
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr, above: Above<'_>) -> Names {
        let by = match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) => Some(labels),
            Some(LabelModifier::Exclude(_)) => {
                self.problems.push("without() keeps whatever labels a pipeline adds: use by()".to_owned());
                None
            }
            None => None,
        };
        let operator = aggregate.op.to_string();
        let mut inner = above;
        if operator == "max" || operator == "min" {
            // A maximum over everything takes each series once by itself.
            inner.once = by;
            inner.added &= by.is_some();
        } else {
            (inner.once, inner.added) = (None, true);
        }
        if by.is_none() && !inner.added {
            inner.filter = true;
        }
        let below = self.labels(&aggregate.expr, inner);
        let by: Names = by.map(|labels| labels.labels.iter().cloned().collect()).unwrap_or_default();
        for label in by.difference(&below) {
            self.problems.push(format!("{operator} by ({label}): what is in it has no such label"));
        }
        by
    }

    fn binary(&mut self, binary: &BinaryExpr, above: Above<'_>) -> Names {
        let operator = binary.op.to_string();
        let left = self.labels(&binary.lhs, above);
        let filter = operator == "and" || operator == "unless";
        let right = self.labels(&binary.rhs, Above { filter: above.filter || filter, ..above });
        let number = |expression: &Expr| {
            matches!(expression, Expr::NumberLiteral(_))
                || matches!(expression, Expr::Call(c) if c.func.name == "time")
        };
        match binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()) {
            Some(LabelModifier::Include(on)) => {
                for label in
                    on.labels.iter().filter(|label| !left.contains(*label) || !right.contains(*label))
                {
                    self.problems.push(format!("{operator} on ({label}): one side has no such label"));
                }
            }
            Some(LabelModifier::Exclude(_)) => self.problems.push(format!("{operator} ignoring(): use on()")),
            None if number(&binary.lhs) => return right,
            None if number(&binary.rhs) => return left,
            None if left != right => {
                self.problems.push(format!("{operator} between {left:?} and {right:?}: nothing will match"));
            }
            None => {}
        }
        left
    }

    fn call(&mut self, call: &Call, above: Above<'_>) -> Names {
        let name = call.func.name;
        let growth = above.growth || ["rate", "increase", "changes"].contains(&name);
        let mut labels = Names::new();
        for argument in &call.args.args {
            labels.extend(self.labels(argument, Above { growth, ..above }));
        }
        if name == "histogram_quantile" && !labels.remove("le") {
            self.problems.push("histogram_quantile() of what has no buckets".to_owned());
        }
        if name == "label_replace"
            && let Some(Expr::StringLiteral(label)) = call.args.args.get(1).map(Box::as_ref)
        {
            labels.insert(label.val.clone());
        }
        labels
    }

    fn selector(&mut self, selector: &VectorSelector, above: Above<'_>) -> Names {
        let Some(name) = selector.name.as_deref() else {
            self.problems.push("a selector without a metric's name".to_owned());
            return Names::new();
        };
        let Some(labels) = self.series.get(name) else {
            self.problems.push(format!("there is no series {name}"));
            return Names::new();
        };
        let scraped: Names = labels.iter().cloned().chain(["job", "instance"].map(str::to_owned)).collect();
        for matcher in &selector.matchers.matchers {
            if !scraped.contains(&matcher.name) {
                self.problems.push(format!("{name} has no label {}", matcher.name));
            }
        }
        if name == "ALERTS" {
            return labels.clone();
        }
        for label in ["job", "instance", "store"] {
            let wanted = format!("${label}");
            let has = selector.matchers.matchers.iter().any(|matcher| {
                matcher.name == label && matcher.value == wanted && matches!(matcher.op, MatchOp::Re(_))
            });
            if !has && scraped.contains(label) {
                self.problems.push(format!("{name} without {label}=~\"${label}\""));
            }
        }
        let counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix));
        if counter && !above.growth {
            self.problems.push(format!("{name} is a counter: ask how it grows"));
        }
        self.told_once(name, labels, above);
        scraped
    }

    /// Two exporters tell the same of a store.
    fn told_once(&mut self, name: &str, labels: &Names, above: Above<'_>) {
        if above.filter && !above.added {
            return;
        }
        match above.once {
            None if above.added => {
                self.problems
                    .push(format!("adds up {name} of several exporters: first max by (all its labels)"));
            }
            None => {
                self.problems.push(format!("{name} is shown once for each exporter: max by (all its labels)"))
            }
            Some(by) => {
                let by: Names = by.labels.iter().cloned().collect();
                if above.added
                    && let Some(lost) = labels.iter().find(|label| !by.contains(*label))
                {
                    self.problems.push(format!("max by () without {lost} loses series of {name}"));
                }
            }
        }
    }
}
