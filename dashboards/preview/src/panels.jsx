// One component for each kind of panel that the dashboards use. Lines, numbers, tables and frames are Grafana's own; its
// library has no heatmap and no state timeline, so these two are drawn here.
import { useEffect, useRef } from 'react';
import { dateTime, fieldReducers, FieldType } from '@grafana/data';
import { BigValue, LegendDisplayMode, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const timeRange = (range) => ({
  from: dateTime(range.from * 1000),
  to: dateTime(range.to * 1000),
  raw: { from: dateTime(range.from * 1000), to: dateTime(range.to * 1000) },
});

function Lines({ panel, frames, exemplars, range, width, height }) {
  const { legend } = panel.options;
  const box = useRef();
  const plot = useRef();
  useEffect(() => {
    const place = () => {
      const over = box.current?.querySelector('.u-over');
      if (!over || !plot.current || !exemplars.length) return;
      const u = plot.current;
      const scale = Object.keys(u.scales).find((key) => key !== 'x');
      over.querySelectorAll('[data-exemplar]').forEach((mark) => mark.remove());
      for (const { time, value } of exemplars) {
        const [left, top] = [u.valToPos(time, 'x'), u.valToPos(value, scale)];
        if (!(left >= 0 && left <= over.clientWidth && top >= 0 && top <= over.clientHeight)) continue;
        const mark = document.createElement('div');
        mark.dataset.exemplar = '';
        mark.style.cssText = `position:absolute;left:${left - 3}px;top:${top - 3}px;width:6px;height:6px;background:#5794f2;opacity:.75;transform:rotate(45deg)`;
        over.append(mark);
      }
    };
    const timer = setInterval(place, 200);
    return () => clearInterval(timer);
  }, [exemplars]);
  return (
    <div ref={box}>
      <TimeSeries
        frames={frames} width={width} height={height} timeZone="utc" timeRange={timeRange(range)}
        legend={{ ...legend, displayMode: legend.displayMode === 'table' ? LegendDisplayMode.Table : LegendDisplayMode.List }}
      >
        {(builder) => {
          builder.addHook('ready', (u) => (plot.current = u));
          return null;
        }}
      </TimeSeries>
    </div>
  );
}

function Number({ panel, frames, range, theme, width, height }) {
  const [time, field] = frames[0].fields;
  const calc = panel.options.reduceOptions.calcs[0];
  const value = fieldReducers.get(calc).reduce(field, true, true)[calc];
  const numbers = field.values.filter((one) => one !== null);
  const [min, max] = [Math.min(...numbers), Math.max(...numbers)];
  field.state.range = { min, max, delta: max - min };
  const graph = panel.options.graphMode === 'area' ? { y: field, x: time, timeRange: timeRange(range) } : undefined;
  return (
    <BigValue
      width={width} height={height} theme={theme} value={field.display(value)} sparkline={graph}
      colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} justifyMode={panel.options.justifyMode}
      textMode={panel.options.textMode}
    />
  );
}

const Rows = ({ panel, frames, range, width, height }) => (
  <TableNG
    data={frames[0]} width={width} height={height} cellHeight={panel.options.cellHeight} sortBy={panel.options.sortBy}
    noHeader={!panel.options.showHeader} timeRange={timeRange(range)} structureRev={1} enableVirtualization={false}
  />
);

