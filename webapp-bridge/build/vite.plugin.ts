// Builds dist/plugin: main.js, one classic script as Mattermost's web app loads plugins, and the files
// that it refers to. React and friends are the web app's own (globals); nothing of them may be bundled,
// a second React would fail as soon as an element of the one meets the other.
import {fileURLToPath} from 'node:url';

import {defineConfig} from 'vite';

import {pluginId} from './plugin_id.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const globals: Record<string, string> = {
    react: 'React',
    'react-dom': 'ReactDOM',
    redux: 'Redux',
    'react-redux': 'ReactRedux',
    'react-intl': 'ReactIntl',
};

export default defineConfig({
    root: here('..'),
    // Files beside the script are found relative to it, whatever the server's sub-path.
    base: './',
    publicDir: false,
    define: {
        'process.env.NODE_ENV': JSON.stringify('production'),
        'import.meta.env.PARLEY_PLUGIN_ID': JSON.stringify(pluginId()),
    },
    resolve: {
        alias: [{find: /^react\/jsx(-dev)?-runtime$/, replacement: here('./jsx-runtime.ts')}],
    },
    oxc: {jsx: {runtime: 'classic'}},
    build: {
        outDir: here('../dist/plugin'),
        emptyOutDir: true,
        target: 'es2020',
        sourcemap: false,
        modulePreload: false,
        // For the notices that go with a bundle.
        license: {fileName: 'licenses.json'},
        rolldownOptions: {
            input: here('../src/index.tsx'),
            external: Object.keys(globals),
            output: {
                format: 'iife',
                globals,
                entryFileNames: 'main.js',
                // The server renames the main script only, and its static files are cached for a year.
                assetFileNames: '[name]-[hash][extname]',
            },
        },
    },
});
