// Shows one dashboard as it is laid out: ?uid=…&from=…&to=… (seconds), ?var-NAME=… for variables.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { interpolate, shown, variables } from './dashboard.js';
import { configured, transformed } from './fields.js';
import { isEmpty, KINDS } from './panels.jsx';
import { exemplars, frames } from './prometheus.js';

// Grafana's own cells: 30 pixels high, 8 apart.
const [CELL, GAP, HEAD] = [30, 8, 92];
const theme = createTheme({ colors: { mode: 'dark' } });
const address = new URLSearchParams(location.search);

/** The time, and how far apart points are: one for each three pixels of a third of the window. */
function time() {
  const scrape = Number(address.get('scrape') ?? 15);
  const [from, to] = [Number(address.get('from')), Number(address.get('to'))];
  const step = Math.max(scrape, Math.ceil((to - from) / 400 / scrape) * scrape);
  const whole = (seconds) => Math.floor(seconds / step) * step;
  const range = { from: whole(from), to: whole(to), step };
  const preset = { __rate_interval: `${Math.max(step + scrape, 4 * scrape)}s`, __interval: `${step}s`, __range: `${to - from}s` };
  for (const [key, value] of address) if (key.startsWith('var-')) (preset[key.slice(4)] ??= []).push(value);
  return { range, preset };
}

function Panel({ panel, values, range, unit }) {
  const [data, setData] = useState();
  useEffect(() => {
    if (panel.type === 'row') return;
    (async () => {
      try {
        const raw = await transformed(panel, await frames(panel, values, range));
        const marks = await exemplars(panel, values, range);
        setData({ frames: configured(panel, raw, theme), marks });
      } catch (error) {
        setData({ error: String(error) });
      }
    })();
  }, []);
  useEffect(() => {
    if (!data) return;
    window.done = (window.done ?? 0) + 1;
    if (data.error) window.problems.push(`${panel.title}: ${data.error}`);
    else if (isEmpty(panel, data.frames)) window.problems.push(`${panel.title}: no data`);
  }, [data]);
  const { x, y, w, h } = panel.gridPos;
  const style = { position: 'absolute', left: x * unit, top: HEAD + y * (CELL + GAP), width: w * unit - GAP, height: h * (CELL + GAP) - GAP };
  if (panel.type === 'row') {
    return <div style={{ ...style, padding: '8px 4px', fontSize: 16, fontWeight: 500 }}>{`⌄ ${panel.title}`}</div>;
  }
  const Kind = KINDS[panel.type];
  return (
    <div style={style}>
      <PanelChrome title={interpolate(panel.title, values).replace(/[\\()]/g, '')} description={panel.description} width={style.width} height={style.height}>
        {(width, height) => {
          if (!data) return null;
          if (data.error) return <div style={{ color: 'red' }}>{data.error}</div>;
          if (isEmpty(panel, data.frames)) return <div style={{ textAlign: 'center', paddingTop: height / 2 - 12 }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
          return <Kind panel={panel} frames={data.frames} exemplars={data.marks} range={range} theme={theme} width={width} height={height} />;
        }}
      </PanelChrome>
    </div>
  );
}

const Box = ({ children }) => (
  <span style={{ border: `1px solid ${theme.colors.border.medium}`, borderRadius: 4, padding: '5px 10px', marginRight: 8 }}>{children}</span>
);

function Head({ dashboard, values }) {
  const chosen = (variable) => (variable.type === 'query' && Array.isArray(values[variable.name]) ? values[variable.name].join(' + ') : 'All');
  return (
    <div style={{ position: 'absolute', left: 0, right: 0, top: 0, padding: '12px 4px', fontSize: 13 }}>
      <div style={{ fontSize: 18, marginBottom: 14 }}>{dashboard.title}</div>
      {dashboard.templating.list.map((variable) => (
        <Box key={variable.name}><b>{variable.label}</b>{` ${variable.type === 'datasource' ? 'Prometheus' : chosen(variable)} ⌄`}</Box>
      ))}
      <span style={{ float: 'right' }}>{dashboard.links.map((link) => <Box key={link.title}>{link.title}{link.asDropdown ? ' ⌄' : ''}</Box>)}</span>
    </div>
  );
}

function Page() {
  const [state, setState] = useState();
  useEffect(() => {
    (async () => {
      window.problems = [];
      const dashboard = await (await fetch(`/dashboards/${address.get('uid')}.json`)).json();
      const { range, preset } = time();
      const found = await variables(dashboard, range, preset);
      const panels = shown(dashboard, found);
      window.expected = panels.filter(({ panel }) => panel.type !== 'row').length;
      setState({ dashboard, found, range, panels });
    })().catch((error) => window.problems.push(String(error)));
  }, []);
  if (!state) return null;
  const unit = (window.innerWidth - 16) / 24;
  const lines = Math.max(...state.panels.map(({ panel }) => panel.gridPos.y + panel.gridPos.h));
  return (
    <div id="page" style={{ position: 'relative', margin: '0 4px 0 12px', height: HEAD + lines * (CELL + GAP) + GAP }}>
      <Head dashboard={state.dashboard} values={state.found.values} />
      {state.panels.map(({ panel, values }) => (
        <Panel key={panel.id} panel={panel} values={values} range={state.range} unit={unit} />
      ))}
    </div>
  );
}

createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ background: theme.colors.background.canvas, color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily }}>
      <Page />
    </div>
  </ThemeContext.Provider>
);