/** How much of an area is full: rows are buckets, columns steps, the colour how many. */
function Heatmap({ panel, frames, exemplars, range, theme, width, height }) {
  const bound = (frame) => (frame.name === '+Inf' ? Infinity : parseFloat(frame.name));
  const buckets = frames.map((frame) => ({ le: bound(frame), values: frame.fields[1].values })).sort((a, b) => a.le - b.le);
  const own = buckets.map(({ le, values }, row) => ({ le, values: values.map((value, at) => Math.max(0, value - (buckets[row - 1]?.values[at] ?? 0))) }));
  const first = own.findIndex(({ values }) => values.some((value) => value > 1e-9));
  const last = own.findLastIndex(({ values }) => values.some((value) => value > 1e-9));
  const rows = own.slice(Math.max(first, 0), last + 1);
  const most = Math.max(...rows.flatMap(({ values }) => values));
  const [left, bottom] = [56, 22];
  const [w, h] = [(width - left) / (rows[0]?.values.length ?? 1), (height - bottom) / rows.length];
  const label = (le) => (le === Infinity ? '∞' : frames[0].fields[1].display(le));
  const written = (le) => { const shown = label(le); return typeof shown === 'string' ? shown : `${shown.text}${shown.suffix ?? ''}`; };
  const y = (value) => {
    const row = rows.findIndex(({ le }) => value <= le);
    return row < 0 ? -10 : height - bottom - (row + 0.5) * h;
  };
  const ticks = Array.from({ length: 4 }, (_, at) => range.from + ((at + 0.5) * (range.to - range.from)) / 4);
  const x = (seconds) => left + ((seconds - range.from) / (range.to - range.from)) * (width - left);
  return (
    <svg width={width} height={height} style={{ fontSize: 11, fill: theme.colors.text.primary }}>
      {rows.map(({ le, values }, row) => (
        <g key={le}>
          {row % Math.ceil(rows.length / 8) === 0 && (
            <text x={left - 6} y={height - bottom - row * h} textAnchor="end">{written(le)}</text>
          )}
          {values.map((value, at) => value > 1e-9 && (
            <rect
              key={at} x={left + at * w} y={height - bottom - (row + 1) * h} shapeRendering="crispEdges" width={w > 4 ? w - 1 : w} height={Math.max(h - 1, 1)}
              fill={`hsl(${40 - 28 * Math.sqrt(value / most)} 90% ${28 + 38 * Math.sqrt(value / most)}%)`}
            />
          ))}
        </g>
      ))}
      {ticks.map((at) => (
        <text key={at} x={x(at)} y={height - 6} textAnchor="middle">{dateTime(at * 1000).utc().format('HH:mm')}</text>
      ))}
      {exemplars.map(({ time, value }, at) => (
        <rect key={at} x={x(time / 1000) - 2} y={y(value) - 2} width={4} height={4} fill={panel.options.exemplars.color} />
      ))}
    </svg>
  );
}

/** Steps one after another that have the same value. */
function runs(values) {
  const found = [];
  values.forEach((value, at) => {
    const last = found.at(-1);
    if (last?.value === value) last.length += 1;
    else found.push({ value, at, length: 1 });
  });
  return found.filter(({ value }) => value !== null);
}

/** A bar for each series, in the colour of its state. */
function Timeline({ panel, frames, range, theme, width, height }) {
  const left = 8 + 6.2 * Math.max(...frames.map((frame) => frame.name.length));
  const bottom = 44;
  const h = (height - bottom) / frames.length;
  const states = panel.fieldConfig.defaults.mappings[0].options;
  const colour = (value) => theme.visualization.getColorByName(states[value]?.color ?? 'text');
  const ticks = Array.from({ length: 4 }, (_, at) => range.from + ((at + 0.5) * (range.to - range.from)) / 4);
  const x = (seconds) => left + ((seconds - range.from) / (range.to - range.from)) * (width - left);
  return (
    <svg width={width} height={height} style={{ fontSize: 11, fill: theme.colors.text.primary }}>
      {frames.map(({ name, fields: [times, field] }, row) => (
        <g key={name}>
          <text x={left - 6} y={(row + 0.5) * h + 4} textAnchor="end">{name}</text>
          {runs(field.values).map(({ value, at, length }) => (
            <rect
              key={at} x={x(times.values[at] / 1000)} y={row * h + h * 0.1} height={h * 0.8} opacity={0.7} fill={colour(value)}
              width={((width - left) * range.step * length) / (range.to - range.from)}
            />
          ))}
        </g>
      ))}
      {ticks.map((at) => (
        <text key={at} x={x(at)} y={height - bottom + 14} textAnchor="middle">{dateTime(at * 1000).utc().format('HH:mm')}</text>
      ))}
      {Object.entries(states).map(([value, { text }], at) => (
        <g key={value} transform={`translate(${8 + at * 70}, ${height - 8})`}>
          <rect width={12} height={4} y={-6} fill={colour(value)} />
          <text x={18}>{text}</text>
        </g>
      ))}
    </svg>
  );
}

export const KINDS = { timeseries: Lines, stat: Number, table: Rows, heatmap: Heatmap, 'state-timeline': Timeline };
// A table may well have texts only.
export const isEmpty = ({ type }, frames) =>
  !frames.some((frame) => frame.length > 0 && (type === 'table' || frame.fields.some((field) => field.type === FieldType.number)));
