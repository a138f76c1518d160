// Asks Prometheus as Grafana's data source does, and makes data frames of the answers.
import { createDataFrame, FieldType } from '@grafana/data';
import { interpolate } from './dashboard.js';

/** One call of Prometheus' HTTP API; vite hands /prometheus on. */
export async function api(path, parameters) {
  const answer = await (await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${JSON.stringify(parameters)}`);
  return answer.data;
}

const number = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

const legend = (format, labels) => format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '').trim();

/** A frame of a table: a column for the time, each label, and the value. */
function tableFrame(target, result, only) {
  const labels = [...new Set(result.flatMap((series) => Object.keys(series.metric)))].filter((label) => label !== '__name__');
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((series) => series.value[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: result.map((series) => series.metric[label] ?? '') })),
      { name: only ? 'Value' : `Value #${target.refId}`, type: FieldType.number, values: result.map((series) => number(series.value[1])) },
    ],
  });
}

/** A frame of a line; where a step has no value there is a gap. */
function lineFrame(target, series, range) {
  const found = new Map(series.values.map(([time, value]) => [time, number(value)]));
  const times = [];
  for (let time = range.from; time <= range.to; time += range.step) times.push(time);
  return createDataFrame({
    refId: target.refId,
    name: legend(target.legendFormat || '', series.metric),
    fields: [
      { name: 'Time', type: FieldType.time, values: times.map((time) => time * 1000) },
      {
        name: 'Value',
        type: FieldType.number,
        values: times.map((time) => (Number.isNaN(found.get(time)) ? null : found.get(time) ?? null)),
        labels: series.metric,
        config: { displayNameFromDS: legend(target.legendFormat || '', series.metric) || undefined },
      },
    ],
  });
}

/** The frames of all queries of a panel. */
export async function frames(panel, values, range) {
  const answers = await Promise.all(
    panel.targets.map(async (target) => {
      const query = interpolate(target.expr, values);
      if (target.instant) {
        const { result } = await api('query', { query, time: range.to });
        return [tableFrame(target, result, panel.targets.length === 1)];
      }
      const { result } = await api('query_range', { query, start: range.from, end: range.to, step: range.step });
      return result.map((series) => lineFrame(target, series, range));
    })
  );
  return answers.flat();
}

/** Exemplars of the queries that ask for them: of each few steps the one with the greatest value. */
export async function exemplars(panel, values, range) {
  const asked = panel.targets.filter((target) => target.exemplar);
  const answers = await Promise.all(
    asked.map((target) => api('query_exemplars', { query: interpolate(target.expr, values), start: range.from, end: range.to }))
  );
  const all = answers.flat().flatMap((series) => series.exemplars).map(({ timestamp, value }) => ({ time: timestamp * 1000, value: Number(value) }));
  const greatest = Object.groupBy
    ? Object.values(Object.groupBy(all, ({ time }) => Math.floor(time / (6000 * range.step))))
    : [all];
  return greatest.map((some) => some.reduce((most, one) => (one.value > most.value ? one : most)));
}
