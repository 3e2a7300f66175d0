// Builds dist/page: the local platform's page (index.html and hashed assets).
// Addresses are relative to the document's <base>, which the server sets to its sub-path.
// The server sends `script-src 'self'`, so nothing may end up inline.
import {fileURLToPath} from 'node:url';

import {defineConfig} from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
    root: here('../page'),
    base: './',
    publicDir: here('../page/public'),
    oxc: {jsx: {runtime: 'classic'}},
    build: {
        outDir: here('../dist/page'),
        emptyOutDir: true,
        target: 'es2022',
        assetsDir: 'static/page',
        assetsInlineLimit: 0,
        modulePreload: {polyfill: false},
        sourcemap: false,
    },
});
