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

const target = process.env.PROMETHEUS ?? 'http://127.0.0.1:9090';
export default {
  plugins: [dashboards],
  define: { 'process.env': {}, global: 'globalThis' },
  esbuild: { jsx: 'automatic' },
  resolve: {
    alias: [{ find: /^react-custom-scrollbars-2$/, replacement: fileURLToPath(new URL('src/scrollbars.jsx', import.meta.url)) }],
  },
  // Grafana's library is bundled once, and then kept.
  optimizeDeps: { include: ['@grafana/data', '@grafana/ui', 'react', 'react-dom/client', 'react/jsx-dev-runtime', 'rxjs'] },
  server: {
    host: '127.0.0.1',
    port: 0,
    hmr: false,
    proxy: { '/prometheus': { target, rewrite: (path) => path.replace(/^\/prometheus/, '') } },
  },
};
