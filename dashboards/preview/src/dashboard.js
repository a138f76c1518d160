// What Grafana does with a dashboard before it asks anything: values of variables, panels that repeat.
import { api } from './prometheus.js';

const escape = (text) => text.replace(/[\\^$*+?.()|{}[\]]/g, '\\\\$&');

/** The value of a variable as it stands in a query. */
const written = (value) => {
  if (!Array.isArray(value)) return String(value);
  return value.length === 1 ? escape(value[0]) : `(${value.map(escape).join('|')})`;
};

/** Puts values where variables are named. */
export function interpolate(text, values) {
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (whole, braced, bare) => {
    const name = braced ?? bare;
    return name in values ? written(values[name]) : whole;
  });
}

/** Values of all variables: everything is chosen, and what there is to choose. */
export async function variables(dashboard, range, preset) {
  const values = { ...preset };
  const options = {};
  for (const variable of dashboard.templating.list) {
    if (variable.type !== 'query') continue;
    const [, series, label] = variable.query.query.match(/^label_values\((.+), (\w+)\)$/s);
    const parameters = { 'match[]': interpolate(series, values), start: range.from, end: range.to };
    options[variable.name] = await api(`label/${label}/values`, parameters);
    values[variable.name] ??= variable.allValue;
  }
  return { values, options };
}

/** Panels as they are shown: those that repeat, once for each value, side by side. */
export function shown(dashboard, { values, options }) {
  return dashboard.panels.flatMap((panel) => {
    if (!panel.repeat) return [{ panel, values }];
    const each = options[panel.repeat];
    const w = Math.floor(24 / Math.min(each.length, panel.maxPerRow));
    return each.map((value, index) => ({
      panel: { ...panel, id: `${panel.id}-${value}`, gridPos: { ...panel.gridPos, w, x: w * index } },
      values: { ...values, [panel.repeat]: [value] },
    }));
  });
}
