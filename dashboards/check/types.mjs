// Compares the dashboards with the types that Grafana publishes in @grafana/schema: every key of the dashboard, of its
// panels, of their options and of their fields has to be one that Grafana knows, with a value it knows.
//   node types.mjs [DASHBOARD.json…]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const above = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2);
const files = given.length ? given : readdirSync(above).filter((name) => /^duroxide-.*\.json$/.test(name)).map((name) => join(above, name));
if (!files.length) throw new Error(`no dashboards in ${above}`);

const raw = '@grafana/schema/dist/esm/raw';
/** Where the options of each kind of panel are described. */
const KINDS = { heatmap: 'Heatmap', stat: 'Stat', 'state-timeline': 'StateTimeline', table: 'Table', timeseries: 'TimeSeries' };
const kind = (type) => KINDS[type] ?? (() => { throw new Error(`panels of type ${type} are not compared yet: add it to KINDS`); })();

const lines = [
  // JSON has the texts of enumerations, not their members; and what Grafana fills in by itself may be left out.
  'type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;',
  'type Deep<T> = T extends (infer U)[] ? Deep<U>[] : T extends object ? { [K in keyof T]?: Deep<T[K]> } : T;',
  `import type * as D from '${raw}/dashboard/x/Dashboard_types.gen';`,
  // Of queries the package knows what all have in common; the rest is Prometheus' own.
  "type Query = { refId: string; datasource: Plain<D.DataSourceRef>; expr: string; editorMode: 'code'; range: boolean; instant: boolean; " +
    "format: 'time_series' | 'table' | 'heatmap'; legendFormat?: string; exemplar?: boolean };",
  ...Object.values(KINDS).map((name) => `import type * as ${name} from '${raw}/composable/${name.toLowerCase()}/panelcfg/x/${name}PanelCfg_types.gen';`),
];
/** Where each line of the program came from, for messages. */
const origins = new Map();
let count = 0;
const check = (type, value, origin) => {
  lines.push(`export const v${count++}: ${type} = ${JSON.stringify(value)};`);
  origins.set(lines.length, origin);
};

let panels = 0;
const each = (list) => list.flatMap((panel) => [panel, ...each(panel.panels ?? [])]);
for (const file of files) {
  const { panels: own, annotations, templating, ...rest } = JSON.parse(readFileSync(file));
  const name = basename(file);
  check('Plain<D.Dashboard>', rest, name);
  // A query of an annotation is what its data source makes of it: Grafana describes only what all have in common.
  for (const { expr, step, titleFormat, textFormat, tagKeys, useValueForTime, ...common } of annotations.list) {
    check('Plain<D.AnnotationQuery>', common, `${name}, annotation ${common.name}`);
    check(
      '{ expr: string; step: string; titleFormat: string; textFormat: string; tagKeys: string; useValueForTime: boolean }',
      { expr, step, titleFormat, textFormat, tagKeys, useValueForTime }, `${name}, annotation ${common.name}`
    );
  }
  for (const variable of templating.list) check('Plain<D.VariableModel>', variable, `${name}, variable ${variable.name}`);
  for (const panel of each(own)) {
    panels++;
    const origin = `${name}, panel ${panel.id} "${panel.title}"`;
    const { panels: _, targets, options, ...frame } = panel;
    if (panel.type === 'row') {
      check("Plain<Omit<D.RowPanel, 'panels'>>", frame, origin);
      continue;
    }
    check('Plain<D.Panel>', frame, origin);
    check(`Deep<Plain<${kind(panel.type)}.Options>>`, options, `${origin}, options`);
    const custom = panel.fieldConfig.defaults.custom;
    // A stat has no fields of its own.
    if (custom) check(`Deep<Plain<${kind(panel.type)}.FieldConfig>>`, custom, `${origin}, fields`);
    for (const target of targets) check('Query', target, `${origin}, query ${target.refId}`);
  }
}

// Beside node_modules, where tsc looks for the types.
const work = mkdtempSync(join(here, '.types-'));
try {
  writeFileSync(join(work, 'check.ts'), lines.join('\n'));
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext'];
  const tsc = join(here, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, ...options, '--pretty', 'false', 'check.ts'], { cwd: work, encoding: 'utf8' });
  process.stdout.write(stdout.replaceAll(/^check\.ts\((\d+),\d+\)/gm, (_, line) => origins.get(Number(line)) ?? `line ${line}`));
  process.stderr.write(stderr);
  if (status === 0) console.log(`${files.length} dashboards with ${panels} panels are what Grafana's types describe`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(work, { recursive: true });
}
