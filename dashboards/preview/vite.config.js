// The pages of the preview; dashboards come from the directory above, data from a Prometheus.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const dashboards = {
  name: 'dashboards',
  configureServer: (server) => {
    server.middlewares.use('/dashboards/', async (request, response) => {
      const file = fileURLToPath(new URL(`../${basename(request.url)}`, import.meta.url));
      response.setHeader('Content-Type', 'application/json');
      response.end(await readFile(file).catch(() => '{}'));
    });
  },
};

// Grafana's library asks a server of Grafana for its icons and its typeface.
const weights = { Regular: 400, Medium: 500 };
const assets = {
  name: 'assets',
  configureServer: (server) => {
    const serve = (prefix, type, path) =>
      server.middlewares.use(prefix, async (request, response) => {
        const name = new URL(request.url, 'file:').pathname;
        response.setHeader('Content-Type', type);
        response.end(await readFile(new URL(`./node_modules/${path(name)}`, import.meta.url)).catch(() => ''));
      });
    serve('/public/build/img/', 'image/svg+xml', (name) => `@grafana/ui/dist/public/img${name}`);
    serve('/public/fonts/inter/', 'font/woff2', (name) => {
      const weight = weights[/Inter-(\w+)\.woff2/.exec(name)?.[1]] ?? 400;
      return `@fontsource/inter/files/inter-latin-${weight}-normal.woff2`;
    });
  },
};

const target = process.env.PROMETHEUS ?? 'http://127.0.0.1:9090';
export default {
  plugins: [dashboards, assets],
  define: { 'process.env': {}, global: 'globalThis' },
  esbuild: { jsx: 'automatic' },
  resolve: {
    alias: [{ find: /^react-custom-scrollbars-2$/, replacement: fileURLToPath(new URL('src/scrollbars.jsx', import.meta.url)) }],
  },
  // Grafana's library is bundled once, and then kept.
  optimizeDeps: { include: ['@grafana/data', '@grafana/ui', '@grafana/ui/unstable', 'react', 'react-dom/client', 'react/jsx-dev-runtime', 'rxjs'] },
  server: {
    host: '127.0.0.1',
    port: 0,
    hmr: false,
    proxy: { '/prometheus': { target, rewrite: (path) => path.replace(/^\/prometheus/, '') } },
  },
};
