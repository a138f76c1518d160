// Makes a picture of each dashboard: node shots.mjs OUTPUT_DIRECTORY [MINUTES] [UID…]
//   PROMETHEUS  where the data are (http://127.0.0.1:9090)
//   CHROMIUM    the browser (/usr/bin/chromium)
//   SCRAPE      seconds between two scrapes (15)
//   VARIABLES   what is chosen, as in a dashboard's address: var-job=duroxide&var-store=shop (everything)
//   TO          the end of the time that is shown, as 2026-01-31T12:00Z (now)
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { createServer } from 'vite';

const [output, minutes = '60', ...only] = process.argv.slice(2);
if (!output) {
  console.error('usage: node shots.mjs OUTPUT_DIRECTORY [MINUTES] [UID…]');
  process.exit(64);
}
const to = Math.floor(process.env.TO ? Date.parse(process.env.TO) / 1000 : Date.now() / 1000);
if (Number.isNaN(to)) {
  console.error(`TO=${process.env.TO} is no time: write it as 2026-01-31T12:00Z`);
  process.exit(64);
}
const root = fileURLToPath(new URL('.', import.meta.url));
const files = await readdir(new URL('..', import.meta.url));
const all = files.filter((name) => /^duroxide-.*\.json$/.test(name)).map((name) => name.replace('.json', ''));

const server = await (await createServer({ root, logLevel: 'warn' })).listen();
const { port } = server.httpServer.address();
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'], protocolTimeout: 600_000 });
let failed = false;
try {
  for (const uid of only.length ? only : all) {
    const page = await browser.newPage();
    // High enough for all of it: what is out of sight, the browser does not paint, and tables make no rows for.
    await page.setViewport({ width: 1440, height: 5000 });
    const query = new URLSearchParams({ uid, from: to - Number(minutes) * 60, to, scrape: process.env.SCRAPE ?? 15 });
    for (const [name, value] of new URLSearchParams(process.env.VARIABLES)) query.append(name, value);
    page.on('pageerror', (error) => console.error(`${uid}: ${error}`));
    await page.goto(`http://127.0.0.1:${port}/?${query}`, { timeout: 300_000 });
    await page.waitForFunction('window.expected && window.done >= window.expected', { timeout: 300_000 });
    // Every panel is there; the last of them are still being painted.
    await page.waitForNetworkIdle({ idleTime: 1500 });
    await page.waitForFunction('[...document.querySelectorAll("[role=grid]")].every((table) => table.querySelector("[role=gridcell]"))');
    const problems = await page.evaluate('window.problems');
    for (const problem of problems) console.error(`${uid}: ${problem}`);
    failed ||= problems.length > 0;
    const height = await page.evaluate('document.getElementById("page").offsetHeight');
    await page.setViewport({ width: 1440, height });
    await new Promise((done) => setTimeout(done, 500));
    await page.screenshot({ path: `${output}/${uid.replace('duroxide-', 'dashboard-')}.png`, fullPage: true });
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
process.exit(failed ? 1 : 0);
