// Builds dist/plugin/main.js: one classic script, as Mattermost's web app loads plugins.
// React and friends are the web app's own (globals); nothing of them may be bundled, a second
// React would fail as soon as an element of the one meets the other.
import {fileURLToPath} from 'node:url';

import {defineConfig} from 'vite';

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
    publicDir: false,
    define: {'process.env.NODE_ENV': JSON.stringify('production')},
    resolve: {
        alias: [{find: /^react\/jsx(-dev)?-runtime$/, replacement: here('./jsx-runtime.ts')}],
    },
    oxc: {jsx: {runtime: 'classic'}},
    build: {
        outDir: here('../dist/plugin'),
        emptyOutDir: true,
        target: 'es2020',
        sourcemap: false,
        cssCodeSplit: false,
        lib: {
            entry: here('../src/index.tsx'),
            formats: ['iife'],
            name: 'ParleyCallsPlugin',
            fileName: () => 'main.js',
            cssFileName: 'main',
        },
        rolldownOptions: {
            external: Object.keys(globals),
            output: {globals},
        },
    },
});
