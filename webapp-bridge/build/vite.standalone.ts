// Builds the script of the window that holds a call and nothing else (`src/standalone`): it has no web app round
// it, so everything is in it, React too. Its name stays the same: the page that refers to it, which the guest
// answers with, adds the version.
import {fileURLToPath} from 'node:url';

import {defineConfig} from 'vite';

import {pluginId} from './plugin_id.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
    root: here('..'),
    base: './',
    publicDir: false,
    define: {
        'process.env.NODE_ENV': JSON.stringify('production'),
        'import.meta.env.PARLEY_PLUGIN_ID': JSON.stringify(pluginId()),
    },
    oxc: {jsx: {runtime: 'classic'}},
    build: {
        // Beside the web app's part: a server gives out what is in a bundle's folder of this name.
        outDir: here('../dist/plugin/public'),
        emptyOutDir: true,
        target: 'es2020',
        sourcemap: false,
        modulePreload: false,
        license: {fileName: 'licenses.json'},
        rolldownOptions: {
            input: here('../src/standalone/main.tsx'),
            output: {format: 'iife', entryFileNames: 'standalone.js'},
        },
    },
});
